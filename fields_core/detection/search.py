"""Where in a photo a face may be: the face detector over a pyramid of tiles.

The detector (BlazeFace) looks at 128 x 128 pixels and knows faces of 16 pixels and more: an eighth of a picture's side.
So the whole photo is shown to it first; then overlapping tiles of the photo at 2.5 and 5.7 times that scale, where
a face of 3 % of the photo's width covers 19 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.detection.crop import Similarity, invert, sample, transform
from fields_core.detection.landmarker import FaceHint, HintFinder
from fields_core.detection.pixel_array import NEUTRAL_GROUND

TILE = HintFinder.INPUT_SIZE
SMALL_FACE_WIDTHS = (280, 640)  # pixels across the photo at the pyramid's finer levels
TINY_FACE_WIDTHS = (1280,)  # a crowd: only worth it where nobody was found
BASE_SIDE = 1280  # pixels: large photos are shrunk once, all levels are made of that
OVERLAP = 40  # pixels: a face too small for the coarser level is whole in some tile
MAX_TILES = 400  # a ribbon of 100,000 x 20 pixels must not take minutes
BORDER = 8  # pixels around the whole photo, for faces that fill it
MAX_ENLARGING = 1.5  # finer levels than this hold nothing new

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class _View:
    """A part of the photo at some scale, perhaps turned."""

    pixels: NDArray[np.uint8]
    to_photo: Similarity
    """(2, 3) pixels of the view -> photo pixels."""


class FaceSearch:
    """One photo, shrunk once, asked where its faces may be.

    Args:
        pixels: (H, W, 3) RGB.
        finder: the face detector.
    """

    def __init__(self, pixels: NDArray[np.uint8], finder: HintFinder) -> None:
        self._finder = finder
        self._pixels = pixels
        scale = min(1.0, BASE_SIDE / min(pixels.shape[:2]), 8 * BASE_SIDE / max(pixels.shape[:2]))
        self._base = _shrunk(_View(pixels, np.eye(2, 3)), scale)

    def whole(self, quarter_turns: int = 0) -> list[FaceHint]:
        """Faces of an eighth of the photo's longer side and more, in photo pixels, best first.

        Args:
            quarter_turns: the photo is first turned so often by 90 degrees counter-clockwise.
        """
        base = _turned(self._base, quarter_turns)
        small = _shrunk(base, (TILE - 2 * BORDER) / max(base.pixels.shape[:2]))
        rows, columns = TILE - small.pixels.shape[0], TILE - small.pixels.shape[1]
        top, left = rows // 2, columns // 2
        padded = _padded(small.pixels, top, rows - top, left, columns - left)
        return _merged(self._hints(_View(padded, _shifted(small.to_photo, -left, -top))))

    def tiles(self, level_widths: Sequence[int], known: Sequence[Box] = (), quarter_turns: int = 0) -> list[FaceHint]:
        """Faces that are small in the photo, in photo pixels, best first, without repeats.

        Args:
            level_widths: pixels across the photo, one for each level of the pyramid.
            known: left, top, right, bottom of faces found already, photo pixels: tiles inside one are skipped.
            quarter_turns: the photo is first turned so often by 90 degrees counter-clockwise.
        """
        base = _turned(self._base, quarter_turns)
        hints: list[FaceHint] = []
        for tile in (tile for width in level_widths for tile in _tiles(base, width)):
            if not any(_inside(tile, box) for box in known):
                hints += self._hints(tile)
        return _merged(hints)

    def sample(self, look_to_photo: Similarity, size: int) -> NDArray[np.uint8]:
        """As `fields_core.detection.crop.sample`, of the shrunk photo where that shows as much: much faster."""
        if _scale(look_to_photo) < _scale(self._base.to_photo):
            return sample(self._pixels, look_to_photo, size)
        to_base = invert(self._base.to_photo)
        return sample(self._base.pixels, _after(to_base, look_to_photo), size)

    def _hints(self, view: _View) -> list[FaceHint]:
        return [moved(hint, view.to_photo) for hint in self._finder.find(view.pixels)]


def moved(hint: FaceHint, similarity: Similarity) -> FaceHint:
    """A hint in other pixels: ``similarity`` (2, 3) maps its own to those."""
    centre, eyes = transform(similarity, hint.centre), transform(similarity, hint.eyes)
    return replace(hint, centre=centre, size=_scale(similarity) * hint.size, eyes=eyes)


def overlap(centre: NDArray[np.float64], size: float, other_centre: NDArray[np.float64], other_size: float) -> float:
    """Intersection over union of two upright squares."""
    gap = np.abs(centre - other_centre)
    sides = np.clip((size + other_size) / 2.0 - gap, 0.0, min(size, other_size))
    common = float(sides[0] * sides[1])
    return common / (size * size + other_size * other_size - common)


def same_face(centre: NDArray[np.float64], size: float, other_centre: NDArray[np.float64], other_size: float) -> bool:
    """Whether two squares are one face: intersection over union above 0.3, or the centres nearly the same."""
    near = bool(np.abs(centre - other_centre).max() < 0.25 * max(size, other_size))
    return near or overlap(centre, size, other_centre, other_size) > 0.3


def _inside(view: _View, box: Box) -> bool:
    corners = transform(view.to_photo, np.array([[0.0, 0.0], [TILE - 1.0, TILE - 1.0]]))
    return bool((corners.min(axis=0) >= box[:2]).all() and (corners.max(axis=0) <= box[2:]).all())


def _tiles(base: _View, level_width: int) -> Iterator[_View]:
    level = _shrunk(base, min(level_width / base.pixels.shape[1], MAX_ENLARGING))
    height, width = level.pixels.shape[:2]
    rows, columns = _starts(height), _starts(width)
    seen_whole_already = height <= TILE and width <= TILE
    if seen_whole_already or len(rows) * len(columns) > MAX_TILES:
        return
    pixels = _padded(level.pixels, 0, max(0, TILE - height), 0, max(0, TILE - width))
    for top in rows:
        for left in columns:
            yield _View(pixels[top : top + TILE, left : left + TILE], _shifted(level.to_photo, left, top))


def _starts(length: int) -> list[int]:
    """Where tiles begin so that they cover ``length`` pixels evenly with at least `OVERLAP`."""
    spare = max(0, length - TILE)
    steps = math.ceil(spare / (TILE - OVERLAP))
    return [round(spare * i / steps) for i in range(steps + 1)] if steps else [0]


def _scale(similarity: Similarity) -> float:
    return math.hypot(similarity[0, 0], similarity[1, 0])


def _after(second: Similarity, first: Similarity) -> Similarity:
    """The similarity that does ``first``, then ``second``."""
    return np.column_stack([second[:, :2] @ first[:, :2], transform(second, first[:, 2])])


def _shrunk(view: _View, scale: float) -> _View:
    if scale == 1.0:
        return view
    height, width = view.pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    ratio = np.array([width / size[0], height / size[1]])
    to_view = np.column_stack([np.diag(ratio), ratio / 2.0 - 0.5])  # pixel centres are at whole numbers
    return _View(cv2.resize(view.pixels, size, interpolation=way), _after(view.to_photo, to_view))


def _turned(view: _View, quarter_turns: int) -> _View:
    """The view turned counter-clockwise."""
    if quarter_turns % 4 == 0:
        return view
    height, width = view.pixels.shape[:2]
    back = {
        1: np.array([[0.0, -1.0, width - 1.0], [1.0, 0.0, 0.0]]),
        2: np.array([[-1.0, 0.0, width - 1.0], [0.0, -1.0, height - 1.0]]),
        3: np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, height - 1.0]]),
    }[quarter_turns % 4]
    return _View(np.ascontiguousarray(np.rot90(view.pixels, quarter_turns)), _after(view.to_photo, back))


def _shifted(to_photo: Similarity, left: int, top: int) -> Similarity:
    """The way back from a window that begins at (left, top)."""
    return np.column_stack([to_photo[:, :2], transform(to_photo, np.array([left, top], np.float64))])


def _padded(pixels: NDArray[np.uint8], top: int, bottom: int, left: int, right: int) -> NDArray[np.uint8]:
    # Grey, as in `fields_core.detection.crop.sample`: repeating the edge would smear a face that is cut off there.
    return cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=NEUTRAL_GROUND)


def _merged(hints: list[FaceHint]) -> list[FaceHint]:
    """Best first, each face once."""
    kept: list[FaceHint] = []
    for hint in sorted(hints, key=lambda h: -h.score):
        if not any(same_face(hint.centre, hint.size, k.centre, k.size) for k in kept):
            kept.append(hint)
    return kept
