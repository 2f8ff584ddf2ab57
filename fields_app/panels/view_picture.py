"""A picture of the 3D view as the user wants to keep it: at rest, smooth, on its background or on none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from fields_app import style


def take_picture(scene: Any, backend: Any, *, transparent: bool) -> QImage:
    """What the viewport shows.

    Args:
        scene: a `HeadScene`.
        backend: the `viewport_backends.Backend` that draws it.
        transparent: without background and photo, outlines mixed with nothing.

    Returns:
        An RGBA picture in device pixels.
    """
    scene.set_smooth(True)
    backend.set_rough(False)
    if not transparent:
        backend.draw()
        pixels = backend.image()
        return _to_image(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
    pictures = []
    for colour in (style.VIEW_BLACK, style.VIEW_WHITE):
        scene.set_plain_background(colour)
        backend.draw()
        pictures.append(backend.image())
    scene.restore_background()
    backend.draw()
    return _to_image(cut_out(*pictures))


def cut_out(on_black: NDArray[np.uint8], on_white: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What two pictures of one thing show, without their backgrounds (difference matting).

    Args:
        on_black: (H, W, 3) RGB.
        on_white: (H, W, 3) RGB of the same thing.

    Returns:
        (H, W, 4) RGBA, colours not multiplied by alpha.
    """
    black, white = on_black.astype(np.float32), on_white.astype(np.float32)
    alpha = np.clip(1.0 - (white - black).mean(axis=2) / 255.0, 0.0, 1.0)
    colours = black / np.maximum(alpha, 1.0 / 255.0)[..., None]
    return np.round(np.dstack([colours.clip(0, 255), 255.0 * alpha])).astype(np.uint8)


def _to_image(pixels: NDArray[np.uint8]) -> QImage:
    height, width = pixels.shape[:2]
    pixels = np.ascontiguousarray(pixels)
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
