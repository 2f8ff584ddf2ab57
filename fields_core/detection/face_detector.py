"""Finds the faces of a photo, large and small, whichever way up, and their landmarks.

The landmarker alone misses faces narrower than a tenth of the photo. So the face detector inside its bundle first
says where a face may be (`fields_core.detection.search`); then each suspicion is cut out, turned upright, enlarged, and
shown to the landmarker, which must find a face there that agrees with the suspicion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from fields_core.assets import find_asset
from fields_core.datatypes import DetectedFace, Photo
from fields_core.detection.crop import square_similarity, transform
from fields_core.detection.landmarker import BUNDLE, FaceHint, HintFinder, Landmarker, Landmarks
from fields_core.detection.search import SMALL_FACE_WIDTHS, TINY_FACE_WIDTHS, FaceSearch, moved, overlap, same_face
from fields_core.face_mesh import LEFT_IRIS, RIGHT_IRIS

MIN_SCORE = 0.4  # of a suspicion worth a look
SURE_SCORE = 0.9  # of a suspicion that needs no second opinion
MIN_FACE = 12.0  # photo pixels; below, landmarks mean nothing
LOOK_SIZE = 384  # pixels of the picture the landmarker is shown
LOOK_SCALE = 2.0  # its side over the detector's box: the landmarker wants some surroundings
# The detector's score on the upright look, less this times the mean distance of two looks' landmarks over the face's
# size, is a suspicion's likeness. Measured on 800 real faces, upright and turned: scores of 0.77 to 0.9, distances of
# 0.005 (99 %: 0.026). Lettering, coins, cells and gravel that pass for faces have 0.6 to 0.79, and 0.015 to 0.17.
DISAGREEMENT = 10.0
SEARCH_EVERY = 6  # frames of a clip without anybody; a fifth of a second until somebody turned sideways is found
SAME_LOOK = 0.6  # intersection over union of two suspicions that would be shown the same picture


class FaceDetector:
    """Faces with 478 landmarks each.

    Use it with ``with``, or call `close`. One call at a time; any thread.

    Args:
        model: the user's own ``face_landmarker.task``; None finds the one that comes with the program.
        max_faces: at most so many faces a picture, the largest.
        mode: "image" for photos (`detect`), "video" for the frames of a clip or camera (`detect_frame`).
        small_faces: search photos for faces down to 3 % of their width too (some 100 ms a photo).
        scores: whether blendshape scores of followed faces are wanted (`DetectedFace.scores`).

    Raises:
        AssetMissingError: there is no model, or it is damaged.
    """

    def __init__(
        self,
        model: Path | None = None,
        max_faces: int = 20,
        mode: Literal["image", "video"] = "image",
        small_faces: bool = True,
        scores: bool = True,
    ) -> None:
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, found {max_faces}")
        if mode not in ("image", "video"):
            raise ValueError(f"mode must be 'image' or 'video', found {mode!r}")
        self.max_faces, self.mode, self.small_faces, self._scores = max_faces, mode, small_faces, scores
        self._bundle = find_asset(BUNDLE, model)
        self._tracker: Landmarker | None = None
        self._last_timestamp = -1
        self._vain = 0  # frames since somebody was seen
        self._finder = HintFinder(self._bundle, MIN_SCORE)
        try:
            # Neighbours reach into a look; the face in the middle is taken.
            self._landmarker = Landmarker(self._bundle, max_faces=3)
        except BaseException:
            self._finder.close()
            raise

    def detect(self, photo: Photo) -> list[DetectedFace]:
        """The faces of a photo, largest first; an empty list if there is none.

        Raises:
            RuntimeError: the detector was closed.
        """
        return self._search(photo.pixels, self.small_faces)

    def detect_frame(self, pixels: NDArray[np.uint8], timestamp_ms: int) -> list[DetectedFace]:
        """The faces of the next frame of a clip, largest first, followed from frame to frame.

        A timestamp that does not grow begins a new clip. Where following finds nobody, the frame is searched as a photo
        is, without the small faces; once that was in vain, only every `SEARCH_EVERY` frames, for it takes several times
        as long as following.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            timestamp_ms: of the frame, milliseconds.

        Raises:
            RuntimeError: the detector was closed, or made for photos.
            ValueError: not a (H, W, 3) uint8 picture.
        """
        if self.mode != "video":
            raise RuntimeError("detect_frame needs FaceDetector(mode='video')")
        if self._landmarker.closed:
            raise RuntimeError("FaceDetector was used after close()")
        if timestamp_ms <= self._last_timestamp:
            self.start_clip()
        if self._tracker is None:
            self._tracker = Landmarker(self._bundle, self.max_faces, video=True, scores=self._scores)
        self._last_timestamp = timestamp_ms
        found = self._tracker.find(pixels, timestamp_ms)
        faces = [_face(marks.points, marks.scores) for marks in found]
        if not faces and self._vain % SEARCH_EVERY == 0:
            faces = self._search(pixels, small_faces=False)
        self._vain = 0 if faces else self._vain + 1
        return self._ordered(faces)

    def start_clip(self) -> None:
        """Forget the faces followed so far: the next frame belongs to another clip."""
        if self._tracker is not None:
            self._tracker.close()
        self._tracker, self._last_timestamp, self._vain = None, -1, 0

    def close(self) -> None:
        """Free the networks; safe to repeat."""
        try:
            self.start_clip()
        finally:
            try:
                self._landmarker.close()
            finally:
                self._finder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _search(self, pixels: NDArray[np.uint8], small_faces: bool) -> list[DetectedFace]:
        search, hunt = FaceSearch(pixels, self._finder), _Hunt()
        self._confirm(search, search.whole(), hunt, _EXPECTED)
        if small_faces:
            boxes = [face.box for face in hunt.faces]
            self._confirm(search, search.tiles(SMALL_FACE_WIDTHS, boxes), hunt, _BY_CHANCE)
        for quarter_turns in (1, 3, 2):
            if not hunt.faces:
                self._confirm(search, search.whole(quarter_turns), hunt, _BY_CHANCE)
            if not hunt.faces and small_faces:
                hints = search.tiles(SMALL_FACE_WIDTHS, quarter_turns=quarter_turns)
                self._confirm(search, hints, hunt, _BY_CHANCE)
        if not hunt.faces and small_faces:
            self._confirm(search, search.tiles(TINY_FACE_WIDTHS), hunt, _BY_CHANCE)
        return self._ordered(hunt.faces)

    def _confirm(self, search: FaceSearch, hints: list[FaceHint], hunt: _Hunt, bar: _Bar) -> None:
        """Add to the hunt's faces those behind hints that are other faces, indeed."""
        for hint in hints[: 3 * self.max_faces]:
            if hint.size < MIN_FACE or hunt.knows(hint):
                continue
            face = self._look(search, hint, bar)
            if face is None:
                hunt.refused.append(hint)
            elif not any(_is_of(*_square(face), other) for other in hunt.faces):
                hunt.faces.append(face)

    def _look(self, search: FaceSearch, hint: FaceHint, bar: _Bar) -> DetectedFace | None:
        """The face behind a hint, or None if what is there stays below the bar."""
        sure = hint.score >= SURE_SCORE
        if not sure:
            upright = self._upright(search, hint)
            if upright is None or upright.score < bar.score:
                return None
            hint = upright
        first = self._landmarks(search, _Look(hint.centre, LOOK_SCALE * hint.size, _roll(*hint.eyes)))
        if first is None:
            return None
        if sure:
            return _face(first.points, first.scores)
        # Something that only resembles a face looks different when it is framed differently.
        box = _face(first.points, first.scores)
        centre, size = _square(box)
        second = self._landmarks(search, _Look(centre, 0.9 * LOOK_SCALE * size, _roll(*_irises(first.points))))
        if second is None:
            return None
        distance = np.linalg.norm(second.points[:, :2] - first.points[:, :2], axis=1).mean()
        likeness = hint.score - DISAGREEMENT * float(distance) / size
        return _face(second.points, second.scores) if likeness >= bar.likeness else None

    def _upright(self, search: FaceSearch, hint: FaceHint) -> FaceHint | None:
        """The hint seen closer, from the side on which it looks most like a face: upside down the eyes mislead."""
        best: FaceHint | None = None
        size = HintFinder.INPUT_SIZE
        for turn in (0, 90, 180, 270):
            to_photo = square_similarity(hint.centre, LOOK_SCALE * hint.size, size, _roll(*hint.eyes) + turn)
            for closer in self._finder.find(search.sample(to_photo, size)):
                seen = moved(closer, to_photo)
                same = same_face(hint.centre, hint.size, seen.centre, seen.size)
                if same and (best is None or seen.score > best.score):
                    best = seen
        return best

    def _landmarks(self, search: FaceSearch, look: _Look) -> Landmarks | None:
        """Landmarks in photo pixels of the face in the middle of a look."""
        to_photo = square_similarity(look.centre, look.side, LOOK_SIZE, look.degrees)
        found = self._landmarker.find(search.sample(to_photo, LOOK_SIZE))
        scale = look.side / LOOK_SIZE
        for marks in found:
            points = np.column_stack([transform(to_photo, marks.points[:, :2]), scale * marks.points[:, 2]])
            centre, size = _square(_face(points, marks.scores))
            near = np.abs(centre - look.centre).max() < 0.2 * look.side
            if near and 0.25 < size / look.side < 0.9:
                return Landmarks(points, marks.scores)
        return None

    def _ordered(self, faces: list[DetectedFace]) -> list[DetectedFace]:
        return sorted(faces, key=lambda face: -_square(face)[1])[: self.max_faces]


