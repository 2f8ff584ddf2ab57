"""Analysis by neural synthesis (SMIRK, Retsinas et al., CVPR 2024): a decoder paints the photo from the grey head and
next to nothing of the photo, so that what it gets right must come from the code."""

from __future__ import annotations

import torch
from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.losses.direct3d import EYELID_WEIGHT, JAW_WEIGHT
from fields_core.losses.masking import masked_mean

KEPT_PIXELS = 0.01  # of the face, as hints of colour and light


def hidden_face(photos: Tensor, face: Tensor, generator: torch.Generator) -> Tensor:
    """The photo with the face painted over, but for about 1 % of its pixels.

    Args:
        photos: (B, 3, H, W) RGB in [0, 1].
        face: (B, 1, H, W) 1 where the face is.
        generator: of the chance which pixels stay, on the CPU.

    Returns:
        (B, 3, H, W), 0 where hidden.
    """
    chance = torch.rand(face.shape, generator=generator).to(face.device)
    return photos * ((face == 0) | (chance < KEPT_PIXELS)).to(photos.dtype)


def synthesis_loss(painted: Tensor, photos: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference (weight 10).

    Args:
        painted, photos: (B, 3, H, W) RGB in [0, 1].
        weights: (B,) 0 where a sample takes no part.
    """
    return masked_mean((painted - photos).abs(), weights)


def cycle_loss(predicted: FaceCode, wanted: FaceCode, weights: Tensor) -> Tensor:
    """MSE(expression) + 10 MSE(jaw) + 10 MSE(eyelids) between what was painted and what the encoder sees in it.

    Args:
        predicted, wanted: codes of the batch.
        weights: (B,) 0 where a sample takes no part.
    """
    expression = masked_mean((predicted.expression - wanted.expression).square(), weights)
    jaw = masked_mean((predicted.jaw_pose - wanted.jaw_pose).square(), weights)
    eyelids = masked_mean((predicted.eyelids - wanted.eyelids).square(), weights)
    return expression + JAW_WEIGHT * jaw + EYELID_WEIGHT * eyelids


def shuffled_expressions(code: FaceCode, generator: torch.Generator) -> FaceCode:
    """The same heads with other faces' expressions of the batch, at 25 to 100 % of their strength; without gradients.

    Args:
        code: B faces.
        generator: on the CPU.
    """
    count = len(code)
    order = torch.randperm(count, generator=generator).to(code.expression.device)
    strength = (0.25 + 0.75 * torch.rand(count, 1, generator=generator)).to(code.expression)
    detached = code.replace(
        **{name: getattr(code, name).detach() for name in ("shape", "head_pose", "camera", "eye_pose")}
    )
    return detached.replace(
        expression=code.expression.detach()[order] * strength,
        jaw_pose=code.jaw_pose.detach()[order] * strength,
        eyelids=code.eyelids.detach()[order] * strength,
    )
