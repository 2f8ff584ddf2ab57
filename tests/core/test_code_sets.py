from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fields_core.camera import project
from fields_core.cli import SOME_FAILED, main
from fields_core.data.code_sets import displacements, load_code_set, prepare_codes
from fields_core.data.shards import ShardSet, shard_paths, write_shard
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.errors import CodeFileError, SettingsError
from fields_core.head.code_file import save_code
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken
from fields_core.training.config import DataConfig
from fields_core.training.training_data import read_folder
from tests.heads import tiny_head, tiny_head_file
from tests.training_data import sample

SMILE = ("mouthSmileLeft", "mouthSmileRight")


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def smiling(head: HeadModel, *strengths: float) -> FaceCode:
    code = head.neutral_code(len(strengths))
    expression = code.expression.clone()
    for name in SMILE:
        expression[:, head.expression_names.index(name)] = torch.tensor(strengths)
    return code.replace(expression=expression, camera=torch.tensor([[6.0, 0.01, -0.02]]).expand(len(strengths), 3))


def write_set(path: Path, head: HeadModel, size: tuple[int, int] = (300, 300), **extras: object) -> Path:
    """Ada, whose neutral face smiles a little, and Bob, of whom no neutral face is marked."""
    code = smiling(head, 0.2, 0.7, 1.0, 0.5)
    names = []
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        (path.parent / "frames").mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(path.parent / "frames" / f"{number}.png")
        names.append(f"frames/{number}.png")
    arrays = {
        "pictures": np.array(names),
        "subjects": np.array(["ada", "ada", "ada", "bob"]),
        "neutral": np.array([True, False, False, False]),
        "labels": np.array(["neutral", "", "happy", ""]),
    } | {name: value for name, value in extras.items() if value is not None}
    save_code(path, code, head, {name: np.asarray(value) for name, value in arrays.items()})
    return path


def prepared(path: Path, folder: Path, head: HeadModel) -> ShardSet:
    report = prepare_codes(load_code_set(path, head), "scans", folder, head, lambda _: None, CancelToken())
    assert report.dropped == ()
    return ShardSet(shard_paths(folder, "scans"))


def test_intensity_is_measured_from_the_subjects_own_neutral_face(head: HeadModel, tmp_path: Path) -> None:
    codes = load_code_set(write_set(tmp_path / "set" / "codes.npz", head), head)
    measure = ExpressionIntensity(head, 1.0)
    alone = measure.displacement(smiling(head, 0.5, 0.8)).numpy()
    found = displacements(codes, head)
    # A smile moves vertices in proportion to its strength: .7 - .2 = .5, 1 - .2 = .8; Bob's .5 is from the mean face.
    assert found == pytest.approx([0.0, alone[0], alone[1], alone[0]], rel=1e-4, abs=1e-9)


def test_codes_become_samples_whose_camera_fits_the_crop(head: HeadModel, tmp_path: Path) -> None:
    shards = prepared(write_set(tmp_path / "set" / "codes.npz", head), tmp_path / "out", head)
    assert [shards[number].person for number in range(4)] == ["ada", "ada", "ada", "bob"]
    assert [shards[number].label for number in range(4)] == [Emotion.NEUTRAL, -1, Emotion.HAPPY, -1]
    notes = json.loads((tmp_path / "out" / "scans.json").read_text())
    distances = displacements(load_code_set(tmp_path / "set" / "codes.npz", head), head)
    assert notes["intensity_scale"] == pytest.approx(np.quantile(distances, 0.95))
    for number in range(4):
        face = shards[number]
        assert face.code is not None
        assert face.landmarks is not None
        points = project(head.landmarks(head(face.code)), face.code.camera)[0, :, :2].numpy()
        assert np.allclose(points, face.landmarks, atol=1e-5)
        assert np.abs(face.landmarks).max() == pytest.approx(1 / 1.8, abs=1e-4)
        assert face.intensity == pytest.approx(distances[number] / notes["intensity_scale"], abs=1e-6)
        assert face.confidence == 1.0


def test_the_crop_shows_the_part_of_the_picture_that_the_camera_means(head: HeadModel, tmp_path: Path) -> None:
    squares = np.tile([[80.0, 20.0, 200.0]], (4, 1))
    path = write_set(tmp_path / "set" / "codes.npz", head, (400, 300), squares=squares)
    # A picture whose colour says where one is.
    y, x = np.mgrid[:300, :400]
    ramp = np.stack([x / 2, y / 2, 0 * x], axis=2).astype(np.uint8)
    Image.fromarray(ramp).save(path.parent / "frames" / "0.png")
    codes = load_code_set(path, head)
    face = prepared(path, tmp_path / "out", head)[0]
    assert face.landmarks is not None
    seen = project(head.landmarks(head(codes.code[0])), codes.code.camera[:1])[0, :, :2].numpy()
    wanted = squares[0, :2] + (seen + 1) / 2 * squares[0, 2] - 0.5
    columns, rows = np.round(((face.landmarks + 1) * 256 - 1) / 2).astype(int).T
    found = 2.0 * face.image[rows, columns, :2]
    assert np.abs(found - wanted).max() < 8.0  # JPEG and rounding


