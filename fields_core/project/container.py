"""The zip around a project, read as what it is: a file from a stranger. Nothing is decompressed past its limit."""

from __future__ import annotations

import contextlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fields_core.errors import ProjectError
from fields_core.project.schema import unusable

_MAX_MEMBERS = 50_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1 << 20


class Container:
    """An open project file. Members are looked up by name; no name of the file ever becomes a path.

    Args:
        path: the file, for messages.
        archive: the zip.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive
        self._members = {info.filename: info for info in archive.infolist()}
        if len(archive.infolist()) > _MAX_MEMBERS:
            raise unusable(path, f"at most {_MAX_MEMBERS} members", f"{len(archive.infolist())}")

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a member.

        Raises:
            ProjectError: it is not there, or holds more than ``limit`` bytes once decompressed.
        """
        info = self._member(name, limit)
        with self._archive.open(info) as stream:
            data = stream.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise unusable(self._path, f"{info.file_size} bytes in {name}", f"{len(data)}")
        return data

    def extract(self, name: str, target: Path, limit: int) -> None:
        """Copy a member to a new file, piece by piece.

        Raises:
            ProjectError: it is not there, or holds more than ``limit`` bytes once decompressed.
            OSError: ``target`` cannot be written.
        """
        info = self._member(name, limit)
        with self._archive.open(info) as stream, target.open("xb") as file:
            self._copy(stream, file, info.file_size)

    def _copy(self, stream: IO[bytes], file: IO[bytes], size: int) -> None:
        left = size
        while left and (piece := stream.read(min(_CHUNK, left))):
            file.write(piece)
            left -= len(piece)
        if left or stream.read(1):  # the last read also checks the CRC
            raise unusable(self._path, f"{size} bytes in a member", "another number")

    def _member(self, name: str, limit: int) -> zipfile.ZipInfo:
        info = self._members.get(name)
        if info is None:
            raise unusable(self._path, f"a member {name}", "none")
        if info.file_size > limit:
            raise ProjectError(
                f"{self._path} is too large to be what it says",
                expected=f"{name} of at most {limit >> 10} KiB",
                found=f"{info.file_size >> 10} KiB",
                remedy="Do not trust this file; take it from its author again.",
            )
        if info.compress_type not in _METHODS:
            raise unusable(self._path, f"{name} stored or deflated", f"compression method {info.compress_type}")
        return info


@contextlib.contextmanager
def open_container(path: Path) -> Iterator[Container]:
    """Open a project file for reading.

    Raises:
        ProjectError: missing, not a zip, or damaged - also while a member is read inside the ``with`` block.
    """
    if path.exists() and not path.is_file():
        raise unusable(path, "a file", "a folder" if path.is_dir() else "a device, pipe or socket")
    try:
        with zipfile.ZipFile(path) as archive:
            yield Container(path, archive)
    except FileNotFoundError as cause:
        raise ProjectError(f"{path} does not exist", remedy="It may have been moved or deleted.") from cause
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as cause:
        raise unusable(path, "a FIELDS project", str(cause)[:200] or type(cause).__name__) from cause


def copy_file(source: Path, archive: zipfile.ZipFile, name: str) -> None:
    """Put a file into a zip that is being written, as it is: photos are compressed already.

    Raises:
        OSError: the file cannot be read.
    """
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o644 << 16
    info.file_size = source.stat().st_size
    with source.open("rb") as file, archive.open(info, "w") as stream:
        shutil.copyfileobj(file, stream, _CHUNK)
