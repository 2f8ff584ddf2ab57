"""Eyeballs: spheres whose rings are the iris's, fitted to the coarse ones of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RING_DEGREES = (9.0, 18.0, 26.0, 36.0, 50.0, 66.0, 86.0, 112.0, 144.0)
"""Angle of each ring of vertices from the gaze direction; the rim of the iris is at 26 degrees."""
SEGMENTS = 20
RADIUS = 0.92
"""Of the source's, which bulge (16 mm) and would stick out of a closed lid."""


@dataclass(frozen=True, eq=False)
class Sphere:
    """A sphere that looks along +Z, with a disc as its texture layout."""

    directions: NDArray[np.float64]
    """(N, 3) unit vectors."""
    triangles: NDArray[np.int64]
    """(F, 3) counter-clockwise from outside."""
    uv: NDArray[np.float64]
    """(T, 2) in [-1, 1], the iris in the middle, the distance from it proportional to the angle."""
    uv_triangles: NDArray[np.int64]
    """(F, 3) indices into ``uv``."""


def sphere() -> Sphere:
    """The eyeball, mirror symmetric in X."""
    turn = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rings = np.radians(RING_DEGREES)
    directions = np.concatenate(
        [[[0.0, 0.0, 1.0]]]
        + [np.column_stack([np.sin(a) * around, np.full(SEGMENTS, np.cos(a))]) for a in rings]
        + [[[0.0, 0.0, -1.0]]]
    )
    uv = np.concatenate([[[0.0, 0.0]]] + [a / np.pi * around for a in rings] + [around])
    back, last = len(directions) - 1, len(rings) - 1
    triangles: list[tuple[int, int, int]] = []
    uv_triangles: list[tuple[int, int, int]] = []
    for s in range(SEGMENTS):
        triangles.append((0, _ring(0, s), _ring(0, s + 1)))
        for r in range(last):
            a, b, c, d = _ring(r, s), _ring(r + 1, s), _ring(r + 1, s + 1), _ring(r, s + 1)
            left = s < SEGMENTS // 4 or s >= 3 * SEGMENTS // 4
            triangles += [(a, b, c), (a, c, d)] if left else [(a, b, d), (b, c, d)]
        uv_triangles += triangles[len(uv_triangles) :]
        triangles.append((_ring(last, s), back, _ring(last, s + 1)))
        uv_triangles.append((_ring(last, s), _ring(last + 1, s), _ring(last, s + 1)))
    return Sphere(directions, np.array(triangles), uv, np.array(uv_triangles))


def _ring(ring: int, segment: int) -> int:
    return 1 + ring * SEGMENTS + segment % SEGMENTS


def affine_rows(source: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (N, M) that place the sphere's points as an affine function of the M source vertices.

    The source's eyeball is a sphere too: its vertices are centre + axes @ direction. The least-squares centre and axes
    are linear in the vertices, so whatever a morph target does to that eyeball happens to this one.
    """
    centre = (source.min(axis=0) + source.max(axis=0)) / 2
    offsets = source - centre
    radius = np.linalg.norm(offsets, axis=1).mean()
    fit = np.linalg.pinv(np.column_stack([np.ones(len(source)), offsets / radius]))
    return np.column_stack([np.ones(len(directions)), RADIUS * directions]) @ fit
