"""A training in a process of its own: start, watch, stop early, pause, go on, discard; and find it again later.

The process is on its own: it goes on when whoever started it closes or is killed. All that is said between the two is
in the run's folder (`journal`, `run_process`), so a training from the command line is watched just the same. Imports
nothing heavy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import psutil

import fields_core
from fields_core.errors import ExportError, SettingsError
from fields_core.training.config import TrainConfig, save_config
from fields_core.training.journal import ENDINGS, JOURNAL_FILE, JournalReader, Note
from fields_core.training.run_process import RunProcess, give_order, origin_of, process_of
from fields_core.training.run_status import OUTPUT_FILE, RunState, RunStatus, ended

PLAN_FILE = "plan.toml"
_CONFIG_FILE = "config.json"  # as `run` names it, which is heavy
TRAIN = (sys.executable, "-m", "fields_core.cli", "train")
_NICENESS = 10  # the window, and whatever else the user does, comes first


@dataclass(frozen=True)
class TrainingPlan:
    """What to train, on what, and where the results go: the arguments of ``fields train``."""

    config: TrainConfig
    data: tuple[str, ...]
    """Folders of shards, or addresses elsewhere."""
    out: Path
    start: Path | None = None
    head: Path | None = None


class Supervisor:
    """One training, from outside. Not for several threads at once.

    Args:
        folder: of a run: one that trains, or one that has ended however.
        program: what is started to train.
    """

    def __init__(self, folder: Path, program: Sequence[str] = TRAIN) -> None:
        self.folder, self._program = folder, program
        self._reader = JournalReader(folder)
        self._child: subprocess.Popen[bytes] | None = None
        self._ending: Note | None = None
        self.status = RunStatus(RunState.STARTING)

    @staticmethod
    def start(plan: TrainingPlan, program: Sequence[str] = TRAIN) -> Supervisor:
        """Begin a training.

        Raises:
            SettingsError: the folder already holds a run.
            ExportError: the folder cannot be written.
        """
        if is_run(plan.out):
            raise SettingsError(f"{plan.out} already holds a run", remedy="Resume it, or choose another folder.")
        save_config(plan.out / PLAN_FILE, plan.config)
        arguments = [str(plan.out / PLAN_FILE), *_each("--data", plan.data), "--out", str(plan.out)]
        for name, value in (("--start", plan.start), ("--head", plan.head)):
            arguments += [name, str(value)] if value is not None else []
        supervisor = Supervisor(plan.out, program)
        supervisor._launch(arguments)
        return supervisor

    def poll(self) -> list[Note]:
        """What has happened since the last call; `status` is up to date afterwards."""
        if not self.folder.is_dir():
            self.status = replace(self.status, state=RunState.GONE, text=f"{self.folder} is not there any more")
            return []
        working = self._working()  # before the journal is read: its last words are not missed then
        notes = self._reader.new()
        for note in notes:
            self._hear(note)
        if not working or self._ending is not None:
            self._close()
        elif self.status.state not in (RunState.STOPPING, RunState.PAUSING):
            self.status = replace(self.status, state=RunState.TRAINING if self.status.stage else RunState.STARTING)
        return notes

    def detach(self) -> None:
        """Let the process be; another supervisor of the folder finds it."""
        if self._child is not None and self._child.poll() is None:
            self._child.returncode = 0  # Python would complain of a process that nobody waits for
        self._child = None

    def stop_early(self) -> None:
        """Validate once more, keep the best weights so far and end.

        Raises:
            ExportError: the folder cannot be written.
        """
        if self.status.state.active:
            give_order(self.folder, "stop early")
            self.status = replace(self.status, state=RunState.STOPPING)

    def pause(self) -> None:
        """Save after the present step and end the process; `resume` goes on exactly there.

        Raises:
            ExportError: the folder cannot be written.
        """
        if self.status.state.active:
            give_order(self.folder, "pause")
            self.status = replace(self.status, state=RunState.PAUSING)

    def resume(self) -> None:
        """Go on with what was paused, or from the last checkpoint of what ended otherwise.

        Raises:
            SettingsError: nothing says what data it was trained on.
            ExportError: the folder cannot be written.
        """
        if self.status.state.active and self._working():
            return
        origin = origin_of(self.folder)
        begun = (self.folder / _CONFIG_FILE).exists()
        arguments = ["--resume"] if begun else [str(self.folder / PLAN_FILE)]
        arguments += [*_each("--data", origin.data), "--out", str(self.folder)]
        for name in ("start", "head", "cache"):
            arguments += [f"--{name}", value] if (value := getattr(origin, name)) else []
        self._launch(arguments)

    def discard(self) -> None:
        """End the process at once and delete the run's folder.

        Raises:
            ExportError: it cannot be deleted.
        """
        process = self._process()
        if process is not None:
            process.kill()
        self._bury()
        delete_run(self.folder)
        self.status = replace(self.status, state=RunState.GONE)

    def _launch(self, arguments: list[str]) -> None:
        environment = dict(os.environ)
        package = str(Path(fields_core.__file__).parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH", ""))))
        command = [*self._program, *arguments]
        self._bury()  # one that has said its last words may still be tidying up
        try:
            with (self.folder / OUTPUT_FILE).open("ab") as output:
                self._child = _detached(command, environment, output)
        except OSError as error:
            raise ExportError(f"Cannot train in {self.folder}", found=error.strerror or str(error)) from error
        with contextlib.suppress(psutil.Error):  # it may have ended already
            lowest = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else _NICENESS
            psutil.Process(self._child.pid).nice(lowest)
        self._reader.new()  # stories of before
        self._ending = None
        self.status = RunStatus(RunState.STARTING)

    def _hear(self, note: Note) -> None:
        if note.kind == "began":
            self._ending = None
        elif note.kind in ENDINGS:
            self._ending = note
        elif note.kind in ("stage", "step"):
            self.status = replace(self.status, stage=note.stage, step=note.step, steps=note.steps)

    def _close(self) -> None:
        """The process is gone: how did it end?"""
        code = None if self._child is None else self._child.poll()
        self.status = ended(self.status, self.folder, self._ending, code)

    def _working(self) -> bool:
        if self._child is not None and self._child.poll() is None:
            return True
        return process_of(self.folder) is not None

    def _process(self) -> RunProcess | None:
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(psutil.Error):  # it has just ended
                return RunProcess(self._child.pid, psutil.Process(self._child.pid).create_time())
        return process_of(self.folder)

    def _bury(self) -> None:
        if self._child is not None:
            self._child.wait()


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [argument for value in values for argument in (option, value)]


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, of whatever state."""
    return any((folder / name).exists() for name in (_CONFIG_FILE, JOURNAL_FILE, PLAN_FILE))


def delete_run(folder: Path) -> None:
    """Delete a run's folder.

    Raises:
        SettingsError: it holds no run, or somebody trains in it.
        ExportError: it cannot be deleted.
    """
    if not is_run(folder):
        raise SettingsError(f"{folder} holds no run")
    if (other := process_of(folder)) is not None:
        raise SettingsError(f"{folder} is being trained in", found=f"process {other.pid}")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ExportError(f"Cannot delete {folder}", found=error.strerror or str(error)) from error


def _detached(command: list[str], environment: dict[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process that does not hear the Ctrl-C of our terminal, and outlives us."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, creationflags=flags
        )
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
