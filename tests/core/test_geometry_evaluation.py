from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core import face_mesh
from fields_core.camera import project
from fields_core.cli import main
from fields_core.data.shards import write_shard
from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.evaluation.coders import CodedPhotos, mean_head_coder
from fields_core.evaluation.geometry import (
    HEAD_MEASURES,
    LANDMARKS_105,
    LANDMARKS_ALL,
    PHOTO_MEASURES,
    ErrorMeter,
    aligned,
)
from fields_core.evaluation.reconstruction_report import (
    CodedBy,
    evaluate_reconstruction,
    reconstruction_tables,
    smiling_pairs,
)
from fields_core.evaluation.rendered import CodedHeads, RenderedHeads
from fields_core.evaluation.results import Result, plain_text
from fields_core.head.model import HeadModel
from tests.heads import tiny_head_file
from tests.training_data import egg, random_code, sample


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return egg()


@pytest.fixture(scope="module")
def meter(head: HeadModel) -> ErrorMeter:
    return ErrorMeter(head)


def people(head: HeadModel, count: int, seed: int = 0) -> FaceCode:
    rng = np.random.default_rng(seed)
    return FaceCode.concatenate([random_code(head, rng) for _ in range(count)])


@torch.no_grad()
def seen(head: HeadModel, codes: FaceCode) -> np.ndarray:
    return project(head.landmarks(head(codes)), codes.camera)[..., :2].numpy().astype(np.float32)


def eye_distance(landmarks: np.ndarray) -> float:
    """As `landmark_errors` has it; the egg's irises are far enough apart."""
    return float(np.linalg.norm(landmarks[face_mesh.LEFT_IRIS[0]] - landmarks[face_mesh.RIGHT_IRIS[0]]))


def test_the_regions_are_those_of_mediapipe() -> None:
    from mediapipe.tasks.python.vision import FaceLandmarksConnections as Contours

    def of(*names: str) -> set[int]:
        lines = [line for name in names for line in getattr(Contours, f"FACE_LANDMARKS_{name}")]
        return {end for line in lines for end in (line.start, line.end)}

    assert set(face_mesh.EYES) == of("LEFT_EYE", "RIGHT_EYE")
    assert set(face_mesh.BROWS) == of("LEFT_EYEBROW", "RIGHT_EYEBROW")
    assert set(face_mesh.NOSE) == of("NOSE")
    assert set(face_mesh.LIPS) == of("LIPS")
    assert set(face_mesh.JAW_LINE) < of("FACE_OVAL")
    partners = face_mesh.mirrored_landmarks()
    for region in (face_mesh.EYES, face_mesh.BROWS, face_mesh.NOSE, face_mesh.LIPS, face_mesh.JAW_LINE):
        assert len(set(region)) == len(region)
        assert {int(partners[number]) for number in region} == set(region)


def test_the_truth_has_no_error(head: HeadModel, meter: ErrorMeter) -> None:
    codes = people(head, 70)  # more than are posed at once
    assert meter.photo_errors(codes, seen(head, codes)) == pytest.approx(0.0, abs=1e-5)
    errors = meter.head_errors(codes, codes)
    assert errors.shape == (70, len(HEAD_MEASURES))
    assert errors == pytest.approx(0.0, abs=1e-4)


def test_an_error_shows_in_its_own_region(head: HeadModel, meter: ErrorMeter) -> None:
    codes = people(head, 2)
    landmarks = seen(head, codes)
    moved = landmarks.copy()
    moved[0, list(face_mesh.BROWS), 0] += 0.1 * eye_distance(landmarks[0])
    errors = dict(zip(PHOTO_MEASURES, meter.photo_errors(codes, moved)[0], strict=True))
    assert errors["brows"] == pytest.approx(0.1, rel=1e-3)
    assert errors[LANDMARKS_ALL] == pytest.approx(0.1 * len(face_mesh.BROWS) / 478, rel=1e-3)
    assert all(errors[name] < 1e-5 for name in ("eyes", "irises", "nose", "lips", "jaw line", "lip closure"))
    assert meter.photo_errors(codes, moved)[1] == pytest.approx(0.0, abs=1e-5)


def test_closures_are_about_gaps_not_about_places(head: HeadModel, meter: ErrorMeter) -> None:
    codes = people(head, 1)
    landmarks = seen(head, codes)
    unit = eye_distance(landmarks[0])
    upper, lower = (list(side) for side in zip(*face_mesh.LIP_PAIRS, strict=True))
    both = landmarks.copy()
    both[0, upper + lower, 1] += 0.2 * unit
    wider = landmarks.copy()
    gaps = landmarks[0, upper] - landmarks[0, lower]
    wider[0, upper] += 0.2 * unit * gaps / np.linalg.norm(gaps, axis=1, keepdims=True)
    row = PHOTO_MEASURES.index("lip closure")
    assert meter.photo_errors(codes, both)[0, row] == pytest.approx(0.0, abs=1e-4)
    assert meter.photo_errors(codes, wider)[0, row] == pytest.approx(0.2, rel=1e-3)


