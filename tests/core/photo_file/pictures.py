"""A picture whose orientation shows, and pictures as bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 40, 60


RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (250, 250, 250)


def assert_quadrants(pixels: np.ndarray, tolerance: int = 0) -> None:
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    corners = pixels[[5, 5, -6, -6], [5, -6, 5, -6]].astype(int)
    assert np.abs(corners - [RED, GREEN, BLUE, WHITE]).max() <= tolerance


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def ramp(dtype: type, top: float) -> np.ndarray:
    return np.tile(np.linspace(0, top, 64), (32, 1)).astype(dtype)
