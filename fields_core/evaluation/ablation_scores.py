"""What one of the ablation's trainings is worth: emotion, always beside naturalness, and geometry."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fields_core.data.mixture import SampleSet
from fields_core.encoder.checkpoint import load_checkpoint
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.evaluation.coders import code_photos, encoder_coder
from fields_core.evaluation.comparison import ComparedRun, Variant, file_digest
from fields_core.evaluation.emotion_report import BRANCH, EXPRESSION, LINEAR, EmotionReport, ProbePlan, evaluate_emotion
from fields_core.evaluation.geometry import HEAD_MEASURES, LANDMARKS_105, PHOTO_MEASURES, ErrorMeter
from fields_core.evaluation.rendered import HELD_OUT_SEED, RenderedHeads, code_heads
from fields_core.evaluation.rendered_file import kept_heads
from fields_core.evaluation.score_memory import SCORES_FILE, known_scores, write_scores
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, ProgressCallback
from fields_core.training.training_data import Chosen

START_SCORES_FILE = "start-scores.json"  # of what all runs started from
_SCORING = 2  # goes up when scores come to mean something else


@dataclass(frozen=True)
class Scores:
    """Of one training; NaN where there is nothing to measure."""

    branch_accuracy: float
    branch_macro_recall: float
    branch_macro_f1: float
    probe_accuracy: float
    """Linear probe on expression + jaw."""
    probe_macro_recall: float
    probe_macro_f1: float
    balanced_accuracy: float
    """The same probe with balanced classes."""
    balanced_macro_recall: float
    balanced_macro_f1: float
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
        kept: where they are kept (.npz): rendering them and finding their faces takes longer than measuring.
    """

    def __init__(
        self,
        head: HeadModel,
        train: SampleSet,
        test: SampleSet,
        data: str,
        rendered: int,
        kept: Path,
        progress: ProgressCallback,
    ) -> None:
        self._head, self._train, self._test = head, train, test
        self._count, self._kept, self._progress = rendered, kept, progress
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
        write_scores(memory, conditions, dataclasses.asdict(scores))
        return scores

    def _measured(self, encoder: Path, token: CancelToken) -> Scores:
        if self._heads is None:
            self._heads = kept_heads(self._kept, self._head, self._count, self._progress, token)
        checkpoint = load_checkpoint(encoder)
        coder = encoder_coder(EncoderRuntime(checkpoint), self._head)
        train, test = (
            code_photos(photos, coder, self._progress, token, labelled=True) for photos in (self._train, self._test)
        )
        heads = code_heads(self._heads, coder, self._progress, token)
        report = evaluate_emotion(
            train,
            test,
            heads,
            self._head,
            checkpoint.emotion,
            ProbePlan(None, codes=(EXPRESSION,)),
            self._progress,
            token,
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


def evenly(samples: SampleSet, limit: int) -> SampleSet:
    """At most ``limit`` samples of a set, evenly spread over it."""
    if len(samples) <= limit:
        return samples
    return Chosen(samples, np.linspace(0, len(samples) - 1, limit).round().astype(int).tolist())


def score_run(scorer: AblationScorer, run: ComparedRun, token: CancelToken) -> ScoredRun:
    """Measure a finished training; see `AblationScorer.score`."""
    return ScoredRun(run.variant, run.seed, scorer.score(run.encoder, run.folder / SCORES_FILE, token))


def _read(report: EmotionReport, reader: str, *, balanced: bool) -> tuple[float, float, float]:
    """Accuracy, macro recall and macro F1."""
    reading = report.reading(EXPRESSION, reader, balanced=balanced)
    if reading is None:
        return math.nan, math.nan, math.nan
    metrics = reading.metrics[0]
    return metrics.accuracy, metrics.macro_recall, metrics.macro_f1


def _remembered(memory: Path, conditions: str) -> Scores | None:
    values = known_scores(memory, conditions)
    try:
        return None if values is None else Scores(**values)
    except TypeError:  # other names
        return None
