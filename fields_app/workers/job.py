"""Worker threads for long jobs that are reported on and can be cancelled (loading, export, saving)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from fields_core.errors import FieldsError
from fields_core.progress import Cancelled, CancelToken, ProgressCallback


class JobThread(QThread):
    """Runs ``work(report, token)`` once.

    Signals:
        progressed(Progress)
        succeeded(result)
        failed(error): a `FieldsError`, or any other exception (a bug).
        cancelled()
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()

    def __init__(self, work: Callable[[ProgressCallback, CancelToken], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._token = CancelToken()

    def cancel(self) -> None:
        self._token.cancel()

    def stop(self) -> None:
        """Cancel, then wait until the thread has ended."""
        self.cancel()
        self.wait()

    def run(self) -> None:
        try:
            result = self._work(self.progressed.emit, self._token)
        except Cancelled:
            self.cancelled.emit()
        except FieldsError as error:
            self.failed.emit(error)
        except Exception as error:  # noqa: BLE001 - a bug in the work is shown in the window
            self.failed.emit(error)
        else:
            self.succeeded.emit(result)


class Jobs(QObject):
    """Runs jobs, each on a thread of its own, and forgets them when they have ended.

    Signals:
        busy_changed(bool): whether any job is at work.
    """

    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: list[JobThread] = []

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def run(
        self,
        work: Callable[[ProgressCallback, CancelToken], Any],
        succeeded: Callable[[Any], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Start a job; one of the two is called, on this thread, when it has ended."""
        job = JobThread(work, self)
        job.succeeded.connect(succeeded)
        job.failed.connect(failed)
        job.finished.connect(lambda: self._ended(job))
        self._running.append(job)
        if len(self._running) == 1:
            self.busy_changed.emit(True)
        job.start()

    def finish(self) -> None:
        """Wait until all jobs have ended. They are not cancelled: what was begun is done."""
        for job in list(self._running):
            job.wait()
            self._ended(job)

    def _ended(self, job: JobThread) -> None:
        if job in self._running:
            self._running.remove(job)
            job.wait()  # `finished` comes a moment before the thread has ended
            job.deleteLater()
            if not self._running:
                self.busy_changed.emit(False)
