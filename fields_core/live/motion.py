"""All of a face that moves, as one vector: what is smoothed from frame to frame.

Expression, jaw, eyes, eyelids and head pose are the code's. The camera is not: it belongs to the crop, and the crop
jumps about with the landmarks' box. So the head's place is kept in the frame: where its origin is seen, and how large.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import CROP_SIZE, FaceCode
from fields_core.detection.crop import invert, pixels_to_image, transform

Array = NDArray[np.float64]


class Motion:
    """Where each quantity sits in the vector of a head with E expression coefficients."""

    place = slice(0, 2)
    """The model's origin in the frame, pixels."""
    log_scale = slice(2, 3)
    """Natural logarithm of pixels per metre."""
    head_pose = slice(3, 6)
    jaw_pose = slice(6, 9)
    eye_pose = slice(9, 15)
    eyelids = slice(15, 17)

    def __init__(self, n_expression: int) -> None:
        self.expression = slice(17, 17 + n_expression)
        self.size = 17 + n_expression

    def pack(self, code: FaceCode, crop_to_photo: Array) -> Array:
        """The vector (N,) of one face.

        Args:
            code: one row; its neck is at rest.
            crop_to_photo: (2, 3) of the crop that its camera belongs to.
        """
        vector = np.empty(self.size)
        scale, tx, ty = (float(value) for value in code.camera[0])
        origin = ((np.array([scale * tx, -scale * ty]) + 1.0) * CROP_SIZE - 1.0) / 2.0
        vector[self.place] = transform(crop_to_photo, origin)
        vector[self.log_scale] = math.log(max(scale, 1e-6) * CROP_SIZE / 2.0 * _zoom(crop_to_photo))
        vector[self.head_pose], vector[self.jaw_pose] = code.head_pose[0].numpy(), code.jaw_pose[0].numpy()
        vector[self.eye_pose], vector[self.eyelids] = code.eye_pose[0].numpy(), code.eyelids[0].numpy()
        vector[self.expression] = code.expression[0].numpy()
        return vector

    def unpack(self, vector: Array, code: FaceCode, crop_to_photo: Array) -> FaceCode:
        """``code`` (one row) moved as the vector says, seen by the camera of another crop."""
        scale = math.exp(vector[2]) / (CROP_SIZE / 2.0 * _zoom(crop_to_photo))
        x, y = pixels_to_image(transform(invert(crop_to_photo), vector[self.place]), CROP_SIZE)
        return code.replace(
            camera=_row(np.array([scale, x / scale, -y / scale])),
            head_pose=_row(vector[self.head_pose]),
            jaw_pose=_row(vector[self.jaw_pose]),
            eye_pose=_row(vector[self.eye_pose]),
            eyelids=_row(vector[self.eyelids]),
            expression=_row(vector[self.expression]),
        )


def _zoom(similarity: Array) -> float:
    return math.hypot(similarity[0, 0], similarity[1, 0])


def _row(values: Array) -> torch.Tensor:
    return torch.from_numpy(values[None].astype(np.float32))
