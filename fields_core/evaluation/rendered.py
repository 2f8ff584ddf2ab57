"""Rendered heads of people that no training saw: what codes are worth where the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.sample import Sample
from fields_core.data.synthetic import SOURCE, SyntheticFaces
from fields_core.datatypes import FaceCode, FaceCrop, Photo
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.errors import SettingsError
from fields_core.evaluation.coders import BATCH, CodedPhotos, Coder
from fields_core.evaluation.emotion_metrics import Naturalness, naturalness
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback

HELD_OUT_SEED = 424_242  # of the rendered heads; no training uses it


@dataclass(frozen=True, eq=False)
class RenderedHeads:
    """N heads as the detector found them in their pictures, and the truth about them."""

    crops: tuple[FaceCrop, ...]
    truth: FaceCode
    """N rows; its cameras belong to other crops."""
    labels: NDArray[np.int64]
    """(N,) `Emotion`, -1 where the expression means none."""
    valence_arousal: NDArray[np.float64]
    """(N, 2), NaN where there is none."""
    intensity_scale: float
    """d95, metres."""
    unseen: int
    """Heads in which the detector found no face; they are not among the others."""


@dataclass(frozen=True, eq=False)
class CodedHeads:
    """What a coder makes of rendered heads."""

    heads: RenderedHeads
    codes: FaceCode
    """N rows."""

    def __len__(self) -> int:
        return len(self.heads.crops)

    @property
    def unseen(self) -> int:
        return self.heads.unseen

    def labelled(self) -> CodedPhotos:
        """Those whose expression means an emotion, as if they were photos."""
        everybody = CodedPhotos(
            self.codes,
            np.stack([crop.landmarks for crop in self.heads.crops]),
            self.heads.labels,
            self.heads.valence_arousal,
            tuple(map(str, range(len(self)))),
            (SOURCE,) * len(self),
        )
        return everybody.rows(self.heads.labels >= 0)


@dataclass(frozen=True)
class NaturalnessPair:
    """Of whole expressions, and without the jaw, which speech opens too."""

    whole: Naturalness
    jaw_free: Naturalness


def render_heads(head: HeadModel, count: int, progress: ProgressCallback, token: CancelToken) -> RenderedHeads:
    """Render and detect as in photos: what the coders are given does not know the truth.

    Args:
        head: with ARKit's units, landmarks and albedo.
        count: how many, at least 2.

    Raises:
        ModelFileError: the head model cannot be rendered.
        SettingsError: fewer than 2 heads, or hardly any was found by the detector.
        Cancelled: the token was cancelled.
    """
    if count < 2:
        raise SettingsError("Too few heads to render", expected="2 or more", found=str(count))
    faces = SyntheticFaces(head, HELD_OUT_SEED)
    crops: list[FaceCrop] = []
    samples: list[Sample] = []
    with FaceDetector(max_faces=1, small_faces=False) as detector:
        for number in range(count):
            token.raise_if_cancelled()
            sample = faces[number]
            photo = Photo(sample.image)
            found = detector.detect(photo)
            if found:
                crops.append(crop_face(photo, found[0]))
                samples.append(sample)
            progress(Progress(number + 1, count, "Rendering heads"))
    if len(samples) < 2:
        raise SettingsError("No face was found in the rendered heads", remedy="Render more of them.")
    return RenderedHeads(
        tuple(crops),
        FaceCode.concatenate([sample.code for sample in samples if sample.code is not None]),
        np.array([sample.label for sample in samples], np.int64),
        np.array([sample.valence_arousal or (np.nan, np.nan) for sample in samples], np.float64),
        faces.intensity_scale,
        count - len(samples),
    )


def code_heads(heads: RenderedHeads, coder: Coder, progress: ProgressCallback, token: CancelToken) -> CodedHeads:
    """Code every head.

    Raises:
        Cancelled: the token was cancelled.
    """
    codes = []
    for start in range(0, len(heads.crops), BATCH):
        token.raise_if_cancelled()
        codes.append(coder(heads.crops[start : start + BATCH]))
        progress(Progress(min(start + BATCH, len(heads.crops)), len(heads.crops), "Codes of rendered heads"))
    return CodedHeads(heads, FaceCode.concatenate(codes))


@torch.no_grad()
def measure_naturalness(coded: CodedHeads, head: HeadModel) -> NaturalnessPair:
    """Predicted against true intensity.

    Args:
        coded: rendered heads with codes.
        head: the head model of the codes.

    Raises:
        SettingsError: too few heads with a strong expression.
    """
    intensity = ExpressionIntensity(head, coded.heads.intensity_scale)
    predicted, true = (
        [intensity(codes, jaw=jaw).double().numpy() for jaw in (True, False)]
        for codes in (coded.codes, coded.heads.truth)
    )
    try:
        return NaturalnessPair(naturalness(predicted[0], true[0]), naturalness(predicted[1], true[1]))
    except ValueError as error:
        raise SettingsError("Too few rendered heads have an expression", remedy="Render more of them.") from error
