"""Writing the head model file so that the same arrays always give the same bytes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.files import replacing
from resources.open_head.geometry import HeadGeometry
from resources.open_head.rig import PARENTS, POSE_COLUMNS

_NO_PARENT = 2**32 - 1
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def geometry_arrays(geometry: HeadGeometry) -> dict[str, NDArray[np.generic]]:
    """The members of the file that the geometry decides (see `fields_core.head` for the format)."""
    names = geometry.expression_names
    blink = {side: geometry.expression_directions[..., names.index(f"eyeBlink{side}")] for side in ("Left", "Right")}
    parents = [p if p >= 0 else _NO_PARENT for p in PARENTS]
    return {
        "format": np.array("fields-head-1"),
        "name": np.array("open-head-1"),
        "licence": np.array("CC0-1.0"),
        "v_template": geometry.v_template.astype(np.float32),
        "f": geometry.faces.astype(np.int32),
        "shapedirs": _millimetres(geometry.shape_directions),
        "expression_dirs": _millimetres(geometry.expression_directions),
        "expression_names": np.array(names),
        "expression_bounds": np.tile(np.array([0, 1], dtype=np.float32), (len(names), 1)),
        "posedirs": _millimetres(geometry.rig.pose_directions),
        "posedirs_columns": np.array(POSE_COLUMNS, dtype=np.int32),
        "J_regressor": geometry.rig.joint_regressor.astype(np.float32),
        "weights": geometry.rig.weights.astype(np.float32),
        "kintree_table": np.array([parents, range(len(PARENTS))], dtype=np.uint32),
        "l_eyelid": _millimetres(blink["Left"]),
        "r_eyelid": _millimetres(blink["Right"]),
        "jaw_open_radians": np.array(geometry.rig.jaw_open_radians, dtype=np.float32),
        "vt": geometry.uv.astype(np.float32),
        "ft": geometry.uv_faces.astype(np.int32),
        "region_names": np.array(geometry.regions.names),
        "region_masks": geometry.regions.masks,
    }


def write_npz(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """An npz file with sorted members and fixed dates."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name]), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", _ZIP_EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, buffer.getvalue(), zipfile.ZIP_DEFLATED, 9)


def _millimetres(metres: NDArray[np.float64]) -> NDArray[np.float16]:
    return (metres * 1000).astype(np.float16)
