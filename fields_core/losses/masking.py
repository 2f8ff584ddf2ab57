"""A batch mixes samples that carry different truths; every loss averages over those that carry its own."""

from __future__ import annotations

from torch import Tensor


def masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the batch; 0 (with a gradient of 0) where all weights are 0.

    What stands in for an absent truth must be finite (zeros): 0 x NaN is NaN, in a loss as in its gradient.

    Args:
        values: (B, ...) one value or more a sample; averaged over all but the batch axis first.
        weights: (B,) at least 0.

    Returns:
        scalar
    """
    per_sample = values.reshape(len(values), -1).mean(dim=1)
    total = weights.sum()
    return (per_sample * weights).sum() / total.where(total > 0, total.new_ones(()))
