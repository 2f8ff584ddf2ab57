"""The ablation's trainings side by side: emotion, always beside naturalness, and geometry."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fields_core.data.mixture import SampleSet
from fields_core.encoder.checkpoint import load_checkpoint
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.evaluation.ablation import VARIANTS, AblationRun, Variant, file_digest
from fields_core.evaluation.coders import code_photos, encoder_coder
from fields_core.evaluation.emotion_report import BRANCH, EXPRESSION, LINEAR, EmotionReport, ProbePlan, evaluate_emotion
from fields_core.evaluation.geometry import HEAD_MEASURES, LANDMARKS_105, PHOTO_MEASURES, ErrorMeter
from fields_core.evaluation.rendered import HELD_OUT_SEED, RenderedHeads, code_heads, render_heads
from fields_core.evaluation.results import Cell, Column, Spread, Table
from fields_core.files import replacing
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, ProgressCallback

_SCORING = 1  # goes up when scores come to mean something else


@dataclass(frozen=True)
class Scores:
    """Of one training; NaN where there is nothing to measure."""

    branch_accuracy: float
    branch_macro_recall: float
    probe_accuracy: float
    """Linear probe on expression + jaw."""
    probe_macro_recall: float
    balanced_accuracy: float
    """The same probe with balanced classes."""
    balanced_macro_recall: float
    intensity_ratio: float
    jaw_free_ratio: float
    slope: float
    spearman: float
    landmark_error: float
    """The 105, over the distance of the irises, mean over the test photos."""
    expression_millimetres: float
    """Mean distance of face vertices of rendered heads from the truth, mean head with the expression only."""


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """One training and what it is worth."""

    variant: Variant
    seed: int
    scores: Scores


class AblationScorer:
    """Measures checkpoints, all alike. What was measured before is remembered beside the checkpoint.

    Args:
        head: whose codes they predict.
        train: labelled photos for the probe to learn from.
        test: labelled photos of other people.
        data: says which photos these are; scores of others are not mixed with these.
        rendered: heads to render.
    """

    def __init__(
        self, head: HeadModel, train: SampleSet, test: SampleSet, data: str, rendered: int, progress: ProgressCallback
    ) -> None:
        self._head, self._train, self._test = head, train, test
        self._count, self._progress = rendered, progress
        self._conditions = f"{_SCORING}; {data}; {rendered} heads of seed {HELD_OUT_SEED}"
        self._meter = ErrorMeter(head)
        self._heads: RenderedHeads | None = None

    def score(self, encoder: Path, memory: Path, token: CancelToken) -> Scores:
        """Measure a checkpoint.

        Args:
            encoder: the checkpoint.
            memory: where its scores are kept (.json).

        Raises:
            ModelFileError: no checkpoint, or one for another head model.
            SettingsError: photos without labels or landmarks.
            Cancelled: the token was cancelled.
        """
        conditions = f"{self._conditions}; {file_digest(encoder)}"
        known = _remembered(memory, conditions)
        if known is not None:
            return known
        scores = self._measured(encoder, token)
        values = {name: value if math.isfinite(value) else None for name, value in dataclasses.asdict(scores).items()}
        with replacing(memory) as temporary:
            temporary.write_text(json.dumps({"conditions": conditions, "scores": values}, indent=1) + "\n", "utf-8")
        return scores

    def _measured(self, encoder: Path, token: CancelToken) -> Scores:
        if self._heads is None:
            self._heads = render_heads(self._head, self._count, self._progress, token)
        checkpoint = load_checkpoint(encoder)
        coder = encoder_coder(EncoderRuntime(checkpoint), self._head)
        train, test = (
            code_photos(photos, coder, self._progress, token, labelled=True) for photos in (self._train, self._test)
        )
        heads = code_heads(self._heads, coder, self._progress, token)
        report = evaluate_emotion(
            train, test, heads, self._head, checkpoint.emotion, ProbePlan(None), self._progress, token
        )
        landmarks = self._meter.photo_errors(test.codes, test.landmarks)[:, PHOTO_MEASURES.index(LANDMARKS_105)]
        vertices = self._meter.head_errors(heads.codes, heads.heads.truth)[:, HEAD_MEASURES.index("expression, mm")]
        natural = report.naturalness
        return Scores(
            *_read(report, BRANCH, balanced=False),
            *_read(report, LINEAR, balanced=False),
            *_read(report, LINEAR, balanced=True),
            natural.whole.ratio,
            natural.jaw_free.ratio,
            natural.whole.slope,
            natural.whole.spearman,
            float(landmarks.mean()),
            float(vertices.mean()),
        )


def score_run(scorer: AblationScorer, run: AblationRun, token: CancelToken) -> ScoredRun:
    """Measure a finished training; see `AblationScorer.score`."""
    return ScoredRun(run.variant, run.seed, scorer.score(run.encoder, run.folder / "scores.json", token))


def _read(report: EmotionReport, reader: str, *, balanced: bool) -> tuple[float, float]:
    reading = report.reading(EXPRESSION, reader, balanced=balanced)
    return (math.nan, math.nan) if reading is None else (reading.metrics[0].accuracy, reading.metrics[0].macro_recall)


def _remembered(memory: Path, conditions: str) -> Scores | None:
    """Scores measured before under the same conditions; None if there are none, or unreadable ones."""
    try:
        stored = json.loads(memory.read_text("utf-8"))
        if stored["conditions"] != conditions:
            return None
        return Scores(**{name: math.nan if value is None else float(value) for name, value in stored["scores"].items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


_COLUMNS: tuple[tuple[Column, Callable[[Scores], float]], ...] = (
    (Column("branch accuracy"), lambda s: s.branch_accuracy),
    (Column("branch macro recall"), lambda s: s.branch_macro_recall),
    (Column("probe accuracy"), lambda s: s.probe_accuracy),
    (Column("probe macro recall"), lambda s: s.probe_macro_recall),
    (Column("balanced probe accuracy"), lambda s: s.balanced_accuracy),
    (Column("balanced probe macro recall"), lambda s: s.balanced_macro_recall),
    (Column("intensity ratio"), lambda s: s.intensity_ratio),
    (Column("ratio without jaw"), lambda s: s.jaw_free_ratio),
    (Column("slope"), lambda s: s.slope),
    (Column("Spearman"), lambda s: s.spearman),
    (Column("landmarks (105), %", ".2f"), lambda s: 100.0 * s.landmark_error),
    (Column("expression, mm", ".2f"), lambda s: s.expression_millimetres),
)
_CLAIMS = (("direct 3D", "no-direct-3d"), ("intensity-aware loss", "plain-cross-entropy"))
# name, value, and whether it is to be great (or small)
_CLAIMED: tuple[tuple[str, Callable[[Scores], float], bool], ...] = (
    ("branch accuracy", lambda s: s.branch_accuracy, True),
    ("branch macro recall", lambda s: s.branch_macro_recall, True),
    ("probe accuracy", lambda s: s.probe_accuracy, True),
    ("balanced probe macro recall", lambda s: s.balanced_macro_recall, True),
    ("|intensity ratio - 1|", lambda s: abs(s.intensity_ratio - 1.0), False),
)


def ablation_tables(start: Scores, runs: Sequence[ScoredRun]) -> tuple[Table, ...]:
    """One row a variant, mean and deviation over seeds; what the two claims come to; and every run.

    Args:
        start: of the checkpoint that all started from.
        runs: finished ones, at least one.
    """
    measures = tuple(column for column, _ in _COLUMNS)
    rows: list[tuple[Cell, ...]] = [("(the common start)", 0, *(value(start) for _, value in _COLUMNS))]
    for variant in VARIANTS:
        scores = [run.scores for run in runs if run.variant.name == variant.name]
        if scores:
            rows.append((variant.title, len(scores), *(Spread.of([value(s) for s in scores]) for _, value in _COLUMNS)))
    every: tuple[tuple[Cell, ...], ...] = tuple(
        (run.variant.title, run.seed, *(value(run.scores) for _, value in _COLUMNS)) for run in runs
    )
    note = (
        "± is the deviation over seeds. Probes are linear, on expression + jaw. An intensity ratio of 1 and a slope of "
        "1 are natural; an accuracy alone rewards exaggeration. Without direct 3D, 3D samples still say how intense "
        "they are."
    )
    tables = [Table("Ablation", (Column("variant"), Column("runs"), *measures), tuple(rows), note)]
    claims = _claims(runs)
    if claims:
        columns = (Column("claim"), Column("measure"), Column("with"), Column("without"), Column("gain"))
        note = "Undecided: the gain is less than two standard errors of it, or there is one run only."
        tables.append(Table("What is claimed", (*columns, Column("verdict")), tuple(claims), note))
    return (*tables, Table("Every run", (Column("variant"), Column("seed"), *measures), every))


def _claims(runs: Sequence[ScoredRun]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for claim, name in _CLAIMS:
        present, absent = ([run.scores for run in runs if run.variant.name == one] for one in ("full", name))
        if not present or not absent:
            continue
        for measure, value, great in _CLAIMED:
            here, there = (Spread.of([value(scores) for scores in some]) for some in (present, absent))
            gain = here.mean - there.mean if great else there.mean - here.mean
            rows.append((claim, measure, here, there, gain, _verdict(gain, here, there)))
    return rows


def _verdict(gain: float, here: Spread, there: Spread) -> str:
    error = math.sqrt(here.deviation**2 / here.runs + there.deviation**2 / there.runs)
    if not abs(gain) > 2.0 * error:  # NaN of a single run included
        return "undecided"
    return "better" if gain > 0 else "worse"
