from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.encoder.intensity import ExpressionIntensity, intensity_scale
from fields_core.head import load_head
from fields_core.head.model import HeadModel
from tests.heads import tiny_head_file


@pytest.fixture
def head(tmp_path: Path) -> HeadModel:
    return load_head(tiny_head_file(tmp_path / "head.npz"))


def expressive(head: HeadModel, amounts: list[float]) -> FaceCode:
    code = head.neutral_code(len(amounts))
    expression = code.expression.clone()
    expression[:, 0] = torch.tensor(amounts)
    return code.replace(expression=expression)


def test_intensity_is_zero_when_neutral_and_grows_with_the_expression_alone(head: HeadModel) -> None:
    measure = ExpressionIntensity(head, scale=0.004)
    intensity = measure(expressive(head, [0.0, 0.5, 1.0]))
    assert intensity[0] == 0.0
    assert intensity[2].item() == pytest.approx(2.0 * intensity[1].item(), rel=1e-4)
    code = expressive(head, [0.5])
    posed = code.replace(
        head_pose=torch.tensor([[0.1, 0.6, 0.2]]),
        shape=torch.ones_like(code.shape),
        eye_pose=torch.full_like(code.eye_pose, 0.2),
    )
    assert measure(posed).item() == pytest.approx(intensity[1].item(), rel=1e-6)


def test_it_is_the_root_mean_square_displacement_of_the_face_over_the_scale(head: HeadModel) -> None:
    code = expressive(head, [1.0])
    offsets = (head(code) - head(head.neutral_code()))[0, head.region("face")]
    expected = offsets.square().sum(dim=1).mean().sqrt() / 0.004
    assert ExpressionIntensity(head, 0.004)(code).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_jaw_free_variant_ignores_an_open_mouth(head: HeadModel) -> None:
    measure = ExpressionIntensity(head, 0.004)
    talking = head.neutral_code().replace(jaw_pose=torch.tensor([[0.3, 0.0, 0.0]]))
    assert measure(talking) > 0.0
    assert measure(talking, jaw=False) == 0.0


def test_the_gradient_is_right_and_finite_at_neutral(head: HeadModel) -> None:
    measure = ExpressionIntensity(head.double(), 0.004)
    jaw = torch.zeros(1, 3, dtype=torch.float64)
    neutral = head.neutral_code().to(torch.float64)

    def intensity(expression: torch.Tensor) -> torch.Tensor:
        return measure(neutral.replace(expression=expression, jaw_pose=jaw))

    expression = torch.full((1, head.n_expression), 0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(intensity, expression)
    at_rest = torch.zeros_like(expression, requires_grad=True)
    (gradient,) = torch.autograd.grad(intensity(at_rest).sum(), at_rest)
    assert not gradient.any()


def test_the_scale_makes_the_95th_percentile_of_a_set_one(head: HeadModel) -> None:
    codes = expressive(head, torch.linspace(0.0, 1.0, 401).tolist())
    measure = ExpressionIntensity(head, intensity_scale(head, codes))
    assert measure(expressive(head, [0.95])).item() == pytest.approx(1.0, rel=1e-4)
    with pytest.raises(ValueError, match="positive"):
        ExpressionIntensity(head, 0.0)
