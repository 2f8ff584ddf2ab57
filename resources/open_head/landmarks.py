"""Where MediaPipe's 478 landmarks lie on the open head.

Pictures of many identities are shown to MediaPipe. Every landmark is then the place on the surface whose projection is
nearest to MediaPipe's answers on the average over all pictures (mean distance, so outliers count little). The search is
over texels: the layout is a chart of the surface on which lips and lids lie well apart. Finally the left and the right
half are averaged, and offsets measured on real photographs are added: MediaPipe sees renders a little differently (see
`calibrate`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.detection.landmarker import Landmarker
from fields_core.face_mesh import FACE_OVAL, LEFT_IRIS, RIGHT_IRIS, mirrored_landmarks
from fields_core.files import replacing
from fields_core.render.cpu import CpuRasterizer
from resources.open_head.albedo import Painter, sample_complexions
from resources.open_head.geometry import HeadGeometry
from resources.open_head.landmark_sets import FLAME_105, IBUG_68
from resources.open_head.rig import rotation_x
from resources.open_head.texels import barycentrics, map_texels
from resources.open_head.uv import Island, UvLayout
from resources.open_head.views import Camera, draw

COUNT = 478
_VIEWS, _TEMPLATE_VIEWS, _COMPLEXIONS = 96, 20, 10
_COARSE, _FINE, _REACH = 256, 2048, 12
_BARYCENTRIC_STEPS, _OFFSET_UNITS = 256, 8192
_DEEPEST = -0.06  # metres: what lies further back is no face


@dataclass(frozen=True, eq=False)
class LandmarkEmbedding:
    """The landmarks as points on faces."""

    faces: NDArray[np.int64]
    """(478,)."""
    barycentrics: NDArray[np.float64]
    """(478, 3) multiples of 1/256."""
    weights: NDArray[np.float64]
    """(478,) trust in [0, 1]."""
    error: NDArray[np.float64]
    """(478,) mean distance in the pictures from MediaPipe's answers, millimetres at the head."""

    ids_105 = FLAME_105
    ids_68 = IBUG_68


@dataclass(frozen=True, eq=False)
class View:
    """One picture of one head, and what MediaPipe said about it."""

    screen: NDArray[np.float64]
    """(V, 2) where the vertices are in the picture, pixels or any other unit."""
    points: NDArray[np.float64]
    """(478, 2) MediaPipe's answer in the same unit."""
    millimetres: float
    """How many millimetres at the head one unit is."""


def show_views(geometry: HeadGeometry, layout: UvLayout, landmarker: Path, seed: int = 5) -> list[View]:
    """Draw random people, half of them with an open mouth (only then upper and lower lip can be told apart)."""
    painter = Painter(map_texels(geometry.topology, geometry.v_template, layout, 512))
    albedos = [np.round(255 * painter.paint(c)).astype(np.uint8) for c in sample_complexions(_COMPLEXIONS, seed)]
    rng = np.random.default_rng(seed)
    views = []
    with Landmarker(landmarker) as find:
        for index in range(_VIEWS):
            person = index - _TEMPLATE_VIEWS
            vertices = geometry.v_template if person < 0 else geometry.people[person].astype(np.float64)
            angle = rng.uniform(0.1, 0.5) * geometry.rig.jaw_open_radians * (index % 2)
            yaw, pitch = rng.uniform(-35, 35), rng.uniform(-15, 15)
            vertices, camera = _open_jaw(geometry, vertices, angle), Camera(round(yaw, 2), round(pitch, 2))
            found = find.find(draw(camera, vertices, geometry.faces, layout, albedos[index % _COMPLEXIONS]))
            if found:
                screen = camera.project(vertices)[:, :2]
                views.append(View(screen, found[0].points[:, :2].round(2), camera.millimetres_per_pixel))
    return views


