"""One training sample and a batch of them. Whatever a sample does not know is absent, and masked in the batch."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.datatypes import LANDMARK_COUNT, FaceCode
from fields_core.losses.emotion import EmotionTruth

STORED_SIZE = 256  # pixels of a stored crop
STORED_SCALE = 1.8  # of the landmarks' box: room for the training view to move, turn and scale in
NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Sample:
    """A face crop and what is known about it."""

    key: str
    """Unique within its source."""
    source: str
    """The data set it comes from; intensities are ranked within one source only."""
    image: NDArray[np.uint8] = field(repr=False)
    """(P, P, 3) RGB."""
    landmarks: NDArray[np.float32] | None = field(default=None, repr=False)
    """(478, 2) image frame of this crop."""
    observed: NDArray[np.float32] | None = field(default=None, repr=False)
    """(478, 2) where the detector saw them, if ``landmarks`` come from 3D truth; None: ``landmarks`` are its own."""
    label: int = NO_LABEL
    """`fields_core.encoder.emotion_head.Emotion`, or -1."""
    valence_arousal: tuple[float, float] | None = None
    """In [-1, 1]."""
    intensity: float = math.nan
    """I* relative to the subject's neutral face: 0 neutral, 1 strong; 3D truth may exceed 1."""
    confidence: float = 0.0
    """Of the intensity: 1 from 3D, .7 from action units, .3 from image labels."""
    code: FaceCode | None = field(default=None, repr=False)
    """3D truth of this one face, its camera relative to this crop; None without 3D."""
    has_eyelids: bool = True
    """Whether the 3D truth includes the eyelids."""
    person: str = ""
    """Who it is, within the source; empty where it does not say."""


@dataclass(frozen=True, eq=False)
class SampleBatch:
    """B samples of one crop size; what is absent is zero (NaN in `emotion`, as it says) and has weight 0."""

    images: Tensor
    """(B, 3, P, P) RGB in [0, 1]."""
    landmarks: Tensor
    """(B, 478, 2) image frame."""
    observed: Tensor
    """(B, 478, 2) the same as the detector sees them: what an encoder may know."""
    landmark_weights: Tensor
    """(B,)"""
    emotion: EmotionTruth
    code: FaceCode
    """3D truth."""
    code_weights: Tensor
    """(B,)"""
    eyelid_weights: Tensor
    """(B,)"""
    people: Tensor
    """(B,) integer, the same for samples of the same person; of whom nothing is known is a person of their own."""

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> SampleBatch:
        """The same batch on another device."""
        emotion = EmotionTruth(**{f.name: getattr(self.emotion, f.name).to(device) for f in fields(EmotionTruth)})
        tensors = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name not in ("emotion", "code")}
        return SampleBatch(**tensors, emotion=emotion, code=self.code.to(device))


def collate(samples: Sequence[Sample], neutral: FaceCode) -> SampleBatch:
    """Stack samples of one crop size.

    Args:
        samples: at least one.
        neutral: (1) code of the head model; stands in where 3D truth is absent.
    """
    sources = _numbered([sample.source for sample in samples])
    people = [(s.source, s.person or f"{number} in the batch") for number, s in enumerate(samples)]
    absent = np.zeros((LANDMARK_COUNT, 2), np.float32)
    pixels = np.stack([sample.image for sample in samples])
    with_code = torch.tensor([float(sample.code is not None) for sample in samples])
    emotion = EmotionTruth(
        labels=torch.tensor([sample.label for sample in samples]),
        valence_arousal=torch.tensor([sample.valence_arousal or (math.nan, math.nan) for sample in samples]),
        intensity=torch.tensor([sample.intensity for sample in samples]),
        confidence=torch.tensor([sample.confidence for sample in samples]),
        from_3d=with_code.bool(),
        source=torch.tensor(sources),
    )
    return SampleBatch(
        images=torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0,
        landmarks=torch.from_numpy(np.stack([_or(sample.landmarks, absent) for sample in samples])),
        observed=torch.from_numpy(
            np.stack([_or(sample.observed, _or(sample.landmarks, absent)) for sample in samples])
        ),
        landmark_weights=torch.tensor([float(sample.landmarks is not None) for sample in samples]),
        emotion=emotion,
        code=FaceCode.concatenate([neutral if sample.code is None else sample.code for sample in samples]),
        code_weights=with_code,
        eyelid_weights=with_code * torch.tensor([float(sample.has_eyelids) for sample in samples]),
        people=torch.tensor(_numbered(people)),
    )


def _numbered(names: Sequence[Hashable]) -> list[int]:
    """A number for each name, the same for the same."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [numbers[name] for name in names]


def _or(points: NDArray[np.float32] | None, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
    return otherwise if points is None else points
