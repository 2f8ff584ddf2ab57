"""What happens in a run, as JSON lines in its folder: whoever comes later, or comes back, reads the whole story.

One writer, the training process; any number of readers, at any time. This module imports nothing heavy.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from fields_core.errors import ExportError

JOURNAL_FILE = "events.jsonl"
Kind = Literal["began", "stage", "step", "validated", "saved", "stage finished", "finished", "interrupted", "failed"]
ENDINGS: tuple[Kind, ...] = ("finished", "interrupted", "failed")
_KINDS = frozenset(get_args(Kind))


@dataclass(frozen=True)
class Note:
    """One line of a journal. What a kind has nothing to say of is empty."""

    kind: Kind
    time: float = 0.0
    """Seconds since 1970."""
    stage: str = ""
    step: int = 0
    steps: int = 0
    """Of the stage."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Weighted loss terms and ``total``, or what validation measured; values that are no numbers are left out."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """Of steps: ``images_per_second``, ``learning_rate`` and ``memory`` (bytes; ``gpu_memory`` where there is one)."""
    best: bool = False
    picture: str = ""
    """File name relative to the run's folder."""
    text: str = ""
    """Of endings: what went wrong."""


class Journal:
    """Writes notes. A line is written at one go and at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE

    def write(self, note: Note) -> None:
        """Append a note; its time is now.

        Raises:
            ExportError: the disk is full, or the folder is gone.
        """
        row = {name: value for name, value in dataclasses.asdict(note).items() if value or name == "kind"}
        row["time"] = time.time()
        for name in ("values", "gauges"):
            if name in row:
                row[name] = {key: value for key, value in row[name].items() if math.isfinite(value)}
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")
        except OSError as error:
            raise ExportError(
                f"Cannot write {self._path}",
                found=error.strerror or str(error),
                remedy="Free some space or check the folder, then resume the run.",
            ) from error


class JournalReader:
    """Reads notes as they come. A line that is cut off waits for its rest; a damaged one is skipped."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE
        self._place = 0

    def new(self) -> list[Note]:
        """What was written since the last call; nothing if there is no journal."""
        if not self._path.is_file():
            return []
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._place:
                    self._place = 0
                file.seek(self._place)
                content = file.read()
        except OSError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._place += len(whole)
        notes = (_note(line) for line in whole.splitlines())
        return [note for note in notes if note is not None]


def _note(line: bytes) -> Note | None:
    try:
        row = json.loads(line)
        if row["kind"] not in _KINDS:
            return None
        return Note(
            kind=row["kind"],
            time=float(row["time"]),
            stage=str(row.get("stage", "")),
            step=int(row.get("step", 0)),
            steps=int(row.get("steps", 0)),
            values=_numbers(row.get("values", {})),
            gauges=_numbers(row.get("gauges", {})),
            best=bool(row.get("best", False)),
            picture=str(row.get("picture", "")),
            text=str(row.get("text", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}
