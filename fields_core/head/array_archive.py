"""Archives of named arrays (npz) read as what they are: files from strangers.

numpy's own reader trusts sizes it finds in the file. Here every size is checked before anything is decompressed or
allocated, and nothing is ever unpickled. The writer gives the same bytes for the same arrays.
"""

from __future__ import annotations

import ast
import io
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import FieldsError, ModelFileError
from fields_core.files import replacing

Array = NDArray[Any]

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold: the same bytes whenever it is written
_MAX_MEMBERS = 256
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes
_MAX_DIMENSIONS = 8
PLAIN_KINDS = frozenset("biufU")
"""Kinds of numpy types that hold numbers or texts and no objects."""


def write_arrays(arrays: Mapping[str, Array], path: Path) -> None:
    """Write a compressed npz whose bytes depend on nothing but the arrays and their order.

    Raises:
        ExportError: the file cannot be written.
    """
    with replacing(path) as temporary:
        pack_arrays(arrays, temporary)


def pack_arrays(arrays: Mapping[str, Array], target: Path | IO[bytes], level: int = 9) -> None:
    """The npz of `write_arrays` straight into a file or stream; ``level`` trades time (1) for size (9)."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _ZIP_EPOCH)
            info.create_system = 3  # Unix, whatever this machine is
            info.external_attr = 0o644 << 16
            archive.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=level)


def read_arrays(
    path: Path,
    *,
    limit_bytes: int,
    only: Collection[str] = (),
    error: type[FieldsError] = ModelFileError,
    stream: IO[bytes] | None = None,
) -> dict[str, Array]:
    """Read an npz written by anybody.

    Args:
        path: the file; only its name for messages where there is a ``stream``.
        limit_bytes: the most bytes all members that are read may hold together once decompressed.
        only: the members to read; all if empty.
        error: the kind of error to raise.
        stream: the npz itself, where it is a part of another file.

    Raises:
        error: not an npz, damaged, too large, or holding anything but plain numbers and texts.
    """
    try:
        with zipfile.ZipFile(stream or path) as archive:
            members = [info for info in archive.infolist() if not only or info.filename.removesuffix(".npy") in only]
            _check_sizes(path, members, limit_bytes, error)
            return {info.filename.removesuffix(".npy"): _read_member(archive, info) for info in members}
    except FileNotFoundError as cause:
        raise error(f"{path} does not exist", remedy="Check the path.") from cause
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError) as cause:
        raise error(
            f"{path} is not a readable npz file",
            expected="an npz archive of plain arrays",
            found=str(cause) or type(cause).__name__,
            remedy="Take a fresh copy of the file: this one is damaged or of another kind.",
        ) from cause


def _check_sizes(path: Path, members: list[zipfile.ZipInfo], limit_bytes: int, error: type[FieldsError]) -> None:
    total = sum(info.file_size for info in members)
    if total > limit_bytes or len(members) > _MAX_MEMBERS:
        raise error(
            f"{path} is too large to be what it says",
            expected=f"at most {limit_bytes / 2**20:.0f} MiB in {_MAX_MEMBERS} arrays once decompressed",
            found=f"{total / 2**20:.0f} MiB in {len(members)} arrays",
            remedy="Do not trust this file; take it from its author again.",
        )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """Decompress one member, at most as many bytes as the archive declares for it.

    Raises:
        ValueError: it is not a plain array.
    """
    if info.compress_type not in _METHODS:
        raise ValueError(f"{info.filename} is compressed in a way that numpy does not know")
    with archive.open(info) as stream:
        return parse_array(stream.read(info.file_size))


def parse_array(data: bytes) -> Array:
    """The array of an npy file's bytes, without numpy's trust in its header.

    Raises:
        ValueError: not an npy file of format 1 or 2, not plain numbers or texts, or of another size than it says.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy format {version} is not known")
    length = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
    if length > 10_000:
        raise ValueError("npy header is too long")
    shape, fortran, dtype = _parse_header(stream.read(length).decode("latin1"))
    count = 1
    for extent in shape:
        count *= extent
    payload = data[stream.tell() :]
    if count * dtype.itemsize != len(payload):
        raise ValueError(f"an array {shape} of {dtype} needs {count * dtype.itemsize} bytes, there are {len(payload)}")
    if count == 0 or dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(payload, dtype).reshape(shape, order="F" if fortran else "C").copy()


def _parse_header(text: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        header = ast.literal_eval(text.strip())
        shape, fortran, description = header["shape"], header["fortran_order"], header["descr"]
    except (SyntaxError, KeyError, TypeError, MemoryError, RecursionError) as cause:
        raise ValueError("npy header cannot be read") from cause
    if not isinstance(description, str) or not isinstance(shape, tuple) or not isinstance(fortran, bool):
        raise ValueError("npy header is not that of a plain array")
    if len(shape) > _MAX_DIMENSIONS or not all(type(extent) is int and 0 <= extent < 2**40 for extent in shape):
        raise ValueError(f"no array has the shape {shape}"[:200])
    try:
        dtype = np.dtype(description)
    except (TypeError, SyntaxError) as cause:
        raise ValueError(f"no array has the type {description!r}"[:200]) from cause
    if dtype.kind not in PLAIN_KINDS:
        raise ValueError(f"an array of type {dtype} is not plain numbers or texts")
    return shape, fortran, dtype
