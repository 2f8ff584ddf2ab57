"""Prepares live frames for showing, on a worker: picks the face, holds values, poses the head, draws the overlay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from fields_app import style
from fields_app.controllers.head_overlay import paint_head
from fields_app.live_view import LiveShot, LiveWish
from fields_app.parameters import Parameter
from fields_core.camera import project
from fields_core.datatypes import CROP_SIZE, FaceCode, HeadMesh
from fields_core.head.model import HeadModel
from fields_core.live.pipeline import LiveResult
from fields_core.live.tracked import TrackedFace, TrackedFrame
from fields_core.render.rasterizer import Rasterizer, choose_rasterizer

_WIDER = 2.2  # the crop shows the face; the head needs this many times its width
_FINEST = 288  # pixels of the head's picture: what costs no more than the tracker leaves
_OPACITY = 0.62

Picture = NDArray[Any]


class LivePainter:
    """Makes shots. ``wish`` may be replaced from any thread.

    Args:
        head: the head model.
        parameters: of the head, for the values that are held.
    """

    def __init__(self, head: HeadModel, parameters: Sequence[Parameter]) -> None:
        self.wish = LiveWish()
        self._head = head
        self._parameters = {parameter.key: parameter for parameter in parameters}
        self._rasterizer: Rasterizer | None = None
        self._faces = head.faces.long()

    def __call__(self, result: LiveResult) -> LiveShot:
        wish = self.wish
        face = followed(result.tracked, wish.followed)
        mesh = None
        if face is not None:
            face = replace(face, code=self.held(face.code, wish.held or {}))
            mesh = self._head.mesh(face.code)
        picture, scale = fitted(result.frame.pixels, wish.size)
        if wish.overlay == "landmarks":
            picture = self._dotted(picture, result.tracked, face, scale)
        elif wish.overlay == "head" and face is not None and mesh is not None:
            picture = self._with_head(picture, face, mesh, scale)
        if wish.mirrored:
            picture = cv2.flip(picture, 1)
        return LiveShot(result, picture, scale, wish.mirrored, face, mesh)

    def adjusted(self, tracked: TrackedFrame) -> TrackedFrame:
        """A frame as it is shown: with what is held, for recording and sending."""
        wish = self.wish
        chosen = followed(tracked, wish.followed)
        if not wish.held or chosen is None:
            return tracked
        held = replace(chosen, code=self.held(chosen.code, wish.held))
        return replace(tracked, faces=tuple(held if face is chosen else face for face in tracked.faces))

    def held(self, code: FaceCode, values: Mapping[str, float]) -> FaceCode:
        """The code with these values (shown units) put in."""
        for key, value in values.items():
            if key in self._parameters:
                code = self._parameters[key].write(code, value)
        return code

    def _dotted(self, picture: Picture, tracked: TrackedFrame, chosen: TrackedFace | None, scale: float) -> Picture:
        picture = picture.copy()
        height, width = picture.shape[:2]
        for face in tracked.faces:
            if not face.seen:
                continue
            points = (face.landmarks[:, :2] * scale).astype(np.intp)
            points = points[((points >= 0) & (points < (width - 1, height - 1))).all(axis=1)]
            ours = chosen is not None and face.id == chosen.id
            x, y, colour = points[:, 0], points[:, 1], _rgb(style.ACCENT_BRIGHT if ours else style.TEXT_FAINT)
            for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
                picture[y + down, x + right] = colour
        return picture

    def _with_head(self, picture: Picture, face: TrackedFace, mesh: HeadMesh, scale: float) -> Picture:
        """The head laid over the picture, only where it is."""
        zoom = float(np.hypot(*face.crop_to_photo[:, 0])) * scale  # picture pixels for each crop pixel
        size = int(min(max(_WIDER * CROP_SIZE * zoom, 32), _FINEST))
        if self._rasterizer is None:
            self._rasterizer = choose_rasterizer("cpu")
        points = project(torch.from_numpy(mesh.vertices)[None].float(), face.code.camera.detach().float()) / _WIDER
        hit = self._rasterizer(points, self._faces, size, size)[0].numpy()
        drawn = paint_head(points[0].numpy(), mesh.faces, hit, edges=False)
        step = _WIDER * CROP_SIZE / size
        shift = ((1.0 / size - 1.0) * _WIDER + 1.0) * CROP_SIZE / 2.0 - 0.5  # where the drawing's pixel 0 falls
        to_crop = np.array([[step, 0.0, shift], [0.0, step, shift], [0.0, 0.0, 1.0]])
        place = scale * (face.crop_to_photo @ to_crop)
        corners = place @ np.array([[0, 0, size, size], [0, size, 0, size], [1, 1, 1, 1]])
        limit = np.array([picture.shape[1], picture.shape[0]])
        low = np.clip(np.floor(corners.min(axis=1)), 0, limit).astype(int)
        high = np.clip(np.ceil(corners.max(axis=1)), 0, limit).astype(int)
        if (high <= low).any():
            return picture
        place[:, 2] -= low
        laid = cv2.warpAffine(drawn, place, tuple((high - low).tolist()))
        picture = picture.copy()
        part = picture[low[1] : high[1], low[0] : high[0]]
        share = (laid[..., 3:].astype(np.uint16) * int(_OPACITY * 256)) >> 8
        part[:] = (part * (255 - share) + laid[..., :3] * share) // 255
        return picture


def followed(tracked: TrackedFrame, wanted: int | None) -> TrackedFace | None:
    """The face that moves the head: the one wanted, or else the first that is seen, or else the first."""
    face = tracked.face(wanted) if wanted is not None else None
    seen = next((face for face in tracked.faces if face.seen), None)
    return face or seen or next(iter(tracked.faces), None)


def fitted(pixels: Picture, size: tuple[int, int]) -> tuple[Picture, float]:
    """A picture made as small as the view, never larger than it was; and the scale."""
    height, width = pixels.shape[:2]
    scale = min(size[0] / width, size[1] / height, 1.0)
    if scale > 0.98:
        return pixels, 1.0
    small = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(pixels, small, interpolation=cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA), scale


def _rgb(colour: str) -> tuple[int, int, int]:
    found = QColor(colour)
    return found.red(), found.green(), found.blue()