@dataclass(frozen=True)
class _Bar:
    """What a suspicion must reach."""

    score: float
    """Of the detector, on the upright look."""
    likeness: float
    """See `DISAGREEMENT`."""


_EXPECTED = _Bar(score=0.5, likeness=0.5)  # upright, an eighth of the photo or more
_BY_CHANCE = _Bar(score=0.7, likeness=0.59)  # in many tiles and turned photos something always resembles a face


@dataclass(eq=False)
class _Hunt:
    """What was found in one photo so far, and what turned out to be none."""

    faces: list[DetectedFace] = field(default_factory=list)
    refused: list[FaceHint] = field(default_factory=list)

    def knows(self, hint: FaceHint) -> bool:
        """Each suspicion is looked at from all four sides: there is no need to do so again in a turned photo."""
        return any(_is_of(hint.centre, hint.size, face) for face in self.faces) or any(
            overlap(hint.centre, hint.size, other.centre, other.size) > SAME_LOOK for other in self.refused
        )


@dataclass(frozen=True, eq=False)
class _Look:
    """A square of the photo, in photo pixels, and how far to turn it counter-clockwise."""

    centre: NDArray[np.float64]
    side: float
    degrees: float


def _face(points: NDArray[np.float64], scores: dict[str, float]) -> DetectedFace:
    left, top = points[:, :2].min(axis=0)
    right, bottom = points[:, :2].max(axis=0)
    quarter_turns = round(_roll(*_irises(points)) / 90.0) % 4
    box = (float(left), float(top), float(right), float(bottom))
    return DetectedFace(box, points.astype(np.float32), scores, 90 * quarter_turns)


def _irises(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[[RIGHT_IRIS[0], LEFT_IRIS[0]], :2]


def _roll(right_eye: NDArray[np.float64], left_eye: NDArray[np.float64]) -> float:
    """Degrees the photo must be turned counter-clockwise to bring the eyes level, right eye on the viewer's left."""
    across = left_eye - right_eye
    return math.degrees(math.atan2(across[1], across[0]))


def _square(face: DetectedFace) -> tuple[NDArray[np.float64], float]:
    """Centre and longer side of the box."""
    left, top, right, bottom = face.box
    return np.array([(left + right) / 2.0, (top + bottom) / 2.0]), max(right - left, bottom - top)


def _is_of(centre: NDArray[np.float64], size: float, face: DetectedFace) -> bool:
    """Whether a square is that face, or a part of it (a nose and mouth make a face to the detector)."""
    known_centre, known_size = _square(face)
    inside = bool(np.abs(centre - known_centre).max() < known_size / 2.0)
    return (inside and size < known_size) or same_face(centre, size, known_centre, known_size)
