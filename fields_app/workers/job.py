"""A worker thread for one long job that is reported on and can be cancelled (loading, export)."""

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
