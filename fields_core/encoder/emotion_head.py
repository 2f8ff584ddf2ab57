"""The emotion branch: it sees the codes alone, so that its gradient must pass through the expression."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor, nn

from fields_core.datatypes import FaceCode

HIDDEN = 256
SLOPE = 0.2


class Emotion(IntEnum):
    """The eight classes in AffectNet's order."""

    NEUTRAL = 0
    HAPPY = 1
    SAD = 2
    SURPRISE = 3
    FEAR = 4
    DISGUST = 5
    ANGER = 6
    CONTEMPT = 7


@dataclass(frozen=True, eq=False)
class EmotionPrediction:
    """What the branch says of a batch."""

    logits: Tensor
    """(B, 8) in the order of `Emotion`."""
    valence_arousal: Tensor
    """(B, 2) in [-1, 1]."""


class EmotionHead(nn.Module):
    """[expression, jaw, eyelids] -> 256 -> 256 -> 8 logits, valence, arousal. No shape and no image features."""

    def __init__(self, n_expression: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_expression + 3 + 2, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, len(Emotion) + 2),
        )

    def forward(self, code: FaceCode) -> EmotionPrediction:
        outputs = self.layers(torch.cat([code.expression, code.jaw_pose, code.eyelids], dim=1))
        return EmotionPrediction(outputs[:, : len(Emotion)], outputs[:, len(Emotion) :].tanh())
