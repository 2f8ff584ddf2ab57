"""Takes for tests: a small head that smiles, blinks and turns in front of a camera that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from fields_core.datatypes import CROP_SIZE
from fields_core.head import HeadModel
from fields_core.live.tracked import EmotionReading, FaceState, Frame, TrackedFace, TrackedFrame
from fields_core.takes.recorder import TakeRecorder

WIDTH, HEIGHT = 320, 240


def performance(
    head: HeadModel, seconds: float = 2.0, rate: float = 30.0, people: int = 1, noise: float = 0.0
) -> Iterator[tuple[TrackedFrame, Frame]]:
    """Frames with faces side by side; every code is a smooth function of time, plus noise."""
    generator = torch.Generator().manual_seed(4)
    for number in range(round(seconds * rate)):
        time = number / rate
        pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        pixels[:, : 10 + number % (WIDTH - 10)] = (200, 120, 60)
        faces = tuple(_face(head, person, time, noise, generator) for person in range(people))
        yield TrackedFrame(5.0 + time, number, (WIDTH, HEIGHT), faces), Frame(pixels, 5.0 + time, number)


def record(path: Path, head: HeadModel, *, pictures: bool = False, **options: float) -> Path:
    """Record a `performance`."""
    with TakeRecorder(path, head, source="tests", pictures=pictures, created="2026-01-01T00:00:00+00:00") as recorder:
        for tracked, frame in performance(head, **options):  # type: ignore[arg-type]
            recorder.write(tracked, frame)
    return path


def _face(head: HeadModel, person: int, time: float, noise: float, generator: torch.Generator) -> TrackedFace:
    names = head.expression_names
    expression = torch.zeros(1, head.n_expression)
    smile, blink = 0.5 + 0.4 * np.sin(2 * np.pi * 0.5 * time), max(0.0, np.sin(2 * np.pi * 1.5 * time)) ** 4
    for name, value in (("mouthSmileLeft", smile), ("mouthSmileRight", smile), ("eyeBlinkLeft", blink)):
        if name in names:
            expression[0, names.index(name)] = float(value)
    expression = (expression + noise * torch.randn(expression.shape, generator=generator)).clamp(0, 1)
    code = head.neutral_code().replace(
        shape=0.3 * (person + 1) * torch.ones(1, head.n_shape),
        expression=expression,
        head_pose=torch.tensor([[0.05, 0.4 * np.sin(2 * np.pi * 0.4 * time), 0.0]], dtype=torch.float32)
        + noise * torch.randn(1, 3, generator=generator),
        jaw_pose=torch.tensor([[0.1 + 0.1 * np.sin(2 * np.pi * time), 0.0, 0.0]], dtype=torch.float32),
        eye_pose=torch.tensor([[0.1, 0.2, 0.0, 0.1, 0.2, 0.0]]),
    )
    scale = 0.9
    left = 10.0 + 100.0 * person + 5.0 * time
    crop = np.array([[scale, 0.0, left], [0.0, scale, 20.0]])
    return TrackedFace(
        id=person,
        code=code,
        crop_to_photo=crop,
        box=(left, 20.0, left + scale * CROP_SIZE, 20.0 + scale * CROP_SIZE),
        landmarks=np.zeros((478, 3), np.float32),
        confidence=0.9,
        state=FaceState.TRACKED if time > 0.2 else FaceState.LOCKING,
        emotion=EmotionReading((0.1, 0.65, 0.05, 0.05, 0.05, 0.04, 0.03, 0.03), 0.6, 0.2),
    )
