"""The head model file: what a head model is made of, and how it is stored (npz, format "fields-head-1").

The file keeps blendshapes as float16 millimetres (exact to 0.006 mm, a quarter of the size); in memory all lengths are
float32 metres. The layout is FLAME's (Li et al., "Learning a model of facial shape and expression from 4D scans",
SIGGRAPH Asia 2017): five joints (root, neck, jaw, left eye, right eye), linear blendshapes, pose correctives driven by
(R - I) of joints 1..4, linear blend skinning.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import LANDMARK_COUNT
from fields_core.errors import ModelFileError
from fields_core.head.array_archive import Array, read_arrays, write_arrays

FORMAT = "fields-head-1"
PARENTS = (-1, 0, 1, 1, 1)
"""Parent of each joint: root, neck, jaw, left eye, right eye."""
POSE_FEATURES = 36
"""(R - I) of the joints 1..4, nine entries each."""

_LIMIT_BYTES = 128 * 2**20
_MAX_COORDINATE = 10.0  # metres; no head is larger, but a model in millimetres is
_IN_MILLIMETRES = ("shapedirs", "expression_dirs", "posedirs", "l_eyelid", "r_eyelid")
_TEXTS = ("name", "licence")
_STORED_AS: dict[str, Any] = {
    "f": np.int32,
    "posedirs_columns": np.int32,
    "kintree_table": np.uint32,
    "ft": np.int32,
    "landmark_ids": np.int32,
    "landmark_faces": np.int32,
    "landmarks_105": np.int32,
    "landmarks_68": np.int32,
    "region_masks": np.bool_,
    "albedo_mean": np.uint8,
    "albedo_dirs": np.int8,
}
"""Types of the members that are not float32."""


@dataclass(frozen=True, eq=False)
class HeadModelFile:
    """All arrays of a head model: V vertices, F faces, S shape and E expression components, A albedo components.

    What a model lacks is empty: FLAME has no named units, no albedo and, without its embedding files, no landmarks.
    """

    name: str
    """Code files name the head model they belong to by this."""
    licence: str
    """SPDX identifier or a sentence."""
    v_template: NDArray[np.float32]
    """(V, 3) metres, model frame of `fields_core.camera`."""
    f: NDArray[np.int32]
    """(F, 3) counter-clockwise from outside."""
    shapedirs: NDArray[np.float32]
    """(V, 3, S) metres per standard deviation."""
    expression_dirs: NDArray[np.float32]
    """(V, 3, E) metres at coefficient 1."""
    expression_names: tuple[str, ...]
    """E names; of the open head ARKit's."""
    expression_bounds: NDArray[np.float32]
    """(E, 2) least and greatest sensible coefficient."""
    posedirs_columns: NDArray[np.int32]
    """(K,) which of the 36 pose features have correctives, ascending."""
    posedirs: NDArray[np.float32]
    """(V, 3, K) metres per unit of the pose feature."""
    J_regressor: NDArray[np.float32]
    """(5, V) joints from the shaped vertices."""
    weights: NDArray[np.float32]
    """(V, 5) skinning weights; rows sum to 1."""
    kintree_table: NDArray[np.uint32]
    """(2, 5) parents and joint numbers, as FLAME stores them (the root's parent is 2**32 - 1)."""
    l_eyelid: NDArray[np.float32]
    """(V, 3) metres: the left eye closed."""
    r_eyelid: NDArray[np.float32]
    """(V, 3) metres: the right eye closed."""
    jaw_open_radians: float
    """Jaw rotation about x that is ARKit's jawOpen = 1."""
    vt: NDArray[np.float32]
    """(T, 2) texture coordinates, v up; T = 0 without texture."""
    ft: NDArray[np.int32]
    """(F, 3) indices into ``vt``; (0, 3) without texture."""
    landmark_ids: NDArray[np.int32]
    """(L,) which of MediaPipe's 478 landmarks this model carries; of the open head all, in order."""
    landmark_faces: NDArray[np.int32]
    """(L,) the face each landmark lies on."""
    landmark_barycentrics: NDArray[np.float32]
    """(L, 3) where on that face."""
    landmark_weights: NDArray[np.float32]
    """(L,) trust in [0, 1] for fitting."""
    landmarks_105: NDArray[np.int32]
    """Rows of the landmarks that are FLAME's 105 MediaPipe landmarks."""
    landmarks_68: NDArray[np.int32]
    """Rows of the landmarks that are the 68 of iBUG 300-W; empty if the model has not got them."""
    region_names: tuple[str, ...]
    """R names: face, lips, eyes, brows, nose, ears, neck, scalp, ..."""
    region_masks: NDArray[np.bool_]
    """(R, V) which vertices belong to each region."""
    albedo_mean: NDArray[np.uint8]
    """(H, H, 3) sRGB."""
    albedo_dirs: NDArray[np.int8]
    """(A, h, h, 3): times ``albedo_scales / 127`` gives sRGB / 255 per standard deviation."""
    albedo_scales: NDArray[np.float32]
    """(A,)"""


