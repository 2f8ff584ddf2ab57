"""The fitted head drawn over its photo, to judge the fit by eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.camera import project
from fields_core.datatypes import LANDMARK_COUNT, Reconstruction
from fields_core.errors import SettingsError
from fields_core.head import HeadModel
from fields_core.render.interpolation import vertex_normals
from fields_core.render.lighting import clay_lighting
from fields_core.render.rasterizer import choose_rasterizer
from fields_core.render.renderer import Surface, draw_surface

OverlayMode = Literal["shaded", "wireframe", "landmarks"]

_LARGEST = 1024  # pixels of the drawing; it is stretched over larger faces
_FINER = 2  # each pixel of the drawing is the mean of so many squared
_MARGIN = 1.02
_LINE = (0.10, 0.85, 0.75)
_DETECTED, _FITTED = (80, 220, 120), (255, 150, 40)

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A square picture with coverage, and where it lies on the photo."""

    colours: Floats
    """(n, n, 3) in [0, 1], times coverage."""
    coverage: Floats
    """(n, n) in [0, 1]."""
    to_photo: Matrix
    """(2, 3) pixels of the drawing -> pixels of the photo."""


def render_overlay(
    reconstruction: Reconstruction, head: HeadModel, opacity: float = 0.7, mode: OverlayMode = "shaded"
) -> NDArray[np.uint8]:
    """The reconstruction's photo with its head over it.

    Args:
        reconstruction: photo, crop, mesh and camera are used.
        head: the model it was made with; its landmarks are drawn.
        opacity: of what is drawn, in [0, 1].
        mode: "shaded" grey skin; "wireframe" the edges of the visible faces; "landmarks" the detector's in green, the
            head's in orange.

    Returns:
        (H, W, 3) RGB as large as the photo.

    Raises:
        SettingsError: an unknown mode, or an opacity outside [0, 1].
    """
    if not 0.0 <= opacity <= 1.0:
        raise SettingsError("The overlay's opacity is out of range", expected="0 to 1", found=str(opacity))
    if mode not in get_args(OverlayMode):
        raise SettingsError(f"No overlay named {mode}", expected=", ".join(get_args(OverlayMode)), found=str(mode))
    pixels = reconstruction.photo.pixels
    if mode == "landmarks":
        return _with_landmarks(reconstruction, head, opacity)
    return _laid_over(pixels, _draw(reconstruction, mode), opacity)


def _draw(reconstruction: Reconstruction, mode: OverlayMode) -> _Drawing:
    mesh = reconstruction.mesh
    vertices = torch.from_numpy(mesh.vertices)[None]
    faces = torch.from_numpy(mesh.faces).long()
    points = project(vertices, reconstruction.code.camera[:1].detach().cpu().float())
    low, high = points[0, :, :2].amin(dim=0), points[0, :, :2].amax(dim=0)
    centre = (low + high) / 2.0
    half = float((high - low).amax()) / 2.0 * _MARGIN
    frame_to_photo = reconstruction.crop.crop_to_photo @ _image_to_crop(reconstruction.crop.image.shape[0])
    scale = float(np.hypot(frame_to_photo[0, 0], frame_to_photo[1, 0]))  # photo pixels in an image unit
    size = int(np.clip(round(2.0 * half * scale), 32, _LARGEST))
    fine = size * _FINER
    framed = torch.cat([(points[..., :2] - centre) / half, points[..., 2:]], dim=-1)
    pix_to_face = choose_rasterizer("cpu")(framed, faces, fine, fine)
    colours, coverage = _shaded(framed, vertices, faces, pix_to_face) if mode == "shaded" else _edges(pix_to_face[0])
    colours = cv2.resize(colours * coverage[..., None], (size, size), interpolation=cv2.INTER_AREA)
    coverage = cv2.resize(coverage, (size, size), interpolation=cv2.INTER_AREA)
    step = 2.0 * half / size
    x, y = (centre + (1.0 / size - 1.0) * half).tolist()
    to_frame = np.array([[step, 0.0, x], [0.0, step, y], [0.0, 0.0, 1.0]])
    return _Drawing(colours, coverage, frame_to_photo @ to_frame)


