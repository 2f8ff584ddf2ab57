"""What the encoder gets to see of a stored crop: a fixed look for evaluation, a varied one for training.

A view maps image-frame points by p' = zoom R (p - centre), R a turn in the picture; crop, landmarks and camera follow.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.sample import STORED_SCALE, Sample
from fields_core.datatypes import CROP_SIZE, FaceCode
from fields_core.face_mesh import mirrored_landmarks

EVALUATION_SCALE = 1.4  # of the landmarks' box, as in `crop_face`


@dataclass(frozen=True)
class Placement:
    """Where a view looks within a stored crop."""

    zoom: float = STORED_SCALE / EVALUATION_SCALE
    centre: tuple[float, float] = (0.0, 0.0)
    """Image frame of the stored crop."""
    turn: float = 0.0
    """Radians, clockwise on the screen."""
    mirror: bool = False

    def matrix(self) -> NDArray[np.float64]:
        """(2, 3): stored image frame -> view image frame."""
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        linear = self.zoom * np.array([[cosine, -sine], [sine, cosine]])
        if self.mirror:
            linear[0] *= -1.0
        return np.column_stack([linear, -linear @ self.centre])


def look(sample: Sample, placement: Placement) -> Sample:
    """Cut a view of CROP_SIZE pixels out of a stored crop.

    Args:
        sample: a stored crop.
        placement: turned or mirrored placements are for samples without 3D truth, whose pose they would change.

    Raises:
        ValueError: a turned or mirrored view of a sample with 3D truth.
    """
    if sample.code is not None and (placement.turn or placement.mirror):
        raise ValueError("a sample with 3D truth can be neither turned nor mirrored")
    matrix = placement.matrix()
    code = None if sample.code is None else _moved_camera(sample.code, placement)
    return dataclasses.replace(
        sample,
        image=_cut(sample.image, matrix),
        landmarks=_moved_points(sample.landmarks, matrix, placement.mirror),
        observed=_moved_points(sample.observed, matrix, placement.mirror),
        code=code,
    )


def _moved_points(
    points: NDArray[np.float32] | None, matrix: NDArray[np.float64], mirror: bool
) -> NDArray[np.float32] | None:
    if points is None:
        return None
    moved = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    return moved[mirrored_landmarks()] if mirror else moved


def _cut(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    stored = image.shape[0]
    # pixel -> image frame -> view's image frame -> view's pixel (see `fields_core.camera`)
    to_frame = np.array([[2.0 / stored, 0.0, 1.0 / stored - 1.0], [0.0, 2.0 / stored, 1.0 / stored - 1.0], [0, 0, 1]])
    half = CROP_SIZE / 2.0
    to_pixels = np.array([[half, 0.0, half - 0.5], [0.0, half, half - 0.5]])
    whole = to_pixels @ np.vstack([matrix, [0.0, 0.0, 1.0]]) @ to_frame
    return cv2.warpAffine(image, whole, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _moved_camera(code: FaceCode, placement: Placement) -> FaceCode:
    """x' = zoom (s (X + tx) - cx), y' = zoom (-s (Y + ty) - cy)."""
    scale, tx, ty = code.camera.unbind(dim=1)
    cx, cy = placement.centre
    return code.replace(camera=torch.stack([scale * placement.zoom, tx - cx / scale, ty + cy / scale], dim=1))


class EvaluationView:
    """The look the encoder has in the app: upright, centred, box times 1.4."""

    def __call__(self, sample: Sample) -> Sample:
        return look(sample, Placement())


@dataclass(frozen=True)
class ViewVariety:
    """How much training views vary. Chances are probabilities, the rest largest values."""

    scales: tuple[float, float] = (1.2, 1.8)
    """Of the landmarks' box (SMIRK's range)."""
    shift: float = 0.1
    """Image frame of the view."""
    turn_degrees: float = 20.0
    mirror_chance: float = 0.5
    grey_chance: float = 0.3
    blur_chance: float = 0.2
    small_chance: float = 0.2
    """Of a photo with fewer pixels than the crop."""
    noise: float = 0.04
    light: float = 0.35
    """Of brightness, contrast and colour balance."""
    occluder_chance: float = 0.2
    landmark_noise: float = 0.003
    """Of what the detector saw: image frame of the view, standard deviation."""


class TrainingView:
    """A different look each time. One generator a worker: the views of a run follow from its seed."""

    def __init__(self, rng: np.random.Generator, variety: ViewVariety | None = None) -> None:
        self._rng = rng
        self._variety = variety or ViewVariety()

    def __call__(self, sample: Sample) -> Sample:
        seen = look(sample, self._placement(sample.code is None))
        return dataclasses.replace(seen, image=self._disturb(seen.image), observed=self._shaken(seen))

    def _placement(self, free: bool) -> Placement:
        rng, variety = self._rng, self._variety
        zoom = STORED_SCALE / rng.uniform(*variety.scales)
        shift_x, shift_y = rng.uniform(-variety.shift, variety.shift, 2) / zoom
        turn = math.radians(variety.turn_degrees) * float(np.clip(rng.normal(0.0, 0.5), -1.0, 1.0))
        mirror = bool(rng.random() < variety.mirror_chance)
        return Placement(zoom, (float(shift_x), float(shift_y)), turn if free else 0.0, mirror and free)

    def _shaken(self, sample: Sample) -> NDArray[np.float32] | None:
        observed = sample.landmarks if sample.observed is None else sample.observed
        if observed is None:
            return None
        noise = self._rng.normal(0.0, self._rng.uniform(0.0, self._variety.landmark_noise), observed.shape)
        return (observed + noise).astype(np.float32)

    def _disturb(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rng, variety = self._rng, self._variety
        if rng.random() < variety.occluder_chance:
            image = self._occlude(image)
        if rng.random() < variety.small_chance:
            small = int(rng.integers(CROP_SIZE // 6, CROP_SIZE // 2))
            image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
        if rng.random() < variety.blur_chance:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 2.0)))
        if rng.random() < variety.grey_chance:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.LUT(image, self._light())
        # Grain is mostly of brightness; drawing it once for all channels saves a third of the view's time.
        grain = rng.standard_normal((*image.shape[:2], 1), np.float32)
        noise = grain * np.float32(255.0 * rng.uniform(0.0, variety.noise))
        noisy: NDArray[np.float32] = noise + image
        return np.clip(noisy + 0.5, 0.0, 255.0).astype(np.uint8)

    def _light(self) -> NDArray[np.uint8]:
        """(256, 1, 3) what becomes of every value of every channel."""
        rng, spread = self._rng, self._variety.light
        contrast, gamma = np.exp(rng.uniform(-spread, spread, 2))
        balance = np.exp(rng.uniform(-0.3, 0.3, 3) * spread) * math.exp(rng.uniform(-spread, spread))
        values = np.clip((np.arange(256) / 255.0 - 0.5) * contrast + 0.5, 0.0, 1.0) ** gamma
        return (np.clip(values[:, None, None] * balance, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)

    def _occlude(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Lay a plain ellipse over part of the picture, as a hand, a microphone or hair would."""
        rng = self._rng
        covered = image.copy()
        centre = tuple(int(value) for value in rng.integers(0, CROP_SIZE, 2))
        axes = tuple(int(value) for value in rng.integers(CROP_SIZE // 16, CROP_SIZE // 4, 2))
        colour = tuple(float(value) for value in 255.0 * rng.random(3))
        cv2.ellipse(covered, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        return covered