def _open_jaw(geometry: HeadGeometry, vertices: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    rig, sine = geometry.rig, np.sin(angle)
    shaped = vertices + sine * (rig.pose_directions[..., 1] - rig.pose_directions[..., 0])
    pivot = rig.joint_regressor[2] @ vertices
    turned = (shaped - pivot) @ rotation_x(angle).T + pivot
    opened: NDArray[np.float64] = shaped + rig.weights[:, 2:3] * (turned - shaped)
    return opened


class Surface:
    """The texture layout as a chart of the head's visible surface."""

    def __init__(self, geometry: HeadGeometry, layout: UvLayout) -> None:
        self.faces, self.layout, self.template = geometry.faces, layout, geometry.v_template
        self._flat = np.column_stack([2 * layout.vt[:, 0] - 1, 1 - 2 * layout.vt[:, 1], np.zeros(len(layout.vt))])
        self._fine = self._face_map(_FINE)

    def _face_map(self, size: int) -> NDArray[np.int64]:
        corners = torch.from_numpy(self.layout.ft)
        return CpuRasterizer(1)(torch.from_numpy(self._flat)[None], corners, size, size)[0].numpy()

    def texels(self, islands: Sequence[Island], size: int) -> NDArray[np.float64]:
        """(N, 2) u and v of the texels on the front of the islands."""
        face = self._face_map(size)
        depth = self.template[self.faces, 2].mean(axis=1)
        wanted = np.isin(self.layout.islands, islands) & (depth > _DEEPEST)
        rows, columns = np.nonzero((face >= 0) & wanted[face])
        return np.column_stack([(columns + 0.5) / size, 1 - (rows + 0.5) / size])

    def locate(
        self, uv: NDArray[np.float64], islands: Sequence[Island]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Faces (N,) and barycentrics (N, 3) at uv (N, 2); face -1 where the islands are not."""
        size = _FINE
        columns = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
        rows = np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1)
        face = self._fine[rows, columns]
        face = np.where(np.isin(self.layout.islands[face], islands), face, -1)
        weights = barycentrics(self.layout.vt[self.layout.ft[face]], uv)
        weights = np.clip(weights, 0, 1)
        return face, weights / weights.sum(axis=1, keepdims=True)

    def points(
        self, vertices: NDArray[np.float64], face: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(N, D) where places are, given where the vertices are (V, D)."""
        result: NDArray[np.float64] = np.einsum("nk,nkd->nd", weights, vertices[self.faces[face]])
        return result


def best_places(
    surface: Surface, views: Sequence[View], landmarks: Sequence[int], islands: Sequence[Island]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each of n landmarks the texel whose projections are nearest to MediaPipe's points.

    Returns:
        (n, 2) u and v, and (n,) the mean distance in millimetres at the head.
    """
    candidates = surface.texels(islands, _COARSE)
    distance = _mean_distances(surface, views, landmarks, np.broadcast_to(candidates, (1, *candidates.shape)), islands)
    return refine_places(surface, views, landmarks, islands, candidates[distance.argmin(axis=1)])


def refine_places(
    surface: Surface,
    views: Sequence[View],
    landmarks: Sequence[int],
    islands: Sequence[Island],
    start: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same among the texels within about 3 mm of the places to start from (n, 2)."""
    steps = np.arange(-_REACH, _REACH + 1) / _FINE
    nearby = start[:, None] + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    distance = _mean_distances(surface, views, landmarks, nearby, islands)
    return nearby[np.arange(len(start)), distance.argmin(axis=1)], distance.min(axis=1)


def _mean_distances(
    surface: Surface,
    views: Sequence[View],
    landmarks: Sequence[int],
    candidates: NDArray[np.float64],
    islands: Sequence[Island],
) -> NDArray[np.float64]:
    """(n, m) millimetres, over the views; candidates (n or 1, m, 2), infinite where these are off the islands."""
    face, weights = surface.locate(candidates.reshape(-1, 2), islands)
    total = np.zeros((len(landmarks), candidates.shape[1]), dtype=np.float32)
    for view in views:
        shown = surface.points(view.screen, face, weights).reshape(candidates.shape).astype(np.float32)
        gap = shown - view.points[list(landmarks), None].astype(np.float32)
        total += np.hypot(gap[..., 0], gap[..., 1]) * np.float32(view.millimetres / len(views))
    off = (face < 0).reshape(candidates.shape[:2])
    return np.where(off, np.inf, total).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What real photographs say about the landmarks."""

    offsets: NDArray[np.float64]
    """(478, 2) of u and v, to be added to what the drawn pictures say."""
    residuals: NDArray[np.float64]
    """(478,) mean distance that remains, millimetres at the head."""

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """From a table with the columns landmark, du, dv (in 1/8192 of the layout's width) and residual."""
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        return cls(table[:, 1:3] / _OFFSET_UNITS, table[:, 3])

    def write(self, path: Path) -> None:
        table = np.column_stack([np.arange(COUNT), np.round(self.offsets * _OFFSET_UNITS), self.residuals])
        with replacing(path) as temporary:
            np.savetxt(temporary, table, "%d,%d,%d,%.2f", header="landmark,du,dv,residual", comments="")


def embed_landmarks(
    geometry: HeadGeometry, layout: UvLayout, views: Sequence[View], calibration: Calibration
) -> LandmarkEmbedding:
    """Place all landmarks.

    Args:
        views: from `show_views`.
    """
    surface = Surface(geometry, layout)
    uv, error = places_in_views(surface, views)
    faces, weights = place(surface, uv + calibration.offsets)
    return LandmarkEmbedding(faces, weights, _trust((error + calibration.residuals) / 2), error)


def places_in_views(surface: Surface, views: Sequence[View]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the drawn pictures say: (478, 2) u and v, mirror symmetric, and (478,) the mean distance in millimetres."""
    uv, error = np.zeros((COUNT, 2)), np.zeros(COUNT)
    for landmarks, islands in chart():
        uv[landmarks], error[landmarks] = best_places(surface, views, landmarks, islands)
    return symmetrise(uv), error


def chart() -> Iterator[tuple[list[int], tuple[Island, ...]]]:
    """Landmarks and the islands on which they may lie."""
    yield list(range(468)), (Island.HEAD,)
    yield list(LEFT_IRIS), (Island.LEFT_EYE,)
    yield list(RIGHT_IRIS), (Island.RIGHT_EYE,)


def place(surface: Surface, uv: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Faces and rounded barycentrics at uv (478, 2), or at the nearest texel of the island where that is a hole."""
    faces, weights = np.zeros(COUNT, dtype=np.int64), np.zeros((COUNT, 3))
    for landmarks, islands in chart():
        face, weight = surface.locate(uv[landmarks], islands)
        if (face < 0).any():
            inside = surface.texels(islands, 1024)
            gap = np.linalg.norm(inside[None] - uv[landmarks][face < 0][:, None], axis=2)
            face[face < 0], weight[face < 0] = surface.locate(inside[gap.argmin(axis=1)], islands)
        faces[landmarks], weights[landmarks] = face, weight
    rounded = np.round(weights * _BARYCENTRIC_STEPS)
    rows = np.arange(COUNT)
    rounded[rows, rounded.argmax(axis=1)] += _BARYCENTRIC_STEPS - rounded.sum(axis=1)
    return faces, rounded / _BARYCENTRIC_STEPS


def symmetrise(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each landmark (478, 2) halfway between itself and the mirror image of its partner."""
    return (uv + flip(uv[mirrored_landmarks()])) / 2


def flip(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """The texture coordinates (..., 2) of the opposite points (see `uv`)."""
    return uv * [-1, 1] + [1, 0]


def _trust(error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights for fitting (478,) from mean distances in millimetres; the outline, which slides, counts little."""
    weights = np.clip(1.2 / error, 0.2, 1.0)
    weights[list(FACE_OVAL)] *= 0.5
    rounded: NDArray[np.float64] = np.round(weights, 3)
    return rounded
