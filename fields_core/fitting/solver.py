"""One damped Gauss-Newton solver (Levenberg-Marquardt) for batches of small dense problems.

For every item of the batch it minimises

    sum_g rho(|r_g(x)|^2) / 2 + sum_k precision_k (x_k - mean_k)^2 / 2    subject to  lower <= x <= upper,  A x <= b

where r_g are the residuals in groups (the two coordinates of a landmark, say). Gaussian priors are kept apart from the
residuals because their rows would be diagonal. A prior whose mean lies outside a bound is an L1 penalty plus a little
L2 (on x >= 0 the square (x + c)^2 grows linearly from zero), which is how sparse coefficients are asked for.

Damping: Nielsen 1999 (IMM-REP-1999-05), on the diagonal of the normal matrix (Marquardt 1963). Robust losses are
reweighted least squares. Residuals of all items are evaluated together; every item has its own damping and stops alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fields_core.fitting.active_set import constrained_step, model_gain

Array = NDArray[np.float64]

_DAMPING_START, _DAMPING_FLOOR, _DAMPING_CEILING = 1e-3, 1e-9, 1e9


class Linearization(NamedTuple):
    """Residuals and their derivative at one point for some items of the batch."""

    residuals: Array
    """(b, M)."""
    jacobian: Array
    """(b, M, N)."""


ResidualFunction = Callable[[Array, NDArray[np.intp]], Linearization]
"""``function(x (b, N), items (b,))``: ``items`` are the places of these b rows in the whole batch."""


class Loss(Protocol):
    """A robust loss of squared group norms s: rho(s) with rho(s) ~ s near zero."""

    @property
    def group(self) -> int:
        """Components of one group. Residuals come component by component: all x, then all y, of the landmarks."""
        ...

    def value(self, squared: Array) -> Array: ...

    def weight(self, squared: Array) -> Array:
        """d rho / d s, the weight of reweighted least squares."""
        ...


@dataclass(frozen=True)
class Huber:
    """Squared up to ``scale``, linear beyond (Huber 1964)."""

    scale: float
    group: int = 1

    def value(self, squared: Array) -> Array:
        return np.where(squared <= self.scale**2, squared, 2 * self.scale * np.sqrt(squared) - self.scale**2)

    def weight(self, squared: Array) -> Array:
        return self.scale / np.sqrt(np.maximum(squared, self.scale**2))


@dataclass(frozen=True)
class GemanMcClure:
    """Saturates at ``scale`` squared, so that an outlier far away weighs nothing (Geman and McClure 1987)."""

    scale: float
    group: int = 1

    def value(self, squared: Array) -> Array:
        return squared * self.scale**2 / (squared + self.scale**2)

    def weight(self, squared: Array) -> Array:
        return (self.scale**2 / (squared + self.scale**2)) ** 2


@dataclass(frozen=True, eq=False)
class Prior:
    """Independent Gaussians on the unknowns; precision 0 leaves an unknown free."""

    mean: Array
    """(B, N)."""
    precision: Array
    """(B, N) one over the variance, at least 0."""


@dataclass(frozen=True, eq=False)
class Constraints:
    """Bounds of every unknown (infinite = none) and a few linear inequalities ``rows x <= limits``."""

    lower: Array
    """(N,)."""
    upper: Array
    """(N,)."""
    rows: Array = field(default_factory=lambda: np.zeros((0, 0)))
    """(C, N)."""
    limits: Array = field(default_factory=lambda: np.zeros(0))
    """(C,)."""

    def feasible(self, x: Array) -> Array:
        """The nearest point inside the bounds, then down along each violated inequality. (B, N) -> (B, N)."""
        x = np.clip(x, self.lower, self.upper)
        for row, limit in zip(self.rows, self.limits, strict=True):
            excess = np.maximum(x @ row - limit, 0.0)
            x = np.clip(x - excess[:, None] * row / (row @ row), self.lower, self.upper)
        return x


@dataclass(frozen=True, eq=False)
class Solution:
    """Where each item ended."""

    x: Array
    """(B, N), inside all constraints."""
    cost: Array
    """(B,) the minimised sum."""
    converged: NDArray[np.bool_]
    """(B,) False where the iterations ran out or no descent was left at the strongest damping."""
    iterations: NDArray[np.intp]
    """(B,) steps tried."""


@dataclass(eq=False)
class _State:
    """One item on its way."""

    x: Array
    cost: float
    normal: Array
    gradient: Array
    damping: float = _DAMPING_START
    growth: float = 2.0
    iterations: int = 0
    converged: bool = False
    finished: bool = False


def solve(
    function: ResidualFunction,
    start: Array,
    prior: Prior,
    constraints: Constraints,
    *,
    loss: Loss | None = None,
    max_iterations: int = 30,
    tolerance: float = 1e-5,
) -> Solution:
    """Minimise every item of a batch.

    Args:
        function: residuals (B', M) and Jacobian (B', M, N) at given points.
        start: (B, N) first guess; moved inside the constraints if it is outside.
        prior: Gaussian priors on the unknowns.
        constraints: bounds and linear inequalities.
        loss: robust loss of the residuals; None = least squares.
        max_iterations: most steps tried for an item.
        tolerance: an item has converged when a step can lower its cost by less than this share.
    """
    x = constraints.feasible(np.asarray(start, dtype=np.float64))
    everything = np.arange(len(x), dtype=np.intp)
    states = [
        _State(x[item], *_normal_equations(residuals, jacobian, x[item], prior, item, loss))
        for item, residuals, jacobian in zip(range(len(x)), *function(x, everything), strict=True)
    ]
    for _ in range(max_iterations):
        steps = {i: _step(state, constraints) for i, state in enumerate(states) if not state.finished}
        moving = [i for i, step in steps.items() if _worth_trying(states[i], step, tolerance)]
        if not moving:
            break
        trials = np.stack([states[i].x + steps[i] for i in moving])
        evaluated = function(trials, np.array(moving, dtype=np.intp))
        for i, trial, residuals, jacobian in zip(moving, trials, *evaluated, strict=True):
            _accept_or_damp(states[i], steps[i], trial, residuals, jacobian, prior, i, loss, tolerance)
    return Solution(
        np.stack([state.x for state in states]) if states else x,
        np.array([state.cost for state in states]),
        np.array([state.converged for state in states], dtype=bool),
        np.array([state.iterations for state in states], dtype=np.intp),
    )


def _worth_trying(state: _State, step: Array, tolerance: float) -> bool:
    """Whether to evaluate a step. Marks an item as converged when the model itself promises less than the tolerance."""
    state.iterations += 1
    if _promised(state, step) <= tolerance * state.cost and state.damping <= _DAMPING_START:
        state.converged = state.finished = True
    return not state.finished


def _damp(state: _State) -> None:
    state.damping *= state.growth
    state.growth *= 2.0
    state.finished = state.damping > _DAMPING_CEILING


def _accept_or_damp(
    state: _State,
    step: Array,
    trial: Array,
    residuals: Array,
    jacobian: Array,
    prior: Prior,
    item: int,
    loss: Loss | None,
    tolerance: float,
) -> None:
    cost = _cost(residuals, trial, prior, item, loss)
    promised = _promised(state, step)
    gained = state.cost - cost
    if np.isfinite(cost) and gained > 0 and promised > 0:
        state.damping *= max(1 / 3, 1 - (2 * min(gained / promised, 1.0) - 1) ** 3)
        state.damping = max(state.damping, _DAMPING_FLOOR)
        state.growth = 2.0
        done = gained <= tolerance * state.cost
        state.x = trial
        state.cost, state.normal, state.gradient = _normal_equations(residuals, jacobian, trial, prior, item, loss)
        state.converged = state.finished = done
        return
    if abs(gained) <= tolerance * state.cost and promised <= tolerance * state.cost:
        state.converged = state.finished = True
        return
    _damp(state)


def _promised(state: _State, step: Array) -> float:
    """The decrease that the quadratic model promises for a step."""
    return model_gain(state.normal, state.gradient, step)


def _cost(residuals: Array, x: Array, prior: Prior, item: int, loss: Loss | None) -> float:
    squared = residuals @ residuals if loss is None else loss.value(_group_norms(residuals, loss)).sum()
    return float(0.5 * squared + 0.5 * (prior.precision[item] * (x - prior.mean[item]) ** 2).sum())


def _group_norms(residuals: Array, loss: Loss) -> Array:
    return (residuals.reshape(loss.group, -1) ** 2).sum(axis=0)


def _normal_equations(
    residuals: Array, jacobian: Array, x: Array, prior: Prior, item: int, loss: Loss | None
) -> tuple[float, Array, Array]:
    """Cost, Gauss-Newton matrix (N, N) and gradient (N,) at a point."""
    cost = _cost(residuals, x, prior, item, loss)
    if loss is not None:
        root = np.tile(np.sqrt(loss.weight(_group_norms(residuals, loss))), loss.group)
        residuals, jacobian = residuals * root, jacobian * root[:, None]
    normal = jacobian.T @ jacobian
    normal[np.diag_indices_from(normal)] += prior.precision[item]
    gradient = jacobian.T @ residuals + prior.precision[item] * (x - prior.mean[item])
    return cost, normal, gradient


def _step(state: _State, constraints: Constraints) -> Array:
    """The damped Gauss-Newton step that stays inside the constraints, (N,)."""
    diagonal = np.diagonal(state.normal)
    curvature = diagonal + state.damping * np.maximum(diagonal, 1e-12 * max(diagonal.max(), 1e-300))
    damped = state.normal.copy()
    damped[np.diag_indices_from(damped)] = np.maximum(curvature, 1e-300)
    rows = constraints.rows.reshape(-1, len(state.x))
    room = np.maximum(constraints.limits - rows @ state.x, 0.0)
    low, high = constraints.lower - state.x, constraints.upper - state.x
    return constrained_step(damped, state.gradient, low, high, rows, room)
