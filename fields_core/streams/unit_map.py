"""From the coefficients of any head model to ARKit's units, fitted by what they do to the face.

FLAME's expression coefficients are statistical and signed; ARKit's units are named and run from 0 to 1. What the two
have in common is where they move the face. So each coefficient, once at +1 and once at -1, is written as the
non-negative combination of a reference head's units that moves the shared landmarks most alike:

    min over w >= 0 of  || W (U w - d) ||^2 + ridge |w|^2        (Lawson and Hanson 1974, non-negative least squares)

with d (3 L) the coefficient's landmark displacements in mm, brought to the reference's size and orientation by the
similarity that best lays the neutral landmarks over each other (Umeyama 1991), U (3 L, N) those of the reference's
units and of its opened jaw, W the reference's trust in each landmark. The map of a code with coefficients c is then
linear in their positive and negative parts: units = P max(c, 0) + Q max(-c, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from fields_core.datatypes import FaceCode
from fields_core.errors import SettingsError
from fields_core.head.model import HeadModel

RIDGE = 0.5  # mm: a unit that could save less than about this is not worth using
FEWEST_LANDMARKS = 30

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnitMap:
    """Coefficients of one head model -> N named units of another."""

    names: tuple[str, ...]
    """(N,) units: the reference's expression names, then jawOpen."""
    positive: Array
    """(N, E) >= 0: what each coefficient at +1 is."""
    negative: Array
    """(N, E) >= 0: what each coefficient at -1 is."""
    residual: float
    """The part of all landmark motion that the units cannot show, in [0, 1]."""

    def __call__(self, coefficients: Array) -> Array:
        """(B, E) -> (B, N), not limited to 1."""
        return np.maximum(coefficients, 0) @ self.positive.T + np.maximum(-coefficients, 0) @ self.negative.T


def fit_unit_map(head: HeadModel, reference: HeadModel) -> UnitMap:
    """Fit the map from a head model's coefficients to a reference's units.

    Raises:
        SettingsError: the two share too few landmarks.
    """
    mine, theirs = _shared(head, reference)
    neutral, moves = _displacements(head, mine)
    target, units = _displacements(reference, theirs, jaw=True)
    moves = moves @ _alignment(neutral, target).T
    trust = reference.landmark_weights[theirs].double().cpu().numpy()
    weight = np.repeat(np.sqrt(trust / trust.mean()), 3)
    U = units.reshape(len(units), -1).T * weight[:, None] * 1e3
    d = moves.reshape(len(moves), -1).T * weight[:, None] * 1e3
    stacked = np.concatenate([U, RIDGE * np.eye(U.shape[1])])
    zeros = np.zeros(U.shape[1])
    both = [np.stack([nnls(stacked, np.r_[sign * c, zeros])[0] for c in d.T], 1) for sign in (1.0, -1.0)]
    missed = sum(float(((U @ w - sign * d) ** 2).sum()) for w, sign in zip(both, (1.0, -1.0), strict=True))
    total = 2 * float((d**2).sum())
    return UnitMap((*reference.expression_names, "jawOpen"), both[0], both[1], missed / total if total else 0.0)


def _shared(head: HeadModel, reference: HeadModel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the two models' landmarks that are the same points of MediaPipe's mesh."""
    mine_ids, their_ids = head.landmark_ids.cpu().numpy(), reference.landmark_ids.cpu().numpy()
    common, mine, theirs = np.intersect1d(mine_ids, their_ids, return_indices=True)
    if len(common) < FEWEST_LANDMARKS:
        raise SettingsError(
            f"The head model {head.name} cannot be mapped to ARKit's units",
            expected=f"{FEWEST_LANDMARKS} landmarks it shares with {reference.name}",
            found=f"{len(common)}",
            remedy="Give the head model a landmark embedding, or use the open head.",
        )
    return mine, theirs


def _displacements(head: HeadModel, rows: NDArray[np.int64], jaw: bool = False) -> tuple[Array, Array]:
    """Neutral landmarks (L, 3) and displacements (E, L, 3) of each coefficient at 1, metres; then of the open jaw."""
    neutral = head.neutral_code().to(torch.float64)
    count = head.n_expression
    batch = FaceCode.concatenate([neutral] * (1 + count + jaw))
    expression, pose = batch.expression.clone(), batch.jaw_pose.clone()
    expression[1 + torch.arange(count), torch.arange(count)] = 1.0
    if jaw:
        pose[-1, 0] = head.jaw_open_radians
    batch = batch.replace(expression=expression, jaw_pose=pose)
    with torch.no_grad():
        parts = [head.landmarks(head(batch[i : i + 16]))[:, rows] for i in range(0, len(batch), 16)]
    points: Array = torch.cat(parts).cpu().numpy()
    return points[0], points[1:] - points[0]


def _alignment(source: Array, target: Array) -> Array:
    """(3, 3) scaled rotation that lays ``source`` over ``target`` (Umeyama 1991, equations 40 to 42)."""
    a, b = source - source.mean(0), target - target.mean(0)
    left, sizes, right = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (sizes * sign).sum() / (a**2).sum()
    return np.asarray(scale * left @ np.diag(sign) @ right)
