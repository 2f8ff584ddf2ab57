"""Face codes as files: npz for programs, JSON for people.

Both name the head model and, one by one, its expression coefficients, so a code is never poured into another model.
JSON: ``{"format": "fields-code-1", "head_model": ..., "head_model_licence": ..., "units": {...}, "faces": [{"shape":
[...], "expression": {name: value, ...}, "camera": {"scale": ..., "tx": ..., "ty": ...}, ...}, ...]}``. npz: the fields
of `FaceCode`, ``format``, ``head_model``, ``head_model_licence``, ``expression_names`` and whatever the writer adds.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from fields_core.datatypes import FaceCode
from fields_core.errors import CodeFileError
from fields_core.files import replacing
from fields_core.head.array_archive import Array, read_arrays, write_arrays
from fields_core.head.model import HeadModel

FORMAT = "fields-code-1"
UNITS = {
    "shape": "standard deviations",
    "expression": "coefficients; those of ARKit's units in [0, 1]",
    "head_pose": "radians, axis-angle",
    "neck_pose": "radians, axis-angle",
    "jaw_pose": "radians, axis-angle; +x opens the mouth",
    "eye_pose": "radians, axis-angle; +x looks down, +y to the person's left",
    "eyelids": "closure in [0, 1]",
    "camera": "scale in half crop widths per metre; tx, ty in metres",
    "lighting": "spherical harmonics, order 2, RGB",
    "albedo": "standard deviations",
}
_LABELS = {
    "eye_pose": ("left_x", "left_y", "left_z", "right_x", "right_y", "right_z"),
    "eyelids": ("left", "right"),
    "camera": ("scale", "tx", "ty"),
}
"""Fields written as {label: value} in JSON, beside ``expression``; the others are lists."""
_LIMITS = {
    "shape": 20.0,
    "expression": 20.0,
    "head_pose": 2 * math.pi,
    "neck_pose": 2 * math.pi,
    "jaw_pose": 2 * math.pi,
    "eye_pose": 2 * math.pi,
    "eyelids": 20.0,
    "camera": 1e4,
    "lighting": 1e4,
    "albedo": 20.0,
}
"""Greatest magnitude that can mean anything."""
_ROUNDING = 1e-3  # a coefficient at its bound may have been rounded past it
_LIMIT_BYTES = 64 * 2**20
_MAX_FACES = 10_000


def save_code(path: Path, code: FaceCode, head: HeadModel, arrays: Mapping[str, Array] | None = None) -> None:
    """Write the code of one or more faces.

    Args:
        path: .npz or .json.
        code: of any number of faces.
        head: the model it belongs to.
        arrays: more arrays for an npz (vertices, faces, landmarks, ...).

    Raises:
        CodeFileError: the code does not fit the head model, is not finite or out of bounds; or an unknown suffix.
        ExportError: the file cannot be written.
    """
    values = {field.name: getattr(code, field.name).detach().cpu().numpy() for field in fields(FaceCode)}
    _check(path, values, head)
    if _suffix(path) == ".json":
        if arrays:
            raise ValueError("only an npz can hold more arrays")
        with replacing(path) as temporary:
            temporary.write_text(_to_json(values, head), encoding="utf-8")
        return
    own = {
        "format": np.array(FORMAT),
        "head_model": np.array(head.name),
        "head_model_licence": np.array(head.licence),
        "expression_names": np.array(head.expression_names),
    }
    extra = dict(arrays or {})
    if clash := extra.keys() & (own.keys() | values.keys()):
        raise ValueError(f"these names belong to the code: {', '.join(sorted(clash))}")
    write_arrays({**own, **values, **extra}, path)


def load_code(path: Path, head: HeadModel) -> FaceCode:
    """Read the code of one or more faces.

    Returns:
        float32, on the head model's device.

    Raises:
        CodeFileError: missing, damaged, hostile, for another head model, of wrong sizes, not finite or out of bounds.
    """
    read = _read_json if _suffix(path) == ".json" else _read_npz
    values = read(path, head)
    _check(path, values, head)
    device = head.faces.device
    return FaceCode(**{name: torch.tensor(values[name], dtype=torch.float32, device=device) for name in UNITS})


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".npz"):
        _fail(path, "a face code as .npz or .json", f"the suffix {path.suffix!r}")
    return suffix


def _read_npz(path: Path, head: HeadModel) -> dict[str, Array]:
    arrays = read_arrays(path, limit_bytes=_LIMIT_BYTES, error=CodeFileError)
    _check_belongs(path, str(arrays.get("format", "none")), str(arrays.get("head_model", "none")), head)
    names = tuple(str(name) for name in arrays.get("expression_names", np.zeros(0)).ravel())
    _check_names(path, "expression", names, head.expression_names)
    if names != head.expression_names:
        _fail(path, "the expression names in the head model's order", "another order")
    if missing := [name for name in UNITS if name not in arrays]:
        _fail(path, "all parts of a face code", f"no {', '.join(missing)}")
    return {name: arrays[name] for name in UNITS}


def _to_json(values: Mapping[str, Array], head: HeadModel) -> str:
    labels = _labels(head)

    def plain(name: str, row: Array) -> Any:
        if row.ndim > 1:
            return [plain("", line) for line in row]
        numbers = [float(str(number)) for number in row]  # the shortest decimal that reads back as the same float
        return dict(zip(labels[name], numbers, strict=True)) if name in labels else numbers

    count = len(values["shape"])
    content = {
        "format": FORMAT,
        "head_model": head.name,
        "head_model_licence": head.licence,
        "units": UNITS,
        "faces": [{name: plain(name, values[name][face]) for name in UNITS} for face in range(count)],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return re.sub(r"\[[-+.,eE\d\s]*\]", lambda numbers: " ".join(numbers[0].split()), text) + "\n"  # a list a line


def _read_json(path: Path, head: HeadModel) -> dict[str, Array]:
    content = _parse_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("faces"), list):
        _fail(path, 'an object with a list named "faces"', f"a {type(content).__name__}")
    _check_belongs(path, str(content.get("format", "none")), str(content.get("head_model", "none")), head)
    labels = _labels(head)
    rows: dict[str, list[Any]] = {name: [] for name in UNITS}
    for face in content["faces"]:
        if not isinstance(face, dict):
            _fail(path, "an object for each face", f"a {type(face).__name__}")
        if missing := [name for name in UNITS if name not in face]:
            _fail(path, "all parts of a face code", f"no {', '.join(missing)}")
        for name in UNITS:
            value = face[name]
            if name in labels:
                if not isinstance(value, dict):
                    _fail(path, f"{name} as an object of names and numbers", f"a {type(value).__name__}")
                _check_names(path, name, tuple(value), labels[name])
                value = [value[label] for label in labels[name]]
            rows[name].append(value)
    return {name: _numbers(path, name, rows[name]) for name in UNITS}


def _parse_json(path: Path) -> Any:
    def refuse(constant: str) -> NoReturn:
        _fail(path, "finite numbers", constant)

    try:
        if path.stat().st_size > _LIMIT_BYTES:
            _fail(path, f"at most {_LIMIT_BYTES >> 20} MiB", f"{path.stat().st_size >> 20} MiB")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except FileNotFoundError as cause:
        raise CodeFileError(f"{path} does not exist", remedy="Check the path.") from cause
    except (OSError, ValueError, RecursionError) as cause:
        raise _error(path, "a face code as JSON", str(cause)[:200]) from cause


def _labels(head: HeadModel) -> dict[str, tuple[str, ...]]:
    return {**_LABELS, "expression": head.expression_names}


def _numbers(path: Path, name: str, rows: list[Any]) -> Array:
    try:
        array = np.array(rows)
    except ValueError as cause:  # rows of different lengths
        raise _error(path, f"{name} of one length in all faces", str(cause)[:200]) from cause
    if array.dtype.kind not in "fi":
        _fail(path, f"numbers in {name}", "something else" if array.size else "nothing")
    return array


def _check_belongs(path: Path, file_format: str, head_model: str, head: HeadModel) -> None:
    if file_format != FORMAT:
        _fail(path, f'"format" to be {FORMAT}', file_format[:80])
    if head_model != head.name:
        raise CodeFileError(
            f"{path} belongs to another head model",
            expected=head.name,
            found=head_model[:80],
            remedy="Open it with the head model it was made with.",
        )


def _check_names(path: Path, what: str, found: tuple[str, ...], expected: tuple[str, ...]) -> None:
    if set(found) == set(expected) and len(found) == len(expected):
        return
    unknown = [name for name in found if name not in expected]
    if unknown:
        close = difflib.get_close_matches(unknown[0], expected, 1)
        _fail(path, f"{what} names like {(close or expected)[0]}", f"{unknown[0][:80]}")
    missing = [name for name in expected if name not in found]
    _fail(path, f"all {len(expected)} names of {what}", f"no {', '.join(missing)}"[:200])


def _check(path: Path, values: Mapping[str, Array], head: HeadModel) -> None:
    """Sizes, finiteness and bounds of every part."""
    check_magnitudes(path, values, head)
    bounds = head.expression_bounds.cpu().numpy()
    _check_bounds(path, values["expression"], bounds, head.expression_names)
    _check_bounds(path, values["eyelids"], np.array([[0.0, 1.0]] * 2), ("the left eyelid", "the right eyelid"))


def check_magnitudes(path: Path, values: Mapping[str, Array], head: HeadModel) -> None:
    """Everything that must hold of any code, in bounds or exaggerated: sizes, finite numbers, a possible magnitude.

    Args:
        path: the file they come from, for messages.
        values: the parts of a `FaceCode` by name, as arrays of one row a face.
        head: the model they belong to.

    Raises:
        CodeFileError: they do not hold.
    """
    neutral = head.neutral_code()
    count = len(values["shape"]) if values["shape"].ndim else 0
    if count < 1:
        _fail(path, "at least one face", "none")
    for name in UNITS:
        array, wanted = values[name], (count, *getattr(neutral, name).shape[1:])
        if array.shape != wanted or array.dtype.kind not in "fi":
            _fail(path, f"{name} of {_times(wanted)} numbers", f"{_times(array.shape)} of {array.dtype}")
        if not np.isfinite(array).all():
            _fail(path, f"finite numbers in {name}", "NaN or infinity")
        limit = _LIMITS.get(name)
        if limit is not None and array.size and np.abs(array).max() > limit:
            _fail(path, f"{name} within {limit:.4g} of 0 ({UNITS[name]})", f"{np.abs(array).max():.4g}")
    if (values["camera"][:, 0] <= 0).any():
        _fail(path, "a camera scale above 0", f"{values['camera'][:, 0].min():.4g}")


def _check_bounds(path: Path, array: Array, bounds: Array, names: tuple[str, ...]) -> None:
    excess = np.maximum(array - bounds[:, 1], bounds[:, 0] - array) > _ROUNDING
    if excess.any():
        face, column = np.argwhere(excess)[0]
        least, greatest = bounds[column]
        _fail(path, f"{names[column]} from {least:g} to {greatest:g}", f"{array[face, column]:.4g} in face {face + 1}")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one"


def _fail(path: Path, expected: str, found: str) -> NoReturn:
    raise _error(path, expected, found)


def _error(path: Path, expected: str, found: str) -> CodeFileError:
    return CodeFileError(
        f"{path} is not a usable face code",
        expected=expected,
        found=found,
        remedy="Correct the file, or export the code again.",
    )
