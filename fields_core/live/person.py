"""One person in front of the camera: measured, locked, smoothed, hidden, gone, and back again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import DetectedFace, FaceCode, FaceCrop
from fields_core.face_mesh import LEFT_IRIS, RIGHT_IRIS
from fields_core.fitting.landmark_fit import FitResult
from fields_core.head.model import HeadModel
from fields_core.live.adjustment import Adjustment, UnitSettings
from fields_core.live.association import Box
from fields_core.live.coder import FaceFollower
from fields_core.live.identity import IdentityEstimate
from fields_core.live.motion import Motion
from fields_core.live.smoothing import Smoother
from fields_core.live.tracked import EmotionReading, FaceState, TrackedFace

Array = NDArray[np.float64]

_PERFECT_ERROR, _USELESS_ERROR = 0.02, 0.12  # landmark errors, of the eye distance: trust 1 and 0
_TURNED = 60.0  # degrees of roll before the crop is turned; half a right angle would flip to and fro


@dataclass(frozen=True)
class TrackerSettings:
    """What may be changed while it runs. Times in seconds."""

    calm: float = 0.5
    """0 = raw, 1 = calmest, see `Smoother`."""
    lock_seconds: float = 1.0
    """Seen for so long, a person's identity is locked."""
    hold_seconds: float = 0.4
    """So long a face that is not seen is held as it was."""
    fade_seconds: float = 0.6
    """After that its expression goes back to neutral within this time; then it is no longer reported."""
    memory_seconds: float = 10.0
    """A face that comes back within this time, near to where it was, is the same person."""
    calibration_seconds: float = 1.0
    """How long the neutral face is averaged."""
    units: UnitSettings = field(default_factory=UnitSettings)


