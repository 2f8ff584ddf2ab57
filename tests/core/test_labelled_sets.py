"""Public data sets, read from small made-up trees in their authors' layouts."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from fields_core.data.labelled_sets import LABELLED_SETS, labelled_set
from fields_core.data.pictures import surrounded
from fields_core.data.prepare import make_sample, prepare
from fields_core.data.shards import ShardSet, shard_paths
from fields_core.data.sources import Entry, LabelError, Source, photo_source
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import photo_from_array
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import PhotoError, SettingsError
from fields_core.progress import CancelToken

FACE = data.astronaut()[60:200, 155:295]  # as tight as FER2013


def picture(path: Path, size: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(FACE).resize((size, size)).save(path)


def labels(source: Source) -> dict[str, int]:
    return {entry.key: entry.label for entry in source.entries}


def annotate(root: Path, number: int, expression: object, valence: object, arousal: object) -> None:
    picture(root / "images" / f"{number}.jpg")
    (root / "annotations").mkdir(exist_ok=True)
    for what, value in (("exp", expression), ("val", valence), ("aro", arousal), ("lnd", np.zeros(136))):
        np.save(root / "annotations" / f"{number}_{what}.npy", np.array(value))


def affectnet_reduced(root: Path) -> Path:
    annotate(root / "train_set", 0, "1", "0.6", "-0.2")  # as text, which is how the authors store them
    annotate(root / "train_set", 2, 7, -0.5, 0.5)
    annotate(root / "train_set", 10, 0, "-2", "-2")
    picture(root / "train_set" / "images" / "11.jpg")
    annotate(root / "val_set", 3, "4", "-0.1", "0.9")
    return root


def test_affectnets_reduced_set(tmp_path: Path) -> None:
    source = labelled_set("affectnet", affectnet_reduced(tmp_path), "train")
    assert source.name == "affectnet-train"
    assert labels(source) == {"0_jpg": Emotion.HAPPY, "2_jpg": Emotion.CONTEMPT, "10_jpg": Emotion.NEUTRAL}
    assert [entry.valence_arousal for entry in source.entries] == [(0.6, -0.2), (-0.5, 0.5), None]
    assert source.entries[0].intensity == pytest.approx(math.hypot(0.6, 0.2))
    assert source.entries[2].intensity == 0.0
    assert [(item.key, item.reason) for item in source.dropped] == [("11_jpg", "no annotation")]
    assert labels(labelled_set("affectnet", tmp_path, "validation")) == {"3_jpg": Emotion.FEAR}
    assert labels(labelled_set("affectnet", tmp_path / "val_set", "validation")) == {"3_jpg": Emotion.FEAR}


HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"


@pytest.mark.parametrize("nested", [False, True])
def test_affectnets_full_set(tmp_path: Path, nested: bool) -> None:
    lists = tmp_path / "Manually_Annotated_file_lists" if nested else tmp_path
    photos = tmp_path / ("Manually_Annotated/Manually_Annotated_Images" if nested else "Manually_Annotated_Images")
    lists.mkdir(exist_ok=True)
    picture(photos / "1" / "a.jpg", 64)
    (lists / "training.csv").write_text(
        HEADER
        + "1/a.jpg,16,16,32,32,1;2;3,6,-0.4,0.7\n"
        + "1/b.jpg,0,0,NULL,NULL,1;2,8,0.1,0.1\n1/c.jpg,0,0,9,9,1;2,9,-2,-2\n1/d.jpg,0,0,9,9,1;2,10,-2,-2\n"
    )
    source = labelled_set("affectnet", tmp_path, "train", "mine")
    assert source.name == "mine"
    assert labels(source) == {"1/a_jpg": Emotion.ANGER, "1/b_jpg": -1, "1/c_jpg": -1}
    assert [entry.valence_arousal for entry in source.entries] == [(-0.4, 0.7), (0.1, 0.1), None]
    assert [(item.key, item.reason) for item in source.dropped] == [("1/d_jpg", "no face, says the set")]
    assert source.entries[0].load().width == 32 + 2 * 13  # the box and its surroundings, not the whole photo


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("1/a.jpg,0,0,9,9,,11,0,0", "expression 11"),
        ("1/a.jpg,0,0,9,9,,1,3,0", "between -1 and 1"),
        ("1/a.jpg,0,0,9,9,,joy,0,0", "could not convert"),
        ("../a.jpg,0,0,9,9,,1,0,0", "names no photo"),
    ],
)
def test_lines_of_affectnet_that_make_no_sense_are_named(tmp_path: Path, line: str, fragment: str) -> None:
    (tmp_path / "training.csv").write_text(HEADER + line + "\n")
    with pytest.raises(LabelError, match="Line 2") as caught:
        labelled_set("affectnet", tmp_path, "train")
    assert fragment in str(caught.value)


def test_annotations_are_never_unpickled(tmp_path: Path) -> None:
    annotate(tmp_path, 0, 1, 0.5, 0.5)
    (tmp_path / "annotations" / "0_exp.npy").write_bytes(pickle.dumps(1))
    with pytest.raises(LabelError, match="are not understood"):
        labelled_set("affectnet", tmp_path, "train")


def raf_db(root: Path) -> Path:
    (root / "EmoLabel").mkdir(parents=True)
    lines = [f"train_0000{number}.jpg {number}" for number in range(1, 8)] + ["test_0001.jpg 7"]
    (root / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    for number in range(1, 7):
        picture(root / "Image" / "aligned" / f"train_0000{number}_aligned.jpg", 100)
    picture(root / "Image" / "aligned" / "test_0001_aligned.jpg", 100)
    picture(root / "Image" / "original" / "train_00002.jpg", 60)
    boxes = root / "Annotation" / "boundingbox"
    boxes.mkdir(parents=True)
    (boxes / "train_00002_boundingbox.txt").write_text("10 10 50 50\n")
    return root


@pytest.mark.parametrize("place", ["", "basic"])
def test_raf_db(tmp_path: Path, place: str) -> None:
    raf_db(tmp_path / place)
    source = labelled_set("raf-db", tmp_path, "train")
    wanted = [Emotion.SURPRISE, Emotion.FEAR, Emotion.DISGUST, Emotion.HAPPY, Emotion.SAD, Emotion.ANGER]
    assert list(labels(source).values()) == wanted
    assert [(item.key, item.reason) for item in source.dropped] == [("train_00007_jpg", "not there")]
    assert source.entries[0].load().width == 150  # the aligned face and its margin
    assert source.entries[1].load().width == 60  # the original, its box and its margin
    assert labels(labelled_set("raf-db", tmp_path, "test")) == {"test_0001_jpg": Emotion.NEUTRAL}


@pytest.mark.parametrize("line", ["train_00001.jpg 8", "train_00001.jpg", "train_/../x.jpg 1"])
def test_lines_of_raf_db_that_make_no_sense_are_named(tmp_path: Path, line: str) -> None:
    (raf_db(tmp_path) / "EmoLabel" / "list_patition_label.txt").write_text("train_00001.jpg 1\n" + line)
    with pytest.raises(LabelError, match="Line 2"):
        labelled_set("raf-db", tmp_path, "train")


def fer2013(folder: Path) -> Path:
    pixels = " ".join(map(str, np.asarray(Image.fromarray(FACE).convert("L").resize((48, 48))).ravel()))
    usages = ["Training"] * 7 + ["PublicTest", "PrivateTest"]
    rows = [f"{number % 7},{pixels},{usage}" for number, usage in enumerate(usages)]
    (folder / "fer2013.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    return folder


def test_fer2013(tmp_path: Path) -> None:
    source = labelled_set("fer2013", fer2013(tmp_path) / "fer2013.csv", "train")
    wanted = ["ANGER", "DISGUST", "FEAR", "HAPPY", "SAD", "SURPRISE", "NEUTRAL"]
    assert [Emotion(label).name for label in labels(source).values()] == wanted
    face = source.entries[3].load()
    assert (face.width, face.height) == (72, 72)
    want = np.asarray(Image.fromarray(FACE).convert("L").resize((48, 48)))
    assert np.array_equal(face.pixels[12:60, 12:60, 1], want)
    assert (face.pixels[:12] == 128).all()
    assert [len(labelled_set("fer2013", tmp_path, split).entries) for split in ("validation", "test")] == [1, 1]


def test_ferplus_counts_votes(tmp_path: Path) -> None:
    fer2013(tmp_path)
    #        neu hap sur sad ang dis fea con unk NF
    votes = [
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",  # 4 of 9: no majority
        "Training,fer0000001.png,6,0,0,0,4,0,0,0,0,0",
        "Training,fer0000002.png,1,1,1,1,1,0,0,5,0,0",  # single votes are outliers
        "Training,,0,0,0,0,0,0,0,0,0,10",
        "Training,fer0000004.png,0,0,0,0,0,0,3,0,7,0",
        "Training,fer0000005.png,0,0,10,0,0,0,0,0,0,0",
        "Training,fer0000006.png,5,5,0,0,0,0,0,0,0,0",
        "PublicTest,fer0000007.png,0,10,0,0,0,0,0,0,0,0",
        "PrivateTest,fer0000008.png,0,0,0,0,0,10,0,0,0,0",
    ]
    columns = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    table = tmp_path / "fer2013new.csv"
    table.write_text(f"Usage,Image name,{columns}\n" + "\n".join(votes) + "\n")
    source = labelled_set("ferplus", tmp_path, "train")
    assert labels(source) == {
        "fer0000000": -1,
        "fer0000001": Emotion.NEUTRAL,
        "fer0000002": Emotion.CONTEMPT,
        "fer0000004": -1,
        "fer0000005": Emotion.SURPRISE,
        "fer0000006": -1,
    }
    assert [(item.key, item.reason) for item in source.dropped] == [("fer0000003", "no face, says the set")]
    assert labels(labelled_set("ferplus", table, "validation")) == {"fer0000007": Emotion.HAPPY}
    table.write_text(f"Usage,Image name,{columns}\n" + "\n".join(votes[1:]) + "\n")
    with pytest.raises(LabelError, match="does not belong"):
        labelled_set("ferplus", tmp_path, "train")


@pytest.mark.parametrize(
    "text", ["", "a,b\n", "emotion,pixels,Usage\n7,1 2,Training\n", "emotion,pixels,Usage\n1,1 2\n"]
)
def test_files_that_are_not_fer2013_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "fer2013.csv").write_text(text)
    with pytest.raises(LabelError):
        labelled_set("fer2013", tmp_path, "train")


def test_damaged_pixels_are_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    for number, pixels in enumerate(("1 2 3", "300 " * 2304, "x " * 2304)):
        (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n1,{pixels},Training\n")
        source = labelled_set("fer2013", tmp_path, "train")
        with pytest.raises(PhotoError):
            source.entries[0].load()
        assert number < 3


@pytest.mark.parametrize("kind", LABELLED_SETS)
def test_sets_that_are_not_there_and_splits_they_lack_are_said(tmp_path: Path, kind: str) -> None:
    with pytest.raises(LabelError):
        labelled_set(kind, tmp_path / "nowhere", "train")
    with pytest.raises(SettingsError, match="no split"):
        labelled_set(kind, tmp_path, "holiday")


def test_tight_faces_are_found_and_what_the_set_drops_is_reported(tmp_path: Path) -> None:
    source = labelled_set("fer2013", fer2013(tmp_path), "train")
    few = Source("tight", source.entries[:2], labelled_set("affectnet", affectnet_reduced(tmp_path), "train").dropped)
    with FaceDetector(small_faces=False) as detector:
        report = prepare(few, tmp_path / "out", detector, lambda _: None, CancelToken())
    assert (report.kept, [item.reason for item in report.dropped]) == (2, ["no annotation"])
    face = ShardSet(shard_paths(tmp_path / "out", "tight"))[0]
    assert face.label == Emotion.ANGER
    assert face.landmarks is not None


def test_entries_can_be_sent_to_another_process(tmp_path: Path) -> None:
    for kind in ("raf-db", "fer2013"):
        folder = tmp_path / kind
        folder.mkdir()
        (raf_db if kind == "raf-db" else fer2013)(folder)
        entry: Entry = pickle.loads(pickle.dumps(labelled_set(kind, folder, "train").entries[0]))
        assert entry.load().width > 16


def test_the_box_of_a_face_may_reach_outside_but_not_lie_there() -> None:
    photo = photo_from_array(FACE)
    assert surrounded(photo, None, 0.0) is photo
    wide = surrounded(photo, (-10.0, -10.0, 30.0, 30.0), 0.0)
    assert wide.pixels.shape == (40, 40, 3)
    assert np.array_equal(wide.pixels[10:, 10:], FACE[:30, :30])
    for box in ((200.0, 0.0, 240.0, 40.0), (0.0, 0.0, 1e6, 1e6)):
        with pytest.raises(PhotoError, match="outside"):
            surrounded(photo, box, 0.0)


def test_photos_in_sub_folders_belong_to_the_set(tmp_path: Path) -> None:
    picture(tmp_path / "ada" / "1.jpg")
    picture(tmp_path / "1.jpg")
    picture(tmp_path / ".trash" / "2.jpg")
    assert [entry.key for entry in photo_source(tmp_path, "x").entries] == ["1_jpg", "ada/1_jpg"]


def test_a_person_comes_from_the_table_into_the_sample(tmp_path: Path) -> None:
    from fields_core.data.sources import labelled_csv

    Image.fromarray(data.astronaut()[:300, 80:380]).save(tmp_path / "a.png")
    (tmp_path / "x.csv").write_text("image,subject,label\na.png,Eileen,happy\n")
    with FaceDetector(small_faces=False) as detector:
        assert make_sample(labelled_csv(tmp_path / "x.csv", "x").entries[0], "x", detector).person == "Eileen"
