"""The photos of a batch as a numbered list on disk: a billion names are never in memory together."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fields_core.data.addresses import is_remote
from fields_core.errors import PhotoError
from fields_core.files import replacing

LIST_SUFFIXES = (".txt", ".lst")
_PHOTOS, _OFFSETS = "photos.jsonl", "photos.offsets"


def photo_names(inputs: Sequence[str]) -> Iterator[str]:
    """Every photo that is meant, one after the other, as absolute path or address.

    Args:
        inputs: photos, addresses (``https://...``, ``s3://...``), folders (with their sub-folders), globs, and lists
            (.txt, .lst: a photo a line, paths relative to the list).

    Raises:
        PhotoError: a list or folder that cannot be read.
    """
    for item in inputs:
        path = Path(item)
        if is_remote(item):
            yield item
        elif path.is_dir():
            yield from _in_folder(path)
        elif path.suffix.lower() in LIST_SUFFIXES:
            yield from _in_list(path)
        elif glob.has_magic(item) and not path.exists():
            yield from (os.path.abspath(found) for found in glob.iglob(item, recursive=True))  # noqa: PTH100, PTH207
        else:
            yield os.path.abspath(item)  # noqa: PTH100 - Path.absolute keeps ".."


@dataclass(frozen=True)
class WorkList:
    """A list of photos in shards of equal size (the last one may be smaller).

    On disk: ``photos.jsonl``, a JSON string a line (so that any file name survives), and ``photos.offsets``, where each
    shard begins in it (64-bit little-endian).
    """

    folder: Path
    photos: int
    shard_size: int

    @property
    def shards(self) -> int:
        return -(-self.photos // self.shard_size)

    def shard(self, number: int) -> Iterator[tuple[int, str]]:
        """The photos of a shard with their places in the whole list."""
        with (self.folder / _OFFSETS).open("rb") as offsets:
            offsets.seek(8 * number)
            start = int.from_bytes(offsets.read(8), "little")
        with (self.folder / _PHOTOS).open("rb") as lines:
            lines.seek(start)
            for place, line in enumerate(islice(lines, self.shard_size), number * self.shard_size):
                yield place, json.loads(line)


def write_work_list(folder: Path, photos: Iterable[str], shard_size: int) -> WorkList:
    """Write a list.

    Raises:
        ExportError: it cannot be written.
    """
    count = position = 0
    with (
        replacing(folder / _PHOTOS) as list_file,
        replacing(folder / _OFFSETS) as offset_file,
        list_file.open("wb") as lines,
        offset_file.open("wb") as offsets,
    ):
        for photo in photos:
            if count % shard_size == 0:
                offsets.write(position.to_bytes(8, "little"))
            position += lines.write(json.dumps(photo).encode("ascii") + b"\n")
            count += 1
    return WorkList(folder, count, shard_size)


def _in_folder(folder: Path) -> Iterator[str]:
    from fields_core.detection.photo_file import SUFFIXES

    for parent, folders, files in os.walk(folder.absolute(), onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):  # noqa: PTH122 - millions
                yield os.path.join(parent, name)  # noqa: PTH118


def _in_list(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                name = line.rstrip("\r\n")
                if name.strip():
                    yield name if is_remote(name) else os.path.abspath(path.parent / name)  # noqa: PTH100
    except OSError as error:
        raise PhotoError(f"The list {path} cannot be read", found=error.strerror or str(error)) from error


def _refuse(error: OSError) -> None:
    raise PhotoError(f"Cannot look into {error.filename}", found=error.strerror or str(error)) from error
