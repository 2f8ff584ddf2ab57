"""The mathematics of the losses: known values, gradients, empty subsets, masks."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.face_mesh import EYELID_PAIRS, FACE_OVAL, LIP_PAIRS
from fields_core.losses.direct3d import base_model_loss, direct_3d_loss
from fields_core.losses.emotion import (
    EmotionTruth,
    ambiguity_loss,
    calibration_loss,
    concordance,
    emotion_loss,
    rank_loss,
    tempered_cross_entropy,
    valence_arousal_loss,
)
from fields_core.losses.identity import identity_loss
from fields_core.losses.landmarks import closure_loss, contour_visibility, landmark_loss
from fields_core.losses.masking import masked_mean
from fields_core.losses.photometric import photometric_loss

CLASSES = 8
NONE = float("nan")


def truth_of(
    labels: list[int],
    intensity: list[float],
    confidence: list[float] | None = None,
    from_3d: list[bool] | None = None,
    source: list[int] | None = None,
) -> EmotionTruth:
    count = len(labels)
    return EmotionTruth(
        labels=torch.tensor(labels),
        valence_arousal=torch.full((count, 2), NONE, dtype=torch.float64),
        intensity=torch.tensor(intensity, dtype=torch.float64),
        confidence=torch.tensor(confidence or [1.0] * count, dtype=torch.float64),
        from_3d=torch.tensor(from_3d or [False] * count),
        source=torch.tensor(source or [0] * count),
    )


def uniform_weights() -> Tensor:
    return torch.ones(CLASSES, dtype=torch.float64)


def test_masked_mean_averages_the_chosen_and_is_zero_with_zero_gradient_without_any() -> None:
    values = torch.tensor([[1.0, 3.0], [10.0, 10.0]], requires_grad=True)
    assert masked_mean(values, torch.tensor([1.0, 0.0])).item() == 2.0
    assert masked_mean(values, torch.tensor([1.0, 3.0])).item() == 8.0
    nothing = masked_mean(values, torch.zeros(2))
    nothing.backward()
    assert nothing.item() == 0.0
    assert values.grad is not None
    assert not values.grad.any()


def test_landmark_loss_weighs_points_and_samples() -> None:
    predicted = torch.zeros(2, 3, 2)
    target = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [9.0, 9.0]], [[1.0, 1.0]] * 3])
    points = torch.tensor([1.0, 1.0, 0.0])
    assert landmark_loss(predicted, target, points, torch.tensor([1.0, 0.0])).item() == pytest.approx(12.5)
    assert landmark_loss(predicted, target, points, torch.zeros(2)).item() == 0.0


def test_contour_points_turned_away_are_invisible_and_inner_points_never() -> None:
    ids = torch.tensor([FACE_OVAL[0], FACE_OVAL[1], 1])
    normals = torch.tensor([[[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]])
    assert contour_visibility(normals, ids).tolist() == [[1.0, 0.0, 1.0]]


@pytest.mark.parametrize("pairs", [EYELID_PAIRS, LIP_PAIRS])
def test_closure_ignores_where_the_face_is_and_sees_how_far_it_is_open(pairs: tuple[tuple[int, int], ...]) -> None:
    face = torch.rand(1, 478, 2, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(1)
    assert closure_loss(face + 0.25, face, pairs, weight).item() == pytest.approx(0.0, abs=1e-6)
    opened = face.clone()
    opened[:, [lower for _, lower in pairs], 1] += 0.2
    assert closure_loss(opened, face, pairs, weight).item() == pytest.approx(0.1, abs=1e-6)  # y only: half of (x, y)


def code_with(expression: float, jaw: float, eyelids: float) -> FaceCode:
    zeros = {name: torch.zeros(2, size) for name, size in (("shape", 4), ("head_pose", 3), ("neck_pose", 3))}
    return FaceCode(
        **zeros,
        expression=torch.full((2, 5), expression),
        jaw_pose=torch.full((2, 3), jaw),
        eye_pose=torch.zeros(2, 6),
        eyelids=torch.full((2, 2), eyelids),
        camera=torch.zeros(2, 3),
        lighting=torch.zeros(2, 9, 3),
        albedo=torch.zeros(2, 1),
    )


def test_direct_3d_loss_has_the_stated_weights_and_masks_absent_eyelids() -> None:
    vertices = torch.zeros(2, 7, 3)
    arguments = (code_with(0.1, 0.2, 0.3), code_with(0.0, 0.0, 0.0), vertices + 0.002, vertices)
    all_3d, none = torch.ones(2), torch.zeros(2)
    expected = 0.01 + 10 * 0.04 + 10 * 0.09 + 0.1 * 2.0
    assert direct_3d_loss(*arguments, all_3d, all_3d).item() == pytest.approx(expected, rel=1e-5)
    assert direct_3d_loss(*arguments, all_3d, none).item() == pytest.approx(expected - 0.9, rel=1e-5)
    assert direct_3d_loss(*arguments, none, none).item() == 0.0


def test_base_model_loss_is_the_squared_distance_from_the_base() -> None:
    base, moved = code_with(0.0, 0.0, 0.0), code_with(0.1, 0.2, 0.9)
    assert base_model_loss(moved, base, torch.ones(2)).item() == pytest.approx(0.01 + 0.04, rel=1e-5)
    assert base_model_loss(base, base, torch.ones(2)).item() == 0.0


def test_photometric_loss_looks_at_the_mask_only_and_accepts_an_unseen_face() -> None:
    photo = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    rendered = photo.clone()
    rendered[:, :, 0, 0] += 0.5
    rendered[:, :, 3, 3] += 100.0
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, 0, :2] = 1.0  # the second sample's face is nowhere
    rendered.requires_grad_(True)
    loss = photometric_loss(rendered, photo, mask, torch.ones(2))
    loss.backward()
    assert loss.item() == pytest.approx(0.25, rel=1e-5)
    assert rendered.grad is not None
    assert torch.isfinite(rendered.grad).all()


def test_full_intensity_makes_plain_cross_entropy_and_none_makes_half_neutral() -> None:
    logits = torch.randn(1, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    log_p = logits.log_softmax(dim=1)[0]
    full = tempered_cross_entropy(logits, truth_of([3], [1.0]), uniform_weights())
    faint = tempered_cross_entropy(logits, truth_of([3], [0.0]), uniform_weights())
    unknown = tempered_cross_entropy(logits, truth_of([3], [NONE]), uniform_weights())
    assert full.item() == pytest.approx(-log_p[3].item())
    assert faint.item() == pytest.approx(-0.5 * (log_p[3] + log_p[0]).item())
    assert unknown.item() == pytest.approx(full.item())


def test_class_weights_balance_rare_classes() -> None:
    logits = torch.zeros(2, CLASSES, dtype=torch.float64)
    logits[0, 1] = 5.0
    weights = uniform_weights()
    weights[4] = 3.0
    truth = truth_of([1, 4], [1.0, 1.0])
    log_p = logits.log_softmax(dim=1)
    expected = -(log_p[0, 1] + 3.0 * log_p[1, 4]) / 4.0
    assert tempered_cross_entropy(logits, truth, weights).item() == pytest.approx(expected.item())


def test_photos_and_rendered_heads_are_balanced_apart() -> None:
    logits = torch.zeros(2, CLASSES, dtype=torch.float64)
    logits[0, 1] = 5.0
    weights = torch.stack([2.0 * uniform_weights(), 7.0 * uniform_weights()])
    truth = dataclasses.replace(truth_of([1, 1], [1.0, 1.0]), from_3d=torch.tensor([False, True]))
    log_p = logits.log_softmax(dim=1)
    expected = -(2.0 * log_p[0, 1] + 7.0 * log_p[1, 1]) / 9.0
    assert tempered_cross_entropy(logits, truth, weights).item() == pytest.approx(expected.item())


def test_ambiguity_counts_weak_expressions_against_the_strongest_rival_only() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0, -9.0, -9.0, -9.0, -9.0, -9.0]], dtype=torch.float64)
    rival_only = math.log(1 + math.exp(1.0 - 2.0))
    assert ambiguity_loss(logits, truth_of([1], [0.25])).item() == pytest.approx(0.75 * rival_only)
    assert ambiguity_loss(logits, truth_of([1], [1.0])).item() == 0.0


def test_concordance_punishes_scale_and_offset_where_correlation_does_not() -> None:
    series = torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64)
    assert concordance(series, series).item() == pytest.approx(1.0)
    assert concordance(-series + 3.0, series).item() == pytest.approx(-1.0)
    # Lin's formula by hand: 2 cov / (var + var + (difference of means)^2), var = 1.25
    assert concordance(series + 1.0, series).item() == pytest.approx(2.5 / 3.5)


def test_valence_arousal_needs_eight_valid_samples_with_variance_for_its_concordance_part() -> None:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(10, 2, dtype=torch.float64, generator=generator) * 2 - 1
    predicted = target + 0.1
    few = target.clone()
    few[7:] = NONE
    assert valence_arousal_loss(predicted, few).item() == pytest.approx(0.01)
    assert valence_arousal_loss(predicted, target).item() > 0.01
    assert valence_arousal_loss(target, target).item() == pytest.approx(0.0, abs=1e-9)
    constant = torch.zeros_like(target)
    assert valence_arousal_loss(constant + 0.1, constant).item() == pytest.approx(0.01)
    assert valence_arousal_loss(predicted, torch.full_like(target, NONE)).item() == 0.0


def test_calibration_is_two_sided_in_3d_and_only_punishes_excess_on_image_labels() -> None:
    too_weak, too_strong = torch.tensor([0.2], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    in_3d = truth_of([1], [0.6], from_3d=[True])
    on_image = truth_of([1], [0.6], confidence=[0.3])
    assert calibration_loss(too_weak, in_3d).item() == pytest.approx(0.5 * 0.4**2)
    assert calibration_loss(too_strong, in_3d).item() == pytest.approx(0.5 * 0.4**2)
    assert calibration_loss(too_weak, on_image).item() == 0.0
    assert calibration_loss(too_strong, on_image).item() == pytest.approx(0.3 * 0.25**2)


def test_rank_pairs_come_from_one_source_and_differ_clearly() -> None:
    truth = truth_of([1, 1, 1], [0.9, 0.3, 0.1], source=[0, 0, 1])
    intensity = torch.tensor([0.5, 0.4, 0.9], dtype=torch.float64)
    assert rank_loss(intensity, truth).item() == pytest.approx(math.log(1 + math.exp(-1.0)))
    near = truth_of([1, 1], [0.5, 0.4])
    assert rank_loss(intensity[:2], near).item() == 0.0


def test_every_emotion_term_is_zero_with_zero_gradient_on_a_batch_without_truth() -> None:
    logits = torch.randn(4, CLASSES, dtype=torch.float64, requires_grad=True)
    affect = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    intensity = torch.rand(4, dtype=torch.float64, requires_grad=True)
    truth = truth_of([-1] * 4, [NONE] * 4, confidence=[0.0] * 4)
    total = emotion_loss(logits, affect, intensity, truth, uniform_weights()).total
    total.backward()
    assert total.item() == 0.0
    for tensor in (logits, affect, intensity):
        assert tensor.grad is not None
        assert not tensor.grad.any()


def test_gradients_of_the_emotion_loss_are_right_on_a_mixed_batch() -> None:
    generator = torch.Generator().manual_seed(4)
    truth = truth_of(
        [1, -1, 3, 0], [0.9, NONE, 0.2, 0.0], [1.0, 0.0, 0.3, 0.3], [True, False, False, False], [0, 0, 0, 0]
    )

    def total(logits: Tensor, affect: Tensor, intensity: Tensor) -> Tensor:
        return emotion_loss(logits, affect, intensity, truth, uniform_weights()).total

    inputs = (
        torch.randn(4, CLASSES, dtype=torch.float64, generator=generator, requires_grad=True),
        torch.randn(4, 2, dtype=torch.float64, generator=generator, requires_grad=True),
        torch.rand(4, dtype=torch.float64, generator=generator, requires_grad=True),
    )
    assert torch.autograd.gradcheck(total, inputs)


def test_identity_loss_is_the_distance_in_millimetres_from_the_mean_of_ones_own_photos() -> None:
    shapes = torch.zeros(5, 7, 3)
    shapes[1, :, 0] = 0.002  # two photos of person 4 that differ by 2 mm everywhere
    shapes[3] = 9.0  # alone in the batch
    people = torch.tensor([4, 4, 8, 6, 8])
    assert float(identity_loss(shapes, people)) == pytest.approx((1.0 + 1.0 + 0.01 + 0.01) / 4, abs=1e-3)


def test_identity_loss_pulls_the_photos_of_a_person_together_and_nobody_else() -> None:
    torch.manual_seed(0)
    shapes = torch.randn(4, 6, 3, requires_grad=True)
    identity_loss(shapes, torch.tensor([0, 1, 0, 2])).backward()
    assert shapes.grad is not None
    assert torch.equal(shapes.grad[1], torch.zeros(6, 3))
    assert torch.equal(shapes.grad[3], torch.zeros(6, 3))
    towards = (shapes[2] - shapes[0]).detach()
    assert bool(((-shapes.grad[0] * towards).sum(dim=1) > 0).all())
    assert torch.allclose(shapes.grad[0], -shapes.grad[2], atol=1e-5)


def test_identity_loss_of_strangers_or_of_equal_shapes_is_nothing_with_a_finite_gradient() -> None:
    strangers = torch.randn(3, 4, 3, requires_grad=True)
    loss = identity_loss(strangers, torch.tensor([0, 1, 2]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    same = torch.ones(2, 4, 3, requires_grad=True)
    identity_loss(same, torch.tensor([5, 5])).backward()
    for tensor in (strangers, same):
        assert tensor.grad is not None
        assert torch.equal(tensor.grad, torch.zeros_like(tensor))
