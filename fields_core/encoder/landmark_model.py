"""A head model's landmarks as an encoder can afford to compute them: linear in everything but the head's rotation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.head.model import HeadModel

GAZE = 4  # left pitch and yaw, right pitch and yaw
_STEP = 0.15  # radians at which rotations of jaw and eyes are made linear
_TINY = 1e-12


class LandmarkModel(nn.Module):
    """What `of_head` found out, as buffers.

    Its units are, in this order: shape (S), expression (E), two eyelids, three of the jaw, four of the gaze.

    Attributes:
        template: (L, 3) metres from the root joint, of the mean head at rest.
        directions: (U, 3 L) metres a unit.
        root: (3,) metres: the root joint of the mean head.
        root_directions: (U, 3) metres a unit.
    """

    template: Tensor
    directions: Tensor
    root: Tensor
    root_directions: Tensor

    def __init__(self, landmarks: int, n_shape: int, n_expression: int) -> None:
        super().__init__()
        units = n_shape + n_expression + 2 + 3 + GAZE
        self.register_buffer("template", torch.zeros(landmarks, 3))
        self.register_buffer("directions", torch.zeros(units, 3 * landmarks))
        self.register_buffer("root", torch.zeros(3))
        self.register_buffer("root_directions", torch.zeros(units, 3))

    @torch.no_grad()
    def of_head(self, head: HeadModel) -> None:
        """Fill the buffers from a head model with as many landmarks and units."""
        rest = head.landmarks(head(head.neutral_code()))[0]
        root = head.joint_template[0]
        shapes = head.n_shape + head.n_expression
        self.root.copy_(root)
        self.root_directions[:shapes] = head.joint_directions[:, :3]
        code, steps = _one_unit_each(head)
        moved = (head.landmarks(head(code)) - rest) / steps[:, None, None]
        self.template.copy_(rest - root)
        self.directions.copy_((moved - self.root_directions[:, None]).flatten(1))

    def forward(self, units: Tensor, rotation: Tensor) -> Tensor:
        """Where landmarks are.

        Args:
            units: (B, U).
            rotation: (B, 3) axis-angle of the head about its root joint.

        Returns:
            (B, L, 3) metres, model frame.
        """
        with torch.autocast(units.device.type, enabled=False):  # bfloat16 knows the place of a landmark to a millimetre
            units, rotation = units.to(self.template.dtype), rotation.to(self.template.dtype)
            away = torch.addmm(self.template.reshape(1, -1), units, self.directions).view(len(units), -1, 3)
            joint = self.root + units @ self.root_directions
            return _turned(away, rotation) + joint[:, None]


def _turned(points: Tensor, rotation: Tensor) -> Tensor:
    """(B, L, 3) points turned by (B, 3) axis-angles about the origin (Rodrigues' formula)."""
    angle = rotation.square().sum(dim=1, keepdim=True).add(_TINY).sqrt()
    axis = (rotation / angle)[:, None].expand_as(points)
    cosine, sine = angle.cos()[:, None], angle.sin()[:, None]
    along = (axis * points).sum(dim=2, keepdim=True)
    return points * cosine + torch.linalg.cross(axis, points) * sine + axis * along * (1.0 - cosine)


def _one_unit_each(head: HeadModel) -> tuple[FaceCode, Tensor]:
    """A code for every unit in which that alone differs from rest, and by how much (U,)."""
    shape, expression = head.n_shape, head.n_expression
    turns = 3 + GAZE
    ones = torch.eye(shape + expression + 2 + turns)
    steps = torch.cat([torch.ones(shape + expression + 2), torch.full((turns,), _STEP)])
    units = (ones * steps).to(head.template)
    parts = units.split_with_sizes((shape, expression, 2, 3, GAZE), dim=1)
    code = head.neutral_code(len(units))
    eyes = code.eye_pose.index_copy(1, torch.tensor([0, 1, 3, 4]), parts[4])
    return code.replace(
        shape=parts[0], expression=parts[1], eyelids=parts[2], jaw_pose=parts[3], eye_pose=eyes
    ), steps.to(units)
