"""The FLAME-parameter encoder: crop -> code.

Layout and initial values follow SMIRK (Retsinas et al., CVPR 2024): timm backbones without classifier, last
feature map, average pool, one linear layer a branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

import timm
import torch
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.encoder.bounds import bounded

JAW_SIDEWAYS = 0.2  # radians; SMIRK's clamp of the jaw's y and z rotation
NEUTRAL_SCALE = 7.0  # SMIRK's camera scale before training, for a crop of FLAME's head in metres
NATURAL_UNITS = (0.2, 0.2, 0.2, 1.0, 0.02, 0.02)  # rounded standard deviations over training crops
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
    layout: Literal["three-branch", "split", "shared", "rectified", "deca", "emoca"] = "three-branch"
    """"split": one backbone for pose and shape (`pose_backbone`), one for the expression; "shared": one for all.
    "rectified" is that of `fields_core.encoder.rectified_encoder`, "deca" and "emoca" those of
    `fields_core.encoder.resnet_encoder`."""
    pose_backbone: str = POSE_BACKBONE
    shape_backbone: str = WIDE_BACKBONE
    expression_backbone: str = WIDE_BACKBONE
    """Of the shared layout, the only one that is built; the split layout has no shape backbone."""
    pose_units: tuple[float, ...] = (1.0,) * 6
    """What 1 of the pose layer's outputs means: 3 rotations in radians, camera scale, tx and ty in metres. SMIRK's are
    all 1; `NATURAL_UNITS` are about what faces vary by, so that from random weights all six move alike."""
    expression_outputs: int = 0
    """Of EMOCA's expression network: n_expression, 3 more with the jaw, 6 more with head pose and jaw; else 0."""
    landmarks: int = 0
    """Of the rectified layout: how many landmarks the head model has; the others take none."""
    landmark_components: int = 192
    """Of the rectified layout: principal components of the landmarks."""
    rectified_size: int = 72
    """Of the rectified layout: texels along the side of the rectified face."""
    width: int = 512
    """Of the rectified layout's layers."""
    appearance_width: int = 24
    """Of the rectified layout: channels of the first convolution."""
    refinements: int = 0
    """Of the rectified layout: how often a first guess is put right by how far its landmarks lie beside the seen ones;
    0 in checkpoints from before there were any."""

    def __post_init__(self) -> None:
        """Raises:
        ValueError: sizes no head model has, or a backbone timm does not know (the values may come from a file).
        """
        sizes = (self.n_shape, self.n_expression)
        if not all(isinstance(size, int) and 0 < size <= MOST_COEFFICIENTS for size in sizes):
            raise ValueError(f"coefficients {sizes}, not between 1 and {MOST_COEFFICIENTS}")
        if len(self.pose_units) != 6 or not all(unit > 0 for unit in self.pose_units):
            raise ValueError(f"pose units {self.pose_units} are not 6 positive numbers")
        if any(bounds and len(bounds) != self.n_expression for bounds in (self.expression_low, self.expression_high)):
            raise ValueError(f"expression bounds are not {self.n_expression} numbers")
        if self.layout not in get_args(get_type_hints(EncoderConfig)["layout"]):
            raise ValueError(f"layout {self.layout!r} is not known")
        limits = {
            "landmarks": 478,
            "landmark_components": 2 * self.landmarks,
            "rectified_size": 480,
            "width": 2048,
            "appearance_width": 128,
        }
        if self.layout == "rectified":
            for name, limit in limits.items():
                size = getattr(self, name)
                if not isinstance(size, int) or not 8 <= size <= limit:
                    raise ValueError(f"{name} {size} is not a whole number between 8 and {limit}")
            if not isinstance(self.refinements, int) or not 0 <= self.refinements <= 8:
                raise ValueError(f"refinements {self.refinements} is not a whole number between 0 and 8")
            if self.rectified_size % 24:
                raise ValueError(f"rectified_size {self.rectified_size} is not a multiple of 24")
        if self.layout == "emoca" and self.expression_outputs - self.n_expression not in (0, 3, 6):
            raise ValueError(f"an expression network with {self.expression_outputs} outputs")
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
        self.pose_backbone: nn.Module = nn.Identity()
        self.shape_backbone: nn.Module = nn.Identity()
        widths = [self.expression_backbone.width] * 3
        if config.layout != "shared":
            self.pose_backbone = backbone = Backbone(config.pose_backbone)
            widths[:2] = [backbone.width] * 2
        if config.layout == "three-branch":
            self.shape_backbone = backbone = Backbone(config.shape_backbone)
            widths[1] = backbone.width
        self.pose_layer = nn.Linear(widths[0], 6)
        self.shape_layer = nn.Linear(widths[1], config.n_shape)
        self.expression_layer = nn.Linear(widths[2], config.n_expression + 2 + 3)
        self.gaze_layer: nn.Module = nn.Linear(widths[2], 4) if config.gaze else nn.Identity()
        low, high = config.expression_low, config.expression_high
        infinite = (float("inf"),) * config.n_expression
        self.register_buffer("low", torch.tensor(low or tuple(-x for x in infinite)), persistent=False)
        self.register_buffer("high", torch.tensor(high or infinite), persistent=False)
        self.register_buffer("pose_units", torch.tensor(config.pose_units), persistent=False)
        self.low: Tensor
        self.high: Tensor
        self.pose_units: Tensor
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """SMIRK's start: a frontal, neutral, average head in the middle of the crop."""
        for parameter in self.pose_layer.parameters():
            parameter.mul_(0.001)
        self.pose_layer.weight[3] = 0.0
        self.pose_layer.bias[3] = NEUTRAL_SCALE / self.pose_units[3]
        for parameter in self.shape_layer.parameters():
            parameter.zero_()
        for layer in (self.expression_layer, self.gaze_layer):
            for parameter in layer.parameters():
                parameter.mul_(0.1)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> FaceCode:
        """Encode face crops.

        Args:
            images: (B, 3, 224, 224) RGB in [0, 1], no mean or standard deviation taken out.
            landmarks: not looked at.

        Returns:
            a code without neck pose, lighting and albedo (zeros; ``albedo`` (B, 0)).
        """
        return self.decode(self.regress(images))

    def expression_parts(self) -> tuple[nn.Module, ...]:
        """What step A trains."""
        return self.expression_backbone, self.expression_layer, self.gaze_layer

    def regress(self, images: Tensor, landmarks: Tensor | None = None) -> tuple[Tensor, ...]:
        """What the networks say before anything is bounded, in the order that `decode` takes: pose and camera, shape,
        expression with eyelids and jaw, and gaze if configured; each (B, N)."""
        features = self.expression_backbone(images)
        pose_features = features if self.config.layout == "shared" else self.pose_backbone(images)
        shape_features = self.shape_backbone(images) if self.config.layout == "three-branch" else pose_features
        outputs = (
            self.pose_layer(pose_features),
            self.shape_layer(shape_features),
            self.expression_layer(features),
        )
        return (*outputs, self.gaze_layer(features)) if self.config.gaze else outputs

    def decode(self, outputs: Sequence[Tensor]) -> FaceCode:
        """The code that the outputs of `regress` mean."""
        pose, shape, expressive, *gaze = outputs
        return bounded_code(shape, pose[:, :3], pose[:, 3:], expressive, gaze, self.low, self.high)


