"""Smoothing of curves afterwards: no delay, peaks kept, uneven frame times and gaps respected, rotations as rotations.

Each value becomes that of a quadratic fitted around it by weighted least squares: the filter of Savitzky and Golay
("Smoothing and differentiation of data by simplified least squares procedures", Analytical Chemistry 1964), in its
form for uneven samples (local regression: Cleveland, "Robust locally weighted regression", JASA 1979, with its tricube
weight). The weights are symmetric in time, so nothing is delayed, and a quadratic passes unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

LONGEST_GAP = 0.25  # seconds; what lies beyond a longer gap says nothing about this side of it
_LEAST_TRUST = 0.05  # of a frame without confidence: enough to bridge a moment when all is uncertain
_MOST_NEIGHBOURS = 200  # on either side


@dataclass(frozen=True, eq=False)
class Smoother:
    """The filter for one series of N frames."""

    neighbours: NDArray[np.int64]
    """(N, K) which frames make the value of each."""
    weights: Array
    """(N, K), rows sum to 1; some are negative, as in every Savitzky-Golay filter."""

    @staticmethod
    def of(times: Array, half_width: float, confidence: Array | None = None) -> Smoother:
        """Args:
        times: (N,) seconds, growing.
        half_width: of the window, seconds; 0 leaves everything as it is.
        confidence: (N,) in [0, 1]: how much each frame counts.
        """
        count = len(times)
        reach = _reach(times, half_width)
        offsets = np.arange(-reach, reach + 1)
        raw = np.arange(count)[:, None] + offsets
        neighbours = raw.clip(0, count - 1)
        if reach == 0:
            return Smoother(neighbours, np.ones((count, 1)))
        distance = (times[neighbours] - times[:, None]) / half_width
        piece = np.concatenate([[0], np.cumsum(np.diff(times) > LONGEST_GAP)])
        inside = (raw == neighbours) & (piece[neighbours] == piece[:, None]) & (np.abs(distance) < 1)
        kernel = np.where(inside, (1 - np.abs(distance).clip(0, 1) ** 3) ** 3, 0.0)
        if confidence is not None:
            kernel *= np.maximum(confidence, _LEAST_TRUST)[neighbours]
        return Smoother(neighbours, _local_quadratic(distance, kernel, inside))

    def values(self, series: Array) -> Array:
        """Smooth (N, ...) numbers."""
        return np.asarray(np.einsum("nk,nk...->n...", self.weights, series[self.neighbours]))

    def rotations(self, series: Array) -> Array:
        """Smooth (N, 3) axis-angle rotations, radians.

        The weighted mean is taken in the tangent space of each frame's own rotation, where neighbours are short
        vectors: nothing depends on the axes, and a turn through half a circle does not jump.
        """
        here = Rotation.from_rotvec(series)
        count, width = self.neighbours.shape
        around = Rotation.from_rotvec(series[self.neighbours].reshape(-1, 3))
        repeated = Rotation.from_rotvec(np.repeat(series, width, axis=0))
        steps = (repeated.inv() * around).as_rotvec().reshape(count, width, 3)
        mean = np.einsum("nk,nkc->nc", self.weights, steps)
        return np.asarray((here * Rotation.from_rotvec(mean)).as_rotvec())


def _reach(times: Array, half_width: float) -> int:
    """The most neighbours on one side that fall into the window of any frame."""
    if half_width <= 0 or len(times) < 3:
        return 0
    after = np.searchsorted(times, times + half_width, side="left") - 1 - np.arange(len(times))
    return int(min(after.max(), _MOST_NEIGHBOURS, len(times) - 1))


def _local_quadratic(distance: Array, kernel: Array, inside: NDArray[np.bool_]) -> Array:
    """The row of the hat matrix that belongs to distance 0; degree 2, or less where too few frames are near."""
    powers = distance[..., None] ** np.arange(3)  # (N, K, 3)
    near = inside.sum(1)
    degree = np.where(near >= 4, 2, 0)
    powers = powers * (np.arange(3) <= degree[:, None, None])
    normal = np.einsum("nk,nka,nkb->nab", kernel, powers, powers)
    scale = np.trace(normal, axis1=1, axis2=2)[:, None, None]
    unused = np.arange(3) > degree[:, None]
    normal = normal + np.eye(3) * (unused[..., None] + 1e-12 * scale)
    first = np.linalg.solve(normal, np.broadcast_to(np.eye(3)[:, :1], (*normal.shape[:1], 3, 1)))[..., 0]
    weights = kernel * np.einsum("nka,na->nk", powers, first)
    return np.asarray(weights / weights.sum(1, keepdims=True))
