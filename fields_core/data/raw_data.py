"""Training data as people have it: photos in a folder, a file of labels, or nothing but a number of heads to render.

`as_shards` makes shards of it, once, in a folder of ours; what lies there already is looked up. Photos that were added,
taken away, changed or labelled anew since are noticed, and everything is made again.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fields_core.data.pictures import PictureFile
from fields_core.data.prepare import prepare
from fields_core.data.shard_files import is_remote
from fields_core.data.shard_folder import open_folder, publish
from fields_core.data.sources import Entry, Source, labelled_csv, photo_source
from fields_core.detection.face_detector import FaceDetector
from fields_core.errors import ExportError, SettingsError
from fields_core.files import replacing
from fields_core.progress import CancelToken, ProgressCallback

RENDERED = "rendered:"
"""Beginning of an address that means so many heads to render: ``rendered:2000``."""
RECORD_FILE = "prepared.json"
_MADE = ("*.tar", "*-[0-9][0-9][0-9][0-9][0-9][0-9].json", "*.index.json", "synthetic.json", "shards.json")


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

    def make(folder: Path) -> None:
        if _is_new(folder, source := raw_source(path, folder.name)):
            with FaceDetector() as detector:
                prepare(source, folder, detector, progress, token)

    raw_source(path)  # what makes no sense leaves no folder behind
    folder = _made(store, data_name(path), str(path.resolve()), make)
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

    return _made(store, f"rendered-{count}", address, make)


def _made(store: Path, name: str, origin: str, make: Callable[[Path], None]) -> Path:
    """The folder of shards of an origin."""
    folder = _home(store, name, origin)
    make(folder)
    publish(folder)
    return folder


def _home(store: Path, name: str, origin: str) -> Path:
    """The folder that belongs to an origin: data sets of one name get a number.

    Raises:
        ExportError: it cannot be made.
    """
    for number in itertools.count(1):
        folder = store / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if _record(folder).get("origin") == origin:
                return folder
        except OSError as error:
            raise ExportError(f"Cannot write {folder}", found=error.strerror or str(error)) from error
        else:
            _keep(folder, {"origin": origin})
            return folder
    raise AssertionError("numbers do not end")


def _is_new(folder: Path, source: Source) -> bool:
    """Whether anything is to be done; what was made of other photos is deleted."""
    digest = _digest(source)
    record = _record(folder)
    if record.get("photos") != digest:
        for path in {path for pattern in _MADE for path in folder.glob(pattern)}:
            path.unlink()
        _keep(folder, {"origin": record["origin"], "photos": digest})
        return True
    return not (folder / "shards.json").exists()  # begun, and not ended


def _digest(source: Source) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for entry in source.entries:
        digest.update(repr((entry.key, entry.label, entry.valence_arousal, entry.person, _stamp(entry))).encode())
    return digest.hexdigest()


def _stamp(entry: Entry) -> tuple[int, int] | None:
    """Size and time of a photo's file."""
    if isinstance(entry.load, PictureFile):
        with contextlib.suppress(OSError):  # a photo that is not there is dropped, with the reason
            facts = entry.load.path.stat()
            return facts.st_size, facts.st_mtime_ns
    return None


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


def _keep(folder: Path, record: dict[str, str]) -> None:
    with replacing(folder / RECORD_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
