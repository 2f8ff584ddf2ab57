"""What a trained run gets right and wrong on the samples it held out: emotions, intensity, and its worst photos."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.sample import NO_LABEL, Sample, collate
from fields_core.data.view import EvaluationView
from fields_core.encoder.checkpoint import Checkpoint, load_checkpoint
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.errors import SettingsError
from fields_core.files import replacing
from fields_core.head import load_head
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback
from fields_core.render.renderer import HeadRenderer
from fields_core.training.config import load_config
from fields_core.training.face_geometry import FaceGeometry
from fields_core.training.run_process import origin_of
from fields_core.training.training_data import Joined, read_folder

BINS = 10
WORST = 12
_BATCH = 16
_IRISES = (468, 473)  # centres of the person's right and left iris in MediaPipe's numbering
_PICTURE = 160  # pixels


@dataclass(frozen=True)
class SampleScore:
    """One held-out sample; NaN and -1 where nobody knows the truth."""

    source: str
    key: str
    landmark_error: float
    """Over the distance of the irises."""
    label: int
    guess: int
    """Of the emotion branch; -1 without one."""
    intensity: float
    """Predicted."""
    true_intensity: float


@dataclass(frozen=True, eq=False)
class WorstPhoto:
    """One of the largest landmark errors."""

    score: SampleScore
    picture: NDArray[np.uint8] = field(repr=False)
    """(P, 2 P, 3) RGB: the photo, and the head over it."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Samples of about one true intensity."""

    true: float
    predicted: float
    spread: float
    """Standard deviation of the predictions."""
    count: int


