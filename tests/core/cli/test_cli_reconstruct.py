"""``fields reconstruct`` as its user meets it: exit status, standard output, standard error, files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from fields_core.cli.photos import folder_names, select_photos
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, build_encoder, save_checkpoint
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.head import load_head
from tests.core.cli.running import Run, reconstruct


def test_with_an_encoder_each_face_has_scores_of_the_expression_classifier(
    run: Run, fake_pipeline: None, head_file: Path, tmp_path: Path
) -> None:
    head = load_head(head_file)
    config = EncoderConfig(head.n_shape, 5, layout="shared", expression_backbone="mobilenetv3_small_050")
    torch.manual_seed(0)
    checkpoint = Checkpoint(CheckpointInfo(head.name, config, 0.006), build_encoder(config), EmotionHead(5))
    save_checkpoint(tmp_path / "weights.safetensors", checkpoint)
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    arguments = (tmp_path / "a.png", "--json", "--encoder", tmp_path / "weights.safetensors", "--format", "json")
    status, out, err = reconstruct(run, head_file, tmp_path / "out", *arguments)
    assert status == 0, err
    assert "by the encoder" in err
    (face,) = json.loads(out)["photos"][0]["faces"]
    assert face["emotion"]["scores"].keys() == {emotion.name.lower() for emotion in Emotion}
    assert sum(face["emotion"]["scores"].values()) == pytest.approx(1.0, abs=1e-4)
    assert face["emotion"]["intensity"] == pytest.approx(0.0)
    status, out, err = reconstruct(run, head_file, tmp_path / "fit", *arguments[:2], "--fit")
    assert status == 0, err
    assert json.loads(out)["photos"][0]["faces"][0]["emotion"] is None
    assert "by fitting" in err


@pytest.mark.usefixtures("fake_pipeline")
def test_every_face_of_every_photo_gets_its_files(run: Run, head_file: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "one.jpg").rename(photos / "group.jpg")
    status, out, err = reconstruct(run, head_file, tmp_path / "out", photos, "--format", "obj, GLB,json")
    assert status == 0, err
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    files = ("{}.glb", "{}.json", "{}.mtl", "{}.obj", "{}.png")
    faces = [f"group/face-{n}" for n in (1, 2, 3)] + ["img10/face-1", "img2/face-1"]
    assert names == sorted(pattern.format(face) for face in faces for pattern in files)
    assert "5 faces in 3 photos" in err
    assert "1.23%" in out
    assert "[3/3]" in err


@pytest.mark.usefixtures("fake_pipeline")
def test_json_is_all_that_standard_output_holds(run: Run, head_file: Path, photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (320, 240)).save(photos / "nobody.png")
    status, out, err = reconstruct(run, head_file, tmp_path / "out", photos, tmp_path / "missing.jpg", "--json")
    assert status == 1
    result = json.loads(out, parse_constant=pytest.fail)
    assert list(result) == ["photos"]
    assert [Path(photo["path"]).name for photo in result["photos"]] == [
        "img2.png", "img10.png", "nobody.png", "one.jpg", "missing.jpg",
    ]  # fmt: skip
    for photo in result["photos"]:
        assert list(photo) == ["path", "error", "seconds", "faces"]
        assert photo["seconds"] >= 0
        assert (photo["error"] is None) == bool(photo["faces"])
    assert "No face found" in result["photos"][2]["error"]
    face = result["photos"][0]["faces"][0]
    assert list(face) == ["box", "landmark_error", "head_pose_degrees", "expression", "emotion", "files"]
    assert face["box"] == [60, 20, 260, 220]
    assert face["landmark_error"] == 0.0123
    assert face["head_pose_degrees"] == pytest.approx([5.64, 17.25, 0.86], abs=0.01)  # the rotation vector (.1, .3, 0)
    assert {"mouthSmileLeft", "jawOpen", "eyelidLeft"} <= set(face["expression"])
    assert all(Path(file).is_file() for file in face["files"])
    assert "noise" not in out + err


@pytest.mark.usefixtures("fake_pipeline")
def test_a_bug_in_one_photo_leaves_a_log_and_the_batch_goes_on(
    run: Run, head_file: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "bug.png")
    status, out, err = reconstruct(run, head_file, tmp_path / "out", photos)
    assert status == 1
    assert "Traceback" not in out + err
    assert "Internal error: ZeroDivisionError: the unforeseen" in err
    log = Path(err.partition("with the log ")[2].split()[0])
    try:
        assert "ZeroDivisionError" in log.read_text()
        assert "native noise" in log.read_text()
    finally:
        log.unlink()
    assert "3 faces in 3 photos; 1 input failed" in err


@pytest.mark.usefixtures("fake_pipeline")
def test_overlay_and_turntable_are_written_on_request(
    run: Run, head_file: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fields_core.export.pictures.TURNTABLE_FRAMES", 3)
    monkeypatch.setattr("fields_core.export.pictures.TURNTABLE_SIZE", 64)
    arguments = (photos / "one.jpg", "--format", "stl", "--overlay", "--turntable")
    status, _, err = reconstruct(run, head_file, tmp_path / "out", *arguments)
    assert status == 0, err
    names = sorted(path.name for path in (tmp_path / "out" / "one").iterdir())
    assert names == ["face-1-overlay.jpg", "face-1-turntable.mp4", "face-1.stl"]


@pytest.mark.usefixtures("fake_pipeline")
def test_photos_that_share_a_stem_get_folders_of_their_own(
    run: Run, head_file: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "one.png")
    (tmp_path / "more").mkdir()
    Image.new("RGB", (320, 240)).save(tmp_path / "more" / "ONE.png")
    status, _, err = reconstruct(run, head_file, tmp_path / "out", photos, tmp_path / "more", "--format", "stl")
    assert status == 0, err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ONE-3", "img10", "img2", "one", "one-2"]


@pytest.mark.usefixtures("fake_pipeline")
def test_a_photo_named_twice_is_done_once(run: Run, head_file: Path, photos: Path, tmp_path: Path) -> None:
    arguments = (photos, photos / "one.jpg", photos / "*.jpg", photos / ".." / "photos" / "img2.png")
    _, out, _ = reconstruct(run, head_file, tmp_path / "out", *arguments, "--json", "--format", "stl")
    assert len(json.loads(out)["photos"]) == 3


@pytest.mark.usefixtures("fake_pipeline")
def test_file_names_are_never_read_as_markup(run: Run, head_file: Path, tmp_path: Path) -> None:
    photo = tmp_path / "[bold]x[nonsense=1] ü 日本.png"
    Image.new("RGB", (320, 240)).save(photo)
    status, out, err = reconstruct(run, head_file, tmp_path / "out", photo, "--format", "stl")
    assert status == 0, err
    assert "[bold]x[nonsense=1] ü 日本" in "".join(out.split("\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow only Unicode in file names")
@pytest.mark.usefixtures("fake_pipeline")
def test_a_file_name_that_is_not_unicode_is_no_obstacle(run: Run, head_file: Path, tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (320, 240)).save(photo)
    status, out, err = reconstruct(run, head_file, tmp_path / "out", photo, "--format", "stl", "--json")
    assert status == 0, err
    assert Path(json.loads(out)["photos"][0]["path"]) == photo


def test_natural_order_and_windows_proof_names() -> None:
    names = folder_names([Path("a/x.jpg"), Path("b/X.png"), Path("x-2.jpg"), Path("c/ y. .jpg"), Path("...jpg")])
    assert names == ["x", "X-2", "x-2-2", "y", "photo"]


def test_a_wrong_argument_spoils_nothing_but_itself(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "empty"), "", str(photos / "*.webp"), str(photos)]
    selection = select_photos(arguments)
    assert [path.name for path in selection.photos] == ["img2.png", "img10.png", "one.jpg"]
    assert [argument for argument, _ in selection.errors] == arguments[:3]
