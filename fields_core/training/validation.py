"""How good the networks are on samples they did not train on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from fields_core.data.sample import SampleBatch
from fields_core.encoder.emotion_head import Emotion
from fields_core.training.module import EncoderTraining
from fields_core.training.objective import Prediction

_IRISES = (468, 473)  # centres of the person's right and left iris in MediaPipe's numbering
_INTENSE = 0.1  # below it a ratio of intensities says nothing


@dataclass(frozen=True)
class ValidationMetrics:
    """NaN where the held-out samples cannot tell."""

    loss: float
    """Total of the stage's terms; the least is the best."""
    landmark_error: float
    """Mean landmark distance over the distance of the irises; over all samples with landmarks."""
    vertex_millimetres: float
    """Mean distance of face vertices from the 3D truth, mean head with the expression only."""
    intensity_ratio: float
    """Mean predicted over true intensity of the 3D samples; 1 is unbiased."""
    accuracy: float
    """Of the emotion branch on labelled photos; NaN also where the stage trains none."""
    macro_recall: float
    """The same, averaged over the classes present."""


@torch.no_grad()
def validate(module: EncoderTraining, batches: Iterable[SampleBatch]) -> ValidationMetrics:
    """Measure the module as it is; its mode is restored."""
    training = module.training
    module.eval()
    tallies = _Tallies()
    for held_out in batches:
        batch = held_out.to(module.device)
        prediction = module.predict(batch.images, batch.observed)
        tallies.losses.append(module.objective(prediction, batch).total * len(batch))
        tallies.count += len(batch)
        tallies.add(module, prediction, batch)
    module.train(training)
    return tallies.metrics()


class _Tallies:
    def __init__(self) -> None:
        self.count = 0
        self.losses: list[Tensor] = []
        self._landmarks: list[Tensor] = []
        self._millimetres: list[Tensor] = []
        self._ratios: list[Tensor] = []
        self._guesses: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, module: EncoderTraining, prediction: Prediction, batch: SampleBatch) -> None:
        geometry = module.objective.geometry
        seen = geometry.landmarks(prediction.code)
        distances = (seen.points - batch.landmarks[:, geometry.landmark_ids]).norm(dim=2).mean(dim=1)
        right, left = (batch.landmarks[:, iris] for iris in _IRISES)
        known = batch.landmark_weights > 0
        self._landmarks.append((distances / (left - right).norm(dim=1))[known])
        with_3d = batch.code_weights > 0
        offsets = (geometry.expressions(prediction.code) - geometry.expressions(batch.code)).norm(dim=2)
        self._millimetres.append(offsets.mean(dim=1)[with_3d] * 1000.0)
        intense = with_3d & (batch.emotion.intensity > _INTENSE)
        self._ratios.append((module.objective.intensity(prediction.code) / batch.emotion.intensity)[intense])
        if not module.learns_emotion:
            return
        labelled = (batch.emotion.labels >= 0) & ~with_3d
        self._guesses.append(prediction.emotion.logits.argmax(dim=1)[labelled])
        self._labels.append(batch.emotion.labels[labelled])

    def metrics(self) -> ValidationMetrics:
        right = torch.cat(self._guesses) == torch.cat(self._labels) if self._labels else torch.zeros(0)
        labels = torch.cat(self._labels) if self._labels else torch.zeros(0)
        recalls = [_mean([right[labels == emotion]]) for emotion in Emotion if bool((labels == emotion).any())]
        return ValidationMetrics(
            loss=float(torch.stack(self.losses).sum()) / self.count if self.count else math.nan,
            landmark_error=_mean(self._landmarks),
            vertex_millimetres=_mean(self._millimetres),
            intensity_ratio=_mean(self._ratios),
            accuracy=_mean([right]),
            macro_recall=sum(recalls) / len(recalls) if recalls else math.nan,
        )


def _mean(parts: list[Tensor]) -> float:
    values = torch.cat(parts).double() if parts else torch.zeros(0)
    return float(values.mean()) if len(values) else math.nan
