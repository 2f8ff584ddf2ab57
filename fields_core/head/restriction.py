"""A part of a head model, for work that needs a few of its vertices only."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from fields_core.head.model import HeadModel


def restricted(head: HeadModel, vertices: Tensor) -> HeadModel:
    """The head model with some of its vertices only; codes mean the same and each vertex goes where it went before.

    Kept are the faces all of whose corners are, and all landmarks. Texture coordinates stay whole.

    Args:
        head: any head model; it is not changed.
        vertices: (V,) bool, which to keep; landmarks' corners must be among them.

    Raises:
        ValueError: a landmark would be lost.
    """
    if not bool(vertices[head.landmark_corners].all()):
        raise ValueError("landmarks need vertices that are not kept")
    kept = vertices.nonzero()[:, 0]
    renumbered = torch.full((head.n_vertices,), -1, device=vertices.device)
    renumbered[kept] = torch.arange(len(kept), device=vertices.device)
    whole = vertices[head.faces].all(dim=1)
    part = copy.deepcopy(head)
    part.template = head.template[kept]
    part.directions = _columns(head.directions, kept)
    part.pose_directions = _columns(head.pose_directions, kept)
    part.skinning_weights = head.skinning_weights[kept]
    part.landmark_corners = renumbered[head.landmark_corners]
    part.faces = renumbered[head.faces[whole]]
    part.uv_faces = head.uv_faces[whole] if len(head.uv_faces) else head.uv_faces
    part._region_masks = head._region_masks[:, kept]
    return part


def _columns(directions: Tensor, kept: Tensor) -> Tensor:
    """(C, 3 V) -> (C, 3 K)"""
    return directions.view(len(directions), -1, 3)[:, kept].reshape(len(directions), -1)
