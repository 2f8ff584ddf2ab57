"""From the crop that a face was tracked in to the whole picture.

The tracker turns every face upright and cuts it out, so the head pose and camera of a tracked code are relative to a
crop that itself moves. A curve, a clip or a stream wants the head's motion in the picture.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fields_core.datatypes import CROP_SIZE, FaceCode
from fields_core.head.model import HeadModel
from fields_core.head.skinning import blend, rodrigues

Matrix = NDArray[np.float64]


def whole_frame(size: tuple[int, int]) -> Matrix:
    """The square around a picture of ``size`` (width, height) as a crop: (2, 3) crop pixels -> picture pixels."""
    width, height = size
    scale = max(width, height) / CROP_SIZE
    shift = (scale - 1.0) / 2.0  # pixel centres, not edges
    return np.array([[scale, 0.0, shift + (width - max(size)) / 2.0], [0.0, scale, shift + (height - max(size)) / 2.0]])


def in_frame(code: FaceCode, crop_to_photo: Matrix, frame_to_photo: Matrix, head: HeadModel) -> FaceCode:
    """Codes of moving crops as codes of one crop that stays: the same picture, the head's own motion.

    The camera may turn the picture but a code cannot, so the crop's turn goes into the head pose. That pose turns about
    the root joint, the camera about the origin; the difference goes into the translation.

    Args:
        code: B faces.
        crop_to_photo: (B, 2, 3) similarities the codes belong to.
        frame_to_photo: (2, 3) similarity without turn, e.g. `whole_frame`.
        head: the model.

    Returns:
        B faces; `head_pose` and `camera` differ from ``code``'s.
    """
    double = code.to(torch.float64)
    linear = torch.from_numpy(crop_to_photo[:, :, :2]).double()
    centre = torch.from_numpy(crop_to_photo @ np.array([(CROP_SIZE - 1) / 2, (CROP_SIZE - 1) / 2, 1.0])).double()
    size = torch.hypot(linear[:, 0, 0], linear[:, 1, 0]) * CROP_SIZE / 2  # picture pixels in one image unit
    angle = -torch.atan2(linear[:, 1, 0], linear[:, 0, 0])  # y goes down in pictures and up in the model frame
    turn = torch.zeros(len(code), 3, dtype=torch.float64)
    turn[:, 2] = angle
    R = rodrigues(turn)
    frame_size = float(frame_to_photo[0, 0]) * CROP_SIZE / 2
    frame_centre = torch.from_numpy(frame_to_photo @ np.array([(CROP_SIZE - 1) / 2, (CROP_SIZE - 1) / 2, 1.0])).double()
    root = _root_joint(double, head)
    scale = double.camera[:, 0] * size / frame_size
    shift = torch.cat([double.camera[:, 1:], torch.zeros(len(code), 1, dtype=torch.float64)], 1)
    turned = (R @ (shift + root).unsqueeze(-1)).squeeze(-1) - root
    offset = (centre - frame_centre) / (frame_size * scale[:, None]) * torch.tensor([1.0, -1.0], dtype=torch.float64)
    pose = _compose(R, double.head_pose)
    camera = torch.cat([scale[:, None], turned[:, :2] + offset], 1)
    return code.replace(head_pose=pose.to(code.head_pose), camera=camera.to(code.camera))


def rest_joints(code: FaceCode, head: HeadModel) -> torch.Tensor:
    """(B, 5, 3) metres: the rest joints of the codes' identities, without expression (which moves them < .1 mm)."""
    still = torch.cat([code.shape, torch.zeros_like(code.expression)], 1)
    return blend(head.joint_template.to(still), head.joint_directions.to(still), still)


def _root_joint(code: FaceCode, head: HeadModel) -> torch.Tensor:
    units = torch.cat([code.shape, code.expression], 1)
    return blend(head.joint_template.to(units), head.joint_directions.to(units), units)[:, 0]


def _compose(R: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    both = Rotation.from_matrix(R.numpy()) * Rotation.from_rotvec(pose.numpy())
    return torch.from_numpy(np.asarray(both.as_rotvec()))
