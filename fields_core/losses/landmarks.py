"""2D landmark losses, on image-frame coordinates ([-1, 1] across the crop).

Point numbers are those of MediaPipe's 478-point face mesh.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fields_core.face_mesh import FACE_OVAL
from fields_core.losses.masking import masked_mean


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
        pairs: `EYELID_PAIRS` or `LIP_PAIRS` of `fields_core.face_mesh`.
        weights: (B,) 0 where a sample has no landmarks.
    """
    upper, lower = (list(side) for side in zip(*pairs, strict=True))
    gaps = predicted[:, upper] - predicted[:, lower]
    wanted = target[:, upper] - target[:, lower]
    return masked_mean((gaps - wanted).abs(), weights)