def test_a_folder_of_files_is_one_set(head: HeadModel, tmp_path: Path) -> None:
    write_set(tmp_path / "set" / "one.npz", head)
    write_set(tmp_path / "set" / "two.npz", head)
    codes = load_code_set(tmp_path / "set", head)
    assert len(codes.code) == len(codes.pictures) == len(set(codes.keys)) == 8


@pytest.mark.parametrize(
    ("extras", "fragment"),
    [
        ({"pictures": ["a.png"]}, "do not fit"),
        ({"pictures": ["../a.png"] * 4}, "not beside it"),
        ({"labels": ["grumpy"] * 4}, "grumpy"),
        ({"squares": np.zeros((4, 3))}, "no size"),
        ({"neutral": [True]}, "do not fit"),
    ],
)
def test_sets_whose_arrays_do_not_fit_are_refused(
    head: HeadModel, tmp_path: Path, extras: dict[str, object], fragment: str
) -> None:
    with pytest.raises(CodeFileError) as caught:
        load_code_set(write_set(tmp_path / "codes.npz", head, **extras), head)
    assert fragment in str(caught.value)


def test_a_code_file_without_pictures_is_no_code_set(head: HeadModel, tmp_path: Path) -> None:
    save_code(tmp_path / "codes.npz", smiling(head, 1.0), head)
    with pytest.raises(CodeFileError, match="no code set"):
        load_code_set(tmp_path / "codes.npz", head)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CodeFileError, match="holds no code set"):
        load_code_set(tmp_path / "empty", head)


def test_pictures_that_are_missing_not_square_or_elsewhere_are_dropped_with_the_reason(
    head: HeadModel, tmp_path: Path
) -> None:
    path = write_set(tmp_path / "set" / "codes.npz", head, squares=np.tile([[5000.0, 0.0, 100.0]], (4, 1)))
    (path.parent / "frames" / "1.png").unlink()
    report = prepare_codes(load_code_set(path, head), "scans", tmp_path / "out", head, lambda _: None, CancelToken())
    reasons = [item.reason for item in report.dropped]
    assert reasons[0] == "face outside the picture"
    assert len(reasons) == 4
    path = write_set(tmp_path / "flat" / "codes.npz", head, (400, 300))
    report = prepare_codes(load_code_set(path, head), "flat", tmp_path / "out", head, lambda _: None, CancelToken())
    assert "400 x 300" in report.dropped[0].reason


def test_another_set_of_the_same_name_is_refused(head: HeadModel, tmp_path: Path) -> None:
    path = write_set(tmp_path / "set" / "codes.npz", head)
    prepared(path, tmp_path / "out", head)
    prepared(path, tmp_path / "out", head)
    write_set(tmp_path / "set" / "more.npz", head)
    with pytest.raises(SettingsError, match="another set"):
        prepared(path.parent, tmp_path / "out", head)


def test_training_takes_the_unit_of_intensity_from_the_codes_and_refuses_two(head: HeadModel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepared(write_set(tmp_path / "set" / "codes.npz", head), out, head)
    config = DataConfig(holdout_every=2)
    scale = json.loads((out / "scans.json").read_text())["intensity_scale"]
    assert read_folder(out, config).declared_scale == scale
    write_shard(out / "synthetic-000000.tar", [sample(head, 1, with_3d=True), sample(head, 2, with_3d=True)])
    (out / "synthetic.json").write_text(json.dumps({"intensity_scale": 2 * scale}))
    with pytest.raises(SettingsError, match="different units"):
        read_folder(out, config)


def test_codes_prepared_beside_synthetic_faces_use_their_unit(head: HeadModel, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "synthetic.json").write_text(json.dumps({"intensity_scale": 0.02}))
    shards = prepared(write_set(tmp_path / "set" / "codes.npz", head), tmp_path / "out", head)
    assert shards[2].intensity == pytest.approx(displacements(load_code_set(tmp_path / "set", head), head)[2] / 0.02)


def test_the_command_line_prepares_codes(head: HeadModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_set(tmp_path / "set" / "codes.npz", head)
    (path.parent / "frames" / "3.png").unlink()
    egg = tiny_head_file(tmp_path / "egg.npz")
    arguments = ["prepare", str(path), "--kind", "codes", "--name", "scans", "--head", str(egg)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == SOME_FAILED
    assert "scans: 3 kept, 1 dropped" in capfd.readouterr().out
