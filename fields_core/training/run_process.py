"""Which process trains in a run's folder, and what it is asked to do. Imports nothing heavy.

A process id alone does not tell: the system gives it to others once its process is gone. So the time at which the
process began is kept with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from fields_core.errors import ExportError, SettingsError
from fields_core.files import replacing
from fields_core.progress import CancelToken

PROCESS_FILE = "process.json"
REQUEST_FILE = "request.json"
ORDER_FILE = "order.txt"
Order = Literal["stop early", "pause"]
_SAME_START = 2.0  # seconds: clocks are set now and then, process ids come back after thousands of others
_LOOK_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class RunProcess:
    """A process, this very one."""

    pid: int
    started: float
    """Seconds since 1970."""

    @property
    def alive(self) -> bool:
        """Whether it is still at work; what only waits to be buried is not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def kill(self, patience: float = 5.0) -> None:
        """End it and its children at once, and wait until they are gone; harmless if they are."""
        if not self.alive:
            return
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            family = [*process.children(recursive=True), process]
            for member in family:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            psutil.wait_procs(family, timeout=patience)


def this_process() -> RunProcess:
    return RunProcess(os.getpid(), psutil.Process().create_time())


def process_of(folder: Path) -> RunProcess | None:
    """The process that trains in a folder; None if none does, whatever its file says."""
    try:
        row = json.loads((folder / PROCESS_FILE).read_text("utf-8"))
        found = RunProcess(int(row["pid"]), float(row["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.alive else None


@dataclass(frozen=True)
class RunOrigin:
    """What a run was made of, as its folder tells: all that `--resume` has to be told again."""

    data: tuple[str, ...]
    """Folders of shards, or addresses elsewhere."""
    start: str | None = None
    head: str | None = None
    cache: str | None = None


def origin_of(folder: Path) -> RunOrigin:
    """What the run in a folder was made of.

    Raises:
        SettingsError: the folder does not say it.
    """
    try:
        row = json.loads((folder / REQUEST_FILE).read_text("utf-8"))
        data = row["data"]
        folders = (data,) if isinstance(data, str) else tuple(str(address) for address in data)  # a string: 0.1
        others = {name: str(row[name]) for name in ("start", "head", "cache") if row.get(name)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{folder} does not say what data it was trained on",
            expected=REQUEST_FILE,
            remedy="Resume it on the command line: fields train --resume --data DIR --out DIR.",
        ) from error
    return RunOrigin(folders, **others)


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Say that this process trains in a folder, while the context lasts.

    Raises:
        SettingsError: another process does.
        ExportError: the folder cannot be written.
    """
    path = folder / PROCESS_FILE
    other = process_of(folder)
    if other is not None and other.pid != os.getpid():
        raise SettingsError(
            f"{folder} is being trained in",
            found=f"process {other.pid}",
            remedy="Wait until it has ended, or choose another folder.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("x", encoding="utf-8") as file:  # of two at once, one fails
            json.dump(asdict(this_process()), file)
    except FileExistsError as error:
        raise SettingsError(f"{folder} is being trained in", remedy="Choose another folder.") from error
    except OSError as error:
        raise ExportError(f"Cannot write {path}", found=error.strerror or str(error)) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def give_order(folder: Path, order: Order) -> None:
    """Ask the process that trains in a folder; it obeys after the present step.

    Raises:
        ExportError: the folder cannot be written.
    """
    with replacing(folder / ORDER_FILE) as temporary:
        temporary.write_text(order, "utf-8")


@contextlib.contextmanager
def obeying(folder: Path, pause: CancelToken, enough: CancelToken) -> Iterator[None]:
    """Turn orders into tokens while the context lasts; orders from before it are forgotten."""
    path, over = folder / ORDER_FILE, threading.Event()
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)

    def look() -> None:
        while not over.wait(_LOOK_EVERY):
            with contextlib.suppress(OSError):
                order = path.read_text("utf-8")
                path.unlink(missing_ok=True)
                {"pause": pause, "stop early": enough}.get(order, CancelToken()).cancel()

    thread = threading.Thread(target=look, name="orders", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
