"""Dragging an emotion: the smallest change of an expression that gives it a wanted probability.

With x the expression, x0 where it began, g(x) the log-odds of the class in the emotion branch and t those wanted:

    minimise  (x - x0)' M (x - x0) / 2 + w x' P x / 2 + PRICE |g(x) - t|
    subject to  low <= x <= high,  lips close no more than the jaw opens

M weighs a change in two ways: how far it moves the face's vertices (millimetres), and how unlike the changes are that
the data hold, by the inverse of a second moment of expressions of that emotion, of all expressions, and of x0 itself
(to do the same less or more is always natural). Without the second, the cheapest way through a small network is a
grimace that no face makes. P is the inverse of the emotion's own second moment alone, and w how far up the score is
dragged, 0 at x0's own and 1 at certainty: what x0 has that the emotion has not (the smile of an angry face) fades, even
where the branch does not mind it. The penalty is exact (Nocedal and Wright 2006, section 17.2): g(x) = t as long as one
more of log-odds costs less than PRICE; beyond, the answer stays where the data end, and says so. The absolute value is
smoothed near 0, and every step minimises its quadratic majoriser around a linear g, inside the bounds. Every answer
starts from the last: a drag costs a few steps each time.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.expression.emotion_logits import EmotionLogits
from fields_core.expression.space import Array, ExpressionSpace
from fields_core.expression.support import Support
from fields_core.fitting.active_set import constrained_step, model_gain

LEAST, MOST = 0.01, 0.99  # probabilities that can be asked for

_OWN, _ALL, _SAME = 0.65, 0.05, 0.3  # shares of the emotion's moment, of all expressions' and of x0's own
_FLOOR = 0.03**2  # variance of a coefficient that never moves
_MILLIMETRES = 4.0  # a change of the face that counts as one standard deviation
PRICE = 20.0
_ROUND = 0.1  # log-odds around the target where the penalty is smooth
_MOST_STEPS = 20
_LONGEST = 0.3  # change of one coefficient in one step
_SETTLED = 2e-3  # change of coefficients that ends the search
_SHARES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5)  # of a typical expression, where a search may start
_MISSED = 0.1  # log-odds
_FOREIGN = 0.12**2  # variance of a coefficient that the emotion does not move, in P
_REACHED = 0.02  # probability


@dataclass(frozen=True, eq=False)
class SteeredExpression:
    """One answer of `Steering`."""

    code: FaceCode
    probability: float
    """That the emotion branch now gives the class."""
    reached: bool
    """False where bounds, locks and the data allow no more."""
    steps: int


@dataclass(frozen=True, eq=False)
class _Answer:
    values: Array
    odds: float
    merit: float
    steps: int


class Steering:
    """Steers one expression towards one emotion, for as long as a drag lasts. Not for several threads at once.

    Args:
        emotion_head: the emotion branch; copied.
        code: of one face, where the drag begins; every answer is measured from here.
        emotion: the class whose probability is wanted.
        locked: names of numbers that must stay (those of `ExpressionSpace.names`; others are passed over).
    """

    def __init__(
        self,
        space: ExpressionSpace,
        support: Support,
        emotion_head: EmotionHead,
        code: FaceCode,
        emotion: Emotion,
        locked: Collection[str] = (),
    ) -> None:
        self._space, self._code, self._emotion = space, code, emotion
        self._network = EmotionLogits(emotion_head, space)
        self._start = space.values(code)
        fixed = space.columns({*locked, *_KEPT})
        limit = support.limits[emotion]
        self._low = np.where(fixed, self._start, np.minimum(np.maximum(space.low, -limit), self._start))
        self._high = np.where(fixed, self._start, np.maximum(np.minimum(space.high, limit), self._start))
        self._metric = _metric(space, support, emotion, self._start)
        own = support.moments[emotion] + np.diag(_FOREIGN * (space.high - space.low) ** 2)
        self._family = np.linalg.inv(own)
        self._pull = 0.0  # w
        self._first = float(self._network.probabilities(self._start)[emotion])
        self._values = self._start.copy()
        self._others = self._candidates(support.typical[emotion], fixed)
        chances = self._network.probabilities(self._others)[:, emotion].clip(1e-12, 1.0 - 1e-12)
        self._others_odds = np.log(chances / (1.0 - chances))

    def to(self, probability: float) -> SteeredExpression:
        """The expression that the emotion branch gives this probability, or as near to it as can be.

        Args:
            probability: clamped to [LEAST, MOST].
        """
        wanted = min(max(probability, LEAST), MOST)
        target = math.log(wanted / (1.0 - wanted))
        self._pull = max(wanted - self._first, 0.0) / (1.0 - min(self._first, MOST))
        answer = self._descend(self._values, target)
        if abs(answer.odds - target) > _MISSED and len(self._others):
            # The branch has plateaus where descent stays; a typical face may be beyond.
            rows = zip(self._others, self._others_odds, strict=True)
            merits = [self._merit(values, odds, target) for values, odds in rows]
            other = self._descend(self._others[int(np.argmin(merits))], target)
            answer = min(answer, other, key=lambda found: found.merit)
        self._values = answer.values
        probability = 1.0 / (1.0 + math.exp(-answer.odds))
        code = self._space.put(self._code, self._values)
        return SteeredExpression(code, probability, abs(probability - wanted) < _REACHED, answer.steps)

    def _descend(self, values: Array, target: float) -> _Answer:
        odds, slope = self._odds(values)
        moved, steps = math.inf, 0
        while moved >= _SETTLED and steps < _MOST_STEPS:
            values, moved = self._step(values, odds, slope, target)
            odds, slope = self._odds(values)
            steps += 1
        return _Answer(values, odds, self._merit(values, odds, target), steps)

    def _candidates(self, typical: Array, fixed: NDArray[np.bool_]) -> Array:
        """(n, N) other starts: from x0 towards typical expressions of the emotion, over it or in its place."""
        rows = [
            self._space.possible(self._start * (1.0 - fade * min(share, 1.0)) + share * middle)
            for middle in typical
            for share in _SHARES
            for fade in (0.0, 1.0)
        ]
        candidates = np.where(fixed, self._start, np.array(rows).reshape(-1, len(self._start)))
        return candidates.clip(self._low, self._high)

    def _odds(self, values: Array) -> tuple[float, Array]:
        return self._network.log_odds(values, self._emotion)

    def _merit(self, values: Array, odds: float, target: float) -> float:
        change = values - self._start
        quadratic = change @ self._metric @ change + self._pull * (values @ self._family @ values)
        return float(quadratic) / 2.0 + PRICE * math.hypot(odds - target, _ROUND)

    def _step(self, values: Array, odds: float, slope: Array, target: float) -> tuple[Array, float]:
        """One Gauss-Newton step, halved until it helps: the new values and the largest change of one of them."""
        space = self._space
        weight = PRICE / math.hypot(odds - target, _ROUND)
        gradient = (
            self._metric @ (values - self._start)
            + self._pull * (self._family @ values)
            + weight * (odds - target) * slope
        )
        hessian = self._metric + self._pull * self._family + weight * np.outer(slope, slope)
        low, high = np.maximum(self._low - values, -_LONGEST), np.minimum(self._high - values, _LONGEST)
        room = np.maximum(-(space.rows @ values), 0.0)
        step = constrained_step(hessian, gradient, np.minimum(low, 0.0), np.maximum(high, 0.0), space.rows, room)
        before = self._merit(values, odds, target)
        promised = model_gain(hessian, gradient, step)
        share = 1.0
        while share > 1e-3 and promised > 0.0:
            tried = values + share * step
            if self._merit(tried, self._odds(tried)[0], target) <= before - 1e-4 * share * promised:
                return np.clip(tried, self._low, self._high), float(np.abs(share * step).max())
            share /= 2.0
        return values, 0.0


_KEPT = ("jawTurn", "jawTilt", "eyelidLeft", "eyelidRight", "eyeBlinkLeft", "eyeBlinkRight")  # say nothing of emotion


def _metric(space: ExpressionSpace, support: Support, emotion: Emotion, start: Array) -> Array:
    """M: (N, N), dimensionless."""
    floor = np.diag(_FLOOR * (space.high - space.low) ** 2)
    moment = _OWN * support.moments[emotion] + _ALL * support.pooled + _SAME * np.outer(start, start) + floor
    metric: Array = np.linalg.inv(moment) + space.gram / _MILLIMETRES**2
    return metric
