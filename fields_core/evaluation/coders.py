"""What makes codes of photos, for evaluations to compare: an encoder, the landmark fit, or no look at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.mixture import SampleSet
from fields_core.data.sample import Sample
from fields_core.data.view import EvaluationView
from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import SettingsError
from fields_core.fitting import LandmarkFitter
from fields_core.fitting.encoded_fit import EncodedFit
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback

Coder = Callable[[Sequence[FaceCrop]], FaceCode]
"""From face crops to codes, one each."""

BATCH = 32


def fit_coder(head: HeadModel) -> Coder:
    """Codes by fitting the landmarks."""
    fitter = LandmarkFitter(head)
    return lambda crops: fitter.fit(np.stack([crop.landmarks for crop in crops])).code


def encoder_coder(encoder: EncoderRuntime, head: HeadModel) -> Coder:
    """Codes by an encoder.

    Raises:
        ModelFileError: it was trained for another head model.
    """
    encoded = EncodedFit(encoder, head)
    return lambda crops: encoded.fit(crops).code


def mean_head_coder(head: HeadModel) -> Coder:
    """The mean head at rest for everybody: what errors are worth nothing."""
    return lambda crops: head.neutral_code(len(crops))


@dataclass(frozen=True, eq=False)
class CodedPhotos:
    """Codes of N photos and what is known of them."""

    codes: FaceCode
    """N rows."""
    landmarks: NDArray[np.float32]
    """(N, 478, 2) image frame of the crop that was coded; true ones where they are known, else the detector's."""
    labels: NDArray[np.int64]
    """(N,) `Emotion`, -1 where there is none."""
    valence_arousal: NDArray[np.float64]
    """(N, 2), NaN where there is none."""
    keys: tuple[str, ...]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, chosen: NDArray[np.bool_]) -> CodedPhotos:
        """Some of the photos."""
        numbers = torch.from_numpy(np.flatnonzero(chosen))
        fields = {name: getattr(self.codes, name)[numbers] for name in FaceCode.__dataclass_fields__}
        return CodedPhotos(
            FaceCode(**fields),
            self.landmarks[chosen],
            self.labels[chosen],
            self.valence_arousal[chosen],
            tuple(self.keys[number] for number in numbers),
            tuple(self.sources[number] for number in numbers),
        )


def code_photos(
    samples: SampleSet, coder: Coder, progress: ProgressCallback, token: CancelToken, *, labelled: bool = False
) -> CodedPhotos:
    """Code samples as the app sees faces.

    Args:
        samples: stored crops with landmarks.
        coder: makes the codes.
        labelled: leave out those without an emotion label.

    Raises:
        SettingsError: nothing to code, or a sample without landmarks.
        Cancelled: the token was cancelled.
    """
    view = EvaluationView()
    codes: list[FaceCode] = []
    photos: list[Sample] = []
    for start in range(0, len(samples), BATCH):
        token.raise_if_cancelled()
        numbers = range(start, min(start + BATCH, len(samples)))
        stored = (samples[number] for number in numbers)
        batch = [view(sample) for sample in stored if sample.label >= 0 or not labelled]
        if batch:
            codes.append(coder([_crop(sample) for sample in batch]))
            photos += batch
        progress(Progress(numbers.stop, len(samples), "Codes of photos"))
    if not photos:
        raise SettingsError(
            "There are no labelled photos" if labelled else "There are no photos",
            expected="prepared photos with emotion labels" if labelled else "prepared photos",
            found=f"{len(samples)} samples without one" if labelled else "shards without samples",
            remedy="Prepare them from a CSV file with a column named label." if labelled else "",
        )
    return CodedPhotos(
        FaceCode.concatenate(codes),
        np.stack([sample.landmarks for sample in photos if sample.landmarks is not None]),
        np.array([sample.label for sample in photos], np.int64),
        np.array([sample.valence_arousal or (np.nan, np.nan) for sample in photos], np.float64),
        tuple(sample.key for sample in photos),
        tuple(sample.source for sample in photos),
    )


def _crop(sample: Sample) -> FaceCrop:
    if sample.landmarks is None:
        raise SettingsError(f"Sample {sample.key} of {sample.source} has no landmarks", remedy="Prepare it again.")
    observed = sample.landmarks if sample.observed is None else sample.observed  # never the truth, as in the app
    return FaceCrop(sample.image, np.eye(2, 3), observed)
