"""From "which face is seen where" to pictures, with gradients to the vertices.

The camera has no perspective (`fields_core.camera`), so barycentric coordinates in the picture are those in space.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals, the mean of the adjacent faces' weighted by their areas.

    Args:
        vertices: (B, V, 3), any right-handed frame (the model frame and the image frame are).
        faces: (F, 3) counter-clockwise from outside.

    Returns:
        (B, V, 3) outwards, same frame; zero where no face with an area touches the vertex.
    """
    a, b, c = (vertices[:, faces[:, corner]] for corner in range(3))
    face_normals = torch.linalg.cross(b - a, c - a)  # (B, F, 3), twice the area long
    sums = torch.zeros_like(vertices)
    for corner in range(3):
        sums = sums.index_add(1, faces[:, corner], face_normals)
    return functional.normalize(sums, dim=-1, eps=torch.finfo(vertices.dtype).tiny ** 0.5)


def pixel_barycentrics(vertices: Tensor, faces: Tensor, pix_to_face: Tensor) -> Tensor:
    """Barycentric coordinates of the pixels' centres in the faces seen there.

    Args:
        vertices: (B, V, 3) image frame.
        faces: (F, 3).
        pix_to_face: (B, H, W), -1 for background.

    Returns:
        (B, H, W, 3), rows sum to 1; zero on the background. Differentiable with respect to the vertices.
    """
    height, width = pix_to_face.shape[1:]
    y, x = torch.meshgrid(_centres(height, vertices), _centres(width, vertices), indexing="ij")
    a, b, c = _corners(vertices[..., :2], faces, pix_to_face).unbind(-2)
    point = torch.stack([x, y], dim=-1) - a
    ab, ac = b - a, c - a
    seen = pix_to_face >= 0
    area = _cross(ab, ac)
    area = torch.where(seen & (area != 0), area, torch.ones_like(area))
    beta = _cross(point, ac) / area
    gamma = _cross(ab, point) / area
    coordinates = torch.stack([1.0 - beta - gamma, beta, gamma], dim=-1)
    return torch.where(seen[..., None], coordinates, torch.zeros_like(coordinates))


def interpolate(attributes: Tensor, faces: Tensor, pix_to_face: Tensor, barycentrics: Tensor) -> Tensor:
    """Spread values at the vertices over the picture.

    Args:
        attributes: (B, V, C).
        faces: (F, 3). May be other than the geometry's (texture coordinates have faces of their own).
        pix_to_face: (B, H, W), -1 for background.
        barycentrics: (B, H, W, 3).

    Returns:
        (B, C, H, W); zero on the background. Differentiable with respect to attributes and barycentrics.
    """
    corners = _corners(attributes, faces, pix_to_face)  # (B, H, W, 3, C)
    return (corners * barycentrics[..., None]).sum(-2).permute(0, 3, 1, 2)


def _corners(attributes: Tensor, faces: Tensor, pix_to_face: Tensor) -> Tensor:
    """(B, V, C) -> (B, H, W, 3, C): the values at the corners of each pixel's face (of face 0 on the background)."""
    indices = faces[pix_to_face.clamp(min=0)].flatten(1)  # (B, H W 3)
    items = torch.arange(len(attributes), device=attributes.device)[:, None]
    return attributes[items, indices].view(*pix_to_face.shape, 3, attributes.shape[-1])


def _centres(count: int, like: Tensor) -> Tensor:
    return (2.0 * torch.arange(count, dtype=like.dtype, device=like.device) + 1.0) / count - 1.0


def _cross(u: Tensor, v: Tensor) -> Tensor:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
