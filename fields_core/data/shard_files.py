"""Files that are read by position, wherever they are: on this machine, on a web server, in a bucket, behind a program.

Addresses: a path, ``http://`` or ``https://`` (the server should know ranges, as all object stores do),
``pipe:COMMAND`` (a program that writes the file to its standard output, as in WebDataset), and what fsspec knows:
``s3://`` with s3fs installed. A cache keeps whole files; without one, each read is a request of its own.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fields_core.data.addresses import is_remote
from fields_core.errors import FieldsError
from fields_core.files import replacing

FILE_LIMIT = 4 << 30  # bytes of a whole file
TIMEOUT = 60.0  # seconds without an answer
_TRIES = 4
_PAUSE = 0.5  # seconds before the second try, twice as long before each further one
_PASSING = (408, 429, 500, 502, 503, 504)  # answers of servers that are busy


class RemoteFileError(FieldsError):
    """A file that cannot be fetched."""


class StoredFile(Protocol):
    """A file that can be sent to other processes, which open it anew."""

    @property
    def address(self) -> str: ...

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        """``size`` bytes from ``offset`` on (fewer at the end), or all of them.

        Raises:
            OSError, RemoteFileError: it cannot be read.
        """
        ...


def stored_file(address: str | Path, cache: Path | None = None) -> StoredFile:
    """The file at an address.

    Args:
        address: see the module's docstring.
        cache: folder for whole files from elsewhere.

    Raises:
        RemoteFileError: a program's output without a cache to keep it in.
    """
    text = str(address)
    if text.startswith("pipe:") or (is_remote(text) and cache is not None):
        if cache is None:
            raise RemoteFileError(f"{text} needs a place to be kept", remedy="Name a cache folder.")
        return CachedFile(text, cache)
    return _remote(text) if is_remote(text) else LocalFile(Path(address))


@dataclass(frozen=True)
class LocalFile:
    """On this machine."""

    path: Path

    @property
    def address(self) -> str:
        return str(self.path)

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(-1 if size is None else size)


@dataclass(frozen=True)
class WebFile:
    """On a web server, read by ranges."""

    address: str

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        last = "" if size is None else offset + size - 1
        headers = {} if offset == 0 and size is None else {"Range": f"bytes={offset}-{last}"}
        request = urllib.request.Request(self.address, headers=headers)
        for attempt in range(_TRIES):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                    content: bytes = answer.read(FILE_LIMIT)
                    if answer.status == 206 or not headers:
                        return content
                    return content[offset : None if size is None else offset + size]  # it knows no ranges
            except urllib.error.HTTPError as error:
                if error.code not in _PASSING or attempt == _TRIES - 1:
                    raise _unreachable(self.address, error) from error
            except OSError as error:
                if attempt == _TRIES - 1:
                    raise _unreachable(self.address, error) from error
            time.sleep(_PAUSE * 2**attempt)
        raise AssertionError("the last try returns or raises")


@dataclass(frozen=True)
class BucketFile:
    """In what fsspec knows: object stores, archives, memory."""

    address: str

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        import fsspec

        try:
            system, path = fsspec.core.url_to_fs(self.address)
            content: bytes = system.cat_file(path, start=offset, end=None if size is None else offset + size)
        except (OSError, ImportError, ValueError) as error:
            raise _unreachable(self.address, error) from error
        return content


@dataclass(frozen=True)
class CachedFile:
    """Fetched whole when it is first asked for, and kept."""

    address: str
    cache: Path

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        path = self.cache / f"{hashlib.blake2b(self.address.encode(), digest_size=16).hexdigest()}.shard"
        if not path.exists():
            # Two processes may fetch the same file; either of the two whole copies will do.
            content = _output(self.address) if self.address.startswith("pipe:") else _remote(self.address).read()
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        return LocalFile(path).read(offset, size)


def _remote(address: str) -> StoredFile:
    return WebFile(address) if address.startswith(("http://", "https://")) else BucketFile(address)


def _output(address: str) -> bytes:
    command = shlex.split(address.removeprefix("pipe:"))
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        raise RemoteFileError(f"{address} gave nothing", found=said[-300:].decode("utf-8", "replace")) from error
    return done.stdout


def _unreachable(address: str, error: Any) -> RemoteFileError:
    return RemoteFileError(
        f"{address} cannot be read", found=str(error) or type(error).__name__, remedy="Check address and access."
    )
