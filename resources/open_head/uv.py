"""Texture layout of the open head: MakeHuman's islands turned upright, the face magnified, and packed into one square.

The source layout is that of a whole body and gives the head 3 % of the square. Here it fills it: the head on top, below
it neck, mouth, eye sockets and eyeballs. All but teeth and tongue is mirror symmetric: what is at (u, v) belongs to the
point opposite the one at (1 - u, v), so a skin texture is mirrored by flipping it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from resources.open_head.topology import PARTS, HeadTopology


class Island(IntEnum):
    """The patches of the layout; left and right are the person's."""

    HEAD = 0
    NECK = 1
    MOUTH = 2
    LEFT_SOCKET = 3
    RIGHT_SOCKET = 4
    LEFT_EYE = 5
    RIGHT_EYE = 6
    UPPER_TEETH = 7
    LOWER_TEETH = 8
    TONGUE = 9


Box = tuple[float, float, float, float]
_BOXES: dict[Island, Box] = {
    Island.HEAD: (0.005, 0.325, 0.995, 0.995),
    Island.NECK: (0.300, 0.125, 0.700, 0.318),
    Island.MOUTH: (0.430, 0.005, 0.570, 0.118),
    Island.LEFT_EYE: (0.735, 0.115, 0.925, 0.305),
    Island.LEFT_SOCKET: (0.780, 0.005, 0.880, 0.105),
    Island.UPPER_TEETH: (0.590, 0.065, 0.730, 0.115),
    Island.LOWER_TEETH: (0.590, 0.005, 0.730, 0.055),
    Island.TONGUE: (0.350, 0.005, 0.410, 0.115),
}
"""left, bottom, right, top of the box into which each island is fitted; right-hand ones get the mirror image."""
_LEFT_OF = {Island.RIGHT_EYE: Island.LEFT_EYE, Island.RIGHT_SOCKET: Island.LEFT_SOCKET}
_ISLAND_OF_PART = {
    "l_eye": Island.LEFT_EYE,
    "r_eye": Island.RIGHT_EYE,
    "upper_teeth": Island.UPPER_TEETH,
    "lower_teeth": Island.LOWER_TEETH,
    "tongue": Island.TONGUE,
}

_MAGNIFIER_SHARE = 0.5
_MAGNIFIER_STEEPNESS = 2.5


@dataclass(frozen=True, eq=False)
class UvLayout:
    """Texture coordinates of the head's faces."""

    vt: NDArray[np.float64]
    """(T, 2) in the unit square, v up."""
    ft: NDArray[np.int64]
    """(F, 3) indices into ``vt``."""
    islands: NDArray[np.int64]
    """(F,) the `Island` of each face."""


def layout_uv(topology: HeadTopology, vertices: NDArray[np.float64]) -> UvLayout:
    """Repack the source's texture coordinates.

    Args:
        topology: faces, parts and the source's layout.
        vertices: (V, 3) metres, model frame: the template.
    """
    patch_of_uv = _patches(len(topology.uv), topology.uv_faces)
    patch_of_face = patch_of_uv[topology.uv_faces[:, 0]]
    part_of_face = topology.parts[topology.faces[:, 0]]
    on_skin = part_of_face == PARTS.index("skin")
    head = int(np.bincount(patch_of_face[on_skin]).argmax())
    islands = np.full(len(topology.faces), -1)
    vt = np.zeros((len(topology.uv), 2))
    for patch in np.unique(patch_of_face):
        faces = np.flatnonzero(patch_of_face == patch)
        corners, uv_faces = vertices[topology.faces[faces]], topology.uv_faces[faces]
        part = PARTS[part_of_face[faces[0]]]
        island = Island.HEAD if patch == head else _ISLAND_OF_PART.get(part) or _skin_island(corners)
        islands[faces] = island
        members = np.flatnonzero(patch_of_uv == patch)
        points = _turn_upright(topology.uv, members, uv_faces, corners)
        if island in (Island.HEAD, Island.LEFT_EYE, Island.RIGHT_EYE):  # about the tip of the nose, the pupils
            foremost = np.unravel_index(np.argmax(np.round(corners[..., 2], 9)), uv_faces.shape)
            points = _magnify(points, points[np.searchsorted(members, uv_faces[foremost])])
        vt[members] = _fit(points, _box(island))
    return UvLayout(vt, topology.uv_faces, islands)


def _patches(count: int, uv_faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T,) the number of the connected patch that each texture coordinate belongs to."""
    edges = np.concatenate([uv_faces[:, [0, 1]], uv_faces[:, [1, 2]]])
    graph = sp.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    labels: NDArray[np.int64] = connected_components(graph, directed=False)[1]
    return labels


def _skin_island(corners: NDArray[np.float64]) -> Island:
    x, _, z = corners.mean(axis=(0, 1))
    if abs(x) > 0.01:
        return Island.LEFT_SOCKET if x > 0 else Island.RIGHT_SOCKET
    return Island.MOUTH if z > 0 else Island.NECK


def _box(island: Island) -> Box:
    if island in _BOXES:
        return _BOXES[island]
    left, bottom, right, top = _BOXES[_LEFT_OF[island]]
    return 1 - right, bottom, 1 - left, top


def _turn_upright(
    uv: NDArray[np.float64], members: NDArray[np.int64], uv_faces: NDArray[np.int64], corners: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(M, 2) the members, turned by the multiple of 90 degrees that brings u nearest to x and v to y."""
    flat, solid = uv[uv_faces].reshape(-1, 2), corners.reshape(-1, 3)[:, :2]
    covariance = (flat - flat.mean(axis=0)).T @ (solid - solid.mean(axis=0))
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    turns = [np.linalg.matrix_power(quarter, k) for k in range(4)]
    best = max(turns, key=lambda turn: round(float(np.trace(turn @ covariance)), 12))
    turned: NDArray[np.float64] = uv[members] @ best.T
    return turned


def _magnify(points: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give what is near the centre about 1.7 times the resolution, at the cost of the rim (the back of the head).

    Both axes go through the same monotone curve, (1 - k) t + k tanh(a t) / tanh(a), so nothing folds over.
    """
    half = np.ptp(points[:, 0]) / 2
    t = (points - centre) / half
    k, a = _MAGNIFIER_SHARE, _MAGNIFIER_STEEPNESS
    curved: NDArray[np.float64] = (1 - k) * t + k * np.tanh(a * t) / np.tanh(a)
    return curved


def _fit(points: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    """Scale evenly and centre in the box."""
    left, bottom, right, top = box
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min((right - left) / (high[0] - low[0]), (top - bottom) / (high[1] - low[1]))
    fitted: NDArray[np.float64] = (points - (low + high) / 2) * scale + [(left + right) / 2, (bottom + top) / 2]
    return fitted
