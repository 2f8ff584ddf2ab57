"""All of the head but its surface (texture layout, albedo, landmarks): `build_geometry`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resources.open_head.cut import LIPS
from resources.open_head.expressions import CLOSED_LIPS, expression_basis, expression_names
from resources.open_head.identity import draw_samples, shape_basis
from resources.open_head.regions import Regions, build_regions
from resources.open_head.rig import Rig, build_rig
from resources.open_head.seams import LEFT_LIDS, find_seam
from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology, build_topology

PEOPLE = 2000
COMPONENTS = 100
SEED = 20260101


@dataclass(frozen=True, eq=False)
class HeadGeometry:
    """V vertices, F triangles, T texture coordinates, S identity and E expression components. Model frame, metres."""

    v_template: NDArray[np.float64]
    """(V, 3) the mean head, exactly mirror symmetric."""
    faces: NDArray[np.int64]
    """(F, 3) counter-clockwise from outside."""
    uv: NDArray[np.float64]
    """(T, 2) the source's wasteful layout, v up; eyeballs are discs with the iris in the middle."""
    uv_faces: NDArray[np.int64]
    """(F, 3) indices into ``uv``."""
    parts: NDArray[np.str_]
    """(V,) "skin", "l_eye", "r_eye", "upper_teeth", "lower_teeth" or "tongue"."""
    mirror: NDArray[np.int64]
    """(V,) the vertex on the other side."""
    shape_directions: NDArray[np.float64]
    """(V, 3, S) metres per standard deviation."""
    expression_directions: NDArray[np.float64]
    """(V, 3, E) metres at coefficient 1."""
    expression_names: tuple[str, ...]
    """ARKit names."""
    people: NDArray[np.float32]
    """(n, V, 3) random neutral identities."""
    rig: Rig
    regions: Regions
    topology: HeadTopology


def build_geometry(source: Source) -> HeadGeometry:
    """Build everything from the source files; half a minute on one core, no randomness left to chance."""
    topology = build_topology(source)
    samples = draw_samples(source, topology, PEOPLE, SEED)
    lips = find_seam(source, topology, samples.vertices.mean(axis=0), LIPS)
    samples = replace(samples, vertices=lips.closed(samples.vertices, CLOSED_LIPS))
    shape = shape_basis(samples.vertices, topology, COMPONENTS)
    left_lids = find_seam(source, topology, shape.mean, LEFT_LIDS)
    rig = build_rig(source, topology, shape, samples)
    return HeadGeometry(
        v_template=shape.mean,
        faces=topology.faces,
        uv=topology.uv,
        uv_faces=topology.uv_faces,
        parts=topology.part_names,
        mirror=topology.mirror,
        shape_directions=shape.directions,
        expression_directions=expression_basis(source, topology, shape.mean, rig, lips, left_lids),
        expression_names=tuple(expression_names(source)),
        people=samples.vertices[:300].astype(np.float32),
        rig=rig,
        regions=build_regions(source, topology, shape.mean, lips.ring),
        topology=topology,
    )
