"""A long job that the message bar shows, and that the user may cancel there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from fields_app.panels.message_bar import MessageBar
from fields_app.workers.job import JobThread
from fields_core.progress import CancelToken, Progress, ProgressCallback


class CancellableJob(QObject):
    """One job at a time, on a thread of its own.

    Args:
        messages: shows how far it is, what went wrong, and that it was cancelled.
        cancelled: what is said when it was.

    Signals:
        busy_changed(bool)
        progressed(Progress)
    """

    busy_changed = Signal(bool)
    progressed = Signal(object)

    def __init__(self, messages: MessageBar, cancelled: str = "", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages, self._cancelled = messages, cancelled or self.tr("Cancelled.")
        self._thread: JobThread | None = None
        messages.cancel_requested.connect(self.cancel)

    @property
    def busy(self) -> bool:
        return self._thread is not None

    def start(
        self, work: Callable[[ProgressCallback, CancelToken], Any], done: Callable[[Any], None], text: str
    ) -> None:
        """Start a job; call only while none is at work.

        Args:
            work: what is done, on the thread.
            done: takes the result, on the window's thread.
            text: what is being done, for the user.
        """
        self._thread = thread = JobThread(work, self)
        thread.progressed.connect(lambda progress: self._messages.show_progress(progress, can_cancel=True))
        thread.progressed.connect(self.progressed)
        thread.succeeded.connect(done)
        thread.failed.connect(self._messages.show_error)
        thread.cancelled.connect(lambda: self._messages.show_info(self._cancelled))
        thread.finished.connect(self._ended)
        self._messages.show_progress(Progress(0, 0, text), can_cancel=True)
        self.busy_changed.emit(True)
        thread.start()

    def cancel(self) -> None:
        """Ask the job to end, if there is one."""
        if self._thread is not None:
            self._thread.cancel()

    def stop(self) -> None:
        """Cancel the job, and wait until its thread has ended."""
        if self._thread is not None:
            self._thread.stop()

    def _ended(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
            self.busy_changed.emit(False)
