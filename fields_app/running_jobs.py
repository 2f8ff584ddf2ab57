"""What is at work in the window, in one place: everything that takes long says so here. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from fields_core.progress import Progress


@dataclass(frozen=True, eq=False)
class RunningJob:
    """One piece of work."""

    key: str
    """Tells it from others; a controller has one."""
    name: str
    """For the user."""
    progress: Progress
    cancel: Callable[[], object] | None = None
    """None: it cannot be stopped half-way."""


class RunningJobs(QObject):
    """Jobs in the order in which they began. Call it on the window's thread.

    Signals:
        changed(): a job began or ended.
        progressed(key)
    """

    changed = Signal()
    progressed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, RunningJob] = {}

    @property
    def jobs(self) -> tuple[RunningJob, ...]:
        return tuple(self._jobs.values())

    def job(self, key: str) -> RunningJob | None:
        return self._jobs.get(key)

    def begin(self, key: str, name: str, cancel: Callable[[], object] | None = None) -> None:
        """A job is at work from now on; one of the same key is followed by this one."""
        self._jobs[key] = RunningJob(key, name, Progress(0, 0), cancel)
        self.changed.emit()

    def report(self, key: str, progress: Progress) -> None:
        """How far it is; of a job that has ended nothing is heard any more."""
        if key in self._jobs:
            self._jobs[key] = replace(self._jobs[key], progress=progress)
            self.progressed.emit(key)

    def end(self, key: str) -> None:
        if self._jobs.pop(key, None) is not None:
            self.changed.emit()

    def cancel(self, key: str) -> None:
        """Ask a job to stop; it ends when it has."""
        job = self._jobs.get(key)
        if job is not None and job.cancel is not None:
            job.cancel()
            self.report(key, replace(job.progress, message=self.tr("Stopping …")))

    def set_busy(self, key: str, name: str, busy: bool, cancel: Callable[[], object] | None = None) -> None:
        """Begin or end, for controllers that only say whether they are at work."""
        if busy:
            self.begin(key, name, cancel)
        else:
            self.end(key)
