"""What a training has reported so far, as curves. No window, no thread."""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fields_core.training.config import STAGES, TrainConfig
from fields_core.training.journal import Note


@dataclass
class Points:
    """One curve; steps are counted over all stages."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        self.steps.append(step)
        self.values.append(value)

    def cut(self, step: int) -> None:
        """Forget what lies behind a step: a run that went on from a checkpoint lives it again."""
        end = bisect.bisect_right(self.steps, step)
        del self.steps[end:], self.values[end:]


class TrainingHistory:
    """Curves of one run, in the order in which its notes come.

    Args:
        config: of the run; None: not known, then there is no time left and stages are laid one behind the other.

    Attributes:
        losses: weighted terms and ``total``.
        validation: what validation measured, by name.
        gauges: ``images_per_second``, ``learning_rate``, ``memory``.
        picture: the last validation picture, relative to the run's folder; "" if there is none.
        best_step: of the best weights of the present stage.
    """

    def __init__(self, config: TrainConfig | None) -> None:
        self.config = config
        self.losses: dict[str, Points] = {}
        self.validation: dict[str, Points] = {}
        self.gauges: dict[str, Points] = {}
        self.pictures: list[str] = []
        self.best_step = 0
        self.step = 0
        self._offset = 0
        self._stage = ""
        self._stage_steps = 0

    @property
    def picture(self) -> str:
        return self.pictures[-1] if self.pictures else ""

    def add(self, notes: Sequence[Note]) -> None:
        for note in notes:
            if note.kind == "stage":
                self._enter(note)
            elif note.kind == "step":
                self.step = self._offset + note.step
                self._put(self.losses, note.values)
                self._put(self.gauges, note.gauges)
            elif note.kind == "validated":
                self.step = self._offset + note.step
                self._put(self.validation, note.values)
                self.pictures += [note.picture] if note.picture else []
                if note.best:
                    self.best_step = self.step

    def latest(self, curves: dict[str, Points], name: str) -> float:
        """The last value of a curve; NaN if there is none."""
        points = curves.get(name)
        return points.values[-1] if points is not None and points.values else math.nan

    def gigabytes(self) -> dict[str, Points]:
        """Memory of the processor and the GPU, in 10⁹ bytes."""
        names = {"memory": "processor", "gpu_memory": "GPU"}
        known = {text: self.gauges[name] for name, text in names.items() if name in self.gauges}
        return {text: Points(points.steps, [value / 1e9 for value in points.values]) for text, points in known.items()}

    @property
    def total_steps(self) -> int:
        """Of all stages; 0 if unknown."""
        return self.config.total_steps if self.config is not None else 0

    @property
    def seconds_left(self) -> float:
        """At the speed of late; NaN if unknown."""
        speeds = self.gauges.get("images_per_second")
        if self.config is None or speeds is None or not speeds.values:
            return math.nan
        late = sorted(speeds.values[-9:])
        speed = late[len(late) // 2]
        return (self.total_steps - self.step) * self.config.batch_size / speed if speed > 0 else math.nan

    def _enter(self, note: Note) -> None:
        if self.config is not None:
            before = STAGES[: STAGES.index(note.stage)] if note.stage in STAGES else ()
            self._offset = sum(self.config.stage(stage).steps for stage in before)
        elif note.stage != self._stage:
            self._offset += self._stage_steps
        self._stage, self._stage_steps = note.stage, note.steps
        self.step = self._offset + note.step
        for curves in (self.losses, self.validation, self.gauges):
            for points in curves.values():
                points.cut(self.step)

    def _put(self, curves: dict[str, Points], values: object) -> None:
        assert isinstance(values, dict)
        for name, value in values.items():
            curves.setdefault(name, Points()).add(self.step, value)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential mean without the bias of the start; ``weight`` in [0, 1) is what it keeps of itself."""
    if weight <= 0.0:
        return list(values)
    result, mean, known = [], 0.0, 0.0
    for value in values:
        mean = weight * mean + (1.0 - weight) * value
        known = weight * known + 1.0 - weight
        result.append(mean / known)
    return result


def duration(seconds: float) -> str:
    """As one says it: 45 s, 12 min, 3 h 20 min, 2 d 4 h; "–" if unknown."""
    if not math.isfinite(seconds):
        return "–"
    seconds = max(0.0, seconds)
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def amount(size: float) -> str:
    """Bytes as people read them; "–" if unknown."""
    if not math.isfinite(size):
        return "–"
    for unit in ("B", "KB", "MB"):
        if abs(size) < 1000.0:
            return f"{size:.0f} {unit}"
        size /= 1000.0
    return f"{size:.1f} GB"


def run_name(now: float | None = None) -> str:
    """A name for a new run: the time at which it begins."""
    return time.strftime("%Y-%m-%d-%H%M%S", time.localtime(now))


def free_folder(folder: Path, name: str) -> Path:
    """``folder / name``, numbered if that is taken."""
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}"
    return path
