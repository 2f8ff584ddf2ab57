"""FLAME's own files (2020, 2023), read into the same form as ours.

FLAME is under a licence of its own: users fetch it from flame.is.tue.mpg.de themselves. Beside the model these files
are used where they are there, under the names they are published with:

- ``mediapipe_landmark_embedding.npz``: 105 of MediaPipe's landmarks;
- ``landmark_embedding.npy``: the 68 landmarks of iBUG 300-W, used where the former is missing;
- ``l_eyelid.npy``, ``r_eyelid.npy``: SMIRK's eyelid blendshapes;
- ``FLAME_texture.npz``: texture coordinates;
- ``FLAME_masks.pkl``: regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fields_core.errors import ModelFileError
from fields_core.head.array_archive import Array, parse_array, read_arrays
from fields_core.head.model_file import PARENTS, POSE_FEATURES, HeadModelFile, check_head_file
from fields_core.head.pickle_reader import read_pickled_arrays

SHAPES = 300
"""FLAME's shapedirs hold the identity components first, then the expression components."""
JAW_OPEN_RADIANS = 0.4206
"""The open head's: FLAME has no unit named jawOpen, and its jaw turns about the same place."""
EXPRESSION_BOUND = 5.0
"""Standard deviations; generous, for FLAME itself sets no bounds."""

_SMALL_BYTES = 2**24  # what the files beside the model hold of what is read
_SKIN = (200, 160, 140)  # sRGB of a mid skin tone: FLAME's geometry comes without colour
_REGIONS: dict[str, tuple[str, ...]] = {
    "face": ("face",),
    "lips": ("lips",),
    "eyes": ("left_eye_region", "right_eye_region"),
    "nose": ("nose",),
    "ears": ("left_ear", "right_ear"),
    "neck": ("neck",),
    "scalp": ("scalp",),
    "forehead": ("forehead",),
    "eyeballs": ("left_eyeball", "right_eyeball"),
}
"""Our regions as unions of FLAME_masks.pkl's."""
_IBUG_IN_MEDIAPIPE = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # contour
        *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
        *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
    ],
    np.int32,
)
"""The MediaPipe landmark that lies at each of the 68 landmarks of iBUG 300-W."""
_CONTOUR = slice(0, 17)
_CONTOUR_WEIGHT = 0.35  # the contour on a 3D head moves with the viewpoint


@dataclass(frozen=True, eq=False)
class _Landmarks:
    """(L,) MediaPipe numbers, (L,) faces, (L, 3) barycentrics, (L,) weights, and which subset they are."""

    ids: Array
    faces: Array
    barycentrics: Array
    weights: Array
    subset: int


def read_flame(path: Path) -> HeadModelFile:
    """Read FLAME's pickle and the files beside it. No code in any of them is run.

    Returns:
        300 shape components, the others as "expression 1", "expression 2", ...; no albedo; landmarks, eyelids, texture
        coordinates and regions as far as their files are there.

    Raises:
        ModelFileError: missing, damaged, hostile, or not FLAME.
    """
    arrays = read_pickled_arrays(path)
    wanted = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
    missing = [name for name in wanted if not isinstance(arrays.get(name), np.ndarray)]
    if missing:
        raise _not_flame(path, "arrays " + ", ".join(wanted), "no " + ", ".join(missing))
    directions = arrays["shapedirs"]
    vertices, count = len(arrays["v_template"]), len(PARENTS)
    if directions.ndim != 3 or directions.shape[:2] != (vertices, 3) or directions.shape[2] <= SHAPES:
        raise _not_flame(path, f"shapedirs {vertices} x 3 x {SHAPES} and more", str(directions.shape))
    if arrays["posedirs"].shape != (vertices, 3, POSE_FEATURES):
        raise _not_flame(path, f"posedirs {vertices} x 3 x {POSE_FEATURES}", str(arrays["posedirs"].shape))
    if arrays["kintree_table"].shape != (2, count):
        raise _not_flame(path, f"kintree_table 2 x {count}", str(arrays["kintree_table"].shape))
    expressions = directions.shape[2] - SHAPES
    uv, uv_faces = _texture_coordinates(path.with_name("FLAME_texture.npz"))
    regions = _regions(path.with_name("FLAME_masks.pkl"), vertices)
    landmarks = _landmarks(path)
    rows, none = np.arange(len(landmarks.ids), dtype=np.int32), np.zeros(0, np.int32)
    file = HeadModelFile(
        name=f"flame-{path.stem}",
        licence="FLAME licence, https://flame.is.tue.mpg.de/modellicense.html",
        v_template=_floats(arrays["v_template"]),
        f=_indices(arrays["f"]),
        shapedirs=_floats(directions[..., :SHAPES]),
        expression_dirs=_floats(directions[..., SHAPES:]),
        expression_names=tuple(f"expression {number}" for number in range(1, expressions + 1)),
        expression_bounds=np.array([[-EXPRESSION_BOUND, EXPRESSION_BOUND]] * expressions, np.float32),
        posedirs_columns=np.arange(POSE_FEATURES, dtype=np.int32),
        posedirs=_floats(arrays["posedirs"]),
        J_regressor=_floats(arrays["J_regressor"]),
        weights=_floats(arrays["weights"]),
        kintree_table=(arrays["kintree_table"].astype(np.int64) % 2**32).astype(np.uint32),
        l_eyelid=_eyelid(path.with_name("l_eyelid.npy"), vertices),
        r_eyelid=_eyelid(path.with_name("r_eyelid.npy"), vertices),
        jaw_open_radians=JAW_OPEN_RADIANS,
        vt=uv,
        ft=uv_faces,
        landmark_ids=landmarks.ids,
        landmark_faces=landmarks.faces,
        landmark_barycentrics=landmarks.barycentrics,
        landmark_weights=landmarks.weights,
        landmarks_105=rows if landmarks.subset == 105 else none,
        landmarks_68=rows if landmarks.subset == 68 else none,
        region_names=tuple(regions),
        region_masks=np.stack(list(regions.values())) if regions else np.zeros((0, vertices), np.bool_),
        albedo_mean=np.array([[_SKIN]], np.uint8),
        albedo_dirs=np.zeros((0, 1, 1, 3), np.int8),
        albedo_scales=np.zeros(0, np.float32),
    )
    check_head_file(file, path)
    return file


