"""The batch queue: photos waiting to be reconstructed and exported, and how each of them went. State, no work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, Signal


class RowState(Enum):
    """How far a photo is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class BatchRow:
    """One photo of the queue. Nothing of the photo itself: the queue may be long."""

    path: Path
    state: RowState = RowState.WAITING
    step: str = ""
    """While it is worked on: what is being done."""
    progress: float = 0.0
    """0 to 1."""
    faces: int = 0
    files: int = 0
    seconds: float = 0.0
    error: str = ""
    """One line."""
    details: str = ""
    """What was expected, what came, what to do."""


class BatchQueue(QObject):
    """Rows in the order they were added.

    Signals:
        rows_about_to_change(), rows_changed(): rows came or went.
        row_changed(index)
        running_changed(): started, paused or ended.
    """

    rows_about_to_change = Signal()
    rows_changed = Signal()
    row_changed = Signal(int)
    running_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[BatchRow] = []
        self.running = False
        """Rows are being worked on, or the one at work is being finished before a pause."""
        self.pausing = False
        """No further row will be started."""

    @property
    def counts(self) -> Counter[RowState]:
        return Counter(row.state for row in self.rows)

    @property
    def next_waiting(self) -> int:
        """Index of the first row that waits; -1: none."""
        return next((i for i, row in enumerate(self.rows) if row.state is RowState.WAITING), -1)

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the photos done so far; None while there is nothing to estimate from."""
        counts = self.counts
        done = [row.seconds for row in self.rows if row.state is RowState.DONE]
        waiting = counts[RowState.WAITING] + counts[RowState.WORKING]
        return sum(done) / len(done) * waiting if done else None

    def add(self, paths: Sequence[Path]) -> int:
        """Put photos at the end; those in the queue already are left out. How many were added."""
        known = {row.path for row in self.rows}
        new = [BatchRow(path) for path in dict.fromkeys(path.absolute() for path in paths) if path not in known]
        if new:
            self._set([*self.rows, *new])
        return len(new)

    def remove(self, indices: Sequence[int]) -> None:
        """Take rows out; the one at work stays."""
        gone = {i for i in indices if self.rows[i].state is not RowState.WORKING}
        self._set([row for i, row in enumerate(self.rows) if i not in gone])

    def remove_finished(self) -> None:
        self.remove([i for i, row in enumerate(self.rows) if row.state is RowState.DONE])

    def retry(self, indices: Sequence[int]) -> None:
        """Failed rows wait again, and done ones, to be done again."""
        for i in indices:
            if self.rows[i].state in (RowState.FAILED, RowState.DONE):
                self.update(i, BatchRow(self.rows[i].path))

    def update(self, index: int, row: BatchRow) -> None:
        self.rows[index] = row
        self.row_changed.emit(index)

    def index_of(self, path: Path) -> int:
        """Where a photo is now; -1: it was taken out."""
        return next((i for i, row in enumerate(self.rows) if row.path == path), -1)

    def set_running(self, running: bool, pausing: bool = False) -> None:
        if (running, pausing) != (self.running, self.pausing):
            self.running, self.pausing = running, pausing
            self.running_changed.emit()

    def put_back(self) -> None:
        """What was being worked on waits again."""
        for i, row in enumerate(self.rows):
            if row.state is RowState.WORKING:
                self.update(i, replace(row, state=RowState.WAITING, step="", progress=0.0))

    def _set(self, rows: list[BatchRow]) -> None:
        self.rows_about_to_change.emit()
        self.rows = rows
        self.rows_changed.emit()
