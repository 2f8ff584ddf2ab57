"""The 42 named expression components, from the ARKit face units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology

CARRIED_BY_JOINTS = ("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "jawOpen", "tongueOut")
"""Units that are not blendshapes here: the eye and jaw joints do their work, and no photo fit needs the tongue."""


def expression_names(source: Source) -> list[str]:
    """ARKit names, sorted."""
    return [name for name in source.face_unit_names() if not name.startswith(CARRIED_BY_JOINTS)]


def face_unit(source: Source, topology: HeadTopology, name: str) -> NDArray[np.float64]:
    """(V, 3) metres at coefficient 1: symmetric, or the exact mirror image of the unit of the other side."""
    field = topology.lift @ source.face_unit(name)
    other = topology.lift @ source.face_unit(_other_side(name))
    return (field + topology.reflect(other)) / 2


def expression_basis(source: Source, topology: HeadTopology) -> NDArray[np.float64]:
    """(V, 3, E) metres at coefficient 1, in the order of `expression_names`."""
    basis = np.stack([face_unit(source, topology, name) for name in expression_names(source)], axis=-1)
    basis[topology.part("l_eye") | topology.part("r_eye")] = 0
    return basis


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name
