"""A head that turns once around, picture by picture."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.errors import SettingsError
from fields_core.head import HeadModel
from fields_core.render.interpolation import vertex_normals
from fields_core.render.lighting import clay_lighting
from fields_core.render.rasterizer import choose_rasterizer
from fields_core.render.renderer import Surface, Texture, draw_surface

_FINER = 2  # each pixel is the mean of so many squared
_MARGIN = 0.92
_BACKGROUND = 0.16  # sRGB
_EXPOSURE = 1.08


def turntable_frames(
    head: HeadModel, code: FaceCode, texture: NDArray[np.uint8] | None = None, count: int = 72, size: int = 512
) -> Iterator[NDArray[np.uint8]]:
    """Draw a head upright, first from the front, turning to its left.

    Args:
        head: the head model.
        code: of one face; head pose, neck pose, camera and lighting are replaced.
        texture: (T, T, 3) sRGB; None takes the code's albedo, or grey for a head model without.
        count: of frames in a full turn.
        size: of the frames in pixels.

    Yields:
        (size, size, 3) RGB.

    Raises:
        SettingsError: a count or size below 1.
    """
    if count < 1 or size < 1:
        raise SettingsError(
            "A turntable needs frames and pixels",
            expected="at least 1 of each",
            found=f"{count} frames of {size} pixels",
            remedy="Give a positive number.",
        )
    return _frames(head, code, _surface_texture(head, code, texture), count, size)


@torch.no_grad()
def _frame(surface: Surface, texture: Texture | None, size: int) -> NDArray[np.uint8]:
    fine = size * _FINER
    pix_to_face = choose_rasterizer(surface.points.device)(surface.points, surface.faces, fine, fine)
    rendered = draw_surface(surface, pix_to_face, texture, _EXPOSURE * clay_lighting(surface.points))
    picture = rendered.image + (1.0 - rendered.mask) * _BACKGROUND
    pixels = picture[0].permute(1, 2, 0).clamp(0.0, 1.0).cpu().numpy()
    small = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    return np.round(small * 255.0).astype(np.uint8)


def _frames(
    head: HeadModel, code: FaceCode, texture: Texture | None, count: int, size: int
) -> Iterator[NDArray[np.uint8]]:
    upright = code.replace(head_pose=torch.zeros_like(code.head_pose), neck_pose=torch.zeros_like(code.neck_pose))
    with torch.no_grad():
        vertices = head(upright)
    centred = vertices - (vertices.amin(dim=1, keepdim=True) + vertices.amax(dim=1, keepdim=True)) / 2.0
    scale = _MARGIN / float(centred.norm(dim=-1).amax())
    flip = centred.new_tensor([1.0, -1.0, -1.0])  # model frame to image frame
    for step in range(count):
        turned = centred @ _about_y(2.0 * np.pi * step / count, centred).T
        yield _frame(Surface(scale * turned * flip, vertex_normals(turned, head.faces), head.faces), texture, size)


def _surface_texture(head: HeadModel, code: FaceCode, texture: NDArray[np.uint8] | None) -> Texture | None:
    if len(head.uv) == 0 or (texture is None and head.n_albedo == 0):
        return None
    if texture is None:
        texels = head.albedo(code.albedo[:1], 1024).detach()
    else:
        texels = torch.from_numpy(texture).to(head.uv).permute(2, 0, 1)[None] / 255.0
    return Texture(head.uv, head.uv_faces, texels)


def _about_y(angle: float, like: Tensor) -> Tensor:
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    return like.new_tensor([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
