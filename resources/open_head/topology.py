"""The mesh of the head, and how its vertices follow from those of the source: a sparse matrix, so that base mesh, morph
targets and weights all pass through the same door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from resources.open_head.cut import head_skin, mouth_cavity
from resources.open_head.eyeballs import affine_rows, sphere
from resources.open_head.quads import refine
from resources.open_head.source import Source, SourceMesh

PARTS = ("skin", "l_eye", "r_eye", "upper_teeth", "lower_teeth", "tongue")
"""What the vertices of the head belong to; `HeadTopology.parts` holds indices into this."""
_INNER_GROUPS = {"upper_teeth": "helper-upper-teeth", "lower_teeth": "helper-lower-teeth", "tongue": "helper-tongue"}
_EYE_GROUPS = {"l_eye": "helper-l-eye", "r_eye": "helper-r-eye"}
_COARSE = 0.0135
"""Metres: scalp quads with a longer side show as facets in the silhouette and are split."""
_SCALP_ABOVE_EYES = 0.045
_CAVITY_PULL = 0.2
_EYE_DISCS = {"l_eye": (0.25, 0.95), "r_eye": (0.35, 0.95)}
_EYE_DISC_RADIUS = 0.04


@dataclass(frozen=True, eq=False)
class HeadTopology:
    """V vertices, F triangles, T texture coordinates, N vertices of the source mesh."""

    lift: sp.csr_matrix
    """(V, N) vertices of the head as weighted sums of the source's."""
    source_vertices: NDArray[np.int64]
    """(V,) the source vertex that a vertex is a copy of, or -1."""
    faces: NDArray[np.int64]
    """(F, 3) counter-clockwise from outside."""
    uv: NDArray[np.float64]
    """(T, 2) the source's layout, v up."""
    uv_faces: NDArray[np.int64]
    """(F, 3) indices into ``uv``."""
    parts: NDArray[np.int64]
    """(V,) indices into `PARTS`."""
    mirror: NDArray[np.int64]
    """(V,) the vertex on the other side."""

    @property
    def part_names(self) -> NDArray[np.str_]:
        """(V,) the parts by name."""
        return np.array(PARTS)[self.parts]

    def part(self, name: str) -> NDArray[np.bool_]:
        """(V,) the vertices of one part."""
        members: NDArray[np.bool_] = self.parts == PARTS.index(name)
        return members

    def reflect(self, field: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
        """The mirror image of positions or displacements ``(V, 3, ...)`` (``axis`` is that of the vertices)."""
        turned = np.take(field, self.mirror, axis=axis)
        sign = np.array([-1.0, 1.0, 1.0]).reshape((3,) + (1,) * (field.ndim - axis - 2))
        image: NDArray[np.float64] = turned * sign
        return image

    def eye_centre(self, points: NDArray[np.float64], part: str) -> NDArray[np.float64]:
        """The centre (..., 3) of "l_eye" or "r_eye" in points (..., V, 3)."""
        centre: NDArray[np.float64] = points[..., self.eye_poles(part), :].mean(axis=-2)
        return centre

    def eye_poles(self, part: str) -> NDArray[np.int64]:
        """(2,) the foremost and hindmost vertex of an eyeball."""
        return np.flatnonzero(self.part(part))[[0, -1]]

    def face_unit(self, source: Source, name: str) -> NDArray[np.float64]:
        """(V, 3) metres: an ARKit face unit at 1, symmetric or the exact mirror image of that of the other side."""
        other = {"Left": "Right", "Right": "Left"}
        side = next((s for s in other if name.endswith(s)), "")
        twin = name.removesuffix(side) + other[side] if side else name
        here, there = self.lift @ source.face_unit(name), self.lift @ source.face_unit(twin)
        unit: NDArray[np.float64] = (here + self.reflect(there)) / 2
        return unit

    def smooth(self, values: NDArray[np.float64], rounds: int, amount: float = 0.5) -> NDArray[np.float64]:
        """Values (V, ...) blended ``rounds`` times with the mean of their neighbours."""
        mean = neighbour_mean(self.faces, len(self.parts))
        for _ in range(rounds):
            values = (1 - amount) * values + amount * (mean @ values)
        return values


def build_topology(source: Source) -> HeadTopology:
    """Cut the head out of the body, split the coarse quads of scalp and teeth, add the tongue and new eyeballs."""
    mesh = source.mesh
    skin = head_skin(mesh)
    inner = {part: mesh.part(group) for part, group in _INNER_GROUPS.items()}
    chosen = np.concatenate([skin, *inner.values()])
    old, quads = np.unique(mesh.quads[chosen], return_inverse=True)
    old_uv, uv_quads = np.unique(mesh.uv_quads[chosen], return_inverse=True)
    quads, uv_quads = quads.reshape(-1, 4), uv_quads.reshape(-1, 4)
    split = np.isin(chosen, skin) & _coarse_scalp(mesh, mesh.quads[chosen])
    split |= np.isin(chosen, np.concatenate([inner["upper_teeth"], inner["lower_teeth"]]))
    refined = refine(quads, uv_quads, split, mesh.vertices[old], len(old_uv))

    labels = np.zeros(len(old), dtype=np.int64)
    for part, group in _INNER_GROUPS.items():
        labels[np.isin(old, mesh.quads[mesh.part(group)])] = PARTS.index(part)
    labels = labels[refined.lift.indices[refined.lift.indptr[:-1]]]  # a new vertex belongs where its neighbours do
    select = sp.csr_matrix((np.ones(len(old)), (np.arange(len(old)), old)), shape=(len(old), len(mesh.vertices)))
    lifts, faces = [refined.lift @ select], [refined.triangles]
    uvs, uv_faces = [refined.uv_lift @ mesh.uv[old_uv]], [refined.uv_triangles]
    ball = sphere()
    count, uv_count = len(labels), len(uvs[0])
    for part, group in _EYE_GROUPS.items():
        vertices = np.unique(mesh.quads[mesh.part(group)])
        rows = sp.lil_matrix((len(ball.directions), len(mesh.vertices)))
        rows[:, vertices] = affine_rows(mesh.vertices[vertices], ball.directions)
        lifts.append(rows)
        faces.append(ball.triangles + count)
        uvs.append(np.array(_EYE_DISCS[part]) + _EYE_DISC_RADIUS * ball.uv)
        uv_faces.append(ball.uv_triangles + uv_count)
        labels = np.append(labels, np.full(len(ball.directions), PARTS.index(part)))
        count, uv_count = count + len(ball.directions), uv_count + len(ball.uv)

    lifts[0] = _smaller_cavity(mesh, old, refined.lift.shape[0]) @ lifts[0]
    lift = sp.csr_matrix(sp.vstack(lifts))
    copied = np.full(count, -1)
    copied[: len(old)] = old
    return HeadTopology(
        lift,
        copied,
        np.concatenate(faces),
        np.concatenate(uvs),
        np.concatenate(uv_faces),
        labels,
        _mirror(lift @ mesh.vertices, labels),
    )


def neighbour_mean(faces: NDArray[np.int64], count: int) -> sp.csr_matrix:
    """(V, V) operator that takes the mean over the vertices joined by an edge."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rows, columns = np.concatenate([ends, ends[:, ::-1]]).T
    joined = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    joined.data[:] = 1
    return sp.csr_matrix(sp.diags(1 / np.asarray(joined.sum(axis=1)).ravel()) @ joined)


def _smaller_cavity(mesh: SourceMesh, old: NDArray[np.int64], count: int) -> sp.csr_matrix:
    """(count, count) operator that draws the mouth's lining towards its middle.

    In the source it nearly touches the skin beside the nose, and pokes through it in one person of twenty-five.
    """
    steps = mouth_cavity(mesh)
    rows = np.searchsorted(old, list(steps))
    pull = _CAVITY_PULL * np.clip((np.array(list(steps.values())) - 1) / 5, 0, 1)
    deep = rows[pull == _CAVITY_PULL]
    towards = sp.csr_matrix(
        (np.repeat(pull, len(deep)) / len(deep), (np.repeat(rows, len(deep)), np.tile(deep, len(rows)))), (count, count)
    )
    stay = np.ones(count)
    stay[rows] -= pull
    return sp.csr_matrix(sp.diags(stay) + towards)


def _coarse_scalp(mesh: SourceMesh, quads: NDArray[np.int64]) -> NDArray[np.bool_]:
    corners = mesh.vertices[quads]
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    eyes = mesh.vertices[np.unique(mesh.quads[mesh.part("helper-l-eye")])].mean(axis=0)
    high = corners[..., 1].mean(axis=1) > eyes[1] + _SCALP_ABOVE_EYES
    behind = (corners[..., 2].mean(axis=1) < eyes[2] - 0.11) & (corners[..., 1].mean(axis=1) > eyes[1] - 0.01)
    coarse: NDArray[np.bool_] = (sides.max(axis=1) > _COARSE) & (high | behind)
    return coarse


def _mirror(positions: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Match every vertex to the one nearest to its mirror image (in the source they coincide to .02 mm)."""
    swap = {"l_eye": "r_eye", "r_eye": "l_eye"}
    mirror = np.empty(len(positions), dtype=np.int64)
    for index, part in enumerate(PARTS):
        here = np.flatnonzero(labels == index)
        there = np.flatnonzero(labels == PARTS.index(swap.get(part, part)))
        distance, nearest = cKDTree(positions[there]).query(positions[here] * [-1, 1, 1])
        mirror[here] = there[nearest]
        if distance.max() > 1e-4:
            raise AssertionError(f"{part} is not mirror symmetric: {distance.max()} m")
    if not np.array_equal(mirror[mirror], np.arange(len(mirror))):
        raise AssertionError("two vertices have the same mirror image")
    return mirror
