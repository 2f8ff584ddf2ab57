"""Reads the arrays in a pickle without running anything that is in it.

FLAME's files are pickles of numpy arrays, chumpy arrays, scipy sparse matrices and torch tensors. Python's unpickler
calls whatever the file names; this one knows a short list of names, and puts a passive stand-in of its own for each.
Neither numpy's, scipy's, chumpy's nor torch's code runs while a file is read, none of them has to be installed in the
version that wrote it, and every size is checked against the bytes that are there.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from fields_core.errors import ModelFileError
from fields_core.head.array_archive import PLAIN_KINDS, Array

_LIMIT_BYTES = 512 * 2**20  # FLAME 2020 and 2023 have 53 MB
_MAX_DENSE = 2**20  # entries of a sparse matrix written out; FLAME's has 25,000


class Refused(Exception):  # noqa: N818 - says what happened, to this module only
    """The pickle names something that is not an array."""


class _Passive:
    """Stands for an object of the file: keeps what it was given, does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Type(_Passive):
    """numpy.dtype."""


class _Array(_Passive):
    """numpy.ndarray."""


class _Chumpy(_Passive):
    """chumpy.ch.Ch: an array with derivatives; its values are its attribute x."""


class _SparseColumns(_Passive):
    """scipy.sparse.csc_matrix."""


class _SparseRows(_Passive):
    """scipy.sparse.csr_matrix."""


class _Ignored(_Passive):
    """A thing that FLAME's files carry and we have no use for: a torch tensor, its storage, an empty hook table."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """What is put into it is dropped."""


class _Call:
    """A function the file may call. No function of ours itself, for the file could change that one's attributes."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        raise Refused("a change to the function that makes its arrays")


def _new_array(*_: Any) -> _Array:
    """numpy's _reconstruct(type, shape, typecode): an empty array, which its state then fills."""
    return _Array()


def _array_of(data: Any, kind: Any, shape: Any, order: Any) -> _Array:
    """numpy's _frombuffer(bytes, dtype, shape, order), as protocol 5 stores arrays."""
    array = _Array()
    array.state = (1, shape, kind, order == "F", data)
    return array


def _new_object(*arguments: Any) -> _Passive:
    """copyreg's _reconstructor(type, base, state), as Python 2's protocols 0 and 1 make an object."""
    kind = arguments[0] if arguments else None
    if not (isinstance(kind, type) and issubclass(kind, _Passive)):
        raise Refused("copyreg._reconstructor of something that is not an array")
    return kind()


def _to_bytes(text: Any = "", encoding: Any = "latin1") -> bytes:
    """_codecs.encode(text, "latin1"), as protocol 2 stores bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("_codecs.encode of something that is not bytes")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """bytes(), as protocol 2 stores them where there are none."""
    return b""


def _known_names() -> Iterator[tuple[tuple[str, str], Any]]:
    """Every name a file may use, under the modules it had in Python 2 and 3, numpy 1 and 2, old and new scipy."""
    yield ("numpy", "dtype"), _Type
    yield ("numpy", "ndarray"), _Array
    for multiarray in ("numpy.core.multiarray", "numpy._core.multiarray"):
        yield (multiarray, "_reconstruct"), _Call(_new_array)
        yield (multiarray, "scalar"), _Ignored
    for numeric in ("numpy.core.numeric", "numpy._core.numeric"):
        yield (numeric, "_frombuffer"), _Call(_array_of)
    for kind, stand_in in (("csc", _SparseColumns), ("csr", _SparseRows)):
        for module in (f"scipy.sparse.{kind}", f"scipy.sparse._{kind}"):
            yield (module, f"{kind}_matrix"), stand_in
            yield (module, f"{kind}_array"), stand_in
    yield ("chumpy.ch", "Ch"), _Chumpy
    yield ("torch._utils", "_rebuild_tensor_v2"), _Ignored
    yield ("torch.storage", "_load_from_bytes"), _Ignored
    yield ("collections", "OrderedDict"), _Ignored
    yield ("_codecs", "encode"), _Call(_to_bytes)
    for builtins in ("builtins", "__builtin__"):
        yield (builtins, "object"), _Ignored
        yield (builtins, "set"), _Ignored
        yield (builtins, "bytes"), _Call(_no_bytes)
    for copyreg in ("copyreg", "copy_reg"):
        yield (copyreg, "_reconstructor"), _Call(_new_object)


_KNOWN: Mapping[tuple[str, str], Any] = dict(_known_names())


class _ArrayUnpickler(pickle._Unpickler):
    """Python's unpickler with every name in the file looked up in our list, never imported.

    The one written in Python: the compiled one sets aside as much memory for its memo as a file asks for. Byte arrays
    are read as bytes, since Python too would set aside as much memory for them as they say.
    """

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]],
    }

    def find_class(self, module: str, name: str) -> Any:
        """Raises:
        Refused: the file asks for anything but an array.
        """
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise Refused(f"{module}.{name}"[:200]) from None

    def persistent_load(self, pid: Any) -> NoReturn:
        """Raises:
        Refused: always; no file of FLAME has objects outside the file.
        """
        raise Refused("an object outside the file")

    def get_extension(self, code: int) -> NoReturn:
        """Raises:
        Refused: always; no file of FLAME uses the registry of extensions.
        """
        raise Refused(f"extension {code}")


def read_pickled_arrays(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle (.pkl), or in an .npy that holds one.

    Returns:
        By name: numpy arrays (sparse matrices dense, chumpy arrays plain), texts and numbers. What is none of these is
        left out.

    Raises:
        ModelFileError: missing, damaged, no dictionary, or naming anything but arrays; nothing in it was run.
    """
    try:
        content = _unpickled(path)
        if not isinstance(content, dict):
            raise ValueError("it holds no dictionary")
        plain = {key: _plain(value) for key, value in content.items() if isinstance(key, str)}
    except Refused as cause:
        raise ModelFileError(
            f"{path} was not opened: it asks for code that no head model needs",
            expected="arrays of numpy, scipy, chumpy or torch, and nothing else",
            found=str(cause),
            remedy="Do not trust this file. Nothing in it was run. Take FLAME from flame.is.tue.mpg.de.",
        ) from cause
    except FileNotFoundError as cause:
        raise ModelFileError(f"{path} does not exist", remedy="Check the path.") from cause
    except Exception as cause:  # a damaged pickle can fail in every way there is
        raise ModelFileError(
            f"{path} is not a readable head model",
            expected="a pickled dictionary of arrays",
            found=f"{type(cause).__name__}: {cause}"[:300],
            remedy="Take a fresh copy of the file: this one is damaged or of another kind.",
        ) from cause
    return {key: value for key, value in plain.items() if value is not None}


