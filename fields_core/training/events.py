"""What a run tells whoever watches: the command line, the window, a test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fields_core.training.config import Stage
from fields_core.training.stopwatch import Speed
from fields_core.training.validation import ValidationMetrics


@dataclass(frozen=True)
class StageStarted:
    """A stage begins, or goes on at a step above 0."""

    stage: Stage
    step: int
    steps: int


@dataclass(frozen=True)
class StepDone:
    """Sent every so many steps."""

    stage: Stage
    step: int
    steps: int
    images_per_second: float
    losses: dict[str, float]
    """Weighted terms by name (`LossTerms`), and their ``total``; of several processes, the mean."""
    speed: Speed | None = None
    """Since the event before."""
    learning_rate: float = math.nan


@dataclass(frozen=True)
class Validated:
    """The averaged weights were tried on the held-out samples."""

    stage: Stage
    step: int
    metrics: ValidationMetrics
    best: bool
    """Whether they are the stage's best so far."""
    picture: Path | None
    """Photos, heads, overlays and sliders, PNG."""


@dataclass(frozen=True)
class CheckpointSaved:
    """The run can be resumed from here."""

    stage: Stage
    step: int


@dataclass(frozen=True)
class StageFinished:
    """``encoder`` holds the stage's best weights."""

    stage: Stage
    encoder: Path
    speed: Speed | None = None
    """Of the whole stage, or of what was left of it."""


TrainingEvent = StageStarted | StepDone | Validated | CheckpointSaved | StageFinished
EventCallback = Callable[[TrainingEvent], None]