@dataclass(frozen=True, eq=False)
class RunEvaluation:
    """Everything that was measured."""

    run: str
    scores: tuple[SampleScore, ...]
    worst: tuple[WorstPhoto, ...]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(8, 8) photos by true emotion (row) and guess (column)."""
        counts = np.zeros((len(Emotion), len(Emotion)), np.int64)
        for score in self.scores:
            if score.label >= 0 and score.guess >= 0 and math.isnan(score.true_intensity):
                counts[score.label, score.guess] += 1
        return counts

    @property
    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """Predicted over true intensity, in steps of the truth; empty without 3D truth."""
        known = [(s.true_intensity, s.intensity) for s in self.scores if math.isfinite(s.true_intensity)]
        if not known:
            return ()
        true, predicted = np.array(known).T
        place = np.minimum((true * BINS).astype(int), BINS)
        bins = []
        for number in sorted(set(place.tolist())):
            here = place == number
            spread = float(predicted[here].std())
            bins.append(
                ReliabilityBin(float(true[here].mean()), float(predicted[here].mean()), spread, int(here.sum()))
            )
        return tuple(bins)


def evaluate_run(folder: Path, report: ProgressCallback, token: CancelToken, *, samples: int = 256) -> RunEvaluation:
    """Try a run's weights on the samples that it held out.

    Args:
        folder: of the run; it says where the data lies.
        samples: at most so many of each kind, spread evenly.

    Raises:
        SettingsError: the run does not say what data it was trained on, or held nothing out.
        ModelFileError: no weights, or damaged ones.
        ShardError, RemoteFileError: the data cannot be read.
        Cancelled: by the token.
    """
    config = load_config(folder / "config.json")
    origin = origin_of(folder)
    checkpoint = load_checkpoint(folder / "encoder.safetensors")
    head = load_head(Path(origin.head) if origin.head else None)
    held_out = read_folder(origin.data, config.data).validation
    chosen = [*_spread(held_out.with_3d, samples), *_spread(held_out.plain, samples)]
    if not chosen:
        raise SettingsError(f"{folder} held no samples out")
    tester = _Tester(checkpoint, head)
    scores: list[SampleScore] = []
    for start in range(0, len(chosen), _BATCH):
        token.raise_if_cancelled()
        report(Progress(start, len(chosen)))
        scores += tester.scores(chosen[start : start + _BATCH])
    order = sorted(range(len(scores)), key=lambda n: -_or_zero(scores[n].landmark_error))[:WORST]
    worst = [WorstPhoto(scores[number], tester.picture(chosen[number])) for number in order]
    return RunEvaluation(folder.name, tuple(scores), tuple(worst))


def write_evaluation_csv(evaluation: RunEvaluation, folder: Path) -> list[Path]:
    """Write ``samples.csv``, ``worst.csv``, ``confusion.csv`` and ``reliability.csv``; returns the files.

    Raises:
        ExportError: they cannot be written.
    """
    names = [emotion.name.lower() for emotion in Emotion]
    samples, worst = (
        [
            (s.source, s.key, s.landmark_error, _name(s.label), _name(s.guess), s.intensity, s.true_intensity)
            for s in some
        ]
        for some in (evaluation.scores, [photo.score for photo in evaluation.worst])
    )
    head = ("source", "key", "landmark_error", "label", "guess", "intensity", "true_intensity")
    tables: dict[str, list[tuple[object, ...]]] = {
        "samples": [head, *samples],
        "worst": [head, *worst],
        "confusion": [
            ("true / guess", *names),
            *((name, *row) for name, row in zip(names, evaluation.confusion.tolist(), strict=True)),
        ],
        "reliability": [
            ("true", "predicted", "spread", "samples"),
            *((b.true, b.predicted, b.spread, b.count) for b in evaluation.reliability),
        ],
    }
    written = []
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        written.append(path)
    return written


class _Tester:
    def __init__(self, checkpoint: Checkpoint, head: HeadModel) -> None:
        self._encoder, self._emotion = checkpoint.encoder, checkpoint.emotion
        self._neutral, self._view = head.neutral_code(), EvaluationView()
        self._geometry = FaceGeometry(head)
        scale = checkpoint.info.intensity_scale
        self._intensity = None if scale is None else ExpressionIntensity(self._geometry.head, scale)
        self._renderer = HeadRenderer(head)

    @torch.no_grad()
    def scores(self, samples: list[Sample]) -> list[SampleScore]:
        batch = collate([self._view(sample) for sample in samples], self._neutral)
        code = self._encoder(batch.images, batch.observed)
        seen = self._geometry.landmarks(code).points
        distance = (seen - batch.landmarks[:, self._geometry.landmark_ids]).norm(dim=2).mean(dim=1)
        right, left = (batch.landmarks[:, iris] for iris in _IRISES)
        error = distance / (left - right).norm(dim=1)
        guesses = self._emotion(code).logits.argmax(dim=1).tolist() if self._emotion is not None else None
        intensity = self._intensity(code).tolist() if self._intensity is not None else [math.nan] * len(samples)
        return [
            SampleScore(
                sample.source,
                sample.key,
                float(error[number]) if batch.landmark_weights[number] > 0 else math.nan,
                sample.label,
                NO_LABEL if guesses is None else guesses[number],
                intensity[number],
                sample.intensity if sample.code is not None else math.nan,
            )
            for number, sample in enumerate(samples)
        ]

    @torch.no_grad()
    def picture(self, sample: Sample) -> NDArray[np.uint8]:
        batch = collate([self._view(sample)], self._neutral)
        seen = self._renderer.clay(self._encoder(batch.images, batch.observed), _PICTURE)
        photo = torch.nn.functional.interpolate(batch.images, (_PICTURE, _PICTURE), mode="area")
        over = photo + 0.7 * seen.mask * (seen.image - photo)
        pixels = torch.cat([photo, over], dim=3)[0].permute(1, 2, 0)
        return (pixels.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8).numpy()


def _spread(samples: Joined, limit: int) -> list[Sample]:
    numbers = np.linspace(0, len(samples) - 1, min(len(samples), limit)).round().astype(int)
    return [samples[number] for number in sorted(set(numbers.tolist()))]


def _name(emotion: int) -> str:
    return Emotion(emotion).name.lower() if emotion >= 0 else ""


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0
