"""Two facing curves of the skin - the lips, or the lids of one eye - and the gentlest move that brings them together.

Everything is linear in the vertices, so a gap closed in every sample stays closed in every combination of components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from resources.open_head.cut import head_skin
from resources.open_head.quads import QuadTopology
from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology, neighbour_mean

LEFT_LIDS = (6785, 6828)
"""Source vertices in the middle of the front edges of the left upper and lower eyelid."""
_REACH = 0.022
_STIFFNESS = 0.02
"""Of staying in place against staying smooth, in the smoothness term's units."""


@dataclass(frozen=True, eq=False)
class Seam:
    """m places along two curves, as rows over the V vertices."""

    gaps: NDArray[np.float64]
    """(m, V) height of the upper curve over the lower one at each place (a weighted difference of vertices)."""
    response: NDArray[np.float64]
    """(V, m) the smoothest heights that change the gaps by one unit each."""
    places: NDArray[np.float64]
    """(m,) metres: x on the mean head."""
    ring: NDArray[np.int64]
    """The vertices of both curves, in order round the opening."""

    def gap(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., m) gaps in the unit of ``points`` (..., V, 3), positive where it is open."""
        return points[..., 1] @ self.gaps.T

    def closed(self, points: NDArray[np.float64], gap: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Copy of points or displacements (..., V, 3) with the given gap everywhere along the seam."""
        result = points.copy()
        result[..., 1] += (gap - self.gap(points)) @ self.response.T
        return result


def find_seam(source: Source, topology: HeadTopology, mean: NDArray[np.float64], middle: tuple[int, int]) -> Seam:
    """The seam through two source vertices that face each other, the upper one first.

    The move spreads over skin up to `_REACH` and minimises the bending |L d|^2 + `_STIFFNESS` |d|^2, L the graph
    Laplacian: Botsch & Sorkine, "On linear variational surface deformation methods" (2008), section 3.
    """
    ring = _ring(source, topology, middle)
    order = np.argsort(mean[ring, 0])
    first, last = sorted((int(order[0]), int(order[-1])))
    sides = [ring[first : last + 1], np.concatenate([ring[last:], ring[: first + 1]])]
    upper, lower = sides if ring[0] in sides[0] else sides[::-1]
    corners = {int(ring[first]), int(ring[last])}
    rows, places = [], []
    for near, far, sign in ((upper, lower, 1.0), (lower, upper, -1.0)):
        far = far[np.argsort(mean[far, 0])]
        for vertex in (int(v) for v in near if int(v) not in corners):
            x = mean[vertex, 0]
            after = int(np.clip(np.searchsorted(mean[far, 0], x), 1, len(far) - 1))
            a, b = far[after - 1], far[after]
            share = float(np.clip((x - mean[a, 0]) / (mean[b, 0] - mean[a, 0]), 0, 1))
            row = np.zeros(len(mean))
            row[vertex] += sign
            row[a] -= sign * (1 - share)
            row[b] -= sign * share
            rows.append(row)
            places.append(x)
    gaps = np.array(rows)
    return Seam(gaps, _response(gaps, topology, mean, ring), np.array(places), ring)


def _ring(source: Source, topology: HeadTopology, middle: tuple[int, int]) -> NDArray[np.int64]:
    index_of = {int(v): i for i, v in enumerate(topology.source_vertices) if v >= 0}
    quads = QuadTopology(source.mesh.quads[head_skin(source.mesh)])
    return np.array([index_of[v] for v in quads.loop_through(*middle)])


def _response(
    gaps: NDArray[np.float64], topology: HeadTopology, mean: NDArray[np.float64], ring: NDArray[np.int64]
) -> NDArray[np.float64]:
    distance = np.linalg.norm(mean[:, None] - mean[ring], axis=2).min(axis=1)
    free = np.flatnonzero(topology.part("skin") & (distance < _REACH))
    laplacian = np.eye(len(mean))[:, free] - neighbour_mean(topology.faces, len(mean))[:, free].toarray()
    energy = laplacian.T @ laplacian + _STIFFNESS * np.eye(len(free))
    inverse_rows = cho_solve(cho_factor(energy), gaps[:, free].T)
    # Both curves' vertices ask for nearly the same thing: a trace of slack keeps the system well conditioned.
    coupling = gaps[:, free] @ inverse_rows
    coupling += 1e-4 * np.trace(coupling) / len(coupling) * np.eye(len(coupling))
    response = np.zeros((len(mean), len(gaps)))
    response[free] = np.linalg.solve(coupling, inverse_rows.T).T
    return response
