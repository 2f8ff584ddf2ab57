"""Where a training is, and how one ended whose process is gone: by its last note, exit code, files and output.

Imports nothing heavy.
"""

from __future__ import annotations

import shutil
import signal
import sys
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from fields_core.training.journal import Note

OUTPUT_FILE = "output.log"
_ENCODER_FILE = "encoder.safetensors"  # as `run` names it, which is heavy
_LAST_LINES = 20
_TAIL = 1 << 14  # bytes
_LITTLE_SPACE = 64 << 20  # bytes


class RunState(Enum):
    """Where a training is."""

    STARTING = "starting"
    TRAINING = "training"
    STOPPING = "stopping early"
    PAUSING = "pausing"
    PAUSED = "paused"
    """Its process has ended; it goes on exactly where it stopped."""
    FINISHED = "finished"
    FAILED = "failed"
    """With an error it could tell; goes on from the last checkpoint."""
    KILLED = "killed"
    """Without a word; goes on from the last checkpoint."""
    GONE = "gone"
    """Its folder is not there any more."""

    @property
    def active(self) -> bool:
        """Whether a process is at work."""
        return self in (RunState.STARTING, RunState.TRAINING, RunState.STOPPING, RunState.PAUSING)


@dataclass(frozen=True)
class RunStatus:
    """What can be said of a training in a line or two."""

    state: RunState
    stage: str = ""
    step: int = 0
    steps: int = 0
    """Of the stage."""
    text: str = ""
    """Why it ended, if not as planned."""
    last_lines: str = ""
    """What the process said before."""


def ended(status: RunStatus, folder: Path, ending: Note | None, code: int | None) -> RunStatus:
    """The status of a training whose process has ended.

    Args:
        status: the last one it had.
        folder: of the run.
        ending: the last word in its journal; None if it ended without one.
        code: exit status of the process; None where it is not known.
    """
    kind = ending.kind if ending is not None else None
    if kind == "finished" or (kind is None and (folder / _ENCODER_FILE).exists()):
        state, text = RunState.FINISHED, ""
    elif kind == "interrupted":
        state, text = RunState.PAUSED, ""
    elif ending is not None:
        state, text = RunState.FAILED, ending.text
    elif code is not None and code > 0:
        state, text = RunState.FAILED, ""
    else:
        state, text = RunState.KILLED, _killed_by(code)
    lines = ""
    if state in (RunState.FAILED, RunState.KILLED):
        lines = _last_lines(folder / OUTPUT_FILE)
        text = text or _first_line(lines)
        if _space_left(folder) < _LITTLE_SPACE:
            text += "\nThe disk is full."
    return replace(status, state=state, text=text, last_lines=lines)


def _last_lines(output: Path) -> str:
    try:
        with output.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines[-_LAST_LINES:] if line.strip())


def _killed_by(code: int | None) -> str:
    if code is None or code >= 0:
        return "The training ended without a word."
    try:
        return f"The training was killed ({signal.Signals(-code).name})."
    except ValueError:
        return f"The training was killed (signal {-code})."


def _first_line(lines: str) -> str:
    return lines.splitlines()[0] if lines else "The training ended without a word."


def _space_left(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return sys.maxsize
