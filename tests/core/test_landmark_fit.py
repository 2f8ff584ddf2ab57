"""Fitting a head to landmarks: what was put in comes out, and nothing leaves its bounds."""

from __future__ import annotations

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
    return FitPriors(landmark_sigma=1e-4, unit_sparsity=0.0, outlier_sigmas=1e6, max_iterations=200, tolerance=1e-6)


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
