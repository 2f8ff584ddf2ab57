"""Photometric loss: the shaded render against the photo."""

from __future__ import annotations

from torch import Tensor

from fields_core.losses.masking import masked_mean


def photometric_loss(rendered: Tensor, photo: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute colour difference over the visible face (DECA, Feng et al. 2021, equation 8; weight 2).

    Args:
        rendered, photo: (B, 3, H, W) RGB in [0, 1].
        mask: (B, 1, H, W) 1 where the head model's face is seen.
        weights: (B,) 0 where a sample takes no part.
    """
    difference = ((rendered - photo).abs() * mask).sum(dim=(1, 2, 3))
    area = mask.sum(dim=(1, 2, 3)) * rendered.shape[1]
    seen = area > 0
    return masked_mean(difference / area.where(seen, area.new_ones(())), weights * seen)
