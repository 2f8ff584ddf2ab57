"""An encoder that looks at a face the way the detector's landmarks lay it flat.

Faces are found by their landmarks anyway. They already say where the head is and what most of its parts do; and they
tell where in the picture each part of the skin is. So pose and identity are read off the landmarks, the expression off
landmarks and a small rectified picture of the face in which every pore stays in its place: the network need learn
neither to find a face nor to follow it, and some ten thousand photos teach it what would else take millions.

What a first guess leaves unexplained is fed back, as landmarks where the guess puts them beside where they are seen
(iterative error feedback: Carreira et al., CVPR 2016; HMR, Kanazawa et al., CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.encoder.face_encoder import EncoderConfig, bounded_code, expressive_bounds
from fields_core.encoder.landmark_chart import LandmarkChart, PlacedLandmarks
from fields_core.encoder.landmark_model import GAZE, LandmarkModel
from fields_core.head.model import HeadModel

_POSE_UNITS = (0.2, 0.2, 0.2, 0.1, 0.01, 0.01)  # 3 rotations in radians, share of the scale, tx and ty in metres
_CELLS = 3  # along each side of the rectified picture, whose features are told apart
_CORRECTION = 0.2  # a unit of what refinement puts out: with larger ones it learns less steadily
_DROPOUT = 0.3
_TINY = 1e-12
_LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601: many training photos have no colour


class RectifiedEncoder(nn.Module):
    """(crop, landmarks) -> code.

    Attributes:
        config: how it was built; layout "rectified".
        chart, model: what it knows of the head model's landmarks; `of_head` fills those of a new encoder.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.chart = LandmarkChart(config.landmarks, config.landmark_components, config.rectified_size)
        width = config.width
        self.appearance = Appearance(config.appearance_width, width // 4)
        # The roll that was taken out is told too: gravity and the neck know of it.
        self.identity_trunk = _Trunk(config.landmark_components + 2, width)
        expressive = config.n_expression + 2 + 3 + (GAZE if config.gaze else 0)
        fed_back = config.landmark_components + expressive if config.refinements else 0
        self.expression_trunk = _Trunk(config.landmark_components + 2 + width // 4 + fed_back, width)
        self.model: nn.Module = nn.Identity()
        if config.refinements:
            self.model = LandmarkModel(config.landmarks, config.n_shape, config.n_expression)
            self.guess_layer = nn.Linear(width, expressive)
            self.refiner = _Trunk(width + config.landmark_components, width)
            self.refined_layer = nn.Linear(width, 6 + config.n_shape + expressive)
        self.pose_layer = nn.Linear(width, 6)
        self.shape_layer = nn.Linear(width, config.n_shape)
        self.expression_layer = nn.Linear(width, config.n_expression + 2 + 3)
        self.gaze_layer: nn.Module = nn.Linear(width, 4) if config.gaze else nn.Identity()
        inf = float("inf")
        low, high = (config.expression_low, config.expression_high)
        self.register_buffer("low", torch.tensor(low or (-inf,) * config.n_expression), persistent=False)
        self.register_buffer("high", torch.tensor(high or (inf,) * config.n_expression), persistent=False)
        self.register_buffer("pose_units", torch.tensor(_POSE_UNITS), persistent=False)
        self.register_buffer("upside_down", torch.tensor([1.0, -1.0]), persistent=False)  # landmarks' y points down
        self.upside_down: Tensor
        # The face has about twice as many pixels in the crop as texels: halving first avoids aliasing.
        halved = (torch.tensor(_LUMINANCE).view(1, 3, 1, 1) / 4.0).repeat(1, 1, 2, 2)
        self.register_buffer("halved_luminance", halved, persistent=False)
        self.low: Tensor
        self.high: Tensor
        self.pose_units: Tensor
        self.halved_luminance: Tensor
        least, most = expressive_bounds(self.low, self.high)
        gaze = GAZE if config.gaze else 0  # has no bounds
        self.register_buffer("least", F.pad(least, (0, gaze), value=-inf), persistent=False)
        self.register_buffer("most", F.pad(most, (0, gaze), value=inf), persistent=False)
        self.least: Tensor
        self.most: Tensor
        with torch.no_grad():
            for layer in (self.pose_layer, self.shape_layer, self.expression_layer, self.gaze_layer):
                for parameter in layer.parameters():
                    parameter.mul_(0.1)
            for layer in (self.guess_layer, self.refined_layer) if config.refinements else ():
                for parameter in layer.parameters():
                    parameter.zero_()

    def of_head(self, head: HeadModel) -> None:
        """Learn a head model's landmarks; once, before any training.

        Args:
            head: on the CPU, with as many landmarks and coefficients as the configuration says.
        """
        self.chart.of_head(head)
        if isinstance(self.model, LandmarkModel):
            self.model.of_head(head)

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
        hidden = self.identity_trunk(geometry)
        pose = self.pose_layer(hidden) * self.pose_units + F.pad(self.chart.shift, (4, 0))
        shape = self.shape_layer(hidden)
        features = [geometry, self.appearance(self.rectified(images, landmarks))]
        guess = None
        if isinstance(self.model, LandmarkModel):
            pose, shape, guess, misfit = self._refined(self.model, placed, hidden, pose, shape)
            features += [misfit, guess]
        seen = self.expression_trunk(torch.cat(features, dim=1))
        expressive = [self.expression_layer(seen)] + ([self.gaze_layer(seen)] if self.config.gaze else [])
        if guess is not None:
            parts = guess.split_with_sizes([part.shape[1] for part in expressive], dim=1)
            expressive = [part + change for part, change in zip(parts, expressive, strict=True)]
        frame = torch.cat([placed.frame, self.chart.root.expand(len(placed.frame), 2)], dim=1)
        return pose, shape, expressive[0], frame, *expressive[1:]

    def _refined(
        self, model: LandmarkModel, placed: PlacedLandmarks, hidden: Tensor, pose: Tensor, shape: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pose, shape, (B, E + 5 + G) guess at expression, jaw and gaze, and (B, K) what they leave unexplained.

        None of it looks at the picture: step A, which trains the expression only, leaves all of it alone.
        """
        guess = _CORRECTION * self.guess_layer(hidden)
        misfit = self._misfit(model, placed, pose, shape, guess)
        for _ in range(self.config.refinements):
            hidden = self.refiner(torch.cat([hidden, misfit], dim=1))
            change = (_CORRECTION * self.refined_layer(hidden)).split_with_sizes(
                (6, shape.shape[1], guess.shape[1]), dim=1
            )
            pose, shape, guess = pose + change[0] * self.pose_units, shape + change[1], guess + change[2]
            misfit = self._misfit(model, placed, pose, shape, guess)
        return pose, shape, guess, misfit

    def _misfit(
        self, model: LandmarkModel, placed: PlacedLandmarks, pose: Tensor, shape: Tensor, guess: Tensor
    ) -> Tensor:
        """(B, K) components of seen less predicted landmarks, in the landmarks' own frame, large ones tamed."""
        pose, shape, guess = pose.detach(), shape.detach(), guess.detach()  # chains of corrections do not learn stably
        within = torch.minimum(torch.maximum(guess, self.least), self.most)  # as the code will be
        units = F.pad(torch.cat([shape, within], dim=1), (0, 0 if self.config.gaze else GAZE))
        points = model(units, pose[:, :3])[..., :2] + pose[:, None, 4:]
        predicted = points * (1.0 + pose[:, 3, None, None]) * self.upside_down
        return self.chart.compared(placed.points - predicted).asinh()  # a wild guess must not drown the rest

    def rectified(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """(B, 1, S, S) the faces' luminance laid flat, mean 0 and deviation 1."""
        grey = F.conv2d(images, self.halved_luminance, stride=2)
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
