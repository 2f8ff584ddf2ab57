"""How steady each part of a face is held, and the one slider from raw to calm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fields_core.head.model import HeadModel
from fields_core.live.motion import Motion
from fields_core.live.one_euro import OneEuro

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Steadiness:
    """Of one group of parameters at the middle of the slider."""

    min_cutoff: float
    """Hz at rest."""
    beta: float
    """Hz for every unit a second; the unit is the group's own."""


# Chosen on the astronaut of scikit-image repeated with a camera's noise and on blinks at 3 Hz: as steady as asked for
# with the least lag; that of the lids by calculation. Checked on other photos by
# tests/benchmarks/bench_live_steadiness.py.
PLACE = Steadiness(0.6, 25.0)  # metres at the head
SCALE = Steadiness(0.5, 30.0)  # of the head's size: 1 = e times as large
POSE = Steadiness(0.4, 5.0)  # radians
JAW = Steadiness(1.5, 5.0)  # radians; all open is 0.42
GAZE = Steadiness(1.5, 4.0)  # radians
# Closed is 1, but coders may see a closed eye as little as 0.1: at rest already 0.85 of 3 Hz passes at 30 frames/s.
LIDS = Steadiness(8.0, 10.0)
UNITS = Steadiness(1.2, 1.5)  # ARKit units in [0, 1]

_LEAST_FACTOR = 0.02  # of the cut-offs at the calm end: the head still arrives, seconds later


class Smoother:
    """Smooths the motion vector of one face.

    Args:
        head: says which units close the eyes.
        calm: 0 passes everything on as it comes, 0.5 is right for most cameras, 1 hardly moves.
    """

    def __init__(self, head: HeadModel, calm: float = 0.5) -> None:
        self._motion = Motion(head.n_expression)
        groups: list[tuple[slice | list[int], Steadiness]] = [
            (self._motion.expression, UNITS),
            (self._blinks(head), LIDS),
            (self._motion.eyelids, LIDS),
            (self._motion.place, PLACE),
            (self._motion.log_scale, SCALE),
            (self._motion.head_pose, POSE),
            (self._motion.jaw_pose, JAW),
            (self._motion.eye_pose, GAZE),
        ]
        self._cutoff, self._beta = np.zeros(self._motion.size), np.zeros(self._motion.size)
        for places, steadiness in groups:
            self._cutoff[places], self._beta[places] = steadiness.min_cutoff, steadiness.beta
        self._filter = OneEuro(self._cutoff, self._beta)
        self.calm = calm

    @property
    def calm(self) -> float:
        return self._calm

    @calm.setter
    def calm(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"calm must be from 0 to 1, found {value}")
        self._calm = value

    def __call__(self, vector: Array, seconds: float) -> Array:
        """The next vector (N,), smoothed; ``seconds`` since the last one."""
        if self._calm == 0.0:
            self._filter.start(vector)
            return vector.copy()
        factor = max((1.0 - self._calm) / self._calm, _LEAST_FACTOR)
        self._filter.min_cutoff = factor * self._cutoff
        self._filter.beta = factor * self._beta
        self._filter.beta[self._motion.place] /= math.exp(vector[self._motion.log_scale][0])  # pixels to metres
        return self._filter(vector, seconds)

    def start(self, vector: Array) -> None:
        """Go on from ``vector`` (N,), at rest."""
        self._filter.start(vector)

    def forget(self) -> None:
        """The next vector is the first of another motion."""
        self._filter.forget()

    def _blinks(self, head: HeadModel) -> list[int]:
        first = self._motion.expression.start
        return [first + place for place, name in enumerate(head.expression_names) if name.startswith("eyeBlink")]
