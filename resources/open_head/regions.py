"""Named parts of the surface, for editing and for what is measured where."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.open_head.identity import head_vertices
from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology, neighbour_mean

REGIONS = ("face", "lips", "eyes", "brows", "nose", "ears", "neck", "scalp", "eyeballs", "teeth", "mouth")
LIP_RINGS = 6


@dataclass(frozen=True, eq=False)
class Regions:
    names: tuple[str, ...]
    masks: NDArray[np.bool_]
    """(R, V); regions may overlap: lips, eyes, brows and nose are parts of the face."""


def build_regions(
    source: Source, topology: HeadTopology, mean: NDArray[np.float64], lip_ring: NDArray[np.int64]
) -> Regions:
    """Regions of the mean head (V, 3) metres, from the source's painted masks, its targets' reach and plain boxes.

    Args:
        lip_ring: the vertices on which the lips touch.
    """
    skin = topology.part("skin")
    x, y, z = (mean * 1000).T
    eye = topology.eye_centre(mean, "l_eye") * 1000
    inside = skin & _painted(source, topology, "inside-mouth")
    ears = skin & _painted(source, topology, "ears")
    lips = _lips(topology, lip_ring, inside)
    head = head_vertices(source, topology)
    lids = np.hypot((np.abs(x) - eye[0]) / 21, (y - eye[1]) / 14) < 1
    front = head & ~ears & ~inside
    hairline = eye[1] + 62 - 0.5 * np.clip(eye[2] - 10 - z, 0, None)
    face = front & (y < hairline) & (z > eye[2] - 70) & (y > mean[lips, 1].mean() * 1000 - 48)
    masks = {
        "face": face,
        "lips": lips,
        "eyes": face & lids & (z > eye[2] - 12),
        "brows": face & (y > eye[1] + 12) & (y < eye[1] + 30) & (np.abs(x) < 58) & (z > eye[2] - 30),
        "nose": face & _reach(source, topology, "nose", 0.0012),
        "ears": ears,
        "neck": skin & ~head & ~face,
        "scalp": front & ~face & (y > eye[1] - 30),
        "eyeballs": topology.part("l_eye") | topology.part("r_eye"),
        "teeth": topology.part("upper_teeth") | topology.part("lower_teeth"),
        "mouth": inside | topology.part("tongue"),
    }
    return Regions(REGIONS, np.stack([masks[name] for name in REGIONS]))


def _lips(topology: HeadTopology, lip_ring: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) the red of the lips: so many rings of vertices outward from where they touch."""
    joined = neighbour_mean(topology.faces, len(topology.parts))
    lips = np.zeros(len(topology.parts), dtype=bool)
    lips[lip_ring] = True
    for _ in range(LIP_RINGS):
        lips |= (joined @ lips > 0) & ~inside
    return lips & lips[topology.mirror]


def _painted(source: Source, topology: HeadTopology, name: str) -> NDArray[np.bool_]:
    """(V,) the skin under the white of one of the source's mask pictures."""
    with Image.open(io.BytesIO((source.folder / f"mpfb2/textures/mpfb_{name}.jpg").read_bytes())) as picture:
        mask = np.asarray(picture.convert("L"))
    height, width = mask.shape
    columns = np.clip((topology.uv[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - topology.uv[:, 1]) * height).astype(int), 0, height - 1)
    white = mask[rows, columns] > 128
    result = np.zeros(len(topology.parts), dtype=bool)
    result[topology.faces.ravel()] |= white[topology.uv_faces.ravel()]
    return result & result[topology.mirror]


def _reach(source: Source, topology: HeadTopology, folder: str, metres: float) -> NDArray[np.bool_]:
    """(V,) where any morph target of a folder moves the surface further than ``metres``."""
    result = np.zeros(len(topology.parts), dtype=bool)
    for name in source.target_names(folder):
        result |= np.linalg.norm(topology.lift @ source.target(name), axis=1) > metres
    return result | result[topology.mirror]