class Person:
    """Follows one face.

    Args:
        number: the steady id.
        head: the head model.
        follower: makes its codes.
        settings: times and smoothing.

    Attributes:
        number: the steady id.
        box: where the face was last seen, frame pixels.
        unseen: seconds since then; 0 while it is seen.
    """

    def __init__(self, number: int, head: HeadModel, follower: FaceFollower, settings: TrackerSettings) -> None:
        self.number, self.unseen = number, 0.0
        self.box: Box = (0.0, 0.0, 0.0, 0.0)
        self._motion = Motion(head.n_expression)
        self._follower, self._settings = follower, settings
        self._smoother = Smoother(head, settings.calm)
        self._estimate: IdentityEstimate | None = IdentityEstimate(settings.lock_seconds)
        self._rotation: int | None = None
        self._neutral: Array | None = None
        self._calibration: list[Array] | None = None
        self._calibrated_for = 0.0
        self._last: TrackedFace | None = None
        self._vector: Array | None = None

    @property
    def gone(self) -> bool:
        """Whether it has faded away."""
        return self.unseen > self._settings.hold_seconds + self._settings.fade_seconds

    @property
    def calibrating(self) -> bool:
        return self._calibration is not None

    def configure(self, settings: TrackerSettings) -> None:
        self._settings, self._smoother.calm = settings, settings.calm

    def upright(self, face: DetectedFace) -> DetectedFace:
        """The face with the turn of its crop kept until it is clearly another: a tilted head must not flicker."""
        right, left = face.landmarks[RIGHT_IRIS[0], :2], face.landmarks[LEFT_IRIS[0], :2]
        roll = math.degrees(math.atan2(float(left[1] - right[1]), float(left[0] - right[0])))
        if self._rotation is not None and abs((roll - self._rotation + 180.0) % 360.0 - 180.0) < _TURNED:
            return replace(face, rotation_degrees=self._rotation)
        if self._rotation is not None:
            self._start_over()  # the code's axes have turned with the crop
        self._rotation = face.rotation_degrees
        return face

    def follow(self, crop: FaceCrop, scores: dict[str, float]) -> FitResult:
        """The raw code of the next frame.

        Raises:
            FitError: the landmarks make no face.
        """
        return self._follower(crop, scores)

    def trust(self, result: FitResult) -> float:
        """[0, 1] how well the head explains the landmarks; 0 is as good as not seen."""
        error = float(result.landmark_error[0])
        return min(max((_USELESS_ERROR - error) / (_USELESS_ERROR - _PERFECT_ERROR), 0.0), 1.0)

    def see(
        self, face: DetectedFace, crop: FaceCrop, result: FitResult, adjustment: Adjustment, seconds: float
    ) -> TrackedFace:
        """Take in the next frame in which it is seen.

        Args:
            face: detected, after `upright`.
            crop: of it.
            result: from `follow`.
            adjustment: calibration, gain, limits.
            seconds: since the last frame.
        """
        trust = self.trust(result)
        if self.unseen > self._settings.hold_seconds:
            self._smoother.forget()  # its face has moved on meanwhile
        self.box, self.unseen = face.box, 0.0
        code = self._known(result.code, seconds, trust)
        measured = self._motion.pack(code, crop.crop_to_photo)
        self._calibrate(measured, seconds)
        vector = adjustment.coupled(self._smoother(adjustment(measured, self._neutral), seconds))
        self._vector = vector
        self._last = TrackedFace(
            id=self.number,
            code=self._motion.unpack(vector, code, crop.crop_to_photo),
            crop_to_photo=crop.crop_to_photo,
            box=face.box,
            landmarks=face.landmarks,
            confidence=trust,
            state=FaceState.TRACKED if self._estimate is None else FaceState.LOCKING,
        )
        return self._last

    def miss(self, adjustment: Adjustment, seconds: float) -> TrackedFace | None:
        """Take in a frame in which it is not seen; None when it has been gone for too long."""
        if not self.unseen:
            self._follower.forget()
        self.unseen += seconds
        last, hold, fade = self._last, self._settings.hold_seconds, self._settings.fade_seconds
        if last is None or self._vector is None or self.gone:
            return None
        share = 0.0 if self.unseen <= hold else (self.unseen - hold) / max(fade, 1e-6)
        vector = adjustment.at_rest(self._vector, share)
        return replace(
            last,
            code=self._motion.unpack(vector, last.code, last.crop_to_photo),
            confidence=last.confidence * (1.0 - self.unseen / max(hold + fade, 1e-6)),
            state=FaceState.HIDDEN if self.unseen <= hold else FaceState.FADING,
            emotion=last.emotion,
        )

    def felt(self, face: TrackedFace, emotion: EmotionReading | None) -> TrackedFace:
        """The face with its emotion, which is held with it while it is hidden."""
        self._last = replace(face, emotion=emotion)
        return self._last

    def calibrate(self) -> None:
        """Average the face from now on: it is said to be neutral."""
        self._calibration, self._calibrated_for = [], 0.0

    def clear_calibration(self) -> None:
        """The head model's own rest is neutral again."""
        self._calibration = self._neutral = None

    def measure_again(self) -> None:
        """Forget the identity and measure it again."""
        self._follower.unlock()
        self._estimate = IdentityEstimate(self._settings.lock_seconds)

    def resized(self, ratio_x: float, ratio_y: float) -> None:
        """The frames have another size now."""
        left, top, right, bottom = self.box
        self.box = (left * ratio_x, top * ratio_y, right * ratio_x, bottom * ratio_y)
        self._start_over()

    def _known(self, code: FaceCode, seconds: float, trust: float) -> FaceCode:
        """The code with the identity as far as it is known; locks it when it is known well enough."""
        if self._estimate is None:
            return code
        # The first frame's distance in time says nothing about how long the face was seen.
        self._estimate.add(code.shape[0].double().numpy(), seconds if self._last is not None else 0.0, trust)
        shape = self._estimate.mean()
        if self._estimate.progress >= 1.0:
            self._follower.lock(shape)
            self._estimate = None
        return code.replace(shape=code.shape.new_tensor(shape)[None])

    def _calibrate(self, measured: Array, seconds: float) -> None:
        if self._calibration is None:
            return
        self._calibration.append(measured)
        self._calibrated_for += seconds
        if self._calibrated_for >= self._settings.calibration_seconds:
            self._neutral, self._calibration = np.median(np.stack(self._calibration), axis=0), None

    def _start_over(self) -> None:
        self._smoother.forget()
        self._follower.forget()
