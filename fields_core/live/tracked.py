"""What flows through the live path: Frame -> TrackedFrame with a TrackedFace for everybody in it.

All are frozen and hold no reference to what made them: they may cross threads, and a take may keep them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB, contiguous."""
    timestamp: float
    """Seconds since the source was opened, growing from frame to frame (also when a clip starts over)."""
    number: int
    """Place of the picture in its clip, from 0; of a camera, how many came before it."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])


class FaceState(StrEnum):
    """How far a face can be trusted."""

    LOCKING = "locking"
    """Seen; its identity is still being measured."""
    TRACKED = "tracked"
    """Seen; its identity is locked, only expression, pose and camera move."""
    HIDDEN = "hidden"
    """Not seen for a moment (occlusion): the last code is held."""
    FADING = "fading"
    """Not seen for longer: the expression goes back to neutral. After this the face is dropped."""


@dataclass(frozen=True)
class EmotionReading:
    """What the emotion branch says of one face in one frame."""

    probabilities: tuple[float, ...]
    """Eight, in the order of `fields_core.encoder.emotion_head.Emotion`, adding up to 1."""
    valence: float
    """[-1, 1]"""
    arousal: float
    """[-1, 1]"""


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """One person in one frame."""

    id: int
    """Steady while the person is followed; a new person gets a new number, from 0."""
    code: FaceCode
    """One row, float32: smoothed, calibrated and limited. The camera is that of the crop (see ``crop_to_photo``)."""
    crop_to_photo: NDArray[np.float64]
    """(2, 3) similarity: crop pixels (CROP_SIZE square) -> frame pixels, as in `FaceCrop`."""
    box: tuple[float, float, float, float]
    """left, top, right, bottom of the landmarks, frame pixels; the last known while the face is not seen."""
    landmarks: NDArray[np.float32]
    """(478, 3) frame pixels as in `DetectedFace`; the last known while the face is not seen."""
    confidence: float
    """[0, 1]: 1 when the head explains the landmarks, less when it explains them badly, 0 when the face is gone."""
    state: FaceState
    emotion: EmotionReading | None = None
    """None without an emotion branch."""

    @property
    def seen(self) -> bool:
        """Whether the face was found in this very frame."""
        return self.state in (FaceState.LOCKING, FaceState.TRACKED)


@dataclass(frozen=True)
class StageTimes:
    """Seconds spent on one frame, by stage."""

    detect: float = 0.0
    code: float = 0.0
    """From face crop to raw code."""
    steady: float = 0.0
    """Identity, calibration, smoothing, emotion."""

    @property
    def total(self) -> float:
        return self.detect + self.code + self.steady


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """All that is known about one frame."""

    timestamp: float
    """Of the frame, seconds since the source was opened."""
    number: int
    """Of the frame, see `Frame.number`."""
    size: tuple[int, int]
    """Width and height of the frame, pixels."""
    faces: tuple[TrackedFace, ...] = ()
    """By id."""
    times: StageTimes = field(default_factory=StageTimes)

    def face(self, face_id: int) -> TrackedFace | None:
        """The face with that id, or None."""
        return next((face for face in self.faces if face.id == face_id), None)


class TakeWriter(Protocol):
    """Whatever keeps what was tracked, frame by frame. `fields_core.takes` has the one that writes takes."""

    def write(self, tracked: TrackedFrame, frame: Frame) -> None:
        """Append one frame; frames come in order."""
        ...

    def close(self) -> None:
        """Finish; safe to repeat."""
        ...
