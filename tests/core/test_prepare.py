from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from fields_core.cli import main
from fields_core.data.prepare import prepare
from fields_core.data.shards import ShardSet, shard_paths
from fields_core.data.sources import LabelError, emotion_label, labelled_csv, photo_source
from fields_core.detection.face_detector import FaceDetector
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import SettingsError
from fields_core.progress import Cancelled, CancelToken, Progress


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two faces, one picture without any, one broken file and a label file."""
    photos = tmp_path / "set"
    (photos / "set").mkdir(parents=True)
    astronaut = cv2.cvtColor(data.astronaut()[:300, 80:380], cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(photos / "set" / "a.jpg"), astronaut)
    cv2.imwrite(str(photos / "b.png"), np.full((200, 200, 3), 90, np.uint8))
    (photos / "c.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(photos / "d.png"), astronaut[:, ::-1])
    (photos / "set.csv").write_text(
        "image,person,label,valence,arousal\na.jpg,x,Happiness,0.6,0.8\nb.png,y,neutral,,\nc.jpg,z,,,\nd.png,x,neutral,,\n"
    )
    return photos


def ignore(report: Progress) -> None:
    pass


def test_photos_with_a_face_become_samples_and_the_others_are_reported(folder: Path, tmp_path: Path) -> None:
    source = labelled_csv(folder / "set.csv", "mine")
    reports: list[Progress] = []
    with FaceDetector(small_faces=False) as detector:
        report = prepare(source, tmp_path / "out", detector, reports.append, CancelToken())
    assert (report.kept, [item.key for item in report.dropped]) == (2, ["b_png", "c_jpg"])
    assert "2 kept, 2 dropped" in report.summary()
    assert "no face: b_png" in report.summary()
    assert "another kind of file, or a damaged one: c_jpg" in report.summary()
    assert reports[-1].done == reports[-1].total == 4
    samples = ShardSet(shard_paths(tmp_path / "out", "mine"))
    first, second = samples[0], samples[1]
    assert (first.label, first.valence_arousal) == (Emotion.HAPPY, (0.6, 0.8))
    assert (first.intensity, first.confidence) == (1.0, 0.3)
    assert (second.label, second.intensity) == (Emotion.NEUTRAL, 0.0)
    assert first.image.shape == (256, 256, 3)
    assert first.landmarks is not None
    assert np.abs(first.landmarks).max() == pytest.approx(1 / 1.8, abs=0.02)


def test_a_cancelled_preparation_leaves_no_half_shard_and_a_finished_one_is_not_done_again(
    folder: Path, tmp_path: Path
) -> None:
    source = photo_source(folder, "plain")
    out = tmp_path / "out"
    token = CancelToken()

    def cancel_soon(report: Progress) -> None:
        if report.done == 1:
            token.cancel()

    with FaceDetector(small_faces=False) as detector:
        with pytest.raises(Cancelled):
            prepare(source, out, detector, cancel_soon, token)
        assert not list(out.glob("*.tar"))
        report = prepare(source, out, detector, ignore, CancelToken())
        (shard,) = shard_paths(out, "plain")
        written = shard.stat().st_mtime_ns
        again = prepare(source, out, detector, ignore, CancelToken())
    assert shard.stat().st_mtime_ns == written
    assert again == report
    assert json.loads(shard.with_suffix(".json").read_text())["dropped"][0]["key"] == "b_png"


def test_shards_of_other_labels_are_neither_kept_for_these_nor_overwritten(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    labels = folder / "set.csv"
    with FaceDetector(small_faces=False) as detector:
        prepare(labelled_csv(labels, "mine"), out, detector, ignore, CancelToken())
        (shard,) = shard_paths(out, "mine")
        before = shard.read_bytes()
        labels.write_text(labels.read_text().replace("Happiness", "sad"))
        with pytest.raises(SettingsError, match="other photos or labels"):
            prepare(labelled_csv(labels, "mine"), out, detector, ignore, CancelToken())
        assert shard.read_bytes() == before
        shard.with_suffix(".json").write_text("{")
        with pytest.raises(SettingsError, match="damaged"):
            prepare(labelled_csv(labels, "mine"), out, detector, ignore, CancelToken())


def test_photos_that_are_not_there_are_named_and_nothing_kept_is_a_failure(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("image,label\na.jpg,happy\nb.png,\nd.png,\ne.png,\n")
    assert main(["prepare", str(tmp_path / "labels.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "4  no such file: a_jpg, b_png, d_png, ..." in capsys.readouterr().out
    assert not list((tmp_path / "out").glob("*.tar")), "an empty data set could be trained on by mistake"
    assert not list((tmp_path / "out").glob("*.index.json"))
    assert len(json.loads((tmp_path / "out" / "labels-000000.json").read_text())["dropped"]) == 4


def test_labels_go_by_their_common_names() -> None:
    assert emotion_label(" Happiness ") == emotion_label("joy") == Emotion.HAPPY
    assert emotion_label("") == -1
    with pytest.raises(LabelError, match="grumpy"):
        emotion_label("grumpy")


def test_unlabelled_photos_have_no_intensity(folder: Path) -> None:
    entry = photo_source(folder, "plain").entries[0]
    assert math.isnan(entry.intensity)
    assert entry.confidence == 0.0


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "no column named image"),
        ("photo,label\na.jpg,happy\n", "no column named image"),
        ("image,label\na.jpg,grumpy\n", "grumpy"),
        ("image,label,valence,arousal\na.jpg,happy,2,0\n", "between -1 and 1"),
        ("image,label,valence,arousal\na.jpg,happy,nan,0\n", "between -1 and 1"),
        ("image,label,valence,arousal\na.jpg,happy,high,0\n", "could not convert"),
        ("image;label\na.jpg;happy\n", "with commas"),
        ("image,label\n", "lists no photo"),
        ("image,label\na.jpg,happy\nb.jpg,\na.jpg,sad\n", "line 2 too"),
        ("image,label\n../../secret.jpg,happy\n", "names no photo"),
        ("image,label\n,happy\n", "names no photo"),
        ("image,person,label\na.jpg,x,happy\nb.jpg,sad\n", "Line 3"),
        ("image,person,label\na.jpg,x,happy\nb.jpg,sad\n", "3 cells: image, person, label"),
    ],
)
def test_label_files_that_make_no_sense_are_refused_by_line(text: str, fragment: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelError) as caught:
        labelled_csv(path, "mine")
    assert fragment in str(caught.value)


def test_columns_are_found_whatever_their_case_and_the_spaces_around_them(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Image, Label , person\na.jpg, happy, Zoë\n", "utf-8")
    (entry,) = labelled_csv(path, "mine").entries
    assert (entry.key, entry.label, entry.person) == ("a_jpg", Emotion.HAPPY, "Zoë")


def test_a_label_file_in_another_encoding_says_how_to_save_it(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes("image,person\na.jpg,Zoë\n".encode("latin-1"))
    with pytest.raises(LabelError) as caught:
        labelled_csv(tmp_path / "labels.csv", "mine")
    assert "CSV UTF-8" in caught.value.remedy


def test_a_missing_label_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        labelled_csv(tmp_path / "nothing.csv", "mine")
