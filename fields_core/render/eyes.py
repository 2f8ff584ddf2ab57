"""The colour of the eyes in a photo.

Lids, lashes and highlights cover too much of an eye to copy it. What is copied is its colour: that of the iris, from
the ring between pupil and rim, and how bright the white is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.head import HeadModel
from fields_core.render.photo_view import PhotoView
from fields_core.render.tone import log_ratio
from fields_core.render.uv_chart import UvChart

Floats = NDArray[np.float32]

_IRISES = ((468, (469, 470, 471, 472)), (473, (474, 475, 476, 477)))  # MediaPipe: centre and rim, the right eye first
_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
_IRIS_RING = (0.45, 0.85)  # of the iris's radius
_WHITE_RING = (1.25, 1.9)
_LEAST_PIXELS = 12
_FINE = 24  # samples across an iris's radius
_USUAL_RIM = np.radians(24.0)  # angle from the gaze direction, for heads without iris landmarks
_WHITE_CHANGE = (np.log(0.6), np.log(1.1))


class EyePainter:
    """Tints the eyeballs of one head model."""

    def __init__(self, head: HeadModel, chart: UvChart) -> None:
        self._radius = chart.region(_iris_distances(head))  # (T, T) from the gaze direction, in iris radii; 0 elsewhere
        self._eyeballs = self._radius > 0
        self._inner = np.clip((1.12 - self._radius[self._eyeballs]) / 0.16, 0.0, 1.0)[:, None]
        self._iris = self._eyeballs & (self._radius > _IRIS_RING[0]) & (self._radius < _IRIS_RING[1])
        self._white = self._eyeballs & (self._radius > _WHITE_RING[0]) & (self._radius < _WHITE_RING[1])

    def paint(self, texture: Floats, view: PhotoView, landmarks: Floats) -> None:
        """Give a texture (T, T, 3) the photo's eyes, in place; as they are where the photo shows too little of them.

        Args:
            landmarks: (478, 2) image frame.
        """
        if not self._iris.any() or not self._white.any():
            return
        irises, whites = zip(*(_eye_pixels(view, landmarks, eye) for eye in range(2)), strict=True)
        iris, white = np.concatenate(irises), np.concatenate(whites)
        change = np.zeros((2, 3), np.float32)
        if len(iris) >= _LEAST_PIXELS:
            change[0] = log_ratio(np.median(iris, axis=0), np.median(texture[self._iris], axis=0))
        if len(white) >= _LEAST_PIXELS:
            brightness = log_ratio(np.median(white.mean(axis=1)), np.median(texture[self._white].mean(axis=1)))
            change[1] = brightness.clip(*_WHITE_CHANGE)
        texture[self._eyeballs] *= np.exp(self._inner * change[0] + (1.0 - self._inner) * change[1])


def _eye_pixels(view: PhotoView, landmarks: Floats, eye: int) -> tuple[Floats, Floats]:
    """Colours (N, 3) of the iris and (M, 3) of the white, between the lids of one eye of the photo."""
    centre_id, rim_ids = _IRISES[eye]
    centre = landmarks[centre_id]
    radius = float(np.linalg.norm(landmarks[list(rim_ids)] - centre, axis=1).mean())
    count = int(2 * _WHITE_RING[1] * _FINE) + 1
    line = np.linspace(-_WHITE_RING[1], _WHITE_RING[1], count, dtype=np.float32)
    offset = np.stack(np.meshgrid(line, line), axis=-1)
    lids = (landmarks[list(_LIDS[eye])] - centre) / max(radius, 1e-6)
    between = np.zeros((count, count), np.uint8)
    cv2.fillPoly(between, [np.round((lids / _WHITE_RING[1] + 1.0) * (count - 1) / 2.0).astype(np.int32)], 1)
    margin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (_FINE // 6) + 1,) * 2)  # lashes and lid shadow
    open_eye = cv2.erode(between, margin) > 0
    colours = view.colours_at(view.to_pixels((centre + radius * offset).astype(np.float32)))
    distance = np.linalg.norm(offset, axis=-1)
    rings = [(distance > low) & (distance < high) & open_eye for low, high in (_IRIS_RING, _WHITE_RING)]
    return colours[rings[0]], colours[rings[1]]


def _iris_distances(head: HeadModel) -> Floats:
    """(V,) angle from the gaze direction over that of the iris's rim; 0 for what is no eyeball."""
    distances = np.zeros(head.n_vertices, np.float32)
    if "eyeballs" not in head.region_names:
        return distances
    mesh = head.mesh(head.neutral_code())
    eyeballs = head.region("eyeballs").cpu().numpy()
    row_of = {int(number): row for row, number in enumerate(head.landmark_ids.tolist())}
    for side, (_, rim_ids) in zip((-1.0, 1.0), _IRISES, strict=True):
        mine = eyeballs & (mesh.vertices[:, 0] * side > 0)
        points = mesh.vertices[mine].astype(np.float64)
        if len(points) < 4:
            continue
        # The sphere |p|² = 2 c.p + (r² - |c|²), by least squares.
        solution = np.linalg.lstsq(np.c_[2.0 * points, np.ones(len(points))], (points**2).sum(1), rcond=None)[0]
        centre = solution[:3]
        rim = [mesh.landmarks[row_of[number]] for number in rim_ids if number in row_of]
        edge = float(np.mean(_angles(np.array(rim) - centre))) if rim else _USUAL_RIM
        distances[mine] = np.maximum(_angles(points - centre) / edge, 1e-3)
    return distances


def _angles(directions: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N,) radians from straight ahead, the gaze at rest."""
    return np.arccos((directions[:, 2] / np.linalg.norm(directions, axis=1)).clip(-1.0, 1.0))
