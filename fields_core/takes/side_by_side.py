"""The picture and the head beside it, as a video: how good the tracking was, at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.errors import ExportError
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback
from fields_core.render import vertex_normals
from fields_core.render.lighting import clay_lighting
from fields_core.render.rasterizer import choose_rasterizer
from fields_core.render.renderer import Surface, Texture, draw_surface
from fields_core.takes.clip import Clip
from fields_core.takes.video_file import CODECS, Codec, write_frames

Picture = NDArray[np.uint8]

TALLEST = 720  # pixels
_MARGIN = 0.94
_BACKGROUND = 0.16  # sRGB
_SKIN_TEXELS = 512
_EXPOSURE = 1.25
_FINER = 2  # each pixel is the mean of so many squared


def write_side_by_side(
    clip: Clip,
    head: HeadModel,
    path: Path,
    report: ProgressCallback | None = None,
    token: CancelToken | None = None,
    codecs: tuple[Codec, ...] = CODECS,
) -> list[Path]:
    """Write the recorded picture on the left and the head, in its pose, on the right, at the take's usual rate.

    Returns:
        The one file; .mp4 or .avi by the codec there is.

    Raises:
        ExportError: the take has no pictures, or the file cannot be written.
        Cancelled: the token said so; nothing is left behind.
    """
    if not clip.take.has_pictures:
        raise ExportError(
            f"{clip.name} was recorded without video",
            expected="a take with pictures",
            remedy="Record with video, or export another format.",
        )
    width, height = (int(side) for side in clip.take.sizes[clip.frames[0]])
    tall = min(height, TALLEST) // 2 * 2
    wide = max(2, round(width * tall / height) // 2 * 2)
    rate = clip.frames_per_second
    count = round(clip.times[-1] * rate) + 1
    stage = HeadStage(clip, head, tall)

    def frames() -> Iterator[Picture]:
        left = np.zeros((tall, wide, 3), np.uint8)
        shown, right = -1, np.zeros((tall, tall, 3), np.uint8)
        for number in range(count):
            if token is not None:
                token.raise_if_cancelled()
            row = clip.row_at(number / rate)
            if row != shown:
                picture = clip.take.picture(int(clip.frames[row]))
                left = left if picture is None else cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_AREA)
                shown, right = row, stage.draw(row)
            if report is not None:
                report(Progress(number, count, f"Video {path.stem}"))
            yield np.concatenate([left, right], axis=1)

    return [write_frames(frames, path, (wide + tall, tall), rate, codecs)]


class HeadStage:
    """Draws the head of a clip in its pose, always from the front and at the same place and size."""

    def __init__(self, clip: Clip, head: HeadModel, size: int) -> None:
        """Args:
        size: of the square pictures, pixels.
        """
        self._clip, self._head, self._size = clip, head, size
        still = head.neutral_code().replace(shape=clip.code.shape[:1])
        with torch.no_grad():
            vertices = head(still)
        self._centre = (vertices.amin(1, keepdim=True) + vertices.amax(1, keepdim=True)) / 2
        self._scale = _MARGIN / float((vertices - self._centre).abs().amax())
        self._texture: Texture | None = None
        if head.n_albedo and len(head.uv):
            texels = head.albedo(clip.code.albedo[:1], _SKIN_TEXELS).detach()
            self._texture = Texture(head.uv, head.uv_faces, texels)

    @torch.no_grad()
    def draw(self, row: int) -> Picture:
        """(size, size, 3) RGB of one frame of the clip."""
        head = self._head
        vertices = head(self._clip.code[row]) - self._centre
        points = self._scale * vertices * vertices.new_tensor([1.0, -1.0, -1.0])
        fine = self._size * _FINER
        hit = choose_rasterizer(points.device)(points, head.faces, fine, fine)
        surface = Surface(points, vertex_normals(vertices, head.faces), head.faces)
        rendered = draw_surface(surface, hit, self._texture, _EXPOSURE * clay_lighting(points))
        picture = rendered.image + (1.0 - rendered.mask) * _BACKGROUND
        pixels = picture[0].permute(1, 2, 0).clamp(0.0, 1.0).numpy()
        small = cv2.resize(pixels, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return np.asarray(np.round(small * 255.0), np.uint8)
