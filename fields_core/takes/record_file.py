"""The container of a take: records appended one after another, each with its length and checksum.

    file   = MAGIC record*
    record = kind (1 byte) | length (uint32) | CRC-32 of the payload (uint32) | payload        little endian

A record that was only half written when the power went is recognised by its length or its checksum. Nothing in the
file is ever changed, only appended.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fields_core.errors import ExportError, TakeError

MAGIC = b"FIELDSTAKE1\n"
HEADER, FRAME, PICTURE = b"H", b"F", b"P"
_PREFIX = struct.Struct("<cII")
_LARGEST = {HEADER: 1 << 20, FRAME: 1 << 20, PICTURE: 64 << 20}
_MOST_RECORDS = 4_000_000  # 18 hours at 30 frames a second, with pictures


@dataclass(frozen=True)
class Record:
    """Where one record lies."""

    kind: bytes
    start: int
    """Of the payload, bytes from the start of the file."""
    length: int
    checksum: int


class RecordWriter:
    """Creates a file and appends to it. What is written survives the end of this process at once, and the end of the
    machine's power after `sync`.

    Raises:
        ExportError: the file exists already, cannot be made, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("xb", buffering=0)
        except OSError as cause:
            raise _cannot_write(path, cause) from cause
        self._write(MAGIC)

    def append(self, kind: bytes, payload: bytes) -> None:
        if len(payload) > _LARGEST[kind]:
            raise ValueError(f"a record of {len(payload)} bytes is too long")
        self._write(_PREFIX.pack(kind, len(payload), zlib.crc32(payload)) + payload)

    def sync(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as cause:
            raise _cannot_write(self._path, cause) from cause

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as cause:
            raise _cannot_write(self._path, cause) from cause


def scan(file: BinaryIO, path: Path) -> Iterator[Record]:
    """The records of a file, in order, as far as their frames are whole. Payloads are not looked at.

    Raises:
        TakeError: not a take at all, or more records than any take has.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise TakeError(
            f"{path} is not a take", expected="a recording made by FIELDS", found="another kind of file",
            remedy="Choose a file that ends in .take",
        )  # fmt: skip
    position, count = len(MAGIC), 0
    while position + _PREFIX.size <= size:
        kind, length, checksum = _PREFIX.unpack(file.read(_PREFIX.size))
        start = position + _PREFIX.size
        if kind not in _LARGEST or length > _LARGEST[kind] or start + length > size:
            return
        count += 1
        if count > _MOST_RECORDS:
            raise TakeError(f"{path} is too long", expected=f"at most {_MOST_RECORDS} records")
        yield Record(kind, start, length, checksum)
        position = start + length
        file.seek(position)


def read_payload(file: BinaryIO, record: Record) -> bytes | None:
    """The payload of a record, None if its checksum is wrong. The file's position is undefined afterwards."""
    file.seek(record.start)
    payload = file.read(record.length)
    return payload if len(payload) == record.length and zlib.crc32(payload) == record.checksum else None


def _cannot_write(path: Path, cause: OSError) -> ExportError:
    return ExportError(
        f"Cannot record to {path}",
        found=cause.strerror or str(cause),
        remedy="Choose another name or folder, or free some space.",
    )
