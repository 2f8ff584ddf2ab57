"""Small pictures inside a project (crops, textures, thumbnails) as PNG, without loss."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fields_core.project.schema import unusable

THUMBNAIL_SIDE = 256
_QUICK = 1  # PNG compression: an autosave should not keep a core busy


class Pictures:
    """Encodes pictures, and remembers the bytes as long as the same arrays come again: an autosave is then quick."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[NDArray[np.uint8], bytes]] = {}
        self._used: set[int] = set()

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        """(H, W, 3) RGB as PNG."""
        key = id(pixels)  # stays the array's own while the array is kept beside it
        if key not in self._known:
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG", compress_level=_QUICK)
            self._known[key] = (pixels, stream.getvalue())
        self._used.add(key)
        return self._known[key][1]

    def forget_unused(self) -> None:
        """Drop what was not asked for since the last call."""
        self._known = {key: self._known[key] for key in self._used if key in self._known}
        self._used.clear()


def decode(path: Path, name: str, data: bytes, *, least: int, greatest: int) -> NDArray[np.uint8]:
    """The (H, W, 3) RGB picture of a PNG whose sides are between ``least`` and ``greatest`` pixels.

    Raises:
        ProjectError: it is something else; ``path`` and ``name`` say where.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of what it thinks a bomb
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                if not (least <= min(image.size) and max(image.size) <= greatest) or image.mode != "RGB":
                    raise unusable(
                        path,
                        f"{name} in RGB with sides of {least} to {greatest} pixels",
                        f"{image.width} x {image.height} in {image.mode}",
                    )
                return np.array(image)
    except (OSError, SyntaxError, ValueError, EOFError, Warning, Image.DecompressionBombError, MemoryError) as cause:
        raise unusable(path, f"{name} as a PNG picture", str(cause)[:200]) from cause


def thumbnail(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB shrunk so that the longer side has at most `THUMBNAIL_SIDE` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.array(image)
