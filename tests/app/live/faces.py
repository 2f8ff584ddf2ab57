"""Faces, a clip and a tracker for tests of the live view."""

from __future__ import annotations

import numpy as np

from fields_app.live_settings import SourceChoice, SourceKind
from fields_core.head import HeadModel
from fields_core.live.clip import MemoryClip
from fields_core.live.person import TrackerSettings
from fields_core.live.pipeline import LiveResult
from fields_core.live.tracked import EmotionReading, FaceState, Frame, TrackedFace, TrackedFrame

WAIT = 30_000
CAMERA = SourceChoice(SourceKind.CAMERA, "0", "Test camera")
SMILE = "mouthSmileLeft"


class FakeTracker:
    """Sees ``faces`` faces in every frame, smiling a little more from frame to frame."""

    def __init__(self, head: HeadModel, faces: int = 1) -> None:
        self.head, self.faces = head, faces
        self.settings = TrackerSettings()
        self.calls: list[str] = []

    def track(self, frame: Frame) -> TrackedFrame:
        faces = tuple(face(self.head, number, (frame.number % 100) / 100) for number in range(self.faces))
        return TrackedFrame(frame.timestamp, frame.number, frame.size, faces)

    def calibrate_neutral(self) -> None:
        self.calls.append("calibrate")

    def clear_calibration(self) -> None:
        self.calls.append("clear")

    def measure_identities(self) -> None:
        self.calls.append("measure")

    def __enter__(self) -> FakeTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("closed")


def face(head: HeadModel, number: int, smile: float) -> TrackedFace:
    code = head.neutral_code()
    expression = code.expression.clone()
    expression[:, head.expression_names.index(SMILE)] = smile
    left = 10.0 + 90.0 * number
    landmarks = np.random.default_rng(0).uniform((left, 20, 0), (left + 60, 100, 1), (478, 3)).astype(np.float32)
    return TrackedFace(
        id=number,
        code=code.replace(expression=expression),
        crop_to_photo=np.array([[0.3, 0.0, left], [0.0, 0.3, 20.0]]),
        box=(left, 20.0, left + 60.0, 100.0),
        landmarks=landmarks,
        confidence=1.0,
        state=FaceState.TRACKED,
        emotion=EmotionReading((0.1, 0.9, 0, 0, 0, 0, 0, 0), 0.6, 0.2),
    )


def clip(frames: int = 200, rate: float = 60.0) -> MemoryClip:
    pictures = [np.full((120, 200, 3), number % 256, np.uint8) for number in range(frames)]
    return MemoryClip(pictures, rate, loop=True, name="test clip")


def shot_result(head: HeadModel, faces: int = 1) -> LiveResult:
    tracked = FakeTracker(head, faces).track(Frame(np.zeros((120, 200, 3), np.uint8), 0.0, 30))
    return LiveResult(Frame(np.zeros((120, 200, 3), np.uint8), 0.0, 30), tracked, 0.0, 0.0)


def smile_of(code: object, head: HeadModel) -> float:
    return float(code.expression[0, head.expression_names.index(SMILE)])  # type: ignore[attr-defined]
