"""Where in a photo a face may be: the face detector over a pyramid of tiles.

The detector (BlazeFace) looks at 128 x 128 pixels and knows faces of 16 pixels and more: an eighth of a picture's side.
So the whole photo is shown to it first; then overlapping tiles of the photo at twice and at 4.5 times that scale, where
a face of 3 % of the photo's width covers 17 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.detection.crop import Similarity, transform
from fields_core.detection.landmarker import FaceHint, HintFinder

TILE = HintFinder.INPUT_SIZE
SMALL_FACE_WIDTHS = (272, 576)  # pixels across the photo at the pyramid's finer levels
TINY_FACE_WIDTHS = (1152,)  # a crowd: only worth it where nobody was found
OVERLAP = 40  # pixels: a face too small for the coarser level is whole in some tile
MAX_TILES = 400  # a ribbon of 100,000 x 20 pixels must not take minutes
BORDER = 8  # pixels around the whole photo, for faces that fill it
MAX_ENLARGING = 1.5  # finer levels than this hold nothing new


@dataclass(frozen=True, eq=False)
class _Tile:
    pixels: NDArray[np.uint8]
    """(128, 128, 3)."""
    to_photo: Similarity
    """(2, 3) tile pixels -> photo pixels."""


def whole_photo_hints(pixels: NDArray[np.uint8], finder: HintFinder) -> list[FaceHint]:
    """Faces of an eighth of the photo's longer side and more, in photo pixels, best first."""
    height, width = pixels.shape[:2]
    inner = TILE - 2 * BORDER
    scale = inner / max(height, width)
    small, to_photo = _shrunk(pixels, scale)
    rows, columns = TILE - small.shape[0], TILE - small.shape[1]
    top, left = rows // 2, columns // 2
    # Repeating the edge would smear a face that is cut off there into a second one.
    tile = cv2.copyMakeBorder(small, top, rows - top, left, columns - left, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    return _merged(_hints(_Tile(tile, _shifted(to_photo, -left, -top)), finder))


def tile_hints(pixels: NDArray[np.uint8], finder: HintFinder, level_widths: tuple[int, ...]) -> list[FaceHint]:
    """Faces that are small in the photo, in photo pixels, best first, without repeats.

    Args:
        pixels: (H, W, 3) RGB.
        finder: the face detector.
        level_widths: pixels across the photo, one for each level of the pyramid.
    """
    hints = [hint for width in level_widths for tile in _tiles(pixels, width) for hint in _hints(tile, finder)]
    return _merged(hints)


def same_face(centre: NDArray[np.float64], size: float, other_centre: NDArray[np.float64], other_size: float) -> bool:
    """Whether two squares are one face: intersection over union above 0.3, or the centres nearly the same."""
    gap = np.abs(centre - other_centre)
    overlap = np.clip((size + other_size) / 2.0 - gap, 0.0, min(size, other_size))
    common = float(overlap[0] * overlap[1])
    iou = common / (size * size + other_size * other_size - common)
    return iou > 0.3 or bool(gap.max() < 0.25 * max(size, other_size))


def _tiles(pixels: NDArray[np.uint8], level_width: int) -> Iterator[_Tile]:
    scale = min(level_width / pixels.shape[1], MAX_ENLARGING)
    level, to_photo = _shrunk(pixels, scale)
    rows, columns = _starts(level.shape[0]), _starts(level.shape[1])
    if len(rows) * len(columns) > MAX_TILES:
        return
    if level.shape[0] <= TILE and level.shape[1] <= TILE:
        return  # the whole photo was seen at this scale already
    padded = cv2.copyMakeBorder(
        level,
        0,
        max(0, TILE - level.shape[0]),
        0,
        max(0, TILE - level.shape[1]),
        cv2.BORDER_CONSTANT,
        value=(128, 128, 128),
    )
    for top in rows:
        for left in columns:
            yield _Tile(padded[top : top + TILE, left : left + TILE], _shifted(to_photo, left, top))


def _starts(length: int) -> list[int]:
    """Where tiles begin so that they cover ``length`` pixels evenly with at least `OVERLAP`."""
    spare = max(0, length - TILE)
    steps = math.ceil(spare / (TILE - OVERLAP))
    return [round(spare * i / steps) for i in range(steps + 1)] if steps else [0]


def _shrunk(pixels: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], Similarity]:
    """The photo at ``scale``, and the way back to its own pixels."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    ratio = np.array([width / size[0], height / size[1]])
    return cv2.resize(pixels, size, interpolation=way), np.column_stack([np.diag(ratio), ratio / 2.0 - 0.5])


def _shifted(to_photo: Similarity, left: int, top: int) -> Similarity:
    """The way back from a window that begins at (left, top)."""
    return np.column_stack([to_photo[:, :2], transform(to_photo, np.array([left, top], np.float64))])


def _hints(tile: _Tile, finder: HintFinder) -> list[FaceHint]:
    scale = float(np.abs(tile.to_photo[:, :2]).max())
    return [
        replace(
            hint,
            centre=transform(tile.to_photo, hint.centre),
            size=hint.size * scale,
            eyes=transform(tile.to_photo, hint.eyes),
        )
        for hint in finder.find(tile.pixels)
    ]


def _merged(hints: list[FaceHint]) -> list[FaceHint]:
    """Best first, each face once."""
    kept: list[FaceHint] = []
    for hint in sorted(hints, key=lambda h: -h.score):
        if not any(same_face(hint.centre, hint.size, k.centre, k.size) for k in kept):
            kept.append(hint)
    return kept


def turned_hints(hints: list[FaceHint], turn: Similarity) -> list[FaceHint]:
    """Hints of a turned photo in the pixels of the photo itself; ``turn`` (2, 3) maps turned pixels to photo pixels."""
    return [replace(h, centre=transform(turn, h.centre), eyes=transform(turn, h.eyes)) for h in hints]
