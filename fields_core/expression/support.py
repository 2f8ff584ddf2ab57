"""Which expressions the data hold: what steering stays near to, and what naturalness is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from fields_core.data.expressions import Expression, ExpressionGenerator
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import STRONG, ExpressionIntensity
from fields_core.errors import ModelFileError
from fields_core.expression.space import Array, ExpressionSpace
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken

_SAMPLES = 2400
_BATCH = 60  # samples between two looks at the token
_SEED = 4
_USUAL = 0.95  # quantile of a unit's size among the expressions of one emotion
_SCATTER = 0.05  # share of the variance within an emotion
_EXTREME = 0.995  # quantile of a unit, of a displacement and of a distance beyond which the data hold next to nothing
_TYPICAL = 0.25  # share of its range that a coefficient of an unknown head model moves


@dataclass(frozen=True, eq=False)
class Support:
    """A sample of expressions and its statistics. N numbers of an expression, n samples."""

    moments: Mapping[Emotion, Array]
    """(N, N) second moments about rest of the expressions of each emotion, with less of their scatter about the mean:
    a face that shows half of an emotion's units strongly is less like it than one that shows all of them a little."""
    typical: Mapping[Emotion, Array]
    """(K, N) expressions in the middle of each emotion's: of all, of those stronger on the left, on the right."""
    pooled: Array
    """(N, N) the same of all expressions."""
    samples: Array
    """(n, N); none for a head model whose coefficients nobody has named."""
    limits: Mapping[Emotion, Array]
    """(N,) that few expressions of an emotion exceed, from rest either way; infinite without samples."""
    extremes: Array
    """(N,) that hardly any sample exceeds; infinite without samples."""
    displacements: Array
    """(n,) millimetres from rest, sorted."""
    farthest: float
    """Millimetres that hardly any sample is away from the sample nearest to it."""
    strong: float | None
    """d95 in metres (see `ExpressionIntensity`); None without samples."""
    root: Array
    """(N, N) maps expressions to coordinates in millimetres: ``root.T @ root`` is the space's gram."""
    placed: Array
    """(n, N) the samples there."""

    def nearest(self, values: Array) -> float:
        """Millimetres from an expression (N,) to the sample nearest to it; 0 without samples."""
        if not len(self.samples):
            return 0.0
        return float(np.linalg.norm(self.placed - self.root @ values, axis=1).min())

    def share_below(self, millimetres: float) -> float:
        """The share of samples with a smaller displacement, in [0, 1]; 0 without samples."""
        if not len(self.displacements):
            return 0.0
        return float(np.searchsorted(self.displacements, millimetres) / len(self.displacements))

    @property
    def largest(self) -> float:
        """Displacement in millimetres that hardly any sample exceeds; infinite without samples."""
        return float(np.quantile(self.displacements, _EXTREME)) if len(self.displacements) else np.inf


def measure_support(space: ExpressionSpace, head: HeadModel, token: CancelToken | None = None) -> Support:
    """What the generator of training expressions draws for a head model with ARKit's units (see
    `fields_core.data.expressions`); for other head models a plain guess from the bounds, without samples.

    It takes a second or two, once.

    Raises:
        Cancelled: the token said so.
    """
    token = token or CancelToken()
    try:
        generator = ExpressionGenerator(head)
    except ModelFileError:  # coefficients without ARKit's names (FLAME): no table says what they mean
        return _guess(space)
    rng = np.random.default_rng(_SEED)
    drawn: list[Expression] = []
    while len(drawn) < _SAMPLES:
        token.raise_if_cancelled()
        drawn += [generator.draw(rng) for _ in range(_BATCH)]
    code = generator.code(head, drawn)
    samples = space.values(code)
    displacements = np.sort(_displacements(space, code, token))
    labels = np.array([expression.label for expression in drawn])
    root = _root(space.gram)
    placed = samples @ root.T
    pooled = samples.T @ samples / len(samples)
    side = np.array([name.endswith("Left") for name in space.names]) * 1.0
    side -= [name.endswith("Right") for name in space.names]
    groups = {emotion: samples[labels == emotion] for emotion in Emotion}
    typical = {emotion: _middles(rows, rows @ side) for emotion, rows in groups.items()}
    return Support(
        moments={emotion: _moment(rows, typical[emotion]) for emotion, rows in groups.items()},
        typical=typical,
        pooled=pooled,
        samples=samples,
        limits={emotion: np.quantile(np.abs(rows), _USUAL, axis=0) for emotion, rows in groups.items()},
        extremes=np.quantile(np.abs(samples), _EXTREME, axis=0),
        displacements=displacements * 1000.0,
        farthest=_farthest(placed),
        strong=float(np.quantile(displacements, STRONG)),
        root=root,
        placed=placed,
    )


@torch.no_grad()
def _displacements(space: ExpressionSpace, code: FaceCode, token: CancelToken) -> Array:
    """(n,) metres."""
    if "face" not in space.head.region_names:
        values = space.values(code)
        squared: Array = np.einsum("ij,ij->i", values @ space.gram, values)
        return np.sqrt(squared.clip(0.0)) / 1000.0
    measure = ExpressionIntensity(space.head, 1.0)
    parts = []
    for start in range(0, len(code), _BATCH):
        token.raise_if_cancelled()
        parts.append(measure.displacement(code[start : start + _BATCH]).double().numpy())
    return np.concatenate(parts)


def _middles(rows: Array, lean: Array) -> Array:
    """Means of all rows, and of those that lean to the left and to the right more than half of them do."""
    order = np.argsort(lean)
    half = len(rows) // 2
    return np.stack([rows.mean(axis=0), rows[order[half:]].mean(axis=0), rows[order[:half]].mean(axis=0)])


def _moment(rows: Array, middles: Array) -> Array:
    scatter = rows - rows.mean(axis=0)
    moment: Array = middles.T @ middles / len(middles) + _SCATTER * scatter.T @ scatter / len(rows)
    return moment


def _guess(space: ExpressionSpace) -> Support:
    count = len(space.names)
    spread = np.diag(((space.high - space.low) * _TYPICAL) ** 2)
    return Support(
        moments=dict.fromkeys(Emotion, spread),
        typical=dict.fromkeys(Emotion, np.zeros((0, count))),
        pooled=spread,
        samples=np.zeros((0, count)),
        limits=dict.fromkeys(Emotion, np.full(count, np.inf)),
        extremes=np.full(count, np.inf),
        displacements=np.zeros(0),
        farthest=np.inf,
        strong=None,
        root=np.zeros((count, count)),
        placed=np.zeros((0, count)),
    )


def _root(gram: Array) -> Array:
    """A square root of a positive semidefinite matrix."""
    strengths, directions = np.linalg.eigh(gram)
    root: Array = np.sqrt(strengths.clip(0.0))[:, None] * directions.T
    return root


def _farthest(placed: Array) -> float:
    """Quantile of the distances of samples to their nearest neighbours."""
    squares = np.einsum("ij,ij->i", placed, placed)
    distances = squares[:, None] + squares[None, :] - 2.0 * placed @ placed.T
    np.fill_diagonal(distances, np.inf)
    return float(np.sqrt(np.quantile(distances.min(axis=1).clip(0.0), _EXTREME)))
