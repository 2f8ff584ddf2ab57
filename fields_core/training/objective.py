"""What training minimises: all loss terms of a batch, weighted, each over the samples that carry its truth."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from fields_core.data.sample import SampleBatch
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import EmotionPrediction
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.losses.direct3d import base_model_loss, direct_3d_loss, pose_shape_loss
from fields_core.losses.emotion import emotion_loss, tempered_cross_entropy, valence_arousal_loss
from fields_core.losses.identity import identity_loss
from fields_core.losses.landmarks import closure_loss, landmark_loss
from fields_core.losses.masking import masked_mean
from fields_core.losses.photometric import photometric_loss
from fields_core.render.lighting import estimate_lighting, sh_shading
from fields_core.render.renderer import HeadRenderer
from fields_core.training.config import LossWeights, Stage, TrainConfig
from fields_core.training.face_geometry import FaceGeometry, Pairs

PHOTOMETRIC_SIZE = 112  # pixels; light and skin have no finer detail that the head model could explain


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Scalars, weights included; what a stage does not use is 0."""

    landmarks: Tensor
    eye_closure: Tensor
    lip_closure: Tensor
    direct_3d: Tensor
    pose_shape_3d: Tensor
    identity: Tensor
    classification: Tensor
    ambiguity: Tensor
    valence_arousal: Tensor
    calibration: Tensor
    rank: Tensor
    base: Tensor
    shape_prior: Tensor
    expression_prior: Tensor
    photometric: Tensor
    synthesis: Tensor
    cycle: Tensor

    @property
    def total(self) -> Tensor:
        return torch.stack([getattr(self, item.name) for item in fields(self)]).sum()

    def numbers(self) -> dict[str, float]:
        """Every term and the total, for logs."""
        values = {item.name: float(getattr(self, item.name).detach()) for item in fields(self)}
        return {"total": sum(values.values()), **values}

    @staticmethod
    def zeros(like: Tensor) -> LossTerms:
        return LossTerms(**{item.name: like.new_zeros(()) for item in fields(LossTerms)})


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the networks say of a batch."""

    code: FaceCode
    emotion: EmotionPrediction
    base: FaceCode | None = None
    """What the frozen encoder says; None without one."""


class Objective(nn.Module):
    """The terms of one stage, but for the synthesis, which needs a decoder.

    Pretraining learns pose, shape and expression from landmarks and 3D truth. Steps A and B add emotion and the pull
    towards the base model, and leave pose and shape alone.
    """

    class_weights: Tensor

    def __init__(
        self, config: TrainConfig, stage: Stage, geometry: FaceGeometry, intensity_scale: float, class_weights: Tensor
    ) -> None:
        super().__init__()
        self._weights: LossWeights = config.losses
        self._pretraining = stage == "pretrain"
        self._plain_emotion = config.emotion_loss == "plain"
        self._truth_3d = config.truth_3d or stage == "pretrain"
        self.geometry = geometry
        self.intensity = ExpressionIntensity(geometry.head, intensity_scale)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self._renderer = HeadRenderer(geometry.head) if config.losses.photometric else None

    def forward(self, prediction: Prediction, batch: SampleBatch) -> LossTerms:
        """The terms of a batch of at least one sample, whichever truths it carries."""
        if not self._truth_3d:
            batch = _without_truth(batch)
        terms = self._landmark_terms(prediction.code, batch)
        terms = dataclasses.replace(
            terms,
            direct_3d=self._weights.direct_3d * self._direct_3d(prediction.code, batch),
            expression_prior=self._weights.expression_prior
            * masked_mean(prediction.code.expression.square(), 1.0 - batch.code_weights),
        )
        if self._renderer is not None:
            photometric = self._photometric(self._renderer, prediction.code, batch)
            terms = dataclasses.replace(terms, photometric=self._weights.photometric * photometric)
        if self._pretraining:
            return self._with_pose_and_shape(terms, prediction.code, batch)
        return self._with_emotion(terms, prediction, batch)

    def _landmark_terms(self, code: FaceCode, batch: SampleBatch) -> LossTerms:
        seen = self.geometry.landmarks(code)
        target = batch.landmarks[:, self.geometry.landmark_ids]
        trust = self.geometry.landmark_weights * seen.visible
        weights = batch.landmark_weights
        return dataclasses.replace(
            LossTerms.zeros(seen.points),
            landmarks=self._weights.landmarks * landmark_loss(seen.points, target, trust, weights),
            eye_closure=self._weights.eye_closure * _closure(seen.points, target, self.geometry.eyelid_pairs, weights),
            lip_closure=self._weights.lip_closure * _closure(seen.points, target, self.geometry.lip_pairs, weights),
        )

    def _direct_3d(self, code: FaceCode, batch: SampleBatch) -> Tensor:
        rows = batch.code_weights.nonzero()[:, 0]
        if not len(rows):
            return code.expression.new_zeros(())
        predicted, truth = _rows(code, rows), _rows(batch.code, rows)
        with torch.no_grad():
            true_vertices = self.geometry.expressions(truth)
        vertices = self.geometry.expressions(predicted)
        return direct_3d_loss(
            predicted, truth, vertices, true_vertices, batch.code_weights[rows], batch.eyelid_weights[rows]
        )

    def _with_pose_and_shape(self, terms: LossTerms, code: FaceCode, batch: SampleBatch) -> LossTerms:
        return dataclasses.replace(
            terms,
            pose_shape_3d=self._weights.pose_shape_3d * pose_shape_loss(code, batch.code, batch.code_weights),
            identity=self._weights.identity * self._identity(code, batch),
            shape_prior=self._weights.shape_prior * masked_mean(code.shape.square(), 1.0 - batch.code_weights),
        )

    def _identity(self, code: FaceCode, batch: SampleBatch) -> Tensor:
        if not self._weights.identity:
            return code.shape.new_zeros(())
        return identity_loss(self.geometry.shapes(code), batch.people)

    def _with_emotion(self, terms: LossTerms, prediction: Prediction, batch: SampleBatch) -> LossTerms:
        if prediction.base is not None:
            base = base_model_loss(prediction.code, prediction.base, 1.0 - batch.code_weights)
            terms = dataclasses.replace(terms, base=self._weights.base * base)
        if self._weights.emotion == 0.0:
            return terms
        logits, affect = prediction.emotion.logits, prediction.emotion.valence_arousal
        weight = self._weights.emotion
        if self._plain_emotion:
            # Of unknown strength, a label is taken at its word: the tempered cross entropy is then the plain one.
            unknown = torch.full_like(batch.emotion.intensity, math.nan)
            truth = dataclasses.replace(batch.emotion, intensity=unknown)
            return dataclasses.replace(
                terms,
                classification=weight * tempered_cross_entropy(logits, truth, self.class_weights),
                valence_arousal=weight * valence_arousal_loss(affect, truth.valence_arousal),
            )
        emotion = emotion_loss(logits, affect, self.intensity(prediction.code), batch.emotion, self.class_weights)
        emotion = dataclasses.replace(emotion, calibration=self._weights.calibration * emotion.calibration)
        return dataclasses.replace(
            terms, **{item.name: weight * getattr(emotion, item.name) for item in fields(emotion)}
        )

    def _photometric(self, renderer: HeadRenderer, code: FaceCode, batch: SampleBatch) -> Tensor:
        """The mean skin in the light that explains the photo best, against the photo."""
        neutral = self.geometry.head.neutral_code(len(code))
        seen = renderer.shade(code.replace(albedo=neutral.albedo, lighting=neutral.lighting), PHOTOMETRIC_SIZE)
        photo = functional.interpolate(batch.images, (PHOTOMETRIC_SIZE, PHOTOMETRIC_SIZE), mode="area")
        lighting = estimate_lighting(photo, seen.normals.detach(), seen.albedo.detach(), seen.mask)
        shading = sh_shading(seen.normals.permute(0, 2, 3, 1), lighting).permute(0, 3, 1, 2)
        return photometric_loss(seen.albedo * shading, photo, seen.mask, batch.landmark_weights)


def _closure(points: Tensor, target: Tensor, pairs: Pairs, weights: Tensor) -> Tensor:
    return closure_loss(points, target, pairs, weights) if pairs else points.new_zeros(())


def _without_truth(batch: SampleBatch) -> SampleBatch:
    """The batch without the expressions of its 3D samples and without what only they tell: how intense these are."""
    emotion = batch.emotion
    emotion = dataclasses.replace(
        emotion,
        intensity=emotion.intensity.masked_fill(emotion.from_3d, math.nan),
        confidence=emotion.confidence.masked_fill(emotion.from_3d, 0.0),
    )
    return dataclasses.replace(batch, code_weights=torch.zeros_like(batch.code_weights), emotion=emotion)


def _rows(code: FaceCode, rows: Tensor) -> FaceCode:
    return FaceCode(**{item.name: getattr(code, item.name)[rows] for item in fields(FaceCode)})
