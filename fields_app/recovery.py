"""Where unsaved work is kept while the window is open, so that it outlives a crash, a kill or a power cut.

One folder for each running window: ``autosave.fields`` and the photos unpacked of an embedding project, held by a lock.
A folder whose lock nobody holds any more is what a crash left behind. Safe with any number of windows at once.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QLockFile

AUTOSAVE = "autosave.fields"
_LOCK = "lock"


def default_root() -> Path:
    """The place in the user's data folder."""
    import platformdirs

    return platformdirs.user_data_path("fields", appauthor=False) / "recovery"


@dataclass(frozen=True)
class LeftBehind:
    """Work that was not saved when a window ended unexpectedly."""

    folder: Path
    saved: datetime
    """When it was last autosaved; local time."""

    @property
    def project(self) -> Path:
        return self.folder / AUTOSAVE


class RecoveryFolder:
    """The folder of this window. It is made when it is first needed, and removed by `close`.

    Args:
        root: where the folders of all windows are.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._lock: QLockFile | None = None
        self._unpacked = 0

    @property
    def autosave(self) -> Path:
        """Where to write unsaved work.

        Raises:
            OSError: the folder cannot be made.
        """
        return self._ready() / AUTOSAVE

    def new_unpack_folder(self) -> Path:
        """A place for the photos that a project carries. It does not exist yet.

        Raises:
            OSError: the folder around it cannot be made.
        """
        folder = self._ready()
        while True:
            self._unpacked += 1
            place = folder / f"photos-{self._unpacked}"
            if not place.exists():
                return place

    def saved(self) -> None:
        """Nothing is unsaved any more."""
        if self._folder is not None:
            (self._folder / AUTOSAVE).unlink(missing_ok=True)

    def left_behind(self) -> list[LeftBehind]:
        """What windows that are no more left unsaved, newest first. Folders with nothing to recover are removed."""
        found: list[LeftBehind] = []
        for folder in self._others():
            lock = QLockFile(str(folder / _LOCK))
            lock.setStaleLockTime(0)  # stale as soon as its process is gone, never by age alone
            if not lock.tryLock(0):
                continue  # a window that is open
            autosave = folder / AUTOSAVE
            lock.unlock()
            try:
                found.append(LeftBehind(folder, datetime.fromtimestamp(autosave.stat().st_mtime)))
            except FileNotFoundError:
                shutil.rmtree(folder, ignore_errors=True)
        return sorted(found, key=lambda left: left.saved, reverse=True)

    def adopt(self, left: LeftBehind) -> bool:
        """Make a folder that was left behind this window's own; whether nobody else was quicker."""
        lock = QLockFile(str(left.folder / _LOCK))
        lock.setStaleLockTime(0)
        if not left.project.exists() or not lock.tryLock(0):
            return False
        self.close()
        self._folder, self._lock = left.folder, lock
        return True

    def discard(self, left: LeftBehind) -> None:
        """Throw away what was left behind."""
        shutil.rmtree(left.folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder: the window ends properly. Harmless when called twice."""
        if self._lock is not None:
            self._lock.unlock()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._lock = None

    def abandon(self) -> None:
        """Leave the folder as a crash would: for unsaved work that the next start should offer again."""
        if self._lock is not None:
            self._lock.unlock()
        self._folder = self._lock = None

    def _ready(self) -> Path:
        if self._folder is None:
            folder = self._root / uuid.uuid4().hex[:12]
            folder.mkdir(parents=True)
            lock = QLockFile(str(folder / _LOCK))
            lock.setStaleLockTime(0)
            if not lock.tryLock(0):
                raise OSError(f"{folder} cannot be locked")
            self._folder, self._lock = folder, lock
        return self._folder

    def _others(self) -> Iterator[Path]:
        if self._root.is_dir():
            yield from (p for p in sorted(self._root.iterdir()) if p.is_dir() and p != self._folder)
