"""Who it is, measured over a second and then kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PASSES = 5  # of reweighting; the mean moves by less than a thousandth after three
_MOST = 120  # measurements kept while nothing is locked


class IdentityEstimate:
    """A running robust mean of shape coefficients.

    Each frame's coefficients err alone and sometimes wildly (a turned head, a hand before the face). So frames far from
    the middle count less: weight 1 up to the median distance, falling as its inverse beyond (Huber 1964, by
    reweighting), times the trust in the frame.

    Args:
        seconds: time seen after which the identity is known.
        frames: frames seen that are needed as well.
    """

    def __init__(self, seconds: float, frames: int = 8) -> None:
        self._seconds, self._frames = seconds, frames
        self._measured: list[Array] = []
        self._trust: list[float] = []
        self._elapsed = 0.0

    def add(self, shape: Array, seconds: float, trust: float = 1.0) -> None:
        """Take in one frame.

        Args:
            shape: (S,) measured.
            seconds: since the last frame.
            trust: its weight, at least 0.
        """
        self._measured, self._trust = [*self._measured[1 - _MOST :], shape], [*self._trust[1 - _MOST :], trust]
        self._elapsed += seconds

    @property
    def progress(self) -> float:
        """[0, 1]; 1 when it is known well enough."""
        if not self._seconds:
            return 1.0 if self._measured else 0.0
        return min(1.0, self._elapsed / self._seconds, len(self._measured) / self._frames)

    def mean(self) -> Array:
        """(S,) of all frames so far.

        Raises:
            ValueError: none was added.
        """
        if not self._measured:
            raise ValueError("no frame was added")
        samples, trust = np.stack(self._measured), np.maximum(np.array(self._trust), 1e-6)
        mean = np.asarray(np.median(samples, axis=0))
        for _ in range(_PASSES):
            distances = np.linalg.norm(samples - mean, axis=1)
            near = max(float(np.median(distances)), 1e-9)
            mean = np.average(samples, axis=0, weights=trust * near / np.maximum(distances, near))
        return mean
