"""Quad meshes: who neighbours whom, and a smooth subdivision of part of the mesh that leaves the old vertices alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Edge = tuple[int, int]
Row = dict[int, float]
"""A new vertex as a weighted sum of old ones."""


def edge(a: int, b: int) -> Edge:
    """The undirected edge between two vertices."""
    return (a, b) if a < b else (b, a)


class QuadTopology:
    """Neighbourhoods of a quad mesh.

    Attributes:
        quads: (Q, 4) vertex indices.
        quads_of_edge: the quads on the two sides of every edge (one side at a border).
        neighbours: the vertices joined to every vertex by an edge.
    """

    def __init__(self, quads: NDArray[np.int64]) -> None:
        self.quads = quads
        self.quads_of_edge: dict[Edge, list[int]] = defaultdict(list)
        self.neighbours: dict[int, set[int]] = defaultdict(set)
        for index in range(len(quads)):
            for a, b in self.edges(index):
                self.quads_of_edge[edge(a, b)].append(index)
                self.neighbours[a].add(b)
                self.neighbours[b].add(a)

    def edges(self, quad: int) -> list[Edge]:
        """The four directed sides of a quad, in order."""
        corners = self.quads[quad].tolist()
        return list(zip(corners, corners[1:] + corners[:1], strict=True))

    def straight_on(self, previous: int, current: int) -> int | None:
        """Where the edge loop goes after previous -> current; None at an irregular or border vertex."""
        if len(self.neighbours[current]) != 4:
            return None
        beside = set(self.quads[self.quads_of_edge[edge(previous, current)]].ravel().tolist())
        ahead = self.neighbours[current] - beside
        return ahead.pop() if len(ahead) == 1 else None

    def loop(self, first: int, second: int, limit: int) -> list[int] | None:
        """The closed edge loop through two joined vertices; None if it does not close within ``limit`` vertices."""
        path = [first, second]
        while len(path) <= limit:
            after = self.straight_on(path[-2], path[-1])
            if after is None:
                return None
            if after == first:
                return path
            path.append(after)
        return None

    def loop_through(self, first: int, other: int, limit: int = 60) -> list[int]:
        """The closed edge loop from vertex ``first`` that also passes vertex ``other``."""
        loops = (self.loop(first, second, limit) for second in sorted(self.neighbours[first]))
        return next(loop for loop in loops if loop is not None and other in loop)

    def enclosed(self, first: int, border: list[int]) -> list[int]:
        """The quads that can be reached from the quad ``first`` without crossing a closed loop of vertices, sorted."""
        wall = {edge(a, b) for a, b in zip(border, border[1:] + border[:1], strict=True)}
        reached, frontier = {first}, [first]
        while frontier:
            for a, b in self.edges(frontier.pop()):
                if edge(a, b) not in wall:
                    fresh = set(self.quads_of_edge[edge(a, b)]) - reached
                    reached |= fresh
                    frontier += sorted(fresh)
        return sorted(reached)


@dataclass(frozen=True, eq=False)
class Refinement:
    """Triangles over the old vertices followed by the new ones."""

    lift: sp.csr_matrix
    """(N', N) old positions to all positions; the first N rows are the identity."""
    triangles: NDArray[np.int64]
    """(F, 3) indices of vertices."""
    uv_lift: sp.csr_matrix
    """(T', T) the same for texture coordinates (new ones halfway, or at the centre)."""
    uv_triangles: NDArray[np.int64]
    """(F, 3) indices of texture coordinates."""


def refine(
    quads: NDArray[np.int64],
    uv_quads: NDArray[np.int64],
    split: NDArray[np.bool_],
    positions: NDArray[np.float64],
    uv_count: int,
) -> Refinement:
    """Split the marked quads in four and triangulate all, without cracks.

    New edge points follow the four-point rule (Dyn, Levin & Gregory 1987): (9(a+b) - (p+q))/16 with p, q the next
    vertices of the edge loop, so that a coarse mesh of a smooth surface becomes a finer one and not the same facets;
    where the loop ends on one side, the parabola through the other three. New face points are the Coons patch of the
    edge points.

    Args:
        quads, uv_quads: (Q, 4) the mesh.
        split: (Q,) which quads to split. Quads with three or more split sides are split too.
        positions: (N, 3), used to choose the shorter diagonal.
        uv_count: T.
    """
    topology = QuadTopology(quads)
    split = _closure(topology, split)
    cut_edges = {edge(a, b) for q in np.flatnonzero(split) for a, b in topology.edges(int(q))}
    points, uv_points = _Points(len(positions)), _Points(uv_count)
    triangles: list[Sequence[int]] = []
    uv_triangles: list[Sequence[int]] = []

    def emit(*corners: tuple[int, int]) -> None:
        triangles.append([c[0] for c in corners])
        uv_triangles.append([c[1] for c in corners])

    def where(index: int) -> NDArray[np.float64]:
        return sum((w * positions[i] for i, w in points.row(index).items()), np.zeros(3))

    def emit_quad(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int]) -> None:
        diagonals = np.linalg.norm(where(a[0]) - where(c[0])), np.linalg.norm(where(b[0]) - where(d[0]))
        if round(1e5 * diagonals[0]) <= round(1e5 * diagonals[1]):
            emit(a, b, c)
            emit(a, c, d)
        else:
            emit(b, c, d)
            emit(b, d, a)

    for index, (quad, uv_quad) in enumerate(zip(quads.tolist(), uv_quads.tolist(), strict=True)):
        ring: list[tuple[int, int]] = []  # corners and, after each, the point of its side if that is split
        cut_after: list[bool] = []
        for k in range(4):
            ends, uv_ends = edge(quad[k], quad[(k + 1) % 4]), edge(uv_quad[k], uv_quad[(k + 1) % 4])
            ring.append((quad[k], uv_quad[k]))
            cut_after.append(ends in cut_edges)
            if cut_after[-1]:
                middle = points.index(ends, lambda e=ends: _four_point(topology, e))
                ring.append((middle, uv_points.index(uv_ends, lambda e=uv_ends: {e[0]: 0.5, e[1]: 0.5})))
        if split[index]:
            sides = [ring[2 * k + 1] for k in range(4)]
            face_row = _sum([(0.5, points.row(s[0])) for s in sides] + [(-0.25, {v: 1.0}) for v in quad])
            middle = points.index((index, -1), lambda r=face_row: r)
            uv_middle = uv_points.index((index, -1), lambda q=uv_quad: dict.fromkeys(q, 0.25))
            for k in range(4):
                emit_quad(ring[2 * k], sides[k], (middle, uv_middle), sides[k - 1])
        else:
            _triangulate(ring, cut_after, emit, emit_quad)
    return Refinement(
        points.matrix(), np.array(triangles, dtype=np.int64), uv_points.matrix(), np.array(uv_triangles, dtype=np.int64)
    )


