"""Emotion in the codes of labelled photos, and beside it the naturalness of the codes of rendered heads.

One command makes both: an accuracy alone rewards exaggeration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.mixture import SampleSet
from fields_core.data.sample import Sample
from fields_core.data.synthetic import SyntheticFaces
from fields_core.data.view import EvaluationView
from fields_core.datatypes import FaceCode, FaceCrop, Photo
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import SettingsError
from fields_core.evaluation.emotion_metrics import (
    ENOUGH,
    ClassificationMetrics,
    Naturalness,
    classification_metrics,
    naturalness,
)
from fields_core.evaluation.emotion_probe import ProbeConfig, train_probe
from fields_core.fitting import LandmarkFitter
from fields_core.fitting.encoded_fit import EncodedFit
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback

Coder = Callable[[Sequence[FaceCrop]], FaceCode]
"""From face crops to codes: `fit_coder` or `encoder_coder`."""

HELD_OUT_SEED = 424_242  # of the rendered heads; no training uses it
_BATCH = 32
_FEATURES = ("expression + jaw", "shape + expression + jaw")


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """One row of the table."""

    features: str
    balanced: bool
    metrics: ClassificationMetrics


@dataclass(frozen=True, eq=False)
class EmotionReport:
    """What was measured, both sides."""

    trained_on: int
    tested_on: int
    probes: tuple[ProbeResult, ...]
    naturalness: Naturalness
    unseen: int
    """Rendered heads in which the detector found no face; they are not in `naturalness`."""


def evaluate_emotion(
    train: SampleSet,
    test: SampleSet,
    coder: Coder,
    head: HeadModel,
    branch: EmotionHead | None,
    rendered: int,
    probe: ProbeConfig,
    progress: ProgressCallback,
    token: CancelToken,
) -> EmotionReport:
    """Train probes on the codes of one set of people, test them on another's, and measure naturalness.

    Args:
        train, test: labelled samples of different people; the unlabelled are left out.
        coder: what makes the codes.
        head: the head model of the codes.
        branch: the emotion branch trained with the coder, measured as it is; None if there is none.
        rendered: how many heads to render for the naturalness, at least 2.
        probe: how probes are trained; with and without balanced classes.

    Raises:
        SettingsError: a set without labels.
        Cancelled: the token was cancelled.
    """
    codes, labels = _labelled_codes(train, coder, progress, token)
    new_codes, new_labels = _labelled_codes(test, coder, progress, token)
    results = []
    for features in _FEATURES:
        inputs, new_inputs = _features(codes, features), _features(new_codes, features)
        for balanced in (False, True):
            config = replace(probe, balanced=balanced)
            trained = train_probe(inputs, labels, len(Emotion), config, progress, token)
            metrics = classification_metrics(trained.predict(new_inputs), new_labels, len(Emotion))
            results.append(ProbeResult(features, balanced, metrics))
    if branch is not None:
        with torch.no_grad():
            own = branch(new_codes).logits.argmax(dim=1).numpy()
        results.append(ProbeResult("built-in branch", False, classification_metrics(own, new_labels, len(Emotion))))
    natural, unseen = _naturalness(coder, head, rendered, progress, token)
    return EmotionReport(len(labels), len(new_labels), tuple(results), natural, unseen)


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


def format_report(report: EmotionReport) -> str:
    """The report as a table for people."""
    lines = [
        f"probes trained on {report.trained_on} photos, tested on {report.tested_on} of other people",
        f"{'codes':<26} {'classes':<9} {'accuracy':>8} {'macro recall':>13} {'macro F1':>9}",
    ]
    for result in report.probes:
        kind, metrics = "balanced" if result.balanced else "plain", result.metrics
        lines.append(
            f"{result.features:<26} {kind:<9} {metrics.accuracy:>8.3f} {metrics.macro_recall:>13.3f}"
            f" {metrics.macro_f1:>9.3f}"
        )
    lines.append(f"macro means over the classes with {ENOUGH} photos or more; recall of each class (photos):")
    for result in report.probes:
        count = result.metrics.confusion.sum(axis=1)
        recalls = [
            f"{emotion.name.lower()} {result.metrics.recall[emotion]:.2f} ({count[emotion]})"
            for emotion in Emotion
            if count[emotion]
        ]
        lines.append(f"  {result.features}, {'balanced' if result.balanced else 'plain'}: {', '.join(recalls)}")
    natural = report.naturalness
    lines += [
        f"naturalness, {natural.samples} rendered heads with 3D truth ({report.unseen} left out: no face was detected)",
        f"  intensity ratio {natural.ratio:.3f} (1 is unbiased), slope {natural.slope:.3f},"
        f" Spearman {natural.spearman:.3f}",
    ]
    return "\n".join(lines)


def _labelled_codes(
    samples: SampleSet, coder: Coder, progress: ProgressCallback, token: CancelToken
) -> tuple[FaceCode, NDArray[np.int64]]:
    view = EvaluationView()
    parts: list[FaceCode] = []
    labels: list[int] = []
    for start in range(0, len(samples), _BATCH):
        token.raise_if_cancelled()
        numbers = range(start, min(start + _BATCH, len(samples)))
        batch = [view(sample) for number in numbers if (sample := samples[number]).label >= 0]
        crops = [_crop(sample) for sample in batch]
        if crops:
            parts.append(coder(crops))
            labels += [sample.label for sample in batch]
        progress(Progress(numbers.stop, len(samples), "Codes of photos"))
    if not parts:
        raise SettingsError(
            "There are no labelled photos",
            expected="prepared photos with emotion labels",
            found=f"{len(samples)} samples without one",
            remedy="Prepare them from a CSV file with a column named label.",
        )
    return FaceCode.concatenate(parts), np.array(labels, np.int64)


def _crop(sample: Sample) -> FaceCrop:
    if sample.landmarks is None:
        raise SettingsError(f"Sample {sample.key} of {sample.source} has no landmarks", remedy="Prepare it again.")
    return FaceCrop(sample.image, np.eye(2, 3), sample.landmarks)


def _features(codes: FaceCode, features: str) -> NDArray[np.float32]:
    parts = [codes.expression, codes.jaw_pose, codes.eyelids]
    if features == _FEATURES[1]:
        parts.insert(0, codes.shape)
    return torch.cat(parts, dim=1).float().numpy()


def _naturalness(
    coder: Coder, head: HeadModel, count: int, progress: ProgressCallback, token: CancelToken
) -> tuple[Naturalness, int]:
    """Render, detect and encode as for photos: the truth of the landmarks stays unknown to the coder."""
    faces = SyntheticFaces(head, HELD_OUT_SEED)
    intensity = ExpressionIntensity(head, faces.intensity_scale)
    predicted, true = [], []
    with FaceDetector(max_faces=1, small_faces=False) as detector:
        for number in range(count):
            token.raise_if_cancelled()
            sample = faces[number]
            photo = Photo(sample.image)
            found = detector.detect(photo)
            if found:
                code = coder([crop_face(photo, found[0])])
                with torch.no_grad():
                    predicted.append(float(intensity(code)))
                true.append(sample.intensity)
            progress(Progress(number + 1, count, "Codes of rendered heads"))
    return naturalness(np.array(predicted), np.array(true)), count - len(true)
