"""Emotion in the codes of labelled photos, and beside it the naturalness of the codes of rendered heads.

One report holds both: an accuracy alone rewards exaggeration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.errors import SettingsError
from fields_core.evaluation.coders import CodedPhotos
from fields_core.evaluation.emotion_metrics import (
    ENOUGH,
    AffectMetrics,
    ClassificationMetrics,
    affect_metrics,
    classification_metrics,
)
from fields_core.evaluation.emotion_probe import ProbeAnswer, ProbeConfig, train_linear_probe, train_probe
from fields_core.evaluation.rendered import CodedHeads, NaturalnessPair, measure_naturalness
from fields_core.evaluation.results import Cell, Column, Spread, Table
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback

EXPRESSION, WITH_SHAPE, ALL = "expression + jaw", "shape + expression + jaw", "all codes"
_PARTS: dict[str, tuple[str, ...]] = {
    EXPRESSION: ("expression", "jaw_pose", "eyelids"),
    WITH_SHAPE: ("shape", "expression", "jaw_pose", "eyelids"),
    ALL: ("shape", "expression", "jaw_pose", "eyelids", "head_pose", "eye_pose"),
}
LINEAR, NETWORK, BRANCH = "linear probe", "network probe", "built-in branch"
PHOTOS, RENDERED = "photos", "rendered heads"


@dataclass(frozen=True)
class ProbePlan:
    """Which probes are trained."""

    network: ProbeConfig | None
    """None leaves the network out."""
    seeds: int = 3
    """Trainings of each network; the linear probe needs one."""
    codes: tuple[str, ...] = tuple(_PARTS)
    """Which parts of the codes the linear probes read."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Emotions read from codes in one way, by one probe for each seed."""

    codes: str
    """Which part of them."""
    reader: str
    balanced: bool
    tested_on: str
    metrics: tuple[ClassificationMetrics, ...]
    affect: tuple[tuple[AffectMetrics, AffectMetrics], ...] = ()
    """Valence and arousal; empty where nobody knows them."""


@dataclass(frozen=True, eq=False)
class EmotionReport:
    """What was measured, both sides."""

    trained_on: int
    tested_on: int
    readings: tuple[Reading, ...]
    naturalness: NaturalnessPair
    rendered: int
    """Heads that the naturalness was measured on."""
    unseen: int
    """Rendered heads in which the detector found no face."""

    def reading(self, codes: str, reader: str, *, balanced: bool = False) -> Reading | None:
        """One way of reading photos; None if it was not tried."""
        wanted = (codes, reader, balanced, PHOTOS)
        known = ((r.codes, r.reader, r.balanced, r.tested_on) for r in self.readings)
        return next((r for r, k in zip(self.readings, known, strict=True) if k == wanted), None)


def evaluate_emotion(
    train: CodedPhotos,
    test: CodedPhotos,
    heads: CodedHeads,
    head: HeadModel,
    branch: EmotionHead | None,
    plan: ProbePlan,
    progress: ProgressCallback,
    token: CancelToken,
) -> EmotionReport:
    """Train probes on the codes of one set of people, test them on another's, and measure naturalness.

    Args:
        train, test: labelled photos of different people.
        heads: rendered heads; coded by the same coder as the photos.
        head: the head model of the codes.
        branch: the emotion branch trained with the coder, measured as it is; None if there is none.
        plan: which probes.

    Raises:
        SettingsError: too few photos to train on, or too few rendered heads with an expression.
        Cancelled: the token was cancelled.
    """
    natural = measure_naturalness(heads, head)
    readings = _linear_readings(train, test, plan.codes, progress, token)
    if plan.network is not None:
        readings += _network_readings(train, test, plan.network, plan.seeds, progress, token)
    if branch is not None:
        readings.append(_reading(EXPRESSION, BRANCH, False, [_ask(branch, test.codes)], test))
        rendered = heads.labelled()
        if len(rendered):
            own = _reading(EXPRESSION, BRANCH, False, [_ask(branch, rendered.codes)], rendered)
            readings.append(replace(own, tested_on=RENDERED))
    return EmotionReport(len(train), len(test), tuple(readings), natural, len(heads), heads.unseen)


def features(codes: FaceCode, which: str) -> NDArray[np.float32]:
    """(N, D) what a probe sees of codes: EXPRESSION, WITH_SHAPE or ALL."""
    return torch.cat([getattr(codes, part) for part in _PARTS[which]], dim=1).float().numpy()


def _linear_readings(
    train: CodedPhotos, test: CodedPhotos, parts: Sequence[str], progress: ProgressCallback, token: CancelToken
) -> list[Reading]:
    readings = []
    for which in parts:
        for balanced in (False, True):
            token.raise_if_cancelled()
            probe = train_linear_probe(features(train.codes, which), train.labels, len(Emotion), balanced=balanced)
            answer = probe.predict(features(test.codes, which))
            readings.append(_reading(which, LINEAR, balanced, [answer], test))
            progress(Progress(len(readings), 2 * len(parts), "Linear probes"))
    return readings


