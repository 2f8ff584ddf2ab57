"""The ablation's trainings side by side: emotion, always beside naturalness, and geometry."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import stats

from fields_core.evaluation.ablation import VARIANTS
from fields_core.evaluation.ablation_scores import ScoredRun, Scores
from fields_core.evaluation.comparison import Variant
from fields_core.evaluation.results import Cell, Column, Spread, Table

_CONFIDENCE = 0.95
_COLUMNS: tuple[tuple[Column, Callable[[Scores], float]], ...] = (
    (Column("branch accuracy"), lambda s: s.branch_accuracy),
    (Column("branch macro recall"), lambda s: s.branch_macro_recall),
    (Column("branch macro F1"), lambda s: s.branch_macro_f1),
    (Column("probe accuracy"), lambda s: s.probe_accuracy),
    (Column("probe macro recall"), lambda s: s.probe_macro_recall),
    (Column("probe macro F1"), lambda s: s.probe_macro_f1),
    (Column("balanced probe accuracy"), lambda s: s.balanced_accuracy),
    (Column("balanced probe macro recall"), lambda s: s.balanced_macro_recall),
    (Column("balanced probe macro F1"), lambda s: s.balanced_macro_f1),
    (Column("intensity ratio"), lambda s: s.intensity_ratio),
    (Column("ratio without jaw"), lambda s: s.jaw_free_ratio),
    (Column("slope"), lambda s: s.slope),
    (Column("Spearman"), lambda s: s.spearman),
    (Column("landmarks (105), %", ".2f"), lambda s: 100.0 * s.landmark_error),
    (Column("expression, mm", ".2f"), lambda s: s.expression_millimetres),
)
_RATIO = "|intensity ratio - 1|"
_ACCURACIES = ("branch accuracy", "probe accuracy")
_RECALLS = ("branch macro recall", "balanced probe macro recall")
_CLAIMS = (
    ("direct 3D", "no-direct-3d"),
    ("3D truth, direct and as intensity,", "no-3d-truth"),
    ("the intensity-aware loss", "plain-cross-entropy"),
)
# name, value, and whether it is to be great (or small)
_CLAIMED: tuple[tuple[str, Callable[[Scores], float], bool], ...] = (
    ("branch accuracy", lambda s: s.branch_accuracy, True),
    ("branch macro recall", lambda s: s.branch_macro_recall, True),
    ("probe accuracy", lambda s: s.probe_accuracy, True),
    ("balanced probe macro recall", lambda s: s.balanced_macro_recall, True),
    (_RATIO, lambda s: abs(s.intensity_ratio - 1.0), False),
)


@dataclass(frozen=True)
class Gain:
    """What a part of the method brings, in one measure; above 0 is better."""

    spread: Spread
    """Over pairs of runs with the same seed, with the part and without."""

    @property
    def verdict(self) -> str:
        """ "better" or "worse" where Student's t-test of the pairs is sure of it, else "undecided"."""
        if not self.spread.runs or not abs(self.spread.mean) > self.doubt:  # the NaN of a single pair included
            return "undecided"
        return "better" if self.spread.mean > 0 else "worse"

    @property
    def doubt(self) -> float:
        """Half the width of the 95 % confidence interval; NaN of fewer than two pairs."""
        count = self.spread.runs
        if count < 2:
            return math.nan
        quantile = float(stats.t.ppf(0.5 + _CONFIDENCE / 2.0, count - 1))
        return quantile * self.spread.deviation / math.sqrt(count)


def ablation_tables(start: Scores, runs: Sequence[ScoredRun]) -> tuple[Table, ...]:
    """One row a variant, mean and deviation over seeds; how each differs from the full method, paired by seed; what the
    two claims come to; and every run.

    Args:
        start: of the checkpoint that all started from.
        runs: finished ones, at least one.
    """
    tables = [_means(start, runs), _differences(runs), _claim_table(runs), _verdicts(runs)]
    return (*(table for table in tables if table.rows), _every(runs))


def paired_gain(runs: Sequence[ScoredRun], variant: str, value: Callable[[Scores], float], great: bool) -> Gain | None:
    """Of the full method over a variant; None without a seed that both were trained with.

    Args:
        value: what is measured.
        great: whether it is to be great, or small.
    """
    full, other = ({run.seed: value(run.scores) for run in _of(runs, name)} for name in ("full", variant))
    gains = [(full[seed] - other[seed]) * (1.0 if great else -1.0) for seed in sorted(full.keys() & other.keys())]
    return Gain(Spread.of(gains)) if gains else None


