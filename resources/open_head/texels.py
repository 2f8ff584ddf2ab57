"""What lies under each texel of the open head's layout: where on the template, and how far from lips and lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from fields_core.render.cpu import CpuRasterizer
from resources.open_head.topology import HeadTopology
from resources.open_head.uv import Island, UvLayout

FAR = 12.0
"""Rings: "nowhere near"."""


@dataclass(frozen=True, eq=False)
class Texels:
    """Maps over the S x S texels, row 0 at v = 1. Texels outside every island repeat the nearest one inside."""

    covered: NDArray[np.bool_]
    """(S, S) inside an island."""
    island: NDArray[np.int64]
    """(S, S)."""
    x: NDArray[np.float64]
    """(S, S) millimetres from the midpoint of the eyes, to the person's left."""
    y: NDArray[np.float64]
    """(S, S) millimetres, up."""
    z: NDArray[np.float64]
    """(S, S) millimetres, forward."""
    lips: NDArray[np.float64]
    """(S, S) rings of edges outward from the seam inside the mouth; the border of the red is at 7."""
    lids: NDArray[np.float64]
    """(S, S) rings outward from the seam behind the eyelids; the lashes are at 2, the crease at 7."""
    gaze: NDArray[np.float64]
    """(S, S) on an eyeball the angle from its axis in degrees, elsewhere 180."""
    around: NDArray[np.float64]
    """(S, S) on an eyeball the angle about its axis in radians."""


def map_texels(topology: HeadTopology, vertices: NDArray[np.float64], layout: UvLayout, size: int) -> Texels:
    """Rasterize the layout.

    Args:
        vertices: (V, 3) metres: the template.
        size: S.
    """
    flat = np.column_stack([2 * layout.vt[:, 0] - 1, 1 - 2 * layout.vt[:, 1], np.zeros(len(layout.vt))])
    seen = CpuRasterizer(1)(torch.from_numpy(flat)[None], torch.from_numpy(layout.ft), size, size)[0].numpy()
    covered = seen >= 0
    rows, columns = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    face = seen[rows, columns]
    # A texel's own centre for the covered, the nearest covered one's for the others.
    point = np.stack([2 * columns + 1 - size, 2 * rows + 1 - size], axis=-1) / size
    weights = barycentrics(flat[layout.ft[face]][..., :2], point)

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = np.einsum("ijk,ijk->ij", values[topology.faces[face]], weights)
        return result

    eyes = {side: vertices[topology.part(f"{side}_eye")] for side in "lr"}
    centres = {side: (ball.min(axis=0) + ball.max(axis=0)) / 2 for side, ball in eyes.items()}
    place = np.stack([spread(vertices[:, axis]) for axis in range(3)], axis=-1)
    island = layout.islands[face]
    gaze, around = np.full(face.shape, 180.0), np.zeros(face.shape)
    for side, which in (("l", Island.LEFT_EYE), ("r", Island.RIGHT_EYE)):
        here = island == which
        towards = place[here] - centres[side]
        gaze[here] = np.degrees(np.arccos(np.clip(towards[:, 2] / np.linalg.norm(towards, axis=1), -1, 1)))
        around[here] = np.arctan2(towards[:, 1], towards[:, 0])
    millimetres = 1000 * (place - (centres["l"] + centres["r"]) / 2)
    on_head = island == Island.HEAD
    lips = rings_from_seam(topology.faces, layout.islands, (Island.MOUTH,))
    lids = rings_from_seam(topology.faces, layout.islands, (Island.LEFT_SOCKET, Island.RIGHT_SOCKET))
    return Texels(
        covered,
        island,
        millimetres[..., 0],
        millimetres[..., 1],
        millimetres[..., 2],
        np.where(on_head, spread(lips), FAR),
        np.where(on_head, spread(lids), FAR),
        gaze,
        around,
    )


def barycentrics(triangles: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) of points (..., 2) in triangles (..., 3, 2)."""
    origin = triangles[..., 0, :]
    side_b, side_c, to = triangles[..., 1, :] - origin, triangles[..., 2, :] - origin, points - origin
    area = side_b[..., 0] * side_c[..., 1] - side_b[..., 1] * side_c[..., 0]
    b = (to[..., 0] * side_c[..., 1] - to[..., 1] * side_c[..., 0]) / area
    c = (side_b[..., 0] * to[..., 1] - side_b[..., 1] * to[..., 0]) / area
    return np.stack([1 - b - c, b, c], axis=-1)


def rings_from_seam(
    faces: NDArray[np.int64], islands: NDArray[np.int64], inner: tuple[Island, ...]
) -> NDArray[np.float64]:
    """(V,) rings of edges on the head's island from the seam it shares with the inner islands, `FAR` beyond.

    MakeHuman's edge loops follow the lips and lids, so this coordinate follows their outlines on every head.
    """
    head = faces[islands == Island.HEAD]
    seam = np.intersect1d(head, faces[np.isin(islands, inner)])
    rings = np.full(faces.max() + 1, FAR)
    rings[seam] = 0
    edges = np.concatenate([head[:, [0, 1]], head[:, [1, 2]], head[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    for ring in range(int(FAR)):
        beyond = edges[rings[edges[:, 0]] == ring, 1]
        rings[beyond] = np.minimum(rings[beyond], ring + 1)
    return rings
