"""The encoders of DECA and EMOCA, so that their released weights can be used: a ResNet-50 and two linear layers.

DECA (Feng et al., SIGGRAPH 2021) predicts everything with one network. EMOCA (Danecek et al., CVPR 2022) keeps that
network for identity and camera and adds a second one for the expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torchvision
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.encoder.face_encoder import EncoderConfig

TEXTURE, POSE, CAMERA, LIGHT = 50, 6, 3, 27  # what DECA predicts beside shape and expression
_HIDDEN = 1024


class ResNetRegressor(nn.Module):
    """(B, 3, 224, 224) in [0, 1] -> (B, ``outputs``), with the parameter names of DECA's encoder."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        resnet: Any = torchvision.models.resnet50(weights=None)
        width = resnet.fc.in_features
        resnet.fc = nn.Identity()
        self.encoder: nn.Module = resnet
        self.layers = nn.Sequential(nn.Linear(width, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, outputs))

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.layers(self.encoder(images))
        return outputs


class ResNetEncoder(nn.Module):
    """DECA's encoder (layout "deca"), or EMOCA's (layout "emoca").

    Its texture coefficients and light belong to DECA's own renderer and stay out of the codes; neither network knows
    eyelids, gaze or bounds.

    Attributes:
        config: how it was built.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        coarse = config.n_shape + TEXTURE + config.n_expression + POSE + CAMERA + LIGHT
        self.coarse = ResNetRegressor(coarse)
        emoca = config.layout == "emoca"
        self.expression: nn.Module = ResNetRegressor(config.expression_outputs) if emoca else nn.Identity()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> FaceCode:
        """Encode face crops; see `FaceEncoder.forward`."""
        return self.decode(self.regress(images))

    def regress(self, images: Tensor, landmarks: Tensor | None = None) -> tuple[Tensor, ...]:
        """What the networks say, in the order that `decode` takes: DECA's outputs, then EMOCA's; each (B, N)."""
        coarse: Tensor = self.coarse(images)
        return (coarse, self.expression(images)) if self.config.layout == "emoca" else (coarse,)

    def decode(self, outputs: Sequence[Tensor]) -> FaceCode:
        """The code that the outputs of `regress` mean."""
        coarse, *fine = outputs
        sizes = (self.config.n_shape, TEXTURE, self.config.n_expression, 3, 3, CAMERA, LIGHT)
        shape, _, expression, head_pose, jaw, camera, _ = coarse.split_with_sizes(sizes, dim=1)
        if fine:
            expression, pose = fine[0].tensor_split((self.config.n_expression,), dim=1)
            if pose.shape[1]:
                jaw = pose[:, -3:]
            if pose.shape[1] == POSE:
                head_pose = pose[:, :3]
        zeros, batch = coarse.new_zeros, len(coarse)
        return FaceCode(
            shape=shape,
            expression=expression,
            head_pose=head_pose,
            neck_pose=zeros(batch, 3),
            jaw_pose=jaw,
            eye_pose=zeros(batch, 6),
            eyelids=zeros(batch, 2),
            camera=camera,
            lighting=zeros(batch, 9, 3),
            albedo=zeros(batch, 0),
        )
