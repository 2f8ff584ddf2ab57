"""Draws a head the way it lies over its photo: softly shaded, with the edges of its faces."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fields_app.session import Overlay
from fields_core.camera import project
from fields_core.datatypes import CROP_SIZE, Reconstruction
from fields_core.render.rasterizer import choose_rasterizer

_WIDER = 2.2  # the crop shows the face; the head needs this many times its width
_SIZE = 720  # pixels
_SURFACE = np.array([235.0, 240.0, 242.0])
_LINE = np.array([28.0, 60.0, 58.0])
_LIGHT = np.array([-0.35, -0.5, -0.79])  # towards the light, image frame


def head_overlay(reconstruction: Reconstruction) -> Overlay:
    """The mesh of a reconstruction, seen by the camera of its code, as RGBA with the map to photo pixels."""
    mesh = reconstruction.mesh
    points = project(torch.from_numpy(mesh.vertices)[None], reconstruction.code.camera.detach().float()) / _WIDER
    faces = torch.from_numpy(mesh.faces).long()
    hit = choose_rasterizer("cpu")(points, faces, _SIZE, _SIZE)[0].numpy()
    return Overlay(image=paint_head(points[0].numpy(), mesh.faces, hit), image_to_photo=_place(reconstruction))


def paint_head(
    points: NDArray[np.float32], faces: NDArray[np.int32], hit: NDArray[np.int64], *, edges: bool = True
) -> NDArray[np.uint8]:
    """Softly shaded faces.

    Args:
        points: (V, 3) image frame.
        faces: (F, 3)
        hit: (H, W) face seen by each pixel, -1: none.
        edges: draw those of the faces too; in a small picture they would be a pattern of their own.

    Returns:
        (H, W, 4) RGBA
    """
    a, b, c = (points[faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    facing = np.where(normals[:, 2:] > 0, -normals, normals)  # the side that the viewer sees
    light = 0.35 + 0.65 * np.clip(facing @ _LIGHT, 0.0, 1.0)
    inside = hit >= 0
    image = np.zeros((*hit.shape, 4), dtype=np.uint8)
    image[inside, :3] = light[hit[inside], None] * _SURFACE
    image[inside, 3] = 255
    if not edges:
        return image
    edge = np.zeros_like(inside)
    edge[:, 1:] |= hit[:, 1:] != hit[:, :-1]
    edge[1:] |= hit[1:] != hit[:-1]
    edge &= inside
    image[edge, :3] = 0.55 * image[edge, :3] + 0.45 * _LINE
    return image


def _place(reconstruction: Reconstruction) -> NDArray[np.float64]:
    """Overlay pixels -> image frame of the crop -> crop pixels -> photo pixels."""
    scale = _WIDER * CROP_SIZE / _SIZE
    shift = ((1.0 / _SIZE - 1.0) * _WIDER + 1.0) * CROP_SIZE / 2.0 - 0.5  # where the overlay's pixel 0 falls
    to_crop = np.array([[scale, 0.0, shift], [0.0, scale, shift], [0.0, 0.0, 1.0]])
    return np.asarray(reconstruction.crop.crop_to_photo, dtype=np.float64) @ to_crop
