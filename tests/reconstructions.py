"""A made-up reconstruction, for tests of what comes after the fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fields_core.datatypes import CROP_SIZE, DetectedFace, FaceCode, FaceCrop, Photo, Reconstruction, Timings
from fields_core.head import HeadModel

TEXTURE_SIZE = 64


def fake_reconstruction(head: HeadModel, code: FaceCode, path: Path | None = None) -> Reconstruction:
    """A face in the middle of a grey photo; the texture's red grows with u, its green with v."""
    photo = Photo(np.full((240, 320, 3), 128, np.uint8), path)
    ramp = np.round(np.linspace(0, 255, TEXTURE_SIZE)).astype(np.uint8)
    texture = np.stack([*np.meshgrid(ramp, ramp[::-1]), np.full((TEXTURE_SIZE, TEXTURE_SIZE), 128, np.uint8)], 2)
    landmarks = np.full((478, 3), 120, np.float32)
    return Reconstruction(
        photo=photo,
        face=DetectedFace(box=(60.0, 20.0, 260.0, 220.0), landmarks=landmarks, scores={}),
        crop=FaceCrop(
            image=np.full((CROP_SIZE, CROP_SIZE, 3), 128, np.uint8),
            crop_to_photo=np.array([[1.0, 0.0, 48.0], [0.0, 1.0, 8.0]]),
            landmarks=np.zeros((478, 2), np.float32),
        ),
        code=code,
        mesh=head.mesh(code),
        landmark_error=0.0123,
        texture=texture,
        timings=Timings(detect=0.01, fit=0.02, texture=0.03),
    )
