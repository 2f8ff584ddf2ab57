"""What flows through the program: Photo -> FaceCrop -> FaceCode -> HeadMesh -> Reconstruction.

All are frozen: a new state is a new object (`dataclasses.replace`). Those that hold arrays compare by identity. Frames
and units are those of `fields_core.camera`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CROP_SIZE = 224  # pixels; what the encoders of DECA, EMOCA and SMIRK take
LANDMARK_COUNT = 478  # MediaPipe's face mesh: 468 points of the skin, then 5 for each iris


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as everything downstream wants it: upright, contiguous, 8 bit, RGB."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    path: Path | None = None
    """Where it came from; None for a pasted picture or a camera frame."""

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def name(self) -> str:
        """Short, for titles and for files made of it."""
        return self.path.stem if self.path is not None else "picture"

    @property
    def file_name(self) -> str:
        """For messages: with the ending, which tells me.jpg from me.png."""
        return self.path.name if self.path is not None else self.name


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """One face as the detector found it, in photo pixels."""

    box: tuple[float, float, float, float]
    """left, top, right, bottom of the landmarks, photo pixels."""
    landmarks: NDArray[np.float32]
    """(478, 3) photo pixels; z is MediaPipe's relative depth in the same scale, nearer is smaller."""
    scores: dict[str, float]
    """MediaPipe's 52 blendshape scores in [0, 1] by ARKit name (a hint, never a result)."""
    rotation_degrees: int = 0
    """0, 90, 180 or 270: how far the photo must be turned counter-clockwise to bring this face upright."""


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """The square around one face that encoder and fit look at, turned upright."""

    image: NDArray[np.uint8]
    """(CROP_SIZE, CROP_SIZE, 3) RGB."""
    crop_to_photo: NDArray[np.float64]
    """(2, 3) similarity: crop pixels -> photo pixels."""
    landmarks: NDArray[np.float32]
    """(478, 2) image frame, [-1, 1] across the crop."""


@dataclass(frozen=True, eq=False)
class FaceCode:
    """The parameters of a batch of B heads. What they mean is the head model's business (`HeadModel.expression_names`).

    Angles are axis-angle in radians; see `fields_core.camera` for the frames.
    """

    shape: Tensor
    """(B, S) identity coefficients, standard deviations."""
    expression: Tensor
    """(B, E) expression coefficients; of the open head: ARKit units in [0, 1]."""
    head_pose: Tensor
    """(B, 3) rotation about the root joint (FLAME's global rotation)."""
    neck_pose: Tensor
    """(B, 3) rotation about the neck joint."""
    jaw_pose: Tensor
    """(B, 3) rotation about the jaw joint; +x opens the mouth."""
    eye_pose: Tensor
    """(B, 6) left then right eyeball; +x looks down, +y looks to the person's left."""
    eyelids: Tensor
    """(B, 2) left, right eyelid closure in [0, 1], on top of the expression."""
    camera: Tensor
    """(B, 3) scale, tx, ty of the weak-perspective camera of the crop."""
    lighting: Tensor
    """(B, 9, 3) second-order spherical-harmonics coefficients, RGB."""
    albedo: Tensor
    """(B, A) albedo coefficients, standard deviations."""

    def __len__(self) -> int:
        return int(self.shape.shape[0])

    def to(self, target: torch.device | torch.dtype) -> FaceCode:
        """The same code on another device or in another precision."""
        return FaceCode(**{f.name: getattr(self, f.name).to(target) for f in fields(self)})

    def __getitem__(self, index: int | slice | Tensor) -> FaceCode:
        """One face (still with a batch axis), a slice of faces, or those of the numbers (N,)."""
        rows = slice(index, index + 1 or None) if isinstance(index, int) else index
        return FaceCode(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @staticmethod
    def concatenate(codes: Sequence[FaceCode]) -> FaceCode:
        """One batch of all the codes' faces, in order."""
        return FaceCode(**{f.name: torch.cat([getattr(code, f.name) for code in codes]) for f in fields(FaceCode)})

    def replace(self, **changes: Tensor) -> FaceCode:
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """One posed head, ready to draw or export."""

    vertices: NDArray[np.float32]
    """(V, 3) metres, model frame."""
    faces: NDArray[np.int32]
    """(F, 3) counter-clockwise seen from outside."""
    uv: NDArray[np.float32]
    """(T, 2) texture coordinates, v up; (0, 2) if the head model has none."""
    uv_faces: NDArray[np.int32]
    """(F, 3) indices into ``uv``; (0, 3) if the head model has none."""
    landmarks: NDArray[np.float32]
    """(478, 3) metres, model frame; (0, 3) if the head model names no landmarks."""


@dataclass(frozen=True)
class Timings:
    """Seconds spent on one face, by stage."""

    detect: float = 0.0
    fit: float = 0.0
    texture: float = 0.0

    @property
    def total(self) -> float:
        return self.detect + self.fit + self.texture


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """All that is known about one face of one photo."""

    photo: Photo = field(repr=False)
    face: DetectedFace
    crop: FaceCrop = field(repr=False)
    code: FaceCode = field(repr=False)
    mesh: HeadMesh = field(repr=False)
    landmark_error: float
    """Mean distance of the 478 projected landmarks from the detector's, divided by the distance of the irises."""
    warning: str = ""
    """A sentence for the user when the fit is poor or did not converge; empty when all is well."""
    texture: NDArray[np.uint8] | None = field(default=None, repr=False)
    """(T, T, 3) RGB in the head model's UV layout, or None."""
    timings: Timings = Timings()
