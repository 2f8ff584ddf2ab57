"""Direct 3D expression supervision: the claim of FIELDS (arXiv 2511.21245), the weights are our own design."""

from __future__ import annotations

from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.losses.masking import masked_mean

JAW_WEIGHT = 10.0
EYELID_WEIGHT = 10.0
VERTEX_WEIGHT = 0.1  # per millimetre
POSE_WEIGHT = 10.0
SHAPE_WEIGHT = 0.1


def direct_3d_loss(
    predicted: FaceCode,
    truth: FaceCode,
    predicted_vertices: Tensor,
    true_vertices: Tensor,
    weights: Tensor,
    eyelid_weights: Tensor,
) -> Tensor:
    """MSE(expression) + 10 MSE(jaw) + 10 MSE(eyelids) + 0.1 mean |V - V*| in millimetres.

    Args:
        predicted, truth: codes of the batch; what stands in for an absent truth is finite.
        predicted_vertices, true_vertices: (B, V, 3) metres, of heads with zero shape and zero head pose.
        weights: (B,) confidence of the 3D truth, 0 where there is none.
        eyelid_weights: (B,) the same for the eyelids, which some scans lack.
    """
    expression = masked_mean((predicted.expression - truth.expression).square(), weights)
    jaw = masked_mean((predicted.jaw_pose - truth.jaw_pose).square(), weights)
    eyelids = masked_mean((predicted.eyelids - truth.eyelids).square(), eyelid_weights)
    millimetres = masked_mean((predicted_vertices - true_vertices).abs() * 1000.0, weights)
    return expression + JAW_WEIGHT * jaw + EYELID_WEIGHT * eyelids + VERTEX_WEIGHT * millimetres


def base_model_loss(predicted: FaceCode, base: FaceCode, weights: Tensor) -> Tensor:
    """Squared distance of expression and jaw from what the frozen encoder before step A said.

    Keeps a stable base (FIELDS); off (weight 0) on samples that have 3D truth.

    Args:
        predicted, base: codes of the batch.
        weights: (B,) 1 where there is no 3D truth, else 0.
    """
    expression = masked_mean((predicted.expression - base.expression).square(), weights)
    jaw = masked_mean((predicted.jaw_pose - base.jaw_pose).square(), weights)
    return expression + jaw


def pose_shape_loss(predicted: FaceCode, truth: FaceCode, weights: Tensor) -> Tensor:
    """10 MSE(head pose) + 0.1 MSE(shape), where 3D truth is present (our own design; pretraining only).

    Most of a shape cannot be seen in one picture: its error has the smaller weight.

    Args:
        predicted, truth: codes of the batch, neck pose zero.
        weights: (B,) confidence of the 3D truth, 0 where there is none.
    """
    pose = masked_mean((predicted.head_pose - truth.head_pose).square(), weights)
    shape = masked_mean((predicted.shape - truth.shape).square(), weights)
    return POSE_WEIGHT * pose + SHAPE_WEIGHT * shape
