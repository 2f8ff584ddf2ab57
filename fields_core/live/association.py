"""Which of the faces found now is which of the people known: steady ids without looking at the pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""left, top, right, bottom, pixels."""

_REACH = 0.8  # face widths that a face may be from where it was, from one frame to the next
_GROWTH = 1.5  # face widths more for every second that nobody saw it
_SAME_FACE = 0.5  # intersection over union of two boxes that show one face


def assign(known: Sequence[Box], unseen: Sequence[float], found: Sequence[Box]) -> dict[int, int]:
    """Pair known people with found faces, nearest first.

    Distances are those of the boxes' centres in face widths, plus how much the size has changed (1 = e times).

    Args:
        known: where each person was last seen.
        unseen: seconds since then.
        found: the faces of this frame.

    Returns:
        index of a found face -> index of the person it is; faces of new people are left out.
    """
    pairs = []
    for person, (box, seconds) in enumerate(zip(known, unseen, strict=True)):
        for face, other in enumerate(found):
            far = _distance(box, other)
            if far <= _REACH + _GROWTH * seconds:
                # Of two who could be this face, the one seen last is the likelier.
                pairs.append((far + seconds, person, face))
    taken: dict[int, int] = {}
    for _, person, face in sorted(pairs):
        if face not in taken and person not in taken.values():
            taken[face] = person
    return taken


def distinct(boxes: Sequence[Box]) -> list[int]:
    """Indices of the boxes without those that show a face a second time; earlier ones stay."""
    kept: list[int] = []
    for index, box in enumerate(boxes):
        if all(_overlap(box, boxes[other]) < _SAME_FACE for other in kept):
            kept.append(index)
    return kept


def _distance(a: Box, b: Box) -> float:
    size_a, size_b = _size(a), _size(b)
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2.0, (a[1] + a[3] - b[1] - b[3]) / 2.0
    return math.hypot(dx, dy) / math.sqrt(size_a * size_b) + abs(math.log(size_a / size_b))


def _size(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1], 1e-6)


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0.0 or height <= 0.0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
