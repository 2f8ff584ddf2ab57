"""Pictures that carry their number, and how it is read from a frame."""

from __future__ import annotations

import numpy as np

from fields_core.live.source import FrameSource
from fields_core.live.tracked import Frame

FRAMES, STEP = 24, 10

FRAMES, STEP = 24, 10
"""Pictures of a film, and by how much each is brighter than the one before."""


def picture(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 3), number * STEP, np.uint8)


def shown(frame: Frame | None) -> int:
    """Which of `picture` a frame shows."""
    assert frame is not None
    return round(float(frame.pixels.mean()) / STEP)


def read_all(source: FrameSource) -> list[Frame]:
    source.open()
    return list(iter(source.read, None))
