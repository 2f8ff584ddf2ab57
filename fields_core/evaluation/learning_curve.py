"""What more labelled photos would bring: the same training with the photos of ever more people."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fields_core.data.holdout import among
from fields_core.data.mixture import SampleSet
from fields_core.data.sample import NO_LABEL
from fields_core.data.shards import ShardSet
from fields_core.encoder.checkpoint import load_checkpoint
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import SettingsError
from fields_core.evaluation.coders import code_photos, encoder_coder
from fields_core.evaluation.comparison import ComparedRun, Variant, file_digest
from fields_core.evaluation.emotion_report import (
    ALL,
    BRANCH,
    EXPRESSION,
    LINEAR,
    EmotionReport,
    ProbePlan,
    Reading,
    evaluate_emotion,
)
from fields_core.evaluation.rendered import HELD_OUT_SEED, RenderedHeads, code_heads
from fields_core.evaluation.rendered_file import kept_heads
from fields_core.evaluation.score_memory import SCORES_FILE, known_scores, write_scores
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, ProgressCallback
from fields_core.training.config import StageConfig, TrainConfig
from fields_core.training.training_data import Chosen

SHARES = (0.125, 0.25, 0.5, 1.0)
READINGS: tuple[tuple[str, str, str, bool], ...] = (
    ("branch", EXPRESSION, BRANCH, False),
    ("expression probe", EXPRESSION, LINEAR, False),
    ("balanced expression probe", EXPRESSION, LINEAR, True),
    ("all-codes probe", ALL, LINEAR, False),
    ("balanced all-codes probe", ALL, LINEAR, True),
)
"""Name, codes, reader, and whether classes are balanced."""
ACCURACY, MACRO_RECALL = "accuracy", "macro recall"
NATURALNESS = ("intensity ratio", "slope", "Spearman")
_SCORING = 1  # goes up when scores come to mean something else


def share_variants(shares: Sequence[float]) -> tuple[Variant, ...]:
    """Trainings with the photos of some people, from few to all.

    Args:
        shares: of the people, each above 0 and at most 1.

    Raises:
        SettingsError: none, the same one twice, or one out of range.
    """
    if not shares or len(set(shares)) != len(shares) or not all(0.0 < share <= 1.0 for share in shares):
        raise SettingsError(
            "These shares of the people make no sense",
            expected="different numbers above 0 and at most 1",
            found=", ".join(map(str, shares)) or "none",
        )
    return tuple(_variant(share) for share in sorted(shares))


def _variant(share: float) -> Variant:
    def change(config: TrainConfig) -> TrainConfig:
        return dataclasses.replace(config, data=dataclasses.replace(config.data, people_share=share))

    return Variant(f"people-{share:g}", f"{share:.1%} of the people", change, repeated=True)


def curve_config(config: TrainConfig, steps: int | None = None) -> TrainConfig:
    """A configuration for a learning curve: no pretraining and no pictures.

    Args:
        config: of the training with everybody.
        steps: of step A; None takes the configuration's.

    Raises:
        SettingsError: no step A.
    """
    count = config.a.steps if steps is None else steps
    if count < 1:
        raise SettingsError("Emotion is learned in step A", expected="1 step or more in it", found=str(count))
    return dataclasses.replace(
        config, pretrain=StageConfig(0), a=dataclasses.replace(config.a, steps=count), pictures_every=0
    )


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """One training and what it is worth."""

    share: float
    """Of the people."""
    seed: int
    people: int
    photos: int
    """Labelled ones of these people."""
    labels: tuple[int, ...]
    """Photos of each `Emotion`."""
    scores: dict[str, float]
    """By name: `score_name` of `READINGS`, `NATURALNESS`, and `recall_name`; NaN where there is nothing to measure."""


def score_name(reading: str, measure: str) -> str:
    """Of the accuracy or the macro recall of one of `READINGS`."""
    return f"{reading}: {measure}"


def recall_name(reading: str, emotion: Emotion) -> str:
    """Of the recall of a class in one of `READINGS`."""
    return f"{reading}: recall of {emotion.name.lower()}"


class CurveScorer:
    """Measures checkpoints, each with probes that learn from the photos of the people it was trained on.

    Args:
        head: whose codes they predict.
        train: labelled photos that probes learn from, those of the training.
        test: labelled photos of other people.
        data: says which photos these are; scores of others are not mixed with these.
        rendered: heads to render.
        kept: where they are kept (.npz).
    """

    def __init__(
        self,
        head: HeadModel,
        train: ShardSet,
        test: SampleSet,
        data: str,
        rendered: int,
        kept: Path,
        progress: ProgressCallback,
    ) -> None:
        self._head, self._train, self._test = head, train, test
        self._facts = train.facts()
        self._count, self._kept, self._progress = rendered, kept, progress
        self._conditions = f"curve {_SCORING}; {data}; {rendered} heads of seed {HELD_OUT_SEED}"
        self._heads: RenderedHeads | None = None

    def score(self, one: ComparedRun, token: CancelToken) -> CurvePoint:
        """Measure a finished training, or remember what was measured.

        Raises:
            ModelFileError: no checkpoint, or one for another head model.
            SettingsError: nobody, or photos without landmarks.
            Cancelled: the token was cancelled.
        """
        share = one.config.data.people_share
        taken = among([facts.owner for facts in self._facts], share)
        numbers = [n for n, facts in enumerate(self._facts) if taken[n] and facts.label != NO_LABEL]
        if not numbers:
            raise SettingsError(
                f"No labelled photo belongs to {share:.1%} of the people", remedy="Take a larger share."
            )
        memory = one.folder / SCORES_FILE
        conditions = f"{self._conditions}; {share:g} of the people; {file_digest(one.encoder)}"
        scores = known_scores(memory, conditions)
        if scores is None:
            scores = self._measured(one.encoder, Chosen(self._train, numbers), token)
            write_scores(memory, conditions, scores)
        counts = Counter(self._facts[n].label for n in numbers)
        people = len({self._facts[n].owner for n in numbers})
        return CurvePoint(share, one.seed, people, len(numbers), tuple(counts[emotion] for emotion in Emotion), scores)

    def _measured(self, encoder: Path, train: SampleSet, token: CancelToken) -> dict[str, float]:
        if self._heads is None:
            self._heads = kept_heads(self._kept, self._head, self._count, self._progress, token)
        checkpoint = load_checkpoint(encoder)
        coder = encoder_coder(EncoderRuntime(checkpoint), self._head)
        learned, tested = (
            code_photos(photos, coder, self._progress, token, labelled=True) for photos in (train, self._test)
        )
        heads = code_heads(self._heads, coder, self._progress, token)
        plan = ProbePlan(None, codes=(EXPRESSION, ALL))
        report = evaluate_emotion(learned, tested, heads, self._head, checkpoint.emotion, plan, self._progress, token)
        return _scores(report)


def _scores(report: EmotionReport) -> dict[str, float]:
    natural = report.naturalness.whole
    scores = dict(zip(NATURALNESS, (natural.ratio, natural.slope, natural.spearman), strict=True))
    for name, codes, reader, balanced in READINGS:
        reading = report.reading(codes, reader, balanced=balanced)
        if reading is not None:
            scores |= _reading_scores(name, reading)
    return scores


def _reading_scores(name: str, reading: Reading) -> dict[str, float]:
    metrics = reading.metrics[0]
    scores = {
        score_name(name, ACCURACY): metrics.accuracy,
        score_name(name, MACRO_RECALL): metrics.macro_recall,
    }
    return scores | {recall_name(name, emotion): float(metrics.recall[emotion]) for emotion in Emotion}
