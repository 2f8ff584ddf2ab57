"""Several photos of one person: the fused shape is nearer to the truth than what single photos say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.errors import FitError
from fields_core.fitting.landmark_fit import LandmarkFitter
from fields_core.fitting.shape_fusion import fuse_shapes, view_weights
from fields_core.head.model import HeadModel
from tests.core.test_landmark_fit import image_landmarks, random_code
from tests.heads import tiny_head

PHOTOS = 5


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def fitter(head: HeadModel) -> LandmarkFitter:
    return LandmarkFitter(head)


def photos_of(head: HeadModel, seed: int) -> tuple[FaceCode, np.ndarray]:
    """The same head with another expression and pose in each photo, and what a detector would make of it.

    A detector's errors are smooth over the face (a lens, a tilted mesh) with a little noise on top.
    """
    truth = random_code(head, 1, seed=1000 + seed).shape
    code = random_code(head, PHOTOS, seed=seed).replace(shape=truth.expand(PHOTOS, -1))
    pose = code.head_pose.clone()
    pose[:, 1] = torch.linspace(-0.7, 0.7, PHOTOS)
    code = code.replace(head_pose=pose)
    landmarks = image_landmarks(head, code)
    rng = np.random.default_rng(seed)
    centred = landmarks - landmarks.mean(1, keepdims=True)
    extent = np.sqrt((centred**2).sum(2).mean(1))[:, None, None]
    waves = np.sin(centred / extent @ rng.normal(size=(PHOTOS, 2, 6)) + rng.normal(size=(PHOTOS, 1, 6)))
    smooth = waves @ rng.normal(size=(PHOTOS, 6, 2)) / 6**0.5
    return code, landmarks + extent * (0.04 * smooth + 0.01 * rng.normal(size=landmarks.shape))


def shape_error(head: HeadModel, shapes: torch.Tensor, truth: torch.Tensor) -> np.ndarray:
    """(N,) mean distance of neutral faces in metres; size, which no photo tells, does not count."""
    with torch.no_grad():
        code = head.neutral_code(len(shapes))
        found = head.landmarks(head(code.replace(shape=shapes)))
        wanted = head.landmarks(head(code.replace(shape=truth.expand(len(shapes), -1))))
    found, wanted = found - found.mean(1, keepdim=True), wanted - wanted.mean(1, keepdim=True)
    scale = (found * wanted).sum((1, 2), keepdim=True) / (found * found).sum((1, 2), keepdim=True)
    return np.asarray((scale * found - wanted).norm(dim=2).mean(1))


def test_the_fused_shape_is_nearer_to_the_truth_than_single_ones(head: HeadModel, fitter: LandmarkFitter) -> None:
    single_errors, fused_errors = [], []
    for seed in range(4):
        code, landmarks = photos_of(head, seed)
        single = fitter.fit(landmarks)
        fused = fuse_shapes(fitter, landmarks, None, single.code, single.landmark_error)
        alone = shape_error(head, single.code.shape, code.shape[:1])
        single_errors.append(alone)
        fused_errors.append(shape_error(head, fused.shape, code.shape[:1])[0])
    assert np.mean(fused_errors) < 0.8 * np.mean(single_errors)
    assert np.mean(np.array(fused_errors)[:, None] < np.array(single_errors)) > 0.7


def test_every_photo_gets_the_same_shape_and_keeps_its_own_expression(head: HeadModel, fitter: LandmarkFitter) -> None:
    _, landmarks = photos_of(head, 3)
    single = fitter.fit(landmarks)
    fused = fuse_shapes(fitter, landmarks, None, single.code, single.landmark_error)
    assert fused.shape.shape == (1, head.n_shape)
    assert (fused.fit.code.shape == fused.shape).all()
    assert fused.fit.code.expression.std(0).max() > 0.05
    assert (fused.fit.landmark_error < single.landmark_error + 0.03).all()


def test_with_the_true_shape_held_the_rest_is_found(head: HeadModel, fitter: LandmarkFitter) -> None:
    code = random_code(head, 4, seed=9)
    code = code.replace(shape=code.shape[:1].expand(4, -1))
    found = fitter.fit(image_landmarks(head, code), shape=code.shape[:1])
    free = fitter.fit(image_landmarks(head, code))
    assert (found.code.shape == code.shape).all()
    error = (found.code.expression - code.expression).abs().mean()
    assert error < (free.code.expression - code.expression).abs().mean()
    assert torch.allclose(found.code.head_pose, code.head_pose, atol=0.03)


def test_a_photo_of_somebody_else_hardly_counts(head: HeadModel, fitter: LandmarkFitter) -> None:
    _, landmarks = photos_of(head, 4)
    single = fitter.fit(landmarks)
    shapes = single.code.shape.clone()
    shapes[2] = -3.0 * shapes[2]
    fused = fuse_shapes(fitter, landmarks, None, single.code.replace(shape=shapes), single.landmark_error)
    assert fused.weights[2] < 0.4 * np.delete(fused.weights, 2).min()
    assert fused.weights.sum() == pytest.approx(1.0)


def test_a_poorly_met_photo_and_a_profile_count_less(head: HeadModel, fitter: LandmarkFitter) -> None:
    code, landmarks = photos_of(head, 5)
    single = fitter.fit(landmarks)
    errors = np.full(PHOTOS, 0.01)
    errors[1] = 0.1
    same = single.code.replace(shape=single.code.shape[:1].expand(PHOTOS, -1))
    weights = fuse_shapes(fitter, landmarks, None, same, errors).weights
    assert weights.argmin() == 1
    turned = code.replace(head_pose=torch.tensor([[0.0, a, 0.0] for a in (0.0, 0.5, 1.0, 1.5, -0.5)]))
    seen = view_weights(turned)
    assert seen[0] == 1.0
    assert (np.diff(seen[:4]) <= 0).all()
    assert seen[1] == pytest.approx(seen[4])


def test_one_photo_keeps_its_shape_and_no_photo_is_refused(head: HeadModel, fitter: LandmarkFitter) -> None:
    _, landmarks = photos_of(head, 6)
    single = fitter.fit(landmarks[:1])
    fused = fuse_shapes(fitter, landmarks[:1], None, single.code, single.landmark_error)
    assert torch.allclose(fused.shape, single.code.shape)
    with pytest.raises(FitError):
        fuse_shapes(fitter, landmarks[:0], None, single.code[:0], np.zeros(0))
