"""The FLAME-parameter encoder: crop -> code.

Layout and initial values follow SMIRK (Retsinas et al., CVPR 2024): timm backbones without classifier, last
feature map, average pool, one linear layer a branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.encoder.bounds import bounded

JAW_SIDEWAYS = 0.2  # radians; SMIRK's clamp of the jaw's y and z rotation
NEUTRAL_SCALE = 7.0  # SMIRK's camera scale before training, for a crop of FLAME's head in metres
MOST_COEFFICIENTS = 1000  # FLAME has 300 and 100
POSE_BACKBONE = "tf_mobilenetv3_small_minimal_100"
WIDE_BACKBONE = "tf_mobilenetv3_large_minimal_100"


@dataclass(frozen=True)
class EncoderConfig:
    """What is needed to build a `FaceEncoder`; stored in every checkpoint."""

    n_shape: int
    n_expression: int
    expression_low: tuple[float, ...] | None = None
    """Lower bound of each expression coefficient; None for unbounded ones (FLAME)."""
    expression_high: tuple[float, ...] | None = None
    gaze: bool = False
    """Whether eye rotations are predicted (SMIRK does not)."""
    layout: Literal["three-branch", "shared"] = "three-branch"
    pose_backbone: str = POSE_BACKBONE
    shape_backbone: str = WIDE_BACKBONE
    expression_backbone: str = WIDE_BACKBONE
    """Of the shared layout, the only one that is built."""

    def __post_init__(self) -> None:
        """Raises:
        ValueError: sizes no head model has, or a backbone timm does not know (the values may come from a file).
        """
        sizes = (self.n_shape, self.n_expression)
        if not all(isinstance(size, int) and 0 < size <= MOST_COEFFICIENTS for size in sizes):
            raise ValueError(f"coefficients {sizes}, not between 1 and {MOST_COEFFICIENTS}")
        if any(bounds and len(bounds) != self.n_expression for bounds in (self.expression_low, self.expression_high)):
            raise ValueError(f"expression bounds are not {self.n_expression} numbers")
        if self.layout not in ("three-branch", "shared"):
            raise ValueError(f"layout {self.layout!r} is neither three-branch nor shared")
        for name in (self.pose_backbone, self.shape_backbone, self.expression_backbone):
            if not timm.is_model(name):
                raise ValueError(f"timm knows no backbone {name!r}")


class Backbone(nn.Module):
    """A timm feature extractor and its average pool: (B, 3, H, W) in [0, 1] -> (B, `width`)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        encoder: Any = timm.create_model(name, pretrained=False, features_only=True)
        self.encoder: nn.Module = encoder
        self.width: int = encoder.feature_info.channels()[-1]

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.encoder(images)[-1]
        return features.mean(dim=(2, 3))


class FaceEncoder(nn.Module):
    """Predicts pose, camera, shape, expression, eyelids, jaw and, if configured, gaze.

    Attributes:
        config: how it was built.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.expression_backbone = Backbone(config.expression_backbone)
        if config.layout == "three-branch":
            self.pose_backbone: nn.Module = Backbone(config.pose_backbone)
            self.shape_backbone: nn.Module = Backbone(config.shape_backbone)
            widths = (self.pose_backbone.width, self.shape_backbone.width, self.expression_backbone.width)
        else:
            self.pose_backbone, self.shape_backbone = nn.Identity(), nn.Identity()
            widths = (self.expression_backbone.width,) * 3
        self.pose_layer = nn.Linear(widths[0], 6)
        self.shape_layer = nn.Linear(widths[1], config.n_shape)
        self.expression_layer = nn.Linear(widths[2], config.n_expression + 2 + 3)
        self.gaze_layer: nn.Module = nn.Linear(widths[2], 4) if config.gaze else nn.Identity()
        low, high = config.expression_low, config.expression_high
        infinite = (float("inf"),) * config.n_expression
        self.register_buffer("low", torch.tensor(low or tuple(-x for x in infinite)), persistent=False)
        self.register_buffer("high", torch.tensor(high or infinite), persistent=False)
        self.low: Tensor
        self.high: Tensor
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """SMIRK's start: a frontal, neutral, average head in the middle of the crop."""
        for parameter in self.pose_layer.parameters():
            parameter.mul_(0.001)
        self.pose_layer.weight[3] = 0.0
        self.pose_layer.bias[3] = NEUTRAL_SCALE
        for parameter in self.shape_layer.parameters():
            parameter.zero_()
        for layer in (self.expression_layer, self.gaze_layer):
            for parameter in layer.parameters():
                parameter.mul_(0.1)

    def forward(self, images: Tensor) -> FaceCode:
        """Encode face crops.

        Args:
            images: (B, 3, 224, 224) RGB in [0, 1], no mean or standard deviation taken out.

        Returns:
            a code without neck pose, lighting and albedo (zeros; ``albedo`` (B, 0)).
        """
        features = self.expression_backbone(images)
        shared = self.config.layout == "shared"
        pose = self.pose_layer(features if shared else self.pose_backbone(images))
        shape = self.shape_layer(features if shared else self.shape_backbone(images))
        expression, eyelids, jaw = self.expression_layer(features).split((self.config.n_expression, 2, 3), dim=1)
        jaw = torch.cat(
            [bounded(jaw[:, :1], 0.0, float("inf")), bounded(jaw[:, 1:], -JAW_SIDEWAYS, JAW_SIDEWAYS)], dim=1
        )
        eyes = images.new_zeros(len(images), 6)
        if self.config.gaze:
            # Columns: left pitch, yaw, right pitch, yaw. An eyeball does not roll.
            eyes = eyes.index_copy(1, torch.tensor([0, 1, 3, 4], device=images.device), self.gaze_layer(features))
        return FaceCode(
            shape=shape,
            expression=bounded(expression, self.low, self.high),
            head_pose=pose[:, :3],
            neck_pose=images.new_zeros(len(images), 3),
            jaw_pose=jaw,
            eye_pose=eyes,
            eyelids=bounded(eyelids, 0.0, 1.0),
            camera=pose[:, 3:],
            lighting=images.new_zeros(len(images), 9, 3),
            albedo=images.new_zeros(len(images), 0),
        )
