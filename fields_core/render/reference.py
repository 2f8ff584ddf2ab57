"""The slow and obvious rasterizer that the others are checked against. For tests."""

from __future__ import annotations

import torch
from torch import Tensor

from fields_core.render.rasterizer import check_indices, check_input


class ReferenceRasterizer:
    """Every face over every pixel, in float64."""

    def __call__(self, vertices: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
        """See `fields_core.render.rasterizer.Rasterizer`."""
        check_input(vertices, faces, height, width)
        check_indices(faces, vertices.shape[1])
        y, x = torch.meshgrid(_pixel_centres(height), _pixel_centres(width), indexing="ij")
        pictures = [_draw(item, faces.long().cpu(), x, y) for item in vertices.detach().double().cpu()]
        return torch.stack(pictures).to(vertices.device) if pictures else torch.empty(0, height, width).long()


def _pixel_centres(count: int) -> Tensor:
    return (2.0 * torch.arange(count, dtype=torch.float64) + 1.0) / count - 1.0


def _draw(vertices: Tensor, faces: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """One mesh (V, 3) over pixel centres x, y (H, W) -> (H, W) face numbers."""
    nearest = torch.full_like(x, torch.inf)
    pix_to_face = torch.full(x.shape, -1, dtype=torch.int64)
    for number, corners in enumerate(vertices[faces]):
        a, b, c = corners
        area = _cross(b - a, c - a)
        if not torch.isfinite(corners).all() or area == 0:
            continue
        point = torch.stack([x, y], dim=-1)
        beta = _cross(point - a[:2], c - a) / area
        gamma = _cross(b - a, point - a[:2]) / area
        z = a[2] + beta * (b[2] - a[2]) + gamma * (c[2] - a[2])
        seen = (beta >= 0) & (gamma >= 0) & (beta + gamma <= 1) & (z < nearest)
        nearest = torch.where(seen, z, nearest)
        pix_to_face[seen] = number
    return pix_to_face


def _cross(u: Tensor, v: Tensor) -> Tensor:
    """z of the cross product of (..., 2 or more) vectors in the picture plane."""
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
