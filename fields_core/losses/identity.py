"""One person has one shape, whatever the face does."""

from __future__ import annotations

import torch
from torch import Tensor

from fields_core.losses.masking import masked_mean

_TINY = 1e-10  # square metres: the distance of a point from itself has a gradient, too


def identity_loss(shapes: Tensor, people: Tensor) -> Tensor:
    """How far the shapes of one person's photos lie from their mean, in millimetres.

    What DECA's shape consistency (Feng et al. 2021, equation 8) asks for by swapping the shapes of two photos, put
    directly: what the shape must not explain is left to the expression.

    Args:
        shapes: (B, V, 3) metres, heads at rest.
        people: (B,) integer, the same for photos of the same person; those who are alone in the batch do not count.
    """
    same = (people[:, None] == people[None, :]).to(shapes)
    count = same.sum(dim=1)
    means = torch.einsum("ij,jvc->ivc", same / count[:, None], shapes)
    distances = ((shapes - means).square().sum(dim=2) + _TINY).sqrt() * 1000.0
    return masked_mean(distances, (count > 1).to(shapes))