def test_expressions_are_measured_without_identity_and_pose(head: HeadModel, meter: ErrorMeter) -> None:
    truth = people(head, 3)
    other = people(head, 3, seed=1)
    posed = truth.replace(shape=other.shape, head_pose=truth.head_pose + 0.1, camera=other.camera * 2.0)
    errors = dict(zip(HEAD_MEASURES, meter.head_errors(posed, truth).T, strict=True))
    assert errors["expression, mm"] == pytest.approx(0.0, abs=1e-4)
    assert (errors["identity, mm"] > 0.1).all()
    assert (errors["identity after alignment, mm"] < errors["identity, mm"]).all()
    assert (errors["head pose, degrees"] > 3.0).all()
    turned = truth.replace(jaw_pose=truth.jaw_pose + torch.tensor([0.1, 0.0, 0.0]))
    errors = dict(zip(HEAD_MEASURES, meter.head_errors(turned, truth).T, strict=True))
    assert errors["jaw, degrees"] == pytest.approx(math.degrees(0.1), rel=1e-3)
    assert (errors["expression, mm"] > 0.05).all()
    assert errors["identity, mm"] == pytest.approx(0.0, abs=1e-4)


def test_alignment_undoes_a_similarity_and_no_mirroring() -> None:
    torch.manual_seed(0)
    target = torch.randn(2, 40, 3)
    turn, _ = torch.linalg.qr(torch.randn(3, 3))
    turn = turn * torch.linalg.det(turn).sign()
    assert torch.allclose(aligned(1.7 * target @ turn + 2.0, target), target, atol=1e-4)
    mirrored = target * torch.tensor([-1.0, 1.0, 1.0])
    assert (aligned(mirrored, target) - target).norm(dim=2).mean() > 0.1


def test_pairs_are_found_by_name() -> None:
    keys = ["001_neutral_jpg", "holiday", "002_smiling", "001_smiling_jpg", "003_neutral", "002_neutral"]
    assert smiling_pairs(keys) == [(0, 3), (5, 2)]


def coded(head: HeadModel, name: str, codes: FaceCode, landmarks: np.ndarray, truth: FaceCode) -> CodedBy:
    count = len(codes)
    keys = tuple(f"{n // 2:03d}_{('neutral', 'smiling')[n % 2]}" for n in range(count))
    photos = CodedPhotos(
        codes, landmarks, np.full(count, -1), np.full((count, 2), np.nan), keys, ("a",) * 2 + ("b",) * (count - 2)
    )
    crop = FaceCrop(np.zeros((224, 224, 3), np.uint8), np.eye(2, 3), landmarks[0])
    heads = RenderedHeads((crop,) * count, truth, np.full(count, -1), np.full((count, 2), np.nan), 0.01, 1)
    return CodedBy(name, photos, CodedHeads(heads, codes))


def test_coders_stand_side_by_side_with_the_ratio_of_their_errors(head: HeadModel, meter: ErrorMeter) -> None:
    truth = people(head, 6)
    landmarks = seen(head, truth)
    near = truth.replace(camera=truth.camera + torch.tensor([0.0, 0.01, 0.0]))
    far = truth.replace(camera=truth.camera + torch.tensor([0.0, 0.02, 0.0]))
    same = truth.replace(shape=truth.shape[:1].expand(6, -1))
    report = evaluate_reconstruction(
        [coded(head, "encoder", far, landmarks, truth), coded(head, "fit", near, landmarks, truth)], meter
    )
    assert report.mean("encoder", "b", LANDMARKS_105) == pytest.approx(2 * report.mean("fit", "b", LANDMARKS_105), 1e-3)
    tables = reconstruction_tables(report)
    assert [table.title.split(":")[0].split(" ")[0] for table in tables] == ["a", "b", "Errors", "From"]
    assert all(row[-1] == pytest.approx(2.0, rel=0.01) for row in tables[1].rows[:8])
    smiles = report.coders[0].smiles
    assert len(smiles.shape) == 3
    assert smiles.ratio < float("inf")
    alone = evaluate_reconstruction([coded(head, "fit", same, landmarks, truth)], meter)
    assert alone.coders[0].smiles.ratio == float("inf")
    text = plain_text(Result("", reconstruction_tables(alone)))
    assert " / " not in text
    assert "fit" in text


def test_the_mean_head_is_the_same_for_everybody(head: HeadModel) -> None:
    crop = FaceCrop(np.zeros((224, 224, 3), np.uint8), np.eye(2, 3), np.zeros((478, 2), np.float32))
    codes = mean_head_coder(head)([crop] * 3)
    assert len(codes) == 3
    assert float(codes.shape.abs().max()) == 0.0


def test_the_command_compares_photos_with_the_fit_and_writes_what_it_shows(
    head: HeadModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard, table = tmp_path / "x-000000.tar", tmp_path / "tables" / "x.md"
    write_shard(shard, [sample(head, number, with_3d=False) for number in range(3)])
    model = tiny_head_file(tmp_path / "egg.npz")
    command = ["evaluate", "reconstruction", "--fit", "--head", str(model), "--rendered", "0"]
    assert main([*command, str(shard), "--out", str(table)]) == 0
    out = capsys.readouterr().out
    assert "photos: errors on 3 photos" in out
    assert "eye closure" in out
    text = table.read_text("utf-8")
    assert f"- command: fields evaluate reconstruction --fit --head {model}" in text
    assert "- made by: " in text
    assert main(command) == 2
    assert "Too little" in capsys.readouterr().err