def write_head_file(file: HeadModelFile, path: Path) -> None:
    """Write a head model; the same arrays give the same bytes.

    Raises:
        ModelFileError: the arrays do not make a head model.
        ExportError: the file cannot be written.
    """
    check_head_file(file, path)
    values = {field.name: _to_storage(field.name, getattr(file, field.name)) for field in fields(HeadModelFile)}
    write_arrays({"format": np.array(FORMAT), **values}, path)


def read_head_file(path: Path) -> HeadModelFile:
    """Read and check a head model in our own format.

    Raises:
        ModelFileError: missing, damaged, hostile, of another format, or inconsistent.
    """
    arrays = read_arrays(path, limit_bytes=_LIMIT_BYTES)
    if "format" not in arrays or str(arrays["format"]) != FORMAT:
        raise _bad(path, f'the member "format" saying {FORMAT}', str(arrays.get("format", "none"))[:80])
    arrays.setdefault("landmark_ids", np.arange(len(arrays.get("landmark_faces", ())), dtype=np.int32))
    missing = [field.name for field in fields(HeadModelFile) if field.name not in arrays]
    if missing:
        raise _bad(path, "all members of a head model", f"no {', '.join(missing)}")
    values = {field.name: _from_storage(path, field.name, arrays[field.name]) for field in fields(HeadModelFile)}
    file = HeadModelFile(**values)
    check_head_file(file, path)
    return file


def _to_storage(name: str, value: Any) -> Array:
    if isinstance(value, str | tuple):
        return np.array(value)
    if name in _IN_MILLIMETRES:
        return (np.asarray(value, np.float64) * 1e3).astype(np.float16)
    return np.asarray(value, _STORED_AS.get(name, np.float32))


