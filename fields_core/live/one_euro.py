"""The One-Euro filter: steady when nothing happens, quick when something does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SPEED_CUTOFF = 1.0  # Hz, of the filter that the speed itself goes through (the paper's choice)


class OneEuro:
    """A first-order low-pass whose cut-off grows with speed (Casiez, Roussel and Vogel 2012, algorithm 1).

    It filters N values at once, each by itself; every result lies between the last result and the new value.

    Args:
        min_cutoff: (N,) Hz at rest; infinite lets a value pass as it is.
        beta: (N,) Hz for every unit a second of speed.
    """

    def __init__(self, min_cutoff: Array, beta: Array) -> None:
        self.min_cutoff, self.beta = np.asarray(min_cutoff, np.float64), np.asarray(beta, np.float64)
        self._last: Array | None = None
        self._speed: Array = np.zeros_like(self.min_cutoff)

    def __call__(self, values: Array, seconds: float) -> Array:
        """Filter the next sample.

        Args:
            values: (N,)
            seconds: since the last sample, positive; ignored for the first.
        """
        if self._last is None:
            self.start(values)
            return values.copy()
        weight = _weight(_SPEED_CUTOFF, seconds)
        self._speed = self._speed + weight * ((values - self._last) / seconds - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._last = self._last + _weights(cutoff, seconds) * (values - self._last)
        return self._last.copy()

    def start(self, values: Array) -> None:
        """Begin anew at ``values`` (N,), at rest."""
        self._last, self._speed = values.copy(), np.zeros_like(self.min_cutoff)

    def forget(self) -> None:
        """The next sample is the first."""
        self._last = None


def _weight(cutoff: float, seconds: float) -> float:
    """The paper's equation 7: 1 / (1 + tau / T_e) with tau = 1 / (2 pi f_c)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * seconds))


def _weights(cutoff: Array, seconds: float) -> Array:
    return np.asarray(1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff * seconds)))
