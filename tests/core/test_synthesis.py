from __future__ import annotations

import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.losses.synthesis import cycle_loss, hidden_face, shuffled_expressions, synthesis_loss
from fields_core.training.decoder import SynthesisDecoder
from tests.training_data import egg


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def code(count: int) -> FaceCode:
    neutral = egg().neutral_code(count)
    return neutral.replace(
        expression=torch.rand(neutral.expression.shape, generator=chance()),
        jaw_pose=0.1 * torch.rand(count, 3, generator=chance(1)),
    )


def test_a_hidden_face_keeps_about_one_pixel_in_a_hundred() -> None:
    face = torch.zeros(2, 1, 200, 200)
    face[..., :100] = 1.0
    hidden = hidden_face(torch.ones(2, 3, 200, 200), face, chance())
    assert torch.equal(hidden[..., 100:], torch.ones(2, 3, 200, 100))
    assert float(hidden[..., :100].mean()) == pytest.approx(0.01, abs=0.003)


def test_synthesis_is_the_mean_difference_of_those_that_take_part() -> None:
    painted, photos = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    photos[1] = 0.25
    assert float(synthesis_loss(painted, photos, torch.tensor([0.0, 1.0]))) == pytest.approx(0.25)
    assert float(synthesis_loss(painted, photos, torch.zeros(2))) == 0.0


def test_the_cycle_weighs_jaw_and_eyelids_ten_times() -> None:
    zero = egg().neutral_code(1)
    for name, wanted in (("expression", 0.25), ("jaw_pose", 2.5), ("eyelids", 2.5)):
        moved = zero.replace(**{name: getattr(zero, name) + 0.5})
        assert float(cycle_loss(moved, zero, torch.ones(1))) == pytest.approx(wanted)


def test_shuffled_expressions_are_weaker_ones_of_the_batch_without_gradient() -> None:
    original = code(6)
    learning = original.replace(expression=original.expression.clone().requires_grad_())
    shuffled = shuffled_expressions(learning, chance(2))
    assert not shuffled.expression.requires_grad
    assert torch.equal(shuffled.shape, original.shape)
    ratio = shuffled.expression[:, None] / original.expression[None]  # (6, 6, E)
    same = (ratio - ratio[..., :1]).abs().amax(dim=2) < 1e-4  # a multiple of whose expression
    assert same.sum(dim=0).tolist() == same.sum(dim=1).tolist() == [1] * 6
    assert bool(((ratio[..., 0][same] >= 0.25) & (ratio[..., 0][same] <= 1.0)).all())


@pytest.mark.parametrize("width", [2, 5])
def test_a_decoder_of_any_width_paints_pictures(width: int) -> None:
    painted = SynthesisDecoder(width)(torch.rand(2, 1, 16, 24), torch.rand(2, 3, 16, 24))
    assert painted.shape == (2, 3, 16, 24)
    assert bool(((painted >= 0) & (painted <= 1)).all())


def test_what_is_painted_does_not_depend_on_the_rest_of_the_batch() -> None:
    decoder, heads, hidden = SynthesisDecoder(2), torch.rand(3, 1, 8, 8), torch.rand(3, 3, 8, 8)
    assert torch.allclose(decoder(heads, hidden)[:1], decoder(heads[:1], hidden[:1]), atol=1e-6)