def _from_storage(path: Path, name: str, array: Array) -> Any:
    """The member as `HeadModelFile` wants it; types are converted only where nothing is lost."""
    if name in _TEXTS or name in ("expression_names", "region_names"):
        if array.dtype.kind != "U" and array.size:
            raise _bad(path, f"{name} to be text", f"an array of {array.dtype}")
        return str(array) if name in _TEXTS else tuple(str(text) for text in array.ravel())
    if name == "jaw_open_radians":
        if array.size != 1 or array.dtype.kind not in "fiu":
            raise _bad(path, "jaw_open_radians to be one number", f"{array.dtype} {array.shape}")
        return float(array.reshape(()))
    target = np.dtype(_STORED_AS.get(name, np.float32))
    same_kind = array.dtype.kind in {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[target.kind]
    if not same_kind:
        raise _bad(path, f"{name} to be {target}", f"{array.dtype}")
    if target.kind in "iu" and array.size:
        limits = np.iinfo(target)
        if array.min() < limits.min or array.max() > limits.max:
            raise _bad(path, f"{name} within {target}", f"{array.min()} to {array.max()}")
    if name in _IN_MILLIMETRES:
        return (array.astype(np.float64) * 1e-3).astype(np.float32)
    return array.astype(target)


def check_head_file(file: HeadModelFile, path: Path) -> None:
    """Check that the arrays fit together: shapes, finite, indices in range, weights that sum to 1.

    Raises:
        ModelFileError: naming the member that is wrong and ``path``.
    """
    V, F, E, L = len(file.v_template), len(file.f), len(file.expression_names), len(file.landmark_ids)
    K, A, R = len(file.posedirs_columns), len(file.albedo_scales), len(file.region_names)
    S = file.shapedirs.shape[-1] if file.shapedirs.ndim == 3 else 0
    shapes: dict[str, tuple[int | None, ...]] = {
        "v_template": (V, 3),
        "f": (F, 3),
        "shapedirs": (V, 3, S),
        "expression_dirs": (V, 3, E),
        "expression_bounds": (E, 2),
        "posedirs_columns": (K,),
        "posedirs": (V, 3, K),
        "J_regressor": (len(PARENTS), V),
        "weights": (V, len(PARENTS)),
        "kintree_table": (2, len(PARENTS)),
        "l_eyelid": (V, 3),
        "r_eyelid": (V, 3),
        "vt": (None, 2),
        "ft": (F if len(file.ft) else 0, 3),
        "landmark_ids": (L,),
        "landmark_faces": (L,),
        "landmark_barycentrics": (L, 3),
        "landmark_weights": (L,),
        "landmarks_105": (None,),
        "landmarks_68": (None,),
        "region_masks": (R, V),
        "albedo_mean": (None, None, 3),
        "albedo_dirs": (A, None, None, 3),
        "albedo_scales": (A,),
    }
    for name, shape in shapes.items():
        _check_shape(path, name, getattr(file, name), shape)
    _check_index(path, "f", file.f, V)
    _check_index(path, "ft", file.ft, len(file.vt))
    _check_index(path, "posedirs_columns", file.posedirs_columns, POSE_FEATURES)
    _check_index(path, "landmark_ids", file.landmark_ids, LANDMARK_COUNT)
    _check_index(path, "landmark_faces", file.landmark_faces, F)
    _check_index(path, "landmarks_105", file.landmarks_105, L)
    _check_index(path, "landmarks_68", file.landmarks_68, L)
    _check_values(path, file, V, F)


def _check_shape(path: Path, name: str, array: Array, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(w in (None, n) for n, w in zip(array.shape, shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if extent is None else str(extent) for extent in shape)
        raise _bad(path, f"{name} of shape {wanted}", " x ".join(map(str, array.shape)) or "one number")
    kind = np.dtype(_STORED_AS.get(name, np.float32)).kind.replace("u", "i")
    if array.dtype.kind.replace("u", "i") != kind:
        raise _bad(path, f"{name} of type {np.dtype(_STORED_AS.get(name, np.float32))}", str(array.dtype))
    if kind == "f" and not np.isfinite(array).all():
        raise _bad(path, f"{name} to be finite", "NaN or infinity")


def _check_index(path: Path, name: str, array: Array, below: int) -> None:
    if array.size and (array.min() < 0 or array.max() >= below):
        raise _bad(path, f"{name} from 0 to {below - 1}", f"{array.min()} to {array.max()}")


def _check_values(path: Path, file: HeadModelFile, V: int, F: int) -> None:
    if V < 4 or F < 4:
        raise _bad(path, "a head", f"{V} vertices and {F} faces")
    for name in ("v_template", *_IN_MILLIMETRES):
        reach = float(np.abs(getattr(file, name)).max(initial=0.0))
        if reach > _MAX_COORDINATE:
            raise _bad(path, f"{name} in metres, within {_MAX_COORDINATE:g} m", f"{reach:g}")
    sums = file.weights.sum(1)
    if np.abs(sums - 1.0).max() > 1e-3 or file.weights.min() < -1e-3:
        raise _bad(path, "weights that are positive and sum to 1", f"sums from {sums.min():.4f} to {sums.max():.4f}")
    parents = tuple(file.kintree_table[0, 1:].tolist())
    if parents != PARENTS[1:]:
        raise _bad(path, f"kintree_table with the parents {PARENTS[1:]} (neck, jaw, left eye, right eye)", str(parents))
    barycentric_sums = file.landmark_barycentrics.sum(1)
    if barycentric_sums.size and np.abs(barycentric_sums - 1.0).max() > 1e-3:
        raise _bad(
            path, "landmark_barycentrics that sum to 1", f"{barycentric_sums.min():g} to {barycentric_sums.max():g}"
        )
    for name, names in (("expression_names", file.expression_names), ("region_names", file.region_names)):
        if len(set(names)) != len(names) or "" in names:
            raise _bad(path, f"{name} that are all different and not empty", ", ".join(names)[:200])
    if (file.expression_bounds[:, 0] >= file.expression_bounds[:, 1]).any():
        raise _bad(path, "expression_bounds with the least value first", "a least value that is not below the greatest")
    if not np.isfinite(file.jaw_open_radians) or not 0.0 < file.jaw_open_radians < np.pi:
        raise _bad(path, "jaw_open_radians between 0 and pi", str(file.jaw_open_radians))
    if file.albedo_mean.shape[0] < 1 or file.albedo_mean.shape[0] != file.albedo_mean.shape[1]:
        raise _bad(path, "a square albedo_mean", f"{file.albedo_mean.shape[0]} x {file.albedo_mean.shape[1]}")


def _bad(path: Path, expected: str, found: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is not a usable head model",
        expected=expected,
        found=found,
        remedy="Take a fresh copy of the head model, or choose another one.",
    )
