"""From frames to heads that move: detection, codes, identity, smoothing, for everybody in the picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from fields_core.datatypes import CROP_SIZE, DetectedFace, FaceCode, FaceCrop, Photo
from fields_core.detection.crop import crop_face, frame_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.errors import FitError
from fields_core.head.model import HeadModel
from fields_core.live.adjustment import Adjustment
from fields_core.live.association import assign, distinct
from fields_core.live.coder import FaceCoder, FittedCoder
from fields_core.live.person import Person, TrackerSettings
from fields_core.live.tracked import EmotionReading, Frame, StageTimes, TrackedFace, TrackedFrame

DEFAULT_FACES = 4
_LONGEST_STEP = 0.5  # seconds between frames that count: after a longer gap nothing is known about the speed


class Tracker:
    """Follows the faces of one source. One call at a time; close it, or use it with ``with``.

    Args:
        head: the head model.
        coder: makes the codes; None fits landmarks.
        settings: see `TrackerSettings`; may be replaced at any time.
        emotion: reads a code of one face (`EmotionReader`); None leaves ``TrackedFace.emotion`` empty.
        max_faces: at most so many people at a time.
        detector: in video mode; None makes one, and only that one is closed here.
        landmarker: the user's own ``face_landmarker.task`` for the detector made here.

    Raises:
        AssetMissingError: the face landmarker is nowhere to be found.
        FitError: the head model has no landmarks.
        SettingsError: gains or limits of units that the head does not have.
    """

    def __init__(
        self,
        head: HeadModel,
        coder: FaceCoder | None = None,
        settings: TrackerSettings | None = None,
        emotion: Callable[[FaceCode], EmotionReading] | None = None,
        max_faces: int = DEFAULT_FACES,
        detector: FaceDetector | None = None,
        landmarker: Path | None = None,
    ) -> None:
        self.head = head
        self._coder = coder if coder is not None else FittedCoder(head)
        self._emotion = emotion
        self._settings = settings or TrackerSettings()
        self._adjustment = Adjustment(head, self._settings.units)
        self._people: list[Person] = []
        self._met = 0
        self._last: Frame | None = None
        self._owns_detector = detector is None
        self._detector = detector or FaceDetector(landmarker, max_faces, mode="video", scores=self._coder.needs_scores)

    @property
    def settings(self) -> TrackerSettings:
        return self._settings

    @settings.setter
    def settings(self, settings: TrackerSettings) -> None:
        self._adjustment = Adjustment(self.head, settings.units)
        self._settings = settings
        for person in self._people:
            person.configure(settings)

    def track(self, frame: Frame) -> TrackedFrame:
        """The faces of the next frame.

        A timestamp that does not grow begins another recording of the same people.
        """
        seconds = self._step(frame)
        start = time.perf_counter()
        detected = self._detector.detect_frame(frame.pixels, round(1e3 * frame.timestamp))
        detected = [detected[index] for index in distinct([face.box for face in detected])]
        found = time.perf_counter()
        people = self._matched(detected, seconds)
        photo = Photo(frame.pixels)
        faces, coding = [], 0.0
        for person, face in people:
            tracked, took = self._seen(person, face, photo, seconds)
            coding += took
            faces.append(tracked)
        seen = {person.number for person, _ in people}
        faces += [person.miss(self._adjustment, seconds) for person in self._people if person.number not in seen]
        self._people = [person for person in self._people if person.unseen <= self._settings.memory_seconds]
        times = StageTimes(found - start, coding, time.perf_counter() - found - coding)
        shown = sorted((face for face in faces if face is not None), key=lambda face: face.id)
        return TrackedFrame(frame.timestamp, frame.number, frame.size, tuple(shown), times)

    def calibrate_neutral(self) -> None:
        """Everybody seen is said to look neutral from now on for `TrackerSettings.calibration_seconds`."""
        for person in self._people:
            person.calibrate()

    def clear_calibration(self) -> None:
        """The head model's own rest is neutral again."""
        for person in self._people:
            person.clear_calibration()

    @property
    def calibrating(self) -> bool:
        """Whether a neutral face is being averaged."""
        return any(person.calibrating for person in self._people)

    def measure_identities(self) -> None:
        """Forget the identities of everybody and measure them again."""
        for person in self._people:
            person.measure_again()

    def reset(self) -> None:
        """Forget everybody: the next frame has nothing to do with the last one. Ids start again from 0."""
        self._people, self._met, self._last = [], 0, None
        self._detector.start_clip()

    def close(self) -> None:
        """Free the detector's networks; safe to repeat."""
        if self._owns_detector:
            self._detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self, frame: Frame) -> float:
        """Seconds since the last frame, sensible whatever the timestamps say; takes note of another frame size."""
        last, self._last = self._last, frame
        if last is None:
            return 1.0 / 30.0
        if frame.size != last.size:
            self._detector.start_clip()
            for person in self._people:
                person.resized(frame.size[0] / last.size[0], frame.size[1] / last.size[1])
        elapsed = frame.timestamp - last.timestamp
        return min(elapsed, _LONGEST_STEP) if elapsed > 0.0 else 1.0 / 30.0

    def _matched(self, detected: list[DetectedFace], seconds: float) -> list[tuple[Person, DetectedFace]]:
        """Every face with the person it belongs to; new people are welcomed."""
        known = self._people
        pairs = assign(
            [person.box for person in known],
            [person.unseen for person in known],
            [face.box for face in detected],
        )
        matched = []
        for index, face in enumerate(detected):
            if index in pairs:
                person = known[pairs[index]]
            else:
                person = Person(self._met, self.head, self._coder.follow(), self._settings)
                self._met += 1
                self._people = [*self._people, person]
            matched.append((person, face))
        return matched

    def _seen(
        self, person: Person, face: DetectedFace, photo: Photo, seconds: float
    ) -> tuple[TrackedFace | None, float]:
        """The tracked face and the seconds spent on its raw code."""
        start = time.perf_counter()
        upright = person.upright(face)
        crop = crop_face(photo, upright) if self._coder.needs_pixels else _unseen(upright)
        try:
            result = person.follow(crop, face.scores)
        except FitError:
            return person.miss(self._adjustment, seconds), time.perf_counter() - start
        took = time.perf_counter() - start
        if person.trust(result) == 0.0:  # landmarks without a face: something is in front of it
            return person.miss(self._adjustment, seconds), took
        tracked = person.see(upright, crop, result, self._adjustment, seconds)
        return person.felt(tracked, self._emotion(tracked.code) if self._emotion else None), took


_NOTHING = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8)
_NOTHING.flags.writeable = False  # one picture for all who do not look at it


def _unseen(face: DetectedFace) -> FaceCrop:
    """The crop of a face without its picture: a millisecond less a frame."""
    framing = frame_face(face)
    return FaceCrop(_NOTHING, framing.crop_to_photo, framing.landmarks)
