"""Keeping network outputs in range without killing their gradient at the edge."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Bound(torch.autograd.Function):
    """Clamp forwards; backwards, pass every gradient but one that would push an outside value further out."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, low: Tensor, high: Tensor) -> Tensor:
        ctx.save_for_backward(values < low, values > high)
        return torch.minimum(torch.maximum(values, low), high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        below, above = ctx.saved_tensors
        (gradient,) = gradients
        # Descent moves against the gradient: a positive one drives a value that is already too low lower still.
        outward = (below & (gradient > 0)) | (above & (gradient < 0))
        return gradient.masked_fill(outward, 0.0), None, None


def bounded(values: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Clamp ``values`` to [low, high]; a plain clamp's zero gradient would leave a unit stuck outside for good.

    Args:
        values: any shape.
        low, high: broadcastable to ``values``.
    """
    low, high = torch.as_tensor(low).to(values), torch.as_tensor(high).to(values)
    bound: Tensor = _Bound.apply(values, low, high)  # type: ignore[no-untyped-call]
    return bound