def _unpickled(path: Path) -> Any:
    size = path.stat().st_size
    if size > _LIMIT_BYTES:
        raise ValueError(f"it has {size >> 20} MiB, a head model at most {_LIMIT_BYTES >> 20}")
    stream = io.BytesIO(path.read_bytes())
    _skip_npy_header(stream)
    content = _ArrayUnpickler(stream, encoding="latin1").load()
    if isinstance(content, _Array) and isinstance(content.state, tuple) and isinstance(content.state[-1], list):
        (content,) = content.state[-1]  # numpy saves a dictionary as an array of one object
    return content


def _skip_npy_header(stream: io.BytesIO) -> None:
    start = stream.read(8)
    if start[:6] == b"\x93NUMPY":
        stream.seek(int.from_bytes(stream.read(2 if start[6] == 1 else 4), "little"), io.SEEK_CUR)
    else:
        stream.seek(0)


def _plain(value: Any) -> Any:
    """The stand-in as a numpy array, text or number; None for what has no such form."""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, _Array):
        return _as_array(value)
    if isinstance(value, _Chumpy):
        return _plain(value.state.get("x")) if isinstance(value.state, dict) else None
    if isinstance(value, _SparseColumns | _SparseRows):
        return _as_dense(value)
    return None


def _as_array(value: _Array) -> Array:
    version, shape, kind, fortran, data = value.state
    if version != 1 or not isinstance(shape, tuple):
        raise ValueError("an array in a form that is not known")
    order = tuple(reversed(shape)) if fortran else shape
    array = _from_bytes(_as_dtype(kind), order, data)
    return array.T if fortran else array


def _as_dtype(kind: Any) -> np.dtype[Any]:
    """numpy.dtype("f8", ...) with the state (3, "<", ...), whose second entry is the byte order."""
    if type(kind) is not _Type or not kind.arguments or not isinstance(kind.arguments[0], str):
        raise ValueError("an array of an unknown type")
    dtype = np.dtype(kind.arguments[0])
    if dtype.kind not in PLAIN_KINDS - {"U"}:
        raise ValueError(f"an array of type {dtype}")
    order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "|"
    return dtype.newbyteorder(">") if order == ">" else dtype


def _from_bytes(dtype: np.dtype[Any], shape: tuple[Any, ...], data: Any) -> Array:
    if isinstance(data, str):
        data = data.encode("latin1")  # Python 2's bytes
    count = 1
    for extent in shape:
        if type(extent) is not int or extent < 0:
            raise ValueError(f"an array of shape {shape}")
        count *= extent
    if not isinstance(data, bytes) or len(data) != count * dtype.itemsize:
        raise ValueError(f"an array {shape} of {dtype} without its {count * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype).reshape(shape) if count else np.zeros(shape, dtype)


def _as_dense(value: _SparseColumns | _SparseRows) -> Array:
    """A compressed sparse matrix written out: entry k of slice i, from ``indptr[i]``, stands at ``indices[k]``."""
    state = value.state if isinstance(value.state, dict) else {}
    values, indices, starts = (_plain(state.get(name)) for name in ("data", "indices", "indptr"))
    shape = state.get("_shape", state.get("shape"))
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(extent) is int for extent in shape):
        raise ValueError("a sparse matrix without a shape")
    slices, length = (shape[1], shape[0]) if isinstance(value, _SparseColumns) else shape
    if min(shape) < 0 or slices * length > _MAX_DENSE:
        raise ValueError(f"a sparse matrix of {shape[0]} x {shape[1]}")
    if len(starts) != slices + 1 or len(values) != len(indices) or starts[0] != 0 or starts[-1] != len(values):
        raise ValueError("a sparse matrix whose parts do not fit together")
    if len(indices) and (indices.min() < 0 or indices.max() >= length):
        raise ValueError("a sparse matrix with an entry outside it")
    dense = np.zeros((slices, length), np.float64)
    np.add.at(dense, (np.repeat(np.arange(slices), np.diff(starts)), indices), values)
    return dense.T.copy() if isinstance(value, _SparseColumns) else dense