def _of(runs: Sequence[ScoredRun], variant: str) -> list[ScoredRun]:
    return [run for run in runs if run.variant.name == variant]


def _others() -> tuple[Variant, ...]:
    return tuple(variant for variant in VARIANTS if variant.name != "full")


def _means(start: Scores, runs: Sequence[ScoredRun]) -> Table:
    rows: list[tuple[Cell, ...]] = [("(the common start)", 0, *(value(start) for _, value in _COLUMNS))]
    for variant in VARIANTS:
        scores = [run.scores for run in _of(runs, variant.name)]
        if scores:
            rows.append((variant.title, len(scores), *(Spread.of([value(s) for s in scores]) for _, value in _COLUMNS)))
    note = (
        "± is the deviation over seeds. Probes are linear, on expression + jaw, the same for all: they read emotion "
        "also where no branch was trained. An intensity ratio of 1 and a slope of 1 are natural; an accuracy alone "
        "rewards exaggeration. Without direct 3D, 3D samples still say how intense they are."
    )
    measures = tuple(column for column, _ in _COLUMNS)
    return Table("Ablation", (Column("variant"), Column("runs"), *measures), tuple(rows), note)


def _differences(runs: Sequence[ScoredRun]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for variant in _others():
        gains = [paired_gain(runs, variant.name, value, False) for _, value in _COLUMNS]
        known = [gain for gain in gains if gain is not None]
        if known:
            rows.append((variant.title, known[0].spread.runs, *(gain.spread for gain in known)))
    note = (
        "The variant less the full method, of the same seed; ± is the deviation over seeds. A single pair says nothing "
        "of chance: compare it with the deviations of the full method above."
    )
    measures = tuple(Column(column.name, "+" + column.form) for column, _ in _COLUMNS)
    return Table("Difference to the full method", (Column("variant"), Column("pairs"), *measures), tuple(rows), note)


def _claim_table(runs: Sequence[ScoredRun]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for claim, name in _CLAIMS:
        for measure, value, great in _CLAIMED:
            gain = paired_gain(runs, name, value, great)
            if gain is not None:
                here, there = (Spread.of([value(run.scores) for run in _of(runs, one)]) for one in ("full", name))
                rows.append((claim, measure, here, there, gain.spread, gain.doubt, gain.verdict))
    columns = ("claim", "measure", "with", "without", "gain", "doubt", "verdict")
    forms = {"gain": "+.3f"}
    note = (
        "Gains are paired by seed, above 0 is better. Undecided: within the doubt, half of the 95 % confidence "
        "interval of the mean gain (Student's t), or from a single pair."
    )
    return Table("What is claimed", tuple(Column(c, forms.get(c, ".3f")) for c in columns), tuple(rows), note)


def _verdicts(runs: Sequence[ScoredRun]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for claim, name in _CLAIMS:
        found = {
            measure: gain.verdict
            for measure, value, great in _CLAIMED
            if (gain := paired_gain(runs, name, value, great)) is not None
        }
        if found:
            accuracies, recalls = ([found[measure] for measure in some] for some in (_ACCURACIES, _RECALLS))
            sentence = _sentence(claim, accuracies, found[_RATIO])
            if "worse" in recalls:
                sentence += "; of the mean class fewer are found"
            rows.append((claim, *accuracies, *recalls, found[_RATIO], sentence))
    columns = ("claim", *_ACCURACIES, *_RECALLS, _RATIO, "better emotion recognition and a truer intensity?")
    return Table("Whether the claims hold", tuple(map(Column, columns)), tuple(rows))


def _sentence(claim: str, accuracies: Sequence[str], ratio: str) -> str:
    """What the verdicts say of the claim that a part improves accuracy AND brings the intensity ratio closer to 1."""
    accuracy = "worse" if "worse" in accuracies else "better" if "better" in accuracies else "undecided"
    if (accuracy, ratio) == ("better", "better"):
        return f"yes: {claim} improves accuracy and brings the intensity ratio closer to 1"
    said = {
        "better": ("accuracy improves", "the intensity ratio comes closer to 1"),
        "worse": ("accuracy falls", "the intensity ratio goes further from 1"),
        "undecided": ("accuracy differs by no more than chance", "the intensity ratio differs by no more than chance"),
    }
    return f"not shown: with {claim} {said[accuracy][0]} and {said[ratio][1]}"


def _every(runs: Sequence[ScoredRun]) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (run.variant.title, run.seed, *(value(run.scores) for _, value in _COLUMNS)) for run in runs
    )
    return Table("Every run", (Column("variant"), Column("seed"), *(column for column, _ in _COLUMNS)), rows)
