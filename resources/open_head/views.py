"""Pictures of the open head for MediaPipe to look at: a perspective camera, key and fill light, soft edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.render.cpu import CpuRasterizer
from resources.open_head.texels import barycentrics
from resources.open_head.uv import UvLayout

DISTANCE = 0.9
"""Metres from the lens to the head: a portrait."""
_OVERSAMPLING = 2
_FIELD = 0.125  # metres from the middle of the picture to its edge, at the head
_CENTRE = np.array([0.0, 0.005, 0.0])
_AMBIENT, _BACKGROUND = 0.42, 0.86
_LIGHTS = (((0.35, 0.5, 0.8), 0.50), ((-0.8, 0.2, 0.55), 0.12))


@dataclass(frozen=True)
class Camera:
    """How the head is turned, degrees, and how large the picture is."""

    yaw: float = 0.0
    pitch: float = 0.0
    size: int = 448

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) metres, model frame, to (..., 3): x and y in pixels, and 1 / depth in 1 / metres."""
        y, p = np.radians([self.yaw, self.pitch])
        about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        turned = (points - _CENTRE) @ (about_x @ about_y).T
        inverse_depth = 1 / (DISTANCE - turned[..., 2])
        half = self.size / 2
        scale = half / _FIELD * DISTANCE * inverse_depth
        return np.stack(
            [turned[..., 0] * scale + half - 0.5, -turned[..., 1] * scale + half - 0.5, inverse_depth], axis=-1
        )

    @property
    def millimetres_per_pixel(self) -> float:
        """At the middle of the face."""
        a, b = self.project(np.array([[0.0, 0.0, 0.05], [0.001, 0.0, 0.05]]))
        return float(1 / np.hypot(*(b - a)[:2]))


def draw(
    camera: Camera,
    vertices: NDArray[np.float64],
    faces: NDArray[np.int64],
    layout: UvLayout,
    albedo: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) RGB of the head.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3).
        albedo: (S, S, 3) sRGB.
    """
    size = camera.size * _OVERSAMPLING
    screen = camera.project(vertices)
    frame = np.column_stack([(2 * screen[:, :2] + 1) / camera.size - 1, -screen[:, 2]])
    seen = CpuRasterizer(1)(torch.from_numpy(frame)[None], torch.from_numpy(faces), size, size)[0].numpy()
    rows, columns = np.nonzero(seen >= 0)
    face = seen[rows, columns]
    point = np.stack([(2 * columns + 1) / size - 1, (2 * rows + 1) / size - 1], axis=1)
    weights = barycentrics(frame[faces[face]][..., :2], point) * screen[faces[face], 2]  # perspective-correct
    weights /= weights.sum(axis=1, keepdims=True)
    normals = np.einsum("nk,nkd->nd", weights, vertex_normals(vertices, faces)[faces[face]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = np.full(len(face), _AMBIENT)
    for direction, strength in _LIGHTS:
        light += strength * np.clip(normals @ (np.array(direction) / np.linalg.norm(direction)), 0, None)
    colour = _sample(albedo, np.einsum("nk,nkd->nd", weights, layout.vt[layout.ft[face]]))
    picture = np.full((size, size, 3), 255 * _BACKGROUND)
    picture[rows, columns] = np.clip(colour * light[:, None], 0, 255)
    blocks = picture.reshape(camera.size, _OVERSAMPLING, camera.size, _OVERSAMPLING, 3)
    smoothed: NDArray[np.uint8] = np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return smoothed


def vertex_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """(V, 3) unit normals, weighted by area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], np.cross(b - a, c - a))
    length: NDArray[np.float64] = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.maximum(length, 1e-12)


def _sample(albedo: NDArray[np.uint8], uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear colours (N, 3) at texture coordinates (N, 2), v up."""
    size = len(albedo)
    x = np.clip(uv[:, 0] * size - 0.5, 0, size - 1.001)
    y = np.clip((1 - uv[:, 1]) * size - 0.5, 0, size - 1.001)
    column, row = x.astype(int), y.astype(int)
    across, down = (x - column)[:, None], (y - row)[:, None]
    upper = albedo[row, column] * (1 - across) + albedo[row, column + 1] * across
    lower = albedo[row + 1, column] * (1 - across) + albedo[row + 1, column + 1] * across
    blended: NDArray[np.float64] = upper * (1 - down) + lower * down
    return blended
