from __future__ import annotations

import pytest
import torch

from fields_core.encoder.bounds import bounded
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.encoder.face_encoder import EncoderConfig, FaceEncoder

UNITS = 5


def config(**changes: object) -> EncoderConfig:
    standard: dict[str, object] = {
        "n_shape": 7,
        "n_expression": UNITS,
        "expression_low": (0.0,) * UNITS,
        "expression_high": (1.0,) * UNITS,
    }
    return EncoderConfig(**(standard | changes))  # type: ignore[arg-type]


def test_bounded_clamps_and_lets_a_gradient_pull_a_value_back_inside_but_never_further_out() -> None:
    values = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    clamped = bounded(values, 0.0, 1.0)
    assert clamped.tolist() == [0.0, 0.5, 1.0]
    (inward,) = torch.autograd.grad(clamped @ torch.tensor([-1.0, 3.0, 1.0]), values, retain_graph=True)
    assert inward.tolist() == [-1.0, 3.0, 1.0]
    (outward,) = torch.autograd.grad(clamped @ torch.tensor([1.0, 3.0, -1.0]), values)
    assert outward.tolist() == [0.0, 3.0, 0.0]


@pytest.mark.parametrize("layout", ["three-branch", "shared"])
def test_an_untrained_encoder_says_frontal_average_and_nearly_neutral(layout: str) -> None:
    torch.manual_seed(0)
    encoder = FaceEncoder(config(layout=layout, gaze=True))  # training mode: batch statistics, none are known yet
    with torch.no_grad():
        code = encoder(torch.rand(4, 3, 224, 224))
    assert not code.shape.any()
    assert code.camera[:, 0].tolist() == [7.0] * 4
    assert code.head_pose.abs().max() < 0.05
    assert code.expression.min() >= 0.0
    assert code.expression.max() < 0.5
    assert code.jaw_pose[:, 0].min() >= 0.0
    assert code.jaw_pose[:, 1:].abs().max() <= 0.2
    assert not code.eye_pose[:, [2, 5]].any()
    assert code.eye_pose[:, [0, 1, 3, 4]].any()


def test_the_three_branch_layout_has_the_widths_of_smirk() -> None:
    encoder = FaceEncoder(config(n_shape=300, n_expression=50, expression_low=None, expression_high=None))
    assert encoder.pose_layer.weight.shape == (6, 576)
    assert encoder.shape_layer.weight.shape == (300, 960)
    assert encoder.expression_layer.weight.shape == (55, 960)
    assert not encoder.state_dict().keys() & {"low", "high"}


def test_unbounded_expressions_stay_unbounded() -> None:
    encoder = FaceEncoder(config(expression_low=None, expression_high=None, layout="shared")).eval()
    with torch.no_grad():
        encoder.expression_layer.bias.fill_(-9.0)
        code = encoder(torch.rand(1, 3, 64, 64))
    assert code.expression.max() < -5.0
    assert code.eyelids.tolist() == [[0.0, 0.0]]


def test_emotion_gradients_reach_expression_jaw_and_eyelids_and_nothing_else() -> None:
    torch.manual_seed(0)
    encoder = FaceEncoder(config())
    code = encoder(torch.rand(2, 3, 64, 64))
    prediction = EmotionHead(UNITS)(code)
    assert prediction.logits.shape == (2, len(Emotion))
    assert prediction.valence_arousal.abs().max() <= 1.0
    (prediction.logits.square().sum() + prediction.valence_arousal.square().sum()).backward()
    assert encoder.expression_layer.weight.grad is not None
    assert encoder.expression_layer.weight.grad.any()
    assert encoder.shape_layer.weight.grad is None
    assert encoder.pose_layer.weight.grad is None