def _shaded(points: Tensor, vertices: Tensor, faces: Tensor, pix_to_face: Tensor) -> tuple[Floats, Floats]:
    surface = Surface(points, vertex_normals(vertices, faces), faces)
    rendered = draw_surface(surface, pix_to_face, None, clay_lighting(points))
    return rendered.image[0].permute(1, 2, 0).clamp(0.0, 1.0).numpy(), rendered.mask[0, 0].numpy()


def _edges(pix_to_face: Tensor) -> tuple[Floats, Floats]:
    seen = pix_to_face.numpy()
    edge = np.zeros(seen.shape, np.float32)
    edge[:, 1:][seen[:, 1:] != seen[:, :-1]] = 1.0
    edge[1:][seen[1:] != seen[:-1]] = 1.0
    return np.tile(np.array(_LINE, np.float32), (*seen.shape, 1)), edge


def _laid_over(pixels: NDArray[np.uint8], drawing: _Drawing, opacity: float) -> NDArray[np.uint8]:
    size = len(drawing.colours)
    corners = drawing.to_photo @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    left, top = np.floor(corners.min(axis=1)).astype(int)
    right, bottom = np.ceil(corners.max(axis=1)).astype(int) + 1
    left, right = np.clip([left, right], 0, pixels.shape[1])
    top, bottom = np.clip([top, bottom], 0, pixels.shape[0])
    result = pixels.copy()
    if left >= right or top >= bottom:
        return result
    matrix = drawing.to_photo - np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    extent = (int(right - left), int(bottom - top))
    packed = np.concatenate([drawing.colours, drawing.coverage[..., None]], axis=-1)
    warped = cv2.warpAffine(packed, matrix, extent, flags=cv2.INTER_LINEAR)
    part = result[top:bottom, left:right]
    mixed = part * (1.0 - opacity * warped[..., 3:]) + 255.0 * opacity * warped[..., :3]
    part[:] = np.round(mixed.clip(0.0, 255.0)).astype(np.uint8)
    return result


def _with_landmarks(reconstruction: Reconstruction, head: HeadModel, opacity: float) -> NDArray[np.uint8]:
    crop = reconstruction.crop
    to_photo = crop.crop_to_photo @ _image_to_crop(crop.image.shape[0])
    result = reconstruction.photo.pixels.copy()
    radius = max(1.0, float(np.hypot(to_photo[0, 0], to_photo[1, 0])) / 110.0)
    if head.has_landmarks and len(reconstruction.mesh.landmarks):
        landmarks = torch.from_numpy(reconstruction.mesh.landmarks)[None]
        fitted = project(landmarks, reconstruction.code.camera[:1].detach().cpu().float())[0, :, :2]
        _dots(result, _moved(fitted.numpy(), to_photo), _FITTED, radius)
    _dots(result, _moved(crop.landmarks[:LANDMARK_COUNT], to_photo), _DETECTED, 0.7 * radius)
    return cv2.addWeighted(result, opacity, reconstruction.photo.pixels, 1.0 - opacity, 0.0).astype(np.uint8)


def _dots(picture: NDArray[np.uint8], places: Matrix, colour: tuple[int, int, int], radius: float) -> None:
    """Paint discs into the picture, with a sixteenth of a pixel's precision."""
    limit = 4 * max(picture.shape)
    for x, y in places:
        if abs(x) < limit and abs(y) < limit:
            centre = (round(x * 16), round(y * 16))
            cv2.circle(picture, centre, round(radius * 16), colour, cv2.FILLED, cv2.LINE_AA, shift=4)


def _moved(points: Floats, matrix: Matrix) -> Matrix:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _image_to_crop(size: int) -> Matrix:
    """(3, 3) image frame -> crop pixels (`camera.image_to_pixels`)."""
    return np.array([[size / 2.0, 0.0, (size - 1) / 2.0], [0.0, size / 2.0, (size - 1) / 2.0], [0.0, 0.0, 1.0]])
