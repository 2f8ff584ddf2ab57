"""An encoder that looks at a face the way the detector's landmarks lay it flat.

Faces are found by their landmarks anyway. They already say where the head is and what most of its parts do; and they
tell where in the picture each part of the skin is. So pose and identity are read off the landmarks, the expression off
landmarks and a small rectified picture of the face in which every pore stays in its place: the network need learn
neither to find a face nor to follow it, and some ten thousand photos teach it what would else take millions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.encoder.face_encoder import EncoderConfig, bounded_code
from fields_core.encoder.landmark_chart import LandmarkChart

_POSE_UNITS = (0.2, 0.2, 0.2, 0.1, 0.01, 0.01)  # 3 rotations in radians, share of the scale, tx and ty in metres
_CELLS = 3  # along each side of the rectified picture, whose features are told apart
_DROPOUT = 0.3
_TINY = 1e-12
_LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601: many training photos have no colour


class RectifiedEncoder(nn.Module):
    """(crop, landmarks) -> code.

    Attributes:
        config: how it was built; layout "rectified".
        chart: what it knows of the head model's landmarks; `LandmarkChart.of_head` fills that of a new encoder.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.chart = LandmarkChart(config.landmarks, config.landmark_components, config.rectified_size)
        width = config.width
        self.appearance = Appearance(config.appearance_width, width // 4)
        # The roll that was taken out is told too: gravity and the neck know of it.
        self.identity_trunk = _Trunk(config.landmark_components + 2, width)
        self.expression_trunk = _Trunk(config.landmark_components + 2 + width // 4, width)
        self.pose_layer = nn.Linear(width, 6)
        self.shape_layer = nn.Linear(width, config.n_shape)
        self.expression_layer = nn.Linear(width, config.n_expression + 2 + 3)
        self.gaze_layer: nn.Module = nn.Linear(width, 4) if config.gaze else nn.Identity()
        infinite = (float("inf"),) * config.n_expression
        self.register_buffer(
            "low", torch.tensor(config.expression_low or tuple(-x for x in infinite)), persistent=False
        )
        self.register_buffer("high", torch.tensor(config.expression_high or infinite), persistent=False)
        self.register_buffer("pose_units", torch.tensor(_POSE_UNITS), persistent=False)
        self.register_buffer("luminance", torch.tensor(_LUMINANCE).view(1, 3, 1, 1), persistent=False)
        self.low: Tensor
        self.high: Tensor
        self.pose_units: Tensor
        self.luminance: Tensor
        with torch.no_grad():
            for layer in (self.pose_layer, self.shape_layer, self.expression_layer, self.gaze_layer):
                for parameter in layer.parameters():
                    parameter.mul_(0.1)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> FaceCode:
        """Encode face crops.

        Args:
            images: (B, 3, 224, 224) RGB in [0, 1].
            landmarks: (B, 478, 2) image frame of the crops, as detected.

        Returns:
            as `FaceEncoder.forward`.

        Raises:
            ValueError: no landmarks.
        """
        return self.decode(self.regress(images, landmarks))

    def expression_parts(self) -> tuple[nn.Module, ...]:
        """What step A trains."""
        return self.appearance, self.expression_trunk, self.expression_layer, self.gaze_layer

    def regress(self, images: Tensor, landmarks: Tensor | None = None) -> tuple[Tensor, ...]:
        """What the networks say before anything is bounded, in the order that `decode` takes: pose and camera in the
        landmarks' own frame, shape, expression with eyelids and jaw, that frame with the root joint's place, and gaze
        if configured; each (B, N).

        Raises:
            ValueError: no landmarks.
        """
        if landmarks is None:
            raise ValueError("this encoder needs the landmarks of the faces")
        placed = self.chart.place(landmarks)
        geometry = torch.cat([placed.components, placed.turn], dim=1)
        identity = self.identity_trunk(geometry)
        seen = self.appearance(self.rectified(images, landmarks))
        features = self.expression_trunk(torch.cat([geometry, seen], dim=1))
        outputs = (
            self.pose_layer(identity) * self.pose_units + F.pad(self.chart.shift, (4, 0)),
            self.shape_layer(identity),
            self.expression_layer(features),
            torch.cat([placed.frame, self.chart.root.expand(len(placed.frame), 2)], dim=1),
        )
        return (*outputs, self.gaze_layer(features)) if self.config.gaze else outputs

    def rectified(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """(B, 1, S, S) the faces' luminance laid flat, mean 0 and deviation 1."""
        # The face has about twice as many pixels in the crop: halving first avoids aliasing.
        grey = F.avg_pool2d((images * self.luminance).sum(dim=1, keepdim=True), 2)
        grid = self.chart.grid(landmarks)
        flat = F.grid_sample(grey, grid, padding_mode="border", align_corners=False)
        centred = flat - flat.mean(dim=(2, 3), keepdim=True)
        deviation = centred.square().mean(dim=(2, 3), keepdim=True).add(_TINY).sqrt()
        return centred / (deviation + 0.01)

    def decode(self, outputs: Sequence[Tensor]) -> FaceCode:
        """The code that the outputs of `regress` mean."""
        pose, shape, expressive, frame, *gaze = outputs
        head_pose, camera = self._placed_back(pose, frame)
        return bounded_code(shape, head_pose, camera, expressive, gaze, self.low, self.high)

    @staticmethod
    def _placed_back(pose: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Rotation and camera of the crop, from those of the landmarks' own frame.

        A crop's point is c + a z for a point z of that frame (complex numbers, y down), so the head there is turned by
        -arg a about the line of sight, and scaled by |a|. FLAME's head turns about its root joint J, not about the
        origin, so the camera's shift becomes t = Rz (J + t') - J + c / s.
        """
        real, imaginary, cx, cy, root_x, root_y = frame.unbind(dim=1)
        size = (real.square() + imaginary.square()).add(_TINY).sqrt()
        cosine, sine = real / size, -imaginary / size  # the model's y points up
        scale = size * (1.0 + pose[:, 3])
        x, y = root_x + pose[:, 4], root_y + pose[:, 5]
        tx = cosine * x - sine * y - root_x + cx / scale
        ty = sine * x + cosine * y - root_y - cy / scale
        return _turned(pose[:, :3], torch.atan2(sine, cosine)), torch.stack([scale, tx, ty], dim=1)


class Appearance(nn.Module):
    """(B, 1, S, S) rectified faces -> (B, ``outputs``). Plain convolutions: each place has its own meaning already."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(1, width, 2),
            *_convolution(width, width, 1),
            *_convolution(width, 2 * width, 2),
            *_convolution(2 * width, 2 * width, 1),
            *_convolution(2 * width, 4 * width, 2),
            *_convolution(4 * width, 4 * width, 1),
        )
        self.dropout = nn.Dropout(_DROPOUT)
        self.last = nn.Linear(4 * width * _CELLS**2, outputs)

    def forward(self, faces: Tensor) -> Tensor:
        features = self.layers(faces)
        features = F.avg_pool2d(features, features.shape[-1] // _CELLS)
        result: Tensor = F.relu(self.last(self.dropout(features.flatten(1))))
        return result


class _Trunk(nn.Module):
    """Residual layers on a vector of features."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.first(features)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        result: Tensor = self.norm(hidden)
        return result


def _convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def _turned(rotation: Tensor, angle: Tensor) -> Tensor:
    """Axis-angle (B, 3) of ``rotation`` followed by a turn by ``angle`` (B,) about z, through quaternions."""
    norm = rotation.square().sum(dim=1).add(_TINY).sqrt()
    w, xyz = (norm / 2).cos(), rotation * ((norm / 2).sin() / norm)[:, None]
    x, y, z = xyz.unbind(dim=1)
    c, s = (angle / 2).cos(), (angle / 2).sin()
    w, vector = c * w - s * z, torch.stack([c * x - s * y, c * y + s * x, c * z + s * w], dim=1)
    # q and -q are the same rotation; the one with w > 0 has the angle below pi.
    sign = torch.where(w < 0, -1.0, 1.0).to(w)
    w, vector = w * sign, vector * sign[:, None]
    length = vector.square().sum(dim=1).add(_TINY).sqrt()
    return vector * (2.0 * torch.atan2(length, w) / length)[:, None]