def _network_readings(
    train: CodedPhotos,
    test: CodedPhotos,
    config: ProbeConfig,
    seeds: int,
    progress: ProgressCallback,
    token: CancelToken,
) -> list[Reading]:
    if len(train) < 2 * config.batch_size:
        raise SettingsError(
            "There are too few labelled photos for the network probe",
            expected=f"at least {2 * config.batch_size}",
            found=str(len(train)),
        )
    readings = []
    for which in (EXPRESSION, WITH_SHAPE):
        inputs, new_inputs = features(train.codes, which), features(test.codes, which)
        for balanced in (False, True):
            answers = []
            for seed in range(seeds):
                one = replace(config, balanced=balanced, seed=config.seed + seed)
                probe = train_probe(
                    inputs, train.labels, len(Emotion), one, progress, token, valence_arousal=train.valence_arousal
                )
                answers.append(probe.predict(new_inputs))
            readings.append(_reading(which, NETWORK, balanced, answers, test))
    return readings


@torch.no_grad()
def _ask(branch: EmotionHead, codes: FaceCode) -> ProbeAnswer:
    said = branch(codes)
    return ProbeAnswer(said.logits.argmax(dim=1).numpy(), said.valence_arousal.double().numpy())


def _reading(codes: str, reader: str, balanced: bool, answers: Sequence[ProbeAnswer], test: CodedPhotos) -> Reading:
    known = np.isfinite(test.valence_arousal).all(axis=1)
    affect = [
        (
            affect_metrics(answer.valence_arousal[known, 0], test.valence_arousal[known, 0]),
            affect_metrics(answer.valence_arousal[known, 1], test.valence_arousal[known, 1]),
        )
        for answer in answers
        if answer.valence_arousal is not None and known.sum() >= 2
    ]
    metrics = [classification_metrics(answer.classes, test.labels, len(Emotion)) for answer in answers]
    return Reading(codes, reader, balanced, PHOTOS, tuple(metrics), tuple(affect))


def emotion_tables(report: EmotionReport) -> tuple[Table, ...]:
    """The report as tables, both sides."""
    tables = [_accuracy_table(report), naturalness_table(report.naturalness, report.rendered, report.unseen)]
    if any(reading.affect for reading in report.readings):
        tables.append(_affect_table(report))
    return (*tables, *(_recall_table(report, where) for where in _places(report)))


def naturalness_table(natural: NaturalnessPair, heads: int, unseen: int) -> Table:
    """Of rendered heads."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, value.ratio, value.slope, value.spearman, value.samples)
        for name, value in (("whole expression", natural.whole), ("without the jaw", natural.jaw_free))
    )
    columns = (Column("intensity of"), Column("ratio"), Column("slope"), Column("Spearman"), Column("expressive heads"))
    note = f"A ratio of 1 is unbiased. In {unseen} of {heads + unseen} rendered heads the detector found no face."
    return Table(f"Naturalness: predicted against true intensity of {heads} rendered heads", columns, rows, note)


def _accuracy_table(report: EmotionReport) -> Table:
    columns = [Column("codes"), Column("read by"), Column("classes"), Column("tested on")]
    columns += [Column("accuracy"), Column("macro recall"), Column("standard error"), Column("macro F1")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            *_name(reading),
            Spread.of([m.accuracy for m in reading.metrics]),
            Spread.of([m.macro_recall for m in reading.metrics]),
            float(np.mean([m.macro_recall_error for m in reading.metrics])),
            Spread.of([m.macro_f1 for m in reading.metrics]),
        )
        for reading in report.readings
    )
    note = (
        f"Macro means are over classes with {ENOUGH} photos or more. ± is the deviation over trainings of the probe; "
        "the standard error is that of the macro recall for the few photos of rare classes."
    )
    title = f"Emotion in codes: probes trained on {report.trained_on} photos, tested on {report.tested_on}"
    return Table(f"{title} of other people", tuple(columns), rows, note)


def _affect_table(report: EmotionReport) -> Table:
    measures: tuple[tuple[str, Callable[[AffectMetrics], float]], ...] = (
        ("CCC", lambda metrics: metrics.ccc),
        ("PCC", lambda metrics: metrics.pcc),
        ("RMSE", lambda metrics: metrics.rmse),
    )
    columns = [Column("codes"), Column("read by"), Column("classes"), Column("tested on")]
    columns += [Column(f"{side} {name}") for side in ("valence", "arousal") for name, _ in measures]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            *_name(reading),
            *(Spread.of([value(pair[side]) for pair in reading.affect]) for side in (0, 1) for _, value in measures),
        )
        for reading in report.readings
        if reading.affect
    )
    return Table("Valence and arousal, over the whole set", tuple(columns), rows)


def _recall_table(report: EmotionReport, where: str) -> Table:
    readings = [reading for reading in report.readings if reading.tested_on == where]
    counts = readings[0].metrics[0].confusion.sum(axis=1)
    present = [emotion for emotion in Emotion if counts[emotion]]
    columns = [Column("codes"), Column("read by"), Column("classes")]
    columns += [Column(f"{emotion.name.lower()} ({counts[emotion]})", ".2f") for emotion in present]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (*_name(reading)[:3], *(Spread.of([float(m.recall[emotion]) for m in reading.metrics]) for emotion in present))
        for reading in readings
    )
    return Table(f"Recall of each class ({where} of it)", tuple(columns), rows)


def _places(report: EmotionReport) -> list[str]:
    return list(dict.fromkeys(reading.tested_on for reading in report.readings))


def _name(reading: Reading) -> tuple[str, str, str, str]:
    return reading.codes, reading.reader, "balanced" if reading.balanced else "plain", reading.tested_on
