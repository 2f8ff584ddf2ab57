"""Small dense quadratic programmes: the best step inside bounds and a few linear inequalities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]

_MAX_PASSES = 60
_NEGLIGIBLE = 1e-6  # share of a step's gain for which no bound is let go


def constrained_step(matrix: Array, gradient: Array, low: Array, high: Array, rows: Array, room: Array) -> Array:
    """Minimise ``gradient s + s matrix s / 2`` subject to ``low <= s <= high`` and ``rows s <= room``.

    A primal active-set method (Nocedal and Wright 2006, algorithm 16.3): hold unknowns at bounds and inequalities at
    their limits, minimise over the rest, let go what pulls inward. Where clipping the minimiser already improves the
    model, all bounds that it crosses are taken at once instead of one by one. The model only ever improves.

    Args:
        matrix: (N, N) symmetric, positive diagonal; positive definite unless the problem is degenerate.
        gradient: (N,).
        low, high: (N,) with ``low <= 0 <= high``.
        rows: (C, N).
        room: (C,) at least 0.

    Returns:
        (N,) feasible, at least as good as standing still.
    """
    step, gained = np.zeros_like(gradient), 0.0
    held = ((low >= 0) & (gradient > 0)) | ((high <= 0) & (gradient < 0))
    tight = np.zeros(len(rows), dtype=bool)
    for _ in range(_MAX_PASSES):
        goal, multipliers = _minimise(matrix, gradient, rows, room, held, tight, step)
        inside = np.clip(goal, low, high)
        fits = not np.any(rows @ inside > room + 1e-12)
        gain = model_gain(matrix, gradient, inside)
        if fits and gain >= gained:
            crossed = inside != goal
            step, gained = inside, gain
            held |= crossed
            if crossed.any():
                continue
            slope = gradient + matrix @ step + multipliers @ rows
            inward = ((step <= low) & (slope < 0) & (step < high)) | ((step >= high) & (slope > 0) & (step > low))
            release = held & inward & (slope**2 > _NEGLIGIBLE * gained * np.diagonal(matrix))
            if not release.any() and not np.any(multipliers < 0):
                break
            held &= ~release
            tight &= multipliers >= 0
            continue
        step, blocked, stopped = _walk(step, goal, low, high, rows, room)
        gained = model_gain(matrix, gradient, step)
        held |= blocked
        tight |= stopped
    return step


def model_gain(matrix: Array, gradient: Array, step: Array) -> float:
    """How much a step (N,) lowers the quadratic model of `constrained_step`."""
    return float(-(gradient @ step) - 0.5 * step @ matrix @ step)


def _walk(
    step: Array, goal: Array, low: Array, high: Array, rows: Array, room: Array
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """From one feasible step towards another until the first constraint: the step there, and what stopped it."""
    direction = goal - step
    with np.errstate(divide="ignore", invalid="ignore"):
        to_bound = np.where(direction < 0, (low - step) / direction, (high - step) / direction)
        to_limit = (room - rows @ step) / (rows @ direction)
    to_bound = np.where(direction == 0, np.inf, np.maximum(to_bound, 0.0))
    to_limit = np.where(rows @ direction > 1e-15, np.maximum(to_limit, 0.0), np.inf)
    share = min(1.0, to_bound.min(initial=np.inf), to_limit.min(initial=np.inf))
    return np.clip(step + share * direction, low, high), to_bound <= share, to_limit <= share


def _minimise(
    matrix: Array,
    gradient: Array,
    rows: Array,
    room: Array,
    held: NDArray[np.bool_],
    tight: NDArray[np.bool_],
    step: Array,
) -> tuple[Array, Array]:
    """The best step with some unknowns held as in ``step`` and some rows at their limits, and the rows' multipliers."""
    goal, multipliers = step.copy(), np.zeros(len(rows))
    free = np.flatnonzero(~held)
    if not free.size:
        return goal, multipliers
    right = -gradient[free] - matrix[np.ix_(free, np.flatnonzero(held))] @ step[held]
    factor, failed = lapack.dpotrf(matrix[np.ix_(free, free)], lower=1, clean=0)
    if failed:  # only at precision 0 with a singular Jacobian: go downhill
        goal[free] = right / np.diagonal(matrix)[free]
        return goal, multipliers
    best = lapack.dpotrs(factor, right, lower=1)[0]
    active = np.flatnonzero(tight & (rows[:, free] != 0).any(axis=1))
    if active.size:
        C = rows[np.ix_(active, free)]
        missing = C @ best - (room[active] - rows[active][:, held] @ step[held])
        spread = lapack.dpotrs(factor, C.T, lower=1)[0]
        multipliers[active] = np.linalg.solve(C @ spread, missing)
        best = best - spread @ multipliers[active]
    goal[free] = best
    return goal, multipliers
