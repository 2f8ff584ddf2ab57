"""Faces for live tests without pictures: a detector that is told what it finds, and heads that make its landmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.camera import project
from fields_core.datatypes import DetectedFace, FaceCode
from fields_core.head.model import HeadModel
from fields_core.live.tracked import Frame

SIZE = (320, 240)
RATE = 30.0


class ToldDetector:
    """A `FaceDetector` in video mode that finds what ``faces(frame number)`` says; frames carry it in a pixel."""

    def __init__(self, faces: Callable[[int], Sequence[DetectedFace]]) -> None:
        self.faces, self.clips, self.closed = faces, 0, False

    def detect_frame(self, pixels: NDArray[np.uint8], timestamp_ms: int) -> list[DetectedFace]:
        return list(self.faces(int(pixels[0, 0, 0]) + 256 * int(pixels[0, 0, 1])))

    def start_clip(self) -> None:
        self.clips += 1

    def close(self) -> None:
        self.closed = True


def frame(number: int, size: tuple[int, int] = SIZE, rate: float = RATE) -> Frame:
    """The frame that `ToldDetector` knows as ``number``."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[0, 0, :2] = number % 256, number // 256
    return Frame(pixels, number / rate, number)


def face(
    head: HeadModel, code: FaceCode, centre: tuple[float, float] = (160.0, 120.0), size: float = 60.0
) -> DetectedFace:
    """What a perfect detector makes of a code: its landmarks about ``centre``, ``size`` pixels an image unit."""
    with torch.no_grad():
        points = project(head.landmarks(head(code)), code.camera)[0, :, :2].numpy() * size + centre
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    return DetectedFace(box, np.column_stack([points, np.zeros(len(points))]).astype(np.float32), {})


def person(head: HeadModel, seed: int, **units: float) -> FaceCode:
    """The code of one of many people, with some units on."""
    shape = torch.randn(1, head.n_shape, generator=torch.Generator().manual_seed(seed))
    expression = torch.zeros(1, head.n_expression)
    for name, value in units.items():
        expression[0, head.expression_names.index(name)] = value
    return head.neutral_code().replace(shape=shape, expression=expression)
