"""A folder of shards, on this machine or elsewhere.

A folder elsewhere cannot be listed, and looking into every shard would fetch it all. So `publish` writes, beside the
shards, ``shards.json`` (which shards there are, and the notes of the data sets) and for each shard
``NAME-000000.index.json`` (where its samples are, and what is known of them).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fields_core.data.addresses import Addresses, address_list, is_remote
from fields_core.data.shard_files import RemoteFileError, stored_file
from fields_core.data.shard_index import ShardError, write_index
from fields_core.data.shards import ShardSet, shard_paths
from fields_core.errors import SettingsError
from fields_core.files import replacing

MANIFEST = "shards.json"
_FORMAT = "fields-shards-1"
_SHARD = re.compile(r"([^/\\]+)-\d{6}\.tar")


@dataclass(frozen=True)
class ShardFolder:
    """Where a run's data lies."""

    address: str
    """A folder's path, or the address that the names of its files follow after a slash."""
    files: tuple[str, ...]
    """Names of the shards, in order."""
    notes: dict[str, dict[str, Any]]
    """Of data sets that say something of themselves (``NAME.json``), such as their unit of intensity."""
    cache: Path | None = None

    @property
    def names(self) -> list[str]:
        """Of the data sets."""
        return sorted({match[1] for file in self.files if (match := _SHARD.fullmatch(file))})

    def shards(self, name: str) -> ShardSet:
        """The samples of a data set.

        Raises:
            ShardError: a shard cannot be read.
        """
        chosen = [file for file in self.files if (match := _SHARD.fullmatch(file)) and match[1] == name]
        if not is_remote(self.address):
            return ShardSet([Path(self.address) / file for file in chosen])
        return ShardSet([f"{self.address}/{file}" for file in chosen], self.cache)


def open_folder(address: str | Path, cache: Path | None = None) -> ShardFolder:
    """Look into a folder.

    Args:
        address: a path, or an address as in `shard_files`.
        cache: folder that keeps whole shards from elsewhere; without it each sample is fetched when it is needed.

    Raises:
        SettingsError: a folder elsewhere that was not published.
    """
    if is_remote(address):
        return _published(str(address).rstrip("/"), cache)
    folder = Path(address)
    files = tuple(sorted(path.name for path in folder.glob("*.tar") if _SHARD.fullmatch(path.name)))
    return ShardFolder(str(folder), files, _notes(folder, files))


@dataclass(frozen=True)
class ShardFolders:
    """Several folders as one: their data sets go by name, in whatever order the folders are given."""

    folders: tuple[ShardFolder, ...]

    @property
    def names(self) -> list[str]:
        """Of all data sets."""
        return sorted(name for folder in self.folders for name in folder.names)

    def folder_of(self, name: str) -> ShardFolder:
        """The folder that holds a data set.

        Raises:
            KeyError: none does.
        """
        for folder in self.folders:
            if name in folder.names:
                return folder
        raise KeyError(name)

    def shards(self, name: str) -> ShardSet:
        """The samples of a data set; see `ShardFolder.shards`."""
        return self.folder_of(name).shards(name)

    @property
    def notes(self) -> dict[str, dict[str, Any]]:
        """Of data sets that say something of themselves."""
        return {name: note for folder in self.folders for name, note in folder.notes.items()}

    def __str__(self) -> str:
        return ", ".join(folder.address for folder in self.folders)


def open_folders(addresses: Addresses, cache: Path | None = None) -> ShardFolders:
    """Look into one folder or several; see `open_folder`.

    Raises:
        SettingsError: no folder at all, two that hold a data set of the same name (which of them is meant could not be
            told), or what `open_folder` raises.
    """
    folders = tuple(open_folder(address, cache) for address in address_list(addresses))
    if not folders:
        raise SettingsError("There is no data to train on", expected="at least one folder of shards")
    homes: dict[str, str] = {}
    for folder in folders:
        for name in folder.names:
            if name in homes:
                raise SettingsError(
                    f"Two folders hold a data set named {name}",
                    expected="names that tell all data sets apart",
                    found=f"{homes[name]} and {folder.address}",
                    remedy="Leave one out, or prepare it again with fields prepare --name.",
                )
            homes[name] = folder.address
    return ShardFolders(folders)


def publish(folder: Path) -> None:
    """Write down what a folder holds, so that it can be read from elsewhere; what is up to date stays.

    Raises:
        ShardError: a shard cannot be read.
        ExportError: the files cannot be written.
    """
    local = open_folder(folder)
    for name in local.names:
        for path in shard_paths(folder, name):
            write_index(path)
    manifest = {"format": _FORMAT, "shards": local.files, "notes": local.notes}
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _published(address: str, cache: Path | None) -> ShardFolder:
    try:
        # Never from the cache: it grows with the folder.
        manifest = json.loads(stored_file(f"{address}/{MANIFEST}").read())
        if manifest["format"] != _FORMAT:
            raise ValueError(f"format {manifest['format']}")
        files = tuple(str(file) for file in manifest["shards"])
        notes = {str(name): dict(note) for name, note in manifest["notes"].items()}
    except (OSError, RemoteFileError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"{address}/{MANIFEST} does not say which shards there are",
            expected="a folder that fields prepare wrote",
            found=str(error),
        ) from error
    if wrong := [file for file in files if not _SHARD.fullmatch(file)]:
        raise ShardError(f"{address}/{MANIFEST} names files that are no shards", found=wrong[0])
    return ShardFolder(address, files, notes, cache)


def _notes(folder: Path, files: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    names = {match[1] for file in files if (match := _SHARD.fullmatch(file))}
    notes: dict[str, dict[str, Any]] = {}
    for path in (folder / f"{name}.json" for name in sorted(names)):
        if path.exists():
            try:
                notes[path.stem] = dict(json.loads(path.read_text("utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise SettingsError(f"{path} is not readable", found=str(error)) from error
    return notes
