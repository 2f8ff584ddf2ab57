"""2D landmark losses, on image-frame coordinates ([-1, 1] across the crop).

Point numbers are those of MediaPipe's 478-point face mesh.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fields_core.losses.masking import masked_mean

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# (upper, lower) points that meet when the eye, or the mouth, shuts.
EYELID_PAIRS = (
    (161, 163), (160, 144), (159, 145), (158, 153), (157, 154),
    (388, 390), (387, 373), (386, 374), (385, 380), (384, 381),
)  # fmt: skip
LIP_PAIRS = ((80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318))


def landmark_loss(predicted: Tensor, target: Tensor, point_weights: Tensor, sample_weights: Tensor) -> Tensor:
    """Squared distance of landmarks, per point weighted (SMIRK, Retsinas et al. 2024, section 3.2: MSE, weight 100).

    Args:
        predicted, target: (B, L, 2) image frame.
        point_weights: (L,) or (B, L) trust; 0 for a contour point that is not on the silhouette's visible side
            (`contour_visibility`).
        sample_weights: (B,) 0 where a sample has no landmarks.
    """
    squared = (predicted - target).square().sum(dim=-1)
    weights = point_weights.expand_as(squared)
    per_sample = (squared * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-6)
    return masked_mean(per_sample, sample_weights)


def contour_visibility(normals: Tensor, landmark_ids: Tensor) -> Tensor:
    """1 for inner points and for contour points whose skin faces the viewer, 0 for contour points turned away.

    Args:
        normals: (B, L, 3) unit surface normals at the landmarks, image frame (z away from the viewer).
        landmark_ids: (L,) MediaPipe numbers of the points.

    Returns:
        (B, L) in {0, 1}
    """
    oval = torch.isin(landmark_ids, landmark_ids.new_tensor(FACE_OVAL))
    facing = normals[..., 2] < 0.0
    return (facing | ~oval).to(normals.dtype)


def closure_loss(predicted: Tensor, target: Tensor, pairs: tuple[tuple[int, int], ...], weights: Tensor) -> Tensor:
    """Difference of how far paired points stand apart: eyes 1.0, lips 0.5 (DECA, Feng et al. 2021, equation 6).

    Args:
        predicted, target: (B, 478, 2) image frame.
        pairs: `EYELID_PAIRS` or `LIP_PAIRS`.
        weights: (B,) 0 where a sample has no landmarks.
    """
    upper, lower = (list(side) for side in zip(*pairs, strict=True))
    gaps = predicted[:, upper] - predicted[:, lower]
    wanted = target[:, upper] - target[:, lower]
    return masked_mean((gaps - wanted).abs(), weights)
