"""Training data as people have it: photos in a folder, a file of labels, or nothing but a number of heads to render.

`as_shards` makes shards of it, once, in a folder of ours; what lies there already is looked up. Photos that were added,
taken away, changed or labelled anew since are noticed: shards of them are made in a folder beside, since a training may
be reading the old ones, or go on with them some day.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fields_core.data.addresses import RENDERED, is_remote
from fields_core.data.prepare import prepare
from fields_core.data.shard_folder import MANIFEST, open_folder, publish
from fields_core.data.sources import Source, labelled_csv, photo_source, source_digest
from fields_core.detection.face_detector import FaceDetector
from fields_core.errors import ExportError, SettingsError
from fields_core.files import replacing
from fields_core.progress import CancelToken, ProgressCallback

RECORD_FILE = "prepared.json"
_MADE = ("*.tar", "*-[0-9][0-9][0-9][0-9][0-9][0-9].json", "*.index.json")  # before it is finished


def raw_source(path: Path, name: str = "") -> Source:
    """The photos of a folder, or those that a file of labels lists.

    Args:
        name: of the data set; "": after the path.

    Raises:
        LabelError, PhotoError: there are none, or the labels make no sense.
    """
    name = name or path.resolve().stem
    return labelled_csv(path, name) if path.suffix.lower() == ".csv" else photo_source(path, name)


def data_name(path: Path) -> str:
    """A name for a data set that tells it from others: a file of labels is often called train.csv."""
    path = path.absolute()
    name = f"{path.parent.name}-{path.stem}" if path.suffix.lower() == ".csv" else path.name
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "photos"


@dataclass(frozen=True)
class Shards:
    """What can be trained on."""

    folder: str
    """Of shards: a path, or an address elsewhere."""
    unused: tuple[str, ...] = ()
    """Files of labels in a folder of photos: a folder means photos alone, as for ``fields prepare``."""


def as_shards(address: str, store: Path, progress: ProgressCallback, token: CancelToken) -> Shards:
    """The shards behind an address, prepared in a folder below ``store`` where there are none yet.

    Args:
        address: a folder of shards or photos, a file of labels, an address elsewhere, or ``rendered:2000``.
        store: for what is prepared.

    Raises:
        SettingsError, LabelError, PhotoError: nothing there can be trained on.
        ExportError: the shards cannot be written.
        Cancelled: by the token; what is finished stays, and the next call goes on behind it.
    """
    if is_remote(address):
        return Shards(address)
    if address.startswith(RENDERED):
        return Shards(str(_rendered(address, store, progress, token)))
    path = Path(address).expanduser()
    if path.is_dir() and open_folder(path).names:
        return Shards(address)
    if not path.exists():
        raise SettingsError(f"{path} is not there", expected="a folder of shards or photos, or a CSV file of labels")
    source = raw_source(path)  # what makes no sense leaves no folder behind

    def make(folder: Path) -> None:
        if not _finished(folder):
            with FaceDetector() as detector:
                prepare(replace(source, name=folder.name), folder, detector, progress, token)

    folder = _made(store, data_name(path), {"origin": str(path.resolve()), "photos": source_digest(source)}, make)
    return Shards(str(folder), _label_files(path) if path.is_dir() else ())


def _rendered(address: str, store: Path, progress: ProgressCallback, token: CancelToken) -> Path:
    from fields_core.data.synthetic_shards import write_synthetic  # needs the renderer, which takes long to load

    try:
        count = int(address.removeprefix(RENDERED))
    except ValueError:
        count = 0
    if count < 1:
        raise SettingsError(
            "The number of heads to render makes no sense", expected=f"{RENDERED}2000 or the like", found=address
        )
    processes = max(1, (os.cpu_count() or 1) - 1)  # one stays for the window

    def make(folder: Path) -> None:
        write_synthetic(folder, count, 0, progress, token, processes=processes)

    return _made(store, f"rendered-{count}", {"origin": address}, make)


def _made(store: Path, name: str, record: dict[str, str], make: Callable[[Path], None]) -> Path:
    """The folder of shards of what a record tells."""
    folder = _home(store, name, record)
    make(folder)
    publish(folder)
    return folder


def _home(store: Path, name: str, record: dict[str, str]) -> Path:
    """The folder that belongs to a record: data sets of one name get a number.

    Raises:
        ExportError: it cannot be made, or emptied of what was begun with other photos.
    """
    for number in itertools.count(1):
        folder = store / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = _record(folder)
            if known == record:
                return folder
            if known.get("origin") == record["origin"] and not _finished(folder):
                for path in {path for pattern in _MADE for path in folder.glob(pattern)}:
                    path.unlink()
            elif any(folder.iterdir()):
                continue
        except OSError as error:
            raise ExportError(f"Cannot write {folder}", found=error.strerror or str(error)) from error
        with replacing(folder / RECORD_FILE) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        return folder
    raise AssertionError("numbers do not end")


def _finished(folder: Path) -> bool:
    return (folder / MANIFEST).exists()


def _label_files(folder: Path) -> tuple[str, ...]:
    """Files that list photos, directly in a folder."""
    found: list[str] = []
    for path in sorted(folder.glob("*.csv")):
        with contextlib.suppress(OSError, UnicodeDecodeError, csv.Error), path.open(encoding="utf-8-sig") as file:
            if "image" in next(csv.reader(file), []):
                found.append(path.name)
    return tuple(found)


def _record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads((folder / RECORD_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
