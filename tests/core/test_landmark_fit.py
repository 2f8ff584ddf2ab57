"""Fitting a head to landmarks: what was put in comes out, and nothing leaves its bounds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from fields_core.camera import project
from fields_core.datatypes import FaceCode
from fields_core.errors import FitError
from fields_core.fitting.landmark_fit import LandmarkFitter
from fields_core.fitting.landmark_model import LandmarkModel
from fields_core.fitting.priors import FitPriors
from fields_core.head.model import HeadModel
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def fitter(head) -> LandmarkFitter:
    return LandmarkFitter(head)


def random_code(head: HeadModel, batch: int, seed: int = 0) -> FaceCode:
    """Faces within every bound: jaws half open, gaze aside, some units on, heads turned."""
    rng = torch.Generator().manual_seed(seed)

    def uniform(columns: int, low: float, high: float) -> torch.Tensor:
        return torch.rand(batch, columns, generator=rng) * (high - low) + low

    code = head.neutral_code(batch)
    jaw = torch.cat([uniform(1, 0.0, 0.3), uniform(2, -0.02, 0.02)], 1)
    pitch, yaw, roll = uniform(1, -0.2, 0.2), uniform(1, -0.3, 0.3), torch.zeros(batch, 1)
    expression = uniform(head.n_expression, 0.0, 0.6) * (uniform(head.n_expression, 0, 1) < 0.15)
    if "mouthClose" in head.expression_names:
        expression[:, head.expression_names.index("mouthClose")] = 0.0
    return code.replace(
        shape=0.7 * torch.randn(batch, head.n_shape, generator=rng),
        expression=expression,
        head_pose=uniform(3, -0.4, 0.4),
        jaw_pose=jaw,
        eye_pose=torch.cat([pitch, yaw, roll, pitch, yaw, roll], 1),
        camera=torch.cat([uniform(1, 4.0, 7.0), uniform(2, -0.03, 0.03)], 1),
    )


def image_landmarks(head: HeadModel, code: FaceCode) -> np.ndarray:
    code = code.to(torch.float64)
    return project(head.landmarks(head(code)), code.camera)[..., :2].numpy()


def loose() -> FitPriors:
    """Priors so weak that noise-free landmarks decide everything they can."""
    return FitPriors(
        landmark_sigma=1e-4,
        unit_sigma=0.5,
        unit_sparsity=0.0,
        outlier_sigmas=1e6,
        max_iterations=200,
        tolerance=1e-6,
    )


def test_the_landmark_model_is_the_head_model(head):
    code = random_code(head, 4)
    model = LandmarkModel(head, 100)
    x = LandmarkFitter(head, FitPriors(n_shape=100))._vector(code)
    points, _ = model.project(x)
    np.testing.assert_allclose(np.swapaxes(points, 1, 2), image_landmarks(head, code), atol=1e-6)


def test_the_jacobian_is_the_derivative(head):
    model = LandmarkModel(head, 100)
    rng = np.random.default_rng(1)
    x = LandmarkFitter(head, FitPriors(n_shape=100))._vector(random_code(head, 2))
    x[:, model.unknowns.eyelids] = rng.uniform(0, 1, (2, 2))
    x[:, model.unknowns.gaze] += rng.uniform(-0.1, 0.1, (2, 3))
    jacobian = model.project(x)[1]
    numeric = np.zeros_like(jacobian)
    for k in range(model.unknowns.size):
        step = np.zeros(model.unknowns.size)
        step[k] = 1e-6
        numeric[..., k] = (model.project(x + step)[0] - model.project(x - step)[0]) / 2e-6
    np.testing.assert_allclose(jacobian, numeric, atol=1e-6)
    assert (np.abs(numeric).max(axis=(0, 1, 2)) > 1e-5).all()  # no unknown is idle, so every column was tested


def test_noise_free_landmarks_give_their_code_back(head):
    code = random_code(head, 6, seed=2)
    result = LandmarkFitter(head, loose()).fit(image_landmarks(head, code))
    assert result.converged.all()
    assert result.landmark_error.max() < 2e-3
    error = (result.code.expression - code.expression).abs().mean()
    assert error < 0.05
    assert (result.code.head_pose - code.head_pose).abs().max() < 0.05


def test_noise_and_outliers_do_not_carry_the_fit_away(head, fitter):
    code = random_code(head, 4, seed=3)
    clean = image_landmarks(head, code)
    rng = np.random.default_rng(0)
    noisy = clean + rng.normal(scale=0.004, size=clean.shape)
    noisy[:, rng.choice(478, 20, replace=False)] += 0.3
    result = fitter.fit(noisy)
    fitted = image_landmarks(head, result.code)
    assert np.median(np.linalg.norm(fitted - clean, axis=2)) < 0.02
    assert (result.code.head_pose - code.head_pose).abs().max() < 0.15


def test_results_stay_inside_bounds_and_lips_never_close_more_than_the_jaw_opens(head, fitter):
    rng = np.random.default_rng(5)
    landmarks = image_landmarks(head, random_code(head, 8, seed=5)) + rng.normal(scale=0.05, size=(8, 478, 2))
    code = fitter.fit(landmarks).code
    assert code.expression.min() >= 0
    assert code.expression.max() <= 1
    opening = code.jaw_pose[:, 0] / head.jaw_open_radians
    assert opening.min() >= 0
    assert opening.max() <= 1 + 1e-6
    assert (code.expression[:, head.expression_names.index("mouthClose")] <= opening + 1e-5).all()
    assert (code.eyelids == 0).all()  # this head blinks with its eyeBlink units


def test_a_batch_gives_what_each_face_gives_alone_in_any_order(head, fitter):
    landmarks = image_landmarks(head, random_code(head, 3, seed=6))
    together = fitter.fit(landmarks).code.expression
    order = [2, 0, 1]
    torch.testing.assert_close(fitter.fit(landmarks[order]).code.expression, together[order])
    torch.testing.assert_close(fitter.fit(landmarks[1:2]).code.expression, together[1:2])


def test_moving_scaling_or_turning_the_picture_changes_only_camera_and_head_pose(head, fitter):
    landmarks = image_landmarks(head, random_code(head, 1, seed=7))
    angle = np.radians(170.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plain, turned = fitter.fit(landmarks), fitter.fit(0.5 * landmarks @ turn.T + 0.2)
    assert turned.landmark_error[0] == pytest.approx(plain.landmark_error[0], abs=1e-3)
    torch.testing.assert_close(turned.code.shape, plain.code.shape, atol=0.05, rtol=0)
    torch.testing.assert_close(turned.code.expression, plain.code.expression, atol=0.05, rtol=0)


def test_a_profile_stays_finite(head, fitter):
    code = random_code(head, 1, seed=8)
    code = code.replace(head_pose=torch.tensor([[0.0, 1.5, 0.0]]))
    result = fitter.fit(image_landmarks(head, code))
    assert np.isfinite(result.landmark_error).all()
    assert result.landmark_error[0] < 0.05
    assert result.code.shape.abs().max() <= 4


def test_starting_from_a_code_keeps_what_the_landmarks_say_nothing_about(head, fitter):
    code = random_code(head, 2, seed=9)
    code = code.replace(lighting=torch.rand(2, 9, 3), albedo=torch.rand(2, head.n_albedo))
    landmarks = image_landmarks(head, code)
    result = fitter.fit(landmarks, initial=code)
    torch.testing.assert_close(result.code.lighting, code.lighting)
    torch.testing.assert_close(result.code.albedo, code.albedo)
    assert result.landmark_error.max() <= fitter.fit(landmarks).landmark_error.max() + 1e-3


@pytest.mark.parametrize(
    "broken",
    [
        np.full((1, 478, 2), np.nan),
        np.full((1, 478, 2), np.inf),
        np.zeros((1, 478, 2)),
        np.linspace(-1, 1, 478)[None, :, None] * np.ones((1, 1, 2)),
        np.zeros((1, 68, 2)),
        np.zeros((478, 2)),
        np.full((1, 478, 2), 1e30),
    ],
    ids=["nan", "infinite", "one point", "one line", "68 landmarks", "no batch axis", "huge"],
)
def test_landmarks_that_are_no_face_are_refused(fitter, broken):
    with pytest.raises(FitError) as caught:
        fitter.fit(broken)
    assert caught.value.found
    assert caught.value.remedy


def test_random_dots_get_a_warning(fitter):
    dots = np.random.default_rng(0).uniform(-1, 1, (1, 478, 2))
    result = fitter.fit(dots)
    assert "Poor fit" in result.warning(0)


def test_no_faces_give_an_empty_result(head, fitter):
    result = fitter.fit(np.zeros((0, 478, 2)))
    assert len(result.code) == 0
    assert result.code.expression.shape == (0, head.n_expression)


@pytest.fixture(scope="module")
def flame_like() -> HeadModel:
    """Unnamed two-sided expression coefficients, separate eyelids, and only some of the landmarks, as FLAME has."""
    egg = tiny_head()
    kept = np.flatnonzero([not name.startswith("eyeBlink") for name in egg.expression_names])[:20]
    rows = np.concatenate([np.arange(0, 468, 4), np.arange(468, 478)])
    return HeadModel(
        dataclasses.replace(
            egg,
            name="flame-like",
            expression_names=tuple(f"expression {k + 1}" for k in range(len(kept))),
            expression_dirs=egg.expression_dirs[..., kept],
            expression_bounds=np.tile(np.float32([-3, 3]), (len(kept), 1)),
            landmark_ids=rows.astype(np.int32),
            landmark_faces=egg.landmark_faces[rows],
            landmark_barycentrics=egg.landmark_barycentrics[rows],
            landmark_weights=egg.landmark_weights[rows],
            landmarks_105=np.arange(105, dtype=np.int32),
            landmarks_68=np.arange(68, dtype=np.int32),
        )
    )


def test_a_head_without_blink_units_blinks_with_its_eyelids_and_uses_only_its_own_landmarks(flame_like):
    code = random_code(flame_like, 2, seed=11)
    code = code.replace(eyelids=torch.tensor([[0.8, 0.1], [0.0, 0.6]]), expression=code.expression - 0.3)
    landmarks = np.full((2, 478, 2), 7.0)  # what this head lacks must not matter
    landmarks[:] = image_landmarks(flame_like, code).mean(axis=1, keepdims=True)
    landmarks[:, flame_like.landmark_ids.numpy()] = image_landmarks(flame_like, code)
    result = LandmarkFitter(flame_like, loose()).fit(landmarks)
    assert result.landmark_error.max() < 2e-3
    torch.testing.assert_close(result.code.eyelids, code.eyelids, atol=0.05, rtol=0)
    assert result.code.expression.min() < -0.05
    assert result.code.expression.shape[1] == 20


def test_a_head_without_landmarks_cannot_be_fitted():
    bare = dataclasses.replace(
        tiny_head(),
        landmark_ids=np.zeros(0, np.int32),
        landmark_faces=np.zeros(0, np.int32),
        landmark_barycentrics=np.zeros((0, 3), np.float32),
        landmark_weights=np.zeros(0, np.float32),
        landmarks_105=np.zeros(0, np.int32),
        landmarks_68=np.zeros(0, np.int32),
    )
    with pytest.raises(FitError):
        LandmarkFitter(HeadModel(bare))


def test_the_detectors_scores_tip_the_balance_only_for_units_it_knows(head, fitter):
    landmarks = image_landmarks(head, head.neutral_code())
    plain = fitter.fit(landmarks).code.expression[0]
    hinted = fitter.fit(landmarks, [{"mouthSmileLeft": 0.9, "cheekPuff": 0.9, "unheardOf": 0.9}]).code.expression[0]
    smile, puff = (head.expression_names.index(name) for name in ("mouthSmileLeft", "cheekPuff"))
    assert hinted[smile] > plain[smile]
    assert hinted[puff] <= plain[puff] + 0.02
