"""From "which face is seen where" to pictures, with gradients to the vertices.

The camera has no perspective (`fields_core.camera`), so barycentric coordinates in the picture are those in space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class SeenPixels:
    """The N pixels of B pictures that show a face. The rest is background, and nothing is computed there."""

    faces: Tensor
    """(N,) what each shows."""
    items: Tensor
    """(N,) which picture each is in."""
    points: Tensor
    """(N, 2) their centres, image frame."""
    numbers: Tensor
    """(N,) places in the flattened (B, H, W)."""
    size: tuple[int, int, int]
    """(B, H, W)."""

    @staticmethod
    def of(pix_to_face: Tensor, dtype: torch.dtype) -> SeenPixels:
        """
        Args:
            pix_to_face: (B, H, W), -1 for background.
            dtype: of the points.
        """
        count, height, width = pix_to_face.shape
        flat = pix_to_face.flatten()
        numbers = (flat >= 0).nonzero()[:, 0]
        row = numbers.div(width, rounding_mode="floor")
        x, y = ((2 * place + 1).to(dtype) for place in (numbers % width, row % height))
        return SeenPixels(
            flat[numbers],
            row.div(height, rounding_mode="floor"),
            torch.stack([x / width, y / height], dim=1) - 1.0,
            numbers,
            (count, height, width),
        )

    def corners(self, attributes: Tensor, faces: Tensor) -> Tensor:
        """(N, 3, C) the values at the corners of each pixel's face, of (B, V, C)."""
        count, channels = attributes.shape[1:]
        rows = faces[self.faces] + count * self.items[:, None]
        return attributes.flatten(0, 1).index_select(0, rows.flatten()).view(-1, 3, channels)

    def barycentrics(self, corners: Tensor) -> Tensor:
        """(N, 3) of the pixels' centres, of (N, 3, 2 or more) corners in the image frame."""
        a, b, c = corners[..., :2].unbind(1)
        point, ab, ac = self.points - a, b - a, c - a
        area = _cross(ab, ac)
        area = torch.where(area != 0, area, torch.ones_like(area))
        beta = _cross(point, ac) / area
        gamma = _cross(ab, point) / area
        return torch.stack([1.0 - beta - gamma, beta, gamma], dim=-1)

    def picture(self, values: Tensor) -> Tensor:
        """(N, C) -> (B, C, H, W), 0 on the background."""
        empty = values.new_zeros(math.prod(self.size), values.shape[1])
        return empty.index_put((self.numbers,), values).view(*self.size, -1).permute(0, 3, 1, 2)


def pixel_barycentrics(vertices: Tensor, faces: Tensor, pix_to_face: Tensor) -> Tensor:
    """Barycentric coordinates of the pixels' centres in the faces seen there.

    Args:
        vertices: (B, V, 3) image frame.
        faces: (F, 3).
        pix_to_face: (B, H, W), -1 for background.

    Returns:
        (B, H, W, 3), rows sum to 1; zero on the background. Differentiable with respect to the vertices.
    """
    seen = SeenPixels.of(pix_to_face, vertices.dtype)
    return seen.picture(seen.barycentrics(seen.corners(vertices[..., :2], faces))).permute(0, 2, 3, 1)


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
    seen = SeenPixels.of(pix_to_face, attributes.dtype)
    shares = barycentrics.flatten(0, 2)[seen.numbers]
    return seen.picture(blended(seen.corners(attributes, faces), shares))


def blended(corners: Tensor, shares: Tensor) -> Tensor:
    """(N, 3, C) values and (N, 3) barycentrics -> (N, C)."""
    return (corners * shares[..., None]).sum(1)


def _cross(u: Tensor, v: Tensor) -> Tensor:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