def _triangulate(ring, cut_after, emit, emit_quad) -> None:  # type: ignore[no-untyped-def]
    """A quad that is not split but has up to two sides with a point in the middle."""
    cuts = [k for k in range(4) if cut_after[k]]
    if not cuts:
        emit_quad(*ring)
        return
    first = cuts[0] if cuts != [0, 3] else 3
    start = first + sum(cut_after[:first])
    ring = ring[start:] + ring[:start]  # begins with the corner before a split side: a, m, b, ...
    if len(cuts) == 1:
        a, m, b, c, d = ring
        emit(m, b, c)
        emit(m, c, d)
        emit(m, d, a)
    elif cuts in ([0, 2], [1, 3]):
        a, m, b, c, n, d = ring
        emit_quad(a, m, n, d)
        emit_quad(m, b, c, n)
    else:
        a, m, b, n, c, d = ring
        emit(m, b, n)
        emit(n, c, d)
        emit_quad(a, m, n, d)


def _closure(topology: QuadTopology, split: NDArray[np.bool_]) -> NDArray[np.bool_]:
    split = split.copy()
    while True:
        cut = {edge(a, b) for q in np.flatnonzero(split) for a, b in topology.edges(int(q))}
        sides = np.array([sum(edge(a, b) in cut for a, b in topology.edges(q)) for q in range(len(topology.quads))])
        more = (sides >= 3) & ~split
        if not more.any():
            return split
        split |= more


def _four_point(topology: QuadTopology, ends: Edge) -> Row:
    a, b = ends
    p, q = topology.straight_on(b, a), topology.straight_on(a, b)
    if p is not None and q is not None:
        return _sum([(9 / 16, {a: 1.0}), (9 / 16, {b: 1.0}), (-1 / 16, {p: 1.0}), (-1 / 16, {q: 1.0})])
    if q is not None:
        return {a: 3 / 8, b: 6 / 8, q: -1 / 8}
    if p is not None:
        return {b: 3 / 8, a: 6 / 8, p: -1 / 8}
    return {a: 0.5, b: 0.5}


def _sum(terms: list[tuple[float, Row]]) -> Row:
    total: Row = defaultdict(float)
    for factor, row in terms:
        for index, weight in row.items():
            total[index] += factor * weight
    return dict(total)


class _Points:
    """Old points and the new ones made from them, each made once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.indices: dict[Edge, int] = {}
        self.rows: list[Row] = []

    def index(self, key: Edge, make) -> int:  # type: ignore[no-untyped-def]
        if key not in self.indices:
            self.indices[key] = self.count + len(self.rows)
            self.rows.append(make())
        return self.indices[key]

    def row(self, index: int) -> Row:
        return {index: 1.0} if index < self.count else self.rows[index - self.count]

    def matrix(self) -> sp.csr_matrix:
        rows = [i for i, row in enumerate(self.rows) for _ in row]
        columns = [c for row in self.rows for c in row]
        values = [w for row in self.rows for w in row.values()]
        new = sp.csr_matrix((values, (rows, columns)), shape=(len(self.rows), self.count))
        return sp.csr_matrix(sp.vstack([sp.identity(self.count, format="csr"), new]))
