"""Where the time of a training goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum

Phase = IntEnum("Phase", "DATA FORWARD BACKWARD OPTIMIZER VALIDATION SAVING OTHER", start=0)
"""DATA is waiting for the next batch (and its way to the device). On a GPU the phases are those of the processor, which
runs ahead: waiting for the GPU counts where it happens, mostly in OPTIMIZER."""


@dataclass(frozen=True)
class Speed:
    """How fast, and where the time goes: shares that sum to 1."""

    images_per_second: float
    """Of all processes together, while training: validation and saving aside."""
    data: float
    forward: float
    backward: float
    optimizer: float
    validation: float
    saving: float
    other: float

    def __str__(self) -> str:
        shares = [(item.name, getattr(self, item.name)) for item in fields(self)[1:]]
        parts = ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005)
        return f"{self.images_per_second:.0f} images/s ({parts})"


class Stopwatch:
    """Counts the seconds of each phase; one phase is always running."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._phase, self._since = Phase.OTHER, clock()
        self._seconds = [0.0] * len(Phase)
        self._lap = [0.0] * len(Phase)

    def enter(self, phase: Phase) -> None:
        """The running phase ends, another begins."""
        now = self._clock()
        for seconds in (self._seconds, self._lap):
            seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now

    def lap(self, images: int) -> Speed:
        """Since the last lap; ``images`` were trained on in it. The next lap begins."""
        self.enter(self._phase)
        speed = _speed(self._lap, images)
        self._lap = [0.0] * len(Phase)
        return speed

    def whole(self, images: int) -> Speed:
        """Since the beginning; ``images`` were trained on."""
        self.enter(self._phase)
        return _speed(self._seconds, images)


def _speed(seconds: list[float], images: int) -> Speed:
    total = max(sum(seconds), 1e-9)
    training = max(total - seconds[Phase.VALIDATION] - seconds[Phase.SAVING], 1e-9)
    return Speed(images / training, *(part / total for part in seconds))
