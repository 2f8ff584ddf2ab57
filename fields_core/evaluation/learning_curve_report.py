"""Learning curves as tables: emotion by the number of labelled photos, beside naturalness, and what more bring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fields_core.encoder.emotion_head import Emotion
from fields_core.evaluation.emotion_metrics import ENOUGH
from fields_core.evaluation.learning_curve import (
    ACCURACY,
    MACRO_RECALL,
    NATURALNESS,
    READINGS,
    CurvePoint,
    recall_name,
    score_name,
)
from fields_core.evaluation.results import Cell, Column, Spread, Table

_MEASURES = tuple(score_name(name, measure) for name, *_ in READINGS for measure in (ACCURACY, MACRO_RECALL))
_POINT = 0.01  # what the table asks further photos for


@dataclass(frozen=True)
class Trend:
    """What twice the photos bring, in one measure."""

    all: float
    """Over the whole curve: slope of the least-squares line on the logarithm (base 2) of the number of photos."""
    last: Spread
    """Over the last two shares, for each seed that both have, a doubling of the photos."""

    @property
    def photos_for_a_point(self) -> float:
        """How many times the photos one point (.01) more needs if it goes on as over the last two shares; infinite if
        it does not rise."""
        return 2.0 ** (_POINT / self.last.mean) if self.last.mean > 0 else math.inf


def curve_tables(points: Sequence[CurvePoint]) -> tuple[Table, ...]:
    """One row a share of the people, mean and deviation over seeds; recalls beside the photos they were learned from;
    and what twice the photos bring.

    Args:
        points: of finished trainings, at least one.
    """
    shares = sorted({point.share for point in points})
    tables = [_means(points, shares), *(_recalls(points, shares, name) for name, *_ in READINGS if "balanced" in name)]
    return (*tables, *([_trends(points)] if len(shares) > 1 else []), _every(points))


def trend(points: Sequence[CurvePoint], measure: str) -> Trend | None:
    """Of one measure; None where no two shares with different photos have it with a seed in common.

    Args:
        measure: a name of `CurvePoint.scores`.
    """
    known = [point for point in points if math.isfinite(point.scores.get(measure, math.nan))]
    shares = sorted({point.share for point in known})
    if len(shares) < 2:
        return None
    before, after = ({point.seed: point for point in known if point.share == share} for share in shares[-2:])
    pairs = [(before[seed], after[seed]) for seed in sorted(before.keys() & after.keys())]
    gains = [_doubling(one, other, measure) for one, other in pairs if one.photos < other.photos]
    if not gains:
        return None
    doublings = np.log2([point.photos for point in known])
    slope = float(np.polyfit(doublings, [point.scores[measure] for point in known], 1)[0])
    return Trend(slope, Spread.of(gains))


def _doubling(before: CurvePoint, after: CurvePoint, measure: str) -> float:
    return (after.scores[measure] - before.scores[measure]) / math.log2(after.photos / before.photos)


def _means(points: Sequence[CurvePoint], shares: Sequence[float]) -> Table:
    measures = (*_MEASURES, *NATURALNESS)
    rows: list[tuple[Cell, ...]] = []
    for share in shares:
        here = _of(points, share)
        spreads = [_spread(here, measure) for measure in measures]
        rows.append((here[0].people, here[0].photos, len(here), *spreads))
    note = (
        "Every row is trained from the same start for the same number of steps; its probes learn from the photos of "
        "the same people. ± is the deviation over seeds. Naturalness is that of rendered heads: a ratio of 1 and a "
        "slope of 1 are natural."
    )
    columns = (Column("people"), Column("labelled photos"), Column("runs"), *map(Column, measures))
    return Table("Learning curve", columns, tuple(rows), note)


def _recalls(points: Sequence[CurvePoint], shares: Sequence[float], reading: str) -> Table:
    emotions = [emotion for emotion in Emotion if any(point.labels[emotion] for point in points)]
    rows: list[tuple[Cell, ...]] = []
    for share in shares:
        here = _of(points, share)
        cells: list[Cell] = []
        for emotion in emotions:
            cells += [here[0].labels[emotion], _spread(here, recall_name(reading, emotion))]
        rows.append((here[0].people, here[0].photos, *cells))
    columns = [Column("people"), Column("labelled photos")]
    for emotion in emotions:
        columns += [Column(f"{emotion.name.lower()} photos"), Column(f"{emotion.name.lower()} recall", ".2f")]
    return Table(f"Recall of each class by the {reading}, beside the photos of it", tuple(columns), tuple(rows))


def _trends(points: Sequence[CurvePoint]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for measure in (*_MEASURES, *NATURALNESS):
        found = trend(points, measure)
        if found is not None:
            times = found.photos_for_a_point if measure in _MEASURES else math.nan
            most = max(point.share for point in points)
            now = _spread(_of(points, most), measure)
            rows.append((measure, now, found.all, found.last, times if math.isfinite(times) else None))
    columns = (
        Column("measure"),
        Column("with most photos"),
        Column("twice the photos bring, over the whole curve", "+.3f"),
        Column("over the last two shares", "+.3f"),
        Column("times the photos for .01 more", ".1f"),
    )
    note = (
        f"Macro means are over classes with {ENOUGH} photos or more. The last column goes on from the last two shares; "
        "it is empty where they do not rise."
    )
    return Table("What twice the labelled photos bring", columns, tuple(rows), note)


def _every(points: Sequence[CurvePoint]) -> Table:
    measures = (*_MEASURES, *NATURALNESS)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (point.share, point.seed, point.photos, *(point.scores.get(measure) for measure in measures))
        for point in sorted(points, key=lambda point: (point.share, point.seed))
    )
    columns = (Column("share of the people"), Column("seed"), Column("labelled photos"), *map(Column, measures))
    return Table("Every run", columns, rows)


def _of(points: Sequence[CurvePoint], share: float) -> list[CurvePoint]:
    return [point for point in points if point.share == share]


def _spread(points: Sequence[CurvePoint], score: str) -> Spread:
    return Spread.of([point.scores.get(score, math.nan) for point in points])
