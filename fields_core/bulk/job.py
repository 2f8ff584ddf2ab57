"""A batch as a folder: what it is, its list of photos, and the shards that are done. Nothing else needs to be known.

    batch.json              what was asked for, written last: a folder without it holds no batch
    photos.jsonl, .offsets  the list (`work_list`)
    shards/0000/shard-0000012.parquet   rows of photos 12 x size .. 13 x size - 1; complete or absent
    shards/0000/shard-0000012.begun     while it is worked on: the photo at hand, and those that ended a process

A process that is killed leaves at most its shard undone. A photo that ends the process itself (a decoder that crashes,
memory that runs out) is left out after the second time, with a row that says so.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from fields_core.bulk.face_row import FaceRow
from fields_core.bulk.photo_coder import Coder, CodingSettings, code_photos
from fields_core.bulk.shard_table import SUFFIXES, TableFormat, write_table
from fields_core.bulk.work_list import WorkList, photo_names, write_work_list
from fields_core.errors import ExportError, PhotoError, SettingsError
from fields_core.files import replacing

_FILE, _FORMAT = "batch.json", "fields-batch-1"
_DEATHS = 2  # processes that a photo may end before it is left out


@dataclass(frozen=True)
class BatchSettings:
    """What is asked for. A batch goes on only with the same settings."""

    inputs: tuple[str, ...]
    """As `photo_names` takes them."""
    coding: CodingSettings
    table: TableFormat = "parquet"
    shard_size: int = 1000
    """Photos in a shard."""


@dataclass(frozen=True)
class ShardDone:
    """What came out of one shard; it can cross processes."""

    shard: int
    photos: int
    faces: int
    failed: int
    seconds: float


class BatchJob:
    """A batch in its folder; open it with `open_batch` or `begin_batch`."""

    def __init__(self, folder: Path, settings: BatchSettings, photos: int) -> None:
        self.folder, self.settings = folder, settings
        self.work = WorkList(folder, photos, settings.shard_size)

    def path(self, shard: int) -> Path:
        """The file of a shard: a thousand to a folder."""
        name = f"shard-{shard:07d}{SUFFIXES[self.settings.table]}"
        return self.folder / "shards" / f"{shard // 1000:04d}" / name

    def pending(self) -> list[int]:
        """The shards that are not there yet."""
        suffix = SUFFIXES[self.settings.table]
        found = self.folder.glob(f"shards/*/shard-*{suffix}")
        done = {int(path.name.removeprefix("shard-").removesuffix(suffix)) for path in found}
        return [shard for shard in range(self.work.shards) if shard not in done]

    def code(self, shard: int, coder: Coder) -> ShardDone:
        """Do one shard: every photo becomes one row or more.

        Raises:
            ExportError: it cannot be written.
        """
        start, path = time.perf_counter(), self.path(shard)
        with _Begun(path) as begun:
            photos = self.work.shard(shard)
            rows = list(chain.from_iterable(_rows(place, photo, coder, begun) for place, photo in photos))
            write_table(path, rows, coder.head, json.dumps(_plain(self.settings, self.work.photos, coder)))
        failed = sum(row.face == 0 for row in rows)
        count = len({row.place for row in rows})
        return ShardDone(shard, count, len(rows) - failed, failed, time.perf_counter() - start)


def begin_batch(folder: Path, settings: BatchSettings) -> BatchJob:
    """The batch of a folder, begun or gone on with.

    Raises:
        SettingsError: the folder holds another batch, or a shard without photos is asked for.
        PhotoError: no photo at all.
        ExportError: the folder cannot be written.
    """
    if settings.shard_size < 1:
        raise SettingsError("A shard must hold photos", expected="1 or more", found=str(settings.shard_size))
    if (folder / _FILE).exists():
        job = open_batch(folder)
        if job.settings != settings:
            raise SettingsError(
                f"{folder} holds another batch",
                expected=_changes(job.settings, settings),
                found=_changes(settings, job.settings),
                remedy="Repeat the command it was begun with to go on, or choose another --out.",
            )
        return job
    work = write_work_list(folder, photo_names(settings.inputs), settings.shard_size)
    if not work.photos:
        raise PhotoError(f"No picture in {', '.join(settings.inputs)}", remedy="Check the spelling.")
    with replacing(folder / _FILE) as temporary:
        temporary.write_text(json.dumps(_plain(settings, work.photos), indent=1) + "\n", encoding="utf-8")
    return BatchJob(folder, settings, work.photos)


def open_batch(folder: Path) -> BatchJob:
    """The batch of a folder.

    Raises:
        SettingsError: there is none, or its description is damaged.
    """
    try:
        plain = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        if plain["format"] != _FORMAT:
            raise ValueError(f"the format {plain['format']}")
        coding = CodingSettings(**plain["coding"])
        settings = BatchSettings(tuple(plain["inputs"]), coding, plain["table"], int(plain["shard_size"]))
        return BatchJob(folder, settings, int(plain["photos"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{folder} holds no batch that can be read", found=str(error)[:200]) from error


def _rows(place: int, photo: str, coder: Coder, begun: _Begun) -> Iterator[FaceRow]:
    if begun.deaths(place) >= _DEATHS:
        told = f"The process ended {_DEATHS} times while it worked on this photo"
        yield FaceRow(place, photo, error=told, error_kind="ProcessDied")
        return
    begun.begin(place)
    yield from code_photos([(place, photo)], coder)


class _Begun:
    """Notes which photo is at hand, so that the next process knows what ended this one."""

    def __init__(self, shard: Path) -> None:
        self._path = shard.with_name(shard.name.split(".")[0] + ".begun")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
            self._file.seek(0)
            self._deaths = Counter(int(line) for line in self._file.read().split() if line.isdigit())
            self._end = self._file.seek(0, 2)
        except OSError as error:
            raise ExportError(f"Cannot write {self._path}", found=error.strerror or str(error)) from error

    def deaths(self, place: int) -> int:
        return self._deaths[place]

    def begin(self, place: int) -> None:
        self._file.truncate(self._end)
        self._file.write(b"%d\n" % place)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.truncate(self._end)  # told to stop: not the photo's fault
        self._file.close()
        if kind is None:
            self._path.unlink(missing_ok=True)


def _plain(settings: BatchSettings, photos: int, coder: Coder | None = None) -> dict[str, object]:
    about: dict[str, object] = {"format": _FORMAT, "photos": photos, **asdict(settings)}
    if coder is not None:
        about |= {"head_model": coder.head.name, "head_model_licence": coder.head.licence}
        about["expression_names"] = list(coder.head.expression_names)
    return about


def _changes(settings: BatchSettings, other: BatchSettings) -> str:
    """What differs from the other, as the user gave it."""
    mine, theirs = ({**asdict(one), **asdict(one.coding)} for one in (settings, other))
    names: Sequence[str] = [name for name in mine if name != "coding" and mine[name] != theirs[name]]
    return ", ".join(f"{name} {mine[name]}" for name in names)
