"""The intensity-aware emotion loss: five terms that reward emotion without rewarding exaggeration.

Grounded in FIELDS (arXiv 2511.21245), whose equations are not public; the forms below are our own design except where
a source is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fields_core.losses.masking import masked_mean

NEUTRAL = 0  # label order is AffectNet's
AMBIGUITY_WEIGHT = 0.1
RANK_WEIGHT = 0.1
RANK_MARGIN = 0.2  # intensities closer than this are not ordered
RANK_TEMPERATURE = 0.1
EXCESS_TOLERANCE = 0.15  # what an image label alone may be exceeded by
MINIMUM_FOR_CCC = 8


@dataclass(frozen=True, eq=False)
class EmotionTruth:
    """What is known about the emotion of each sample of a batch."""

    labels: Tensor
    """(B,) class, AffectNet order; -1 where there is none."""
    valence_arousal: Tensor
    """(B, 2) in [-1, 1]; NaN where there is none."""
    intensity: Tensor
    """(B,) I* in [0, 1]; NaN where there is none."""
    confidence: Tensor
    """(B,) c of the intensity: 1 from 3D, .7 from action units, .3 from image labels, 0 where there is none."""
    from_3d: Tensor
    """(B,) bool: the intensity was measured in 3D."""
    source: Tensor
    """(B,) integer: samples are ranked against others of their own source only."""


@dataclass(frozen=True, eq=False)
class EmotionTerms:
    """The five terms, weights included; `total` is their sum."""

    classification: Tensor
    ambiguity: Tensor
    valence_arousal: Tensor
    calibration: Tensor
    rank: Tensor

    @property
    def total(self) -> Tensor:
        return self.classification + self.ambiguity + self.valence_arousal + self.calibration + self.rank


def emotion_loss(
    logits: Tensor, valence_arousal: Tensor, intensity: Tensor, truth: EmotionTruth, class_weights: Tensor
) -> EmotionTerms:
    """All five terms.

    Args:
        logits: (B, C) of the emotion branch.
        valence_arousal: (B, 2) of the emotion branch.
        intensity: (B,) predicted from geometry (`ExpressionIntensity`).
        truth: what is known.
        class_weights: see `tempered_cross_entropy`.
    """
    return EmotionTerms(
        classification=tempered_cross_entropy(logits, truth, class_weights),
        ambiguity=AMBIGUITY_WEIGHT * ambiguity_loss(logits, truth),
        valence_arousal=valence_arousal_loss(valence_arousal, truth.valence_arousal),
        calibration=calibration_loss(intensity, truth),
        rank=RANK_WEIGHT * rank_loss(intensity, truth),
    )


def _known(truth: EmotionTruth) -> Tensor:
    """Intensity with 1 (a full expression) where it is unknown, so that an unknown never softens a label."""
    return torch.nan_to_num(truth.intensity, nan=1.0).clamp(0.0, 1.0)


def tempered_cross_entropy(logits: Tensor, truth: EmotionTruth, class_weights: Tensor) -> Tensor:
    """Cross entropy to w onehot(y) + (1 - w) onehot(Neutral), w = .5 + .5 I*: a faint smile is half neutral.

    Args:
        logits: (B, C).
        truth: of the B samples.
        class_weights: (C,) balances rare classes; or (2, C), the first row for photos, the second for samples with 3D
            truth, whose classes are as frequent as somebody chose.
    """
    labelled = truth.labels >= 0
    labels = truth.labels.clamp(min=0)
    strength = (0.5 + 0.5 * _known(truth)).to(logits.dtype)[:, None]
    classes = logits.shape[1]
    own = F.one_hot(labels, classes).to(logits.dtype)
    neutral = F.one_hot(torch.full_like(labels, NEUTRAL), classes).to(logits.dtype)
    target = strength * own + (1.0 - strength) * neutral
    losses = -(target * F.log_softmax(logits, dim=1)).sum(dim=1)
    tables = class_weights.expand(2, classes)
    return masked_mean(losses, labelled * tables[truth.from_3d.long(), labels])


def ambiguity_loss(logits: Tensor, truth: EmotionTruth) -> Tensor:
    """(1 - I*) x cross entropy between the label and its strongest rival (IAL, Li et al., AAAI 2023): weak
    expressions are told apart from what they are most easily taken for."""
    labelled = truth.labels >= 0
    labels = truth.labels.clamp(min=0)[:, None]
    own = logits.gather(1, labels)
    rival = logits.scatter(1, labels, float("-inf")).amax(dim=1, keepdim=True)
    losses = F.softplus(rival - own)[:, 0]
    return masked_mean((1.0 - _known(truth)) * losses, labelled.to(logits.dtype))


def concordance(predicted: Tensor, target: Tensor) -> Tensor:
    """Concordance correlation coefficient (Lin 1989) of two (N,) series; both constant gives NaN."""
    covariance = ((predicted - predicted.mean()) * (target - target.mean())).mean()
    spread = predicted.var(unbiased=False) + target.var(unbiased=False)
    return 2.0 * covariance / (spread + (predicted.mean() - target.mean()).square())


def valence_arousal_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """MSE + 1 - (CCC_v + CCC_a) / 2; the second part only with 8 valid samples or more and some variance."""
    valid = torch.isfinite(target).all(dim=1)
    loss = masked_mean((predicted - torch.nan_to_num(target)).square(), valid.to(predicted.dtype))
    chosen, wanted = predicted[valid], target[valid]
    if len(chosen) < MINIMUM_FOR_CCC or bool((wanted.var(dim=0, unbiased=False) == 0).any()):
        return loss
    agreement = torch.stack([concordance(chosen[:, i], wanted[:, i]) for i in (0, 1)])
    return loss + 1.0 - agreement.mean()


def calibration_loss(intensity: Tensor, truth: EmotionTruth) -> Tensor:
    """3D samples: c SmoothL1(I - I*), both sides. Image labels: c relu(I - I* - .15)^2: only excess is punished."""
    known = torch.isfinite(truth.intensity)
    wanted = torch.nan_to_num(truth.intensity)
    both = F.smooth_l1_loss(intensity, wanted, reduction="none")
    excess = (intensity - wanted - EXCESS_TOLERANCE).relu().square()
    losses = truth.confidence * torch.where(truth.from_3d, both, excess)
    return masked_mean(losses, (known & (truth.confidence > 0)).to(intensity.dtype))


def rank_loss(intensity: Tensor, truth: EmotionTruth) -> Tensor:
    """softplus(-(I_i - I_j) / .1) over pairs of one source with I*_i - I*_j > .2 (ordinal supervision after Zhao et
    al., CVPR 2016)."""
    gap = truth.intensity[:, None] - truth.intensity[None, :]
    paired = (gap > RANK_MARGIN) & (truth.source[:, None] == truth.source[None, :])  # NaN compares false
    difference = intensity[:, None] - intensity[None, :]
    losses = F.softplus(-difference / RANK_TEMPERATURE)
    return masked_mean(losses.reshape(-1), paired.reshape(-1).to(intensity.dtype))
