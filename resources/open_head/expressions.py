"""The 42 named expression components, from the ARKit face units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resources.open_head.rig import Rig, blend_rotations, solved
from resources.open_head.seams import Seam
from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology

CARRIED_BY_JOINTS = ("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "jawOpen", "tongueOut")
"""Units that are not blendshapes here: the eye and jaw joints do their work, and no photo fit needs the tongue."""
PARTS_THE_LIPS = ("mouthClose", "mouthFunnel", "mouthLowerDown", "mouthShrugUpper", "mouthUpperUp")
"""All other units leave closed lips closed."""
CLOSED_LIPS = -0.0003
"""Metres: the height of the upper lip's edge over the lower one's in everyone's neutral face; a little overlap."""
_BLINK_OVERLAP, _BLINK_OVERLAP_SHARE = 0.0003, 0.17
"""A full blink overlaps by this and this share of the average opening, so that wider eyes close too."""
_SMOOTHING_ROUNDS = 25


def expression_names(source: Source) -> list[str]:
    """ARKit names, sorted."""
    return [name for name in source.face_unit_names() if not name.startswith(CARRIED_BY_JOINTS)]


def expression_basis(
    source: Source, topology: HeadTopology, mean: NDArray[np.float64], rig: Rig, lips: Seam, left_lids: Seam
) -> NDArray[np.float64]:
    """(V, 3, E) metres at coefficient 1, in the order of `expression_names`.

    Each unit is symmetric, or the exact mirror image of the one of the other side.
    """
    names = expression_names(source)
    fields: dict[str, NDArray[np.float64]] = {}
    for name in (n for n in names if not n.endswith("Right")):
        field = topology.face_unit(source, name)
        field[topology.part("l_eye") | topology.part("r_eye")] = 0
        if name.startswith("mouth") and name.endswith("Left"):
            field = _softened(field, topology, mean, lips, cheeks=name == "mouthSmileLeft")
        if name == "eyeBlinkLeft":
            field = _blink(field, mean, left_lids)
        if name == "mouthClose":
            field = _close(topology.face_unit(source, "jawOpen"), field, mean, rig, lips)
        if not name.startswith(PARTS_THE_LIPS):
            field = lips.closed(field, 0)
        if name.endswith("Left"):
            fields[name.removesuffix("Left") + "Right"] = topology.reflect(field)
        else:
            field = (field + topology.reflect(field)) / 2
        fields[name] = field
    return np.stack([fields[name] for name in names], axis=-1)


def _softened(
    field: NDArray[np.float64], topology: HeadTopology, mean: NDArray[np.float64], lips: Seam, *, cheeks: bool
) -> NDArray[np.float64]:
    """A unit of one side of the mouth without its fold where left meets right, nor, beyond the lips, in the cheek."""
    ease = _ramp(-np.abs(mean[:, 0]), -0.016, -0.008)
    if cheeks:
        distance = np.linalg.norm(mean[:, None] - mean[lips.ring], axis=2).min(axis=1)
        ease = np.maximum(ease, _ramp(distance, 0.004, 0.016))
    ease = (ease * topology.part("skin"))[:, None]
    for _ in range(_SMOOTHING_ROUNDS):
        field = field + ease * (topology.smooth(field, 1) - field)
    return field


def _ramp(values: NDArray[np.float64], start: float, end: float) -> NDArray[np.float64]:
    """0 before start, 1 after end, a smooth step between."""
    share = np.clip((values - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def _blink(field: NDArray[np.float64], mean: NDArray[np.float64], lids: Seam) -> NDArray[np.float64]:
    """The source's upper lid ends 4 mm under the lower one; this one ends on it."""
    opening = lids.gap(mean)
    wanted = -_BLINK_OVERLAP - _BLINK_OVERLAP_SHARE * opening
    travel = lids.gap(field)
    curve = np.polynomial.Polynomial.fit(lids.places, (wanted - opening) / travel, 3, w=-travel)
    share = curve(np.clip(mean[:, 0], lids.places.min(), lids.places.max()))
    return field * share[:, None]


def _close(
    jaw_open: NDArray[np.float64], field: NDArray[np.float64], mean: NDArray[np.float64], rig: Rig, lips: Seam
) -> NDArray[np.float64]:
    """mouthClose 1 with jawOpen 1 brings the lips together exactly (and both at less nearly so)."""
    blend = blend_rotations(rig.weights, rig.jaw_open_radians)
    posed = (blend @ field[..., None])[..., 0]
    posed = lips.closed(mean + jaw_open + posed, CLOSED_LIPS) - mean - jaw_open
    return solved(blend, posed)