def bounded_code(
    shape: Tensor,
    head_pose: Tensor,
    camera: Tensor,
    expressive: Tensor,
    gaze: Sequence[Tensor],
    low: Tensor,
    high: Tensor,
) -> FaceCode:
    """The code of network outputs, kept within what faces can do.

    Args:
        shape: (B, S).
        head_pose: (B, 3).
        camera: (B, 3).
        expressive: (B, E + 5) expression, 2 eyelids, 3 of the jaw.
        gaze: (B, 4) left pitch and yaw, right pitch and yaw; or nothing.
        low, high: (E,) bounds of the expression.
    """
    zeros, batch = shape.new_zeros, len(shape)
    least, most = expressive_bounds(low, high)
    expression, eyelids, jaw = bounded(expressive, least, most).split_with_sizes((len(low), 2, 3), dim=1)
    eyes = zeros(batch, 6)
    if gaze:
        # An eyeball does not roll.
        eyes = eyes.index_copy(1, torch.tensor([0, 1, 3, 4], device=shape.device), gaze[0])
    return FaceCode(
        shape=shape,
        expression=expression,
        head_pose=head_pose,
        neck_pose=zeros(batch, 3),
        jaw_pose=jaw,
        eye_pose=eyes,
        eyelids=eyelids,
        camera=camera,
        lighting=zeros(batch, 9, 3),
        albedo=zeros(batch, 0),
    )


def expressive_bounds(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest value (E + 5,) of expression, 2 eyelids and 3 of the jaw.

    Args:
        low, high: (E,) bounds of the expression.
    """
    least = low.new_tensor([0.0, 0.0, 0.0, -JAW_SIDEWAYS, -JAW_SIDEWAYS])
    most = high.new_tensor([1.0, 1.0, float("inf"), JAW_SIDEWAYS, JAW_SIDEWAYS])
    return torch.cat([low, least]), torch.cat([high, most])
