"""What an expression looks like to the emotion branch, how strong it is, and whether the data hold such faces."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch

from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.expression.emotion_logits import EmotionLogits
from fields_core.expression.space import ExpressionSpace
from fields_core.expression.support import Support

_UNUSUAL = 1.5  # times the distance that hardly any sample is away from its nearest neighbour
_SLACK = 0.05  # by which a unit may exceed the data before it is named
_MILLIMETRES = 1000.0


class Naturalness(Enum):
    """From faces like those of the data to faces that are nowhere in them."""

    NATURAL = "natural"
    STRONG = "strong"
    UNUSUAL = "unusual"
    """No stronger than others, but a combination that the data do not hold."""
    EXAGGERATED = "exaggerated"
    UNKNOWN = "unknown"
    """There are no data for this head model."""


@dataclass(frozen=True)
class ExpressionReading:
    """Of one face. Scores of a classifier of expressions: not what a person feels."""

    scores: tuple[float, ...] | None
    """8 probabilities in the order of `Emotion`; None where no weights are installed."""
    valence_arousal: tuple[float, float] | None
    """Each in [-1, 1]; None where no weights are installed."""
    intensity: float | None
    """1 is a strong expression (`ExpressionIntensity`); None where no data say what is strong."""
    intensity_without_jaw: float | None
    """The same with the jaw shut: speech opens it without any emotion."""
    millimetres: float
    """Root mean square displacement of the face's vertices from neutral."""
    naturalness: Naturalness
    share_below: float
    """Share of the expressions in the data that are weaker, in [0, 1]."""
    beyond: tuple[str, ...]
    """Names of the numbers that hardly any expression in the data has as large, the worst first."""

    @property
    def likeliest(self) -> Emotion | None:
        """The class with the highest score."""
        return None if self.scores is None else Emotion(self.scores.index(max(self.scores)))


class ExpressionReader:
    """Reads expressions of one head model.

    Args:
        logits: the emotion branch; None where no weights are installed.
        strong: metres that count as intensity 1; None takes that of the support.
    """

    def __init__(
        self, space: ExpressionSpace, support: Support, logits: EmotionLogits | None, strong: float | None = None
    ) -> None:
        self._space, self._support, self._logits = space, support, logits
        self._strong = strong if strong is not None else support.strong
        named = "face" in space.head.region_names
        self._exact = ExpressionIntensity(space.head, 1.0) if named else None

    @torch.no_grad()
    def read(self, code: FaceCode) -> ExpressionReading:
        """Of a code of one face."""
        values = self._space.values(code)
        whole, shut = self._displacement(code, jaw=True), self._displacement(code, jaw=False)
        beyond = self._beyond(code)
        return ExpressionReading(
            scores=tuple(self._logits.probabilities(values).tolist()) if self._logits else None,
            valence_arousal=_pair(self._logits.valence_arousal(values).tolist()) if self._logits else None,
            intensity=whole / self._strong if self._strong else None,
            intensity_without_jaw=shut / self._strong if self._strong else None,
            millimetres=whole * _MILLIMETRES,
            naturalness=self._naturalness(code, whole * _MILLIMETRES, beyond),
            share_below=self._support.share_below(whole * _MILLIMETRES),
            beyond=beyond,
        )

    def _displacement(self, code: FaceCode, *, jaw: bool) -> float:
        """Metres."""
        if self._exact is not None:
            return float(self._exact(code, jaw=jaw))
        values = self._space.values(code if jaw else code.replace(jaw_pose=torch.zeros_like(code.jaw_pose)))
        return self._space.millimetres(values) / _MILLIMETRES

    def _beyond(self, code: FaceCode) -> tuple[str, ...]:
        excess = abs(self._space.values(code)) - self._support.extremes
        share = excess / (self._space.high - self._space.low)
        order = share.argsort()[::-1]
        return tuple(self._space.names[column] for column in order if share[column] > _SLACK)

    def _naturalness(self, code: FaceCode, millimetres: float, beyond: tuple[str, ...]) -> Naturalness:
        support = self._support
        if not len(support.samples):
            return Naturalness.UNKNOWN
        if millimetres > support.largest:
            return Naturalness.EXAGGERATED
        if beyond or support.nearest(self._space.values(code)) > _UNUSUAL * support.farthest:
            return Naturalness.UNUSUAL
        strong = self._strong is not None and millimetres > self._strong * _MILLIMETRES
        return Naturalness.STRONG if strong else Naturalness.NATURAL


def _pair(values: list[float]) -> tuple[float, float]:
    valence, arousal = values
    return valence, arousal