def _landmarks(path: Path) -> _Landmarks:
    mediapipe = path.with_name("mediapipe_landmark_embedding.npz")
    if mediapipe.is_file():
        stored: dict[str, Any] = dict(read_arrays(mediapipe, limit_bytes=_SMALL_BYTES))
        _require(mediapipe, stored, ("landmark_indices", "lmk_face_idx", "lmk_b_coords"))
        ids, faces, barycentrics = stored["landmark_indices"], stored["lmk_face_idx"], stored["lmk_b_coords"]
        return _Landmarks(_indices(ids), _indices(faces), _floats(barycentrics), np.ones(len(ids), np.float32), 105)
    static = path.with_name("landmark_embedding.npy")
    if static.is_file():
        stored = read_pickled_arrays(static)
        _require(static, stored, ("full_lmk_faces_idx", "full_lmk_bary_coords"))
        faces, barycentrics = stored["full_lmk_faces_idx"], stored["full_lmk_bary_coords"]
        if faces.size != 68 or barycentrics.size != 3 * 68:
            raise _not_flame(static, "68 landmarks", f"{faces.size} faces, {barycentrics.size} barycentrics")
        weights = np.ones(68, np.float32)
        weights[_CONTOUR] = _CONTOUR_WEIGHT
        barycentrics = _floats(barycentrics.reshape(68, 3))
        return _Landmarks(_IBUG_IN_MEDIAPIPE, _indices(faces.reshape(68)), barycentrics, weights, 68)
    none = np.zeros(0, np.int32)
    return _Landmarks(none, none, np.zeros((0, 3), np.float32), np.zeros(0, np.float32), 0)


def _texture_coordinates(path: Path) -> tuple[Array, Array]:
    if not path.is_file():
        return np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int32)
    stored = read_arrays(path, limit_bytes=_SMALL_BYTES, only=("vt", "ft"))
    _require(path, stored, ("vt", "ft"))
    return _floats(stored["vt"]), _indices(stored["ft"])


def _regions(path: Path, vertices: int) -> dict[str, Array]:
    if not path.is_file():
        return {}
    stored = read_pickled_arrays(path)
    regions = {}
    for name, parts in _REGIONS.items():
        _require(path, stored, parts)
        mask = np.zeros(vertices, np.bool_)
        for part in parts:
            rows = _indices(stored[part])
            if rows.size and (rows.min() < 0 or rows.max() >= vertices):
                raise _not_flame(path, f"{part} from 0 to {vertices - 1}", f"{rows.min()} to {rows.max()}")
            mask[rows] = True
        regions[name] = mask
    return regions


def _eyelid(path: Path, vertices: int) -> Array:
    if not path.is_file():
        return np.zeros((vertices, 3), np.float32)
    try:
        if path.stat().st_size > _SMALL_BYTES:
            raise ValueError(f"it has {path.stat().st_size >> 20} MiB")
        return _floats(parse_array(path.read_bytes()))
    except (OSError, ValueError) as cause:
        raise _not_flame(path, f"an array of {vertices} x 3 numbers", str(cause)) from cause


def _require(path: Path, stored: dict[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if not isinstance(stored.get(name), np.ndarray)]
    if missing:
        raise _not_flame(path, "arrays " + ", ".join(names), "no " + ", ".join(missing))


def _floats(array: Array) -> Array:
    if array.dtype.kind not in "fiu":
        return array  # for `check_head_file` to refuse
    return np.ascontiguousarray(array, np.float32)


def _indices(array: Array) -> Array:
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _not_flame(path: Path, expected: str, found: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is not one of FLAME's files",
        expected=expected,
        found=found,
        remedy="Take the file from flame.is.tue.mpg.de (FLAME 2020 or 2023), or use the open head.",
    )
