"""A worker thread with a one-place mailbox: only the newest request counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, QThread, Signal

from fields_core.errors import FieldsError
from fields_core.progress import Cancelled, CancelToken

Request = TypeVar("Request")


class LatestOnlyThread(QThread, Generic[Request]):
    """Answers requests one after another; a new request replaces the waiting one, never queues behind it.

    Args:
        work: called on the thread with the request and a token; what it returns is emitted with the request.
        cancel_running: also cancel the request at work when a newer one arrives (for slow work).

    Signals (on the thread subclass, so receivers run on their own thread):
        answered(request, answer)
        failed(request, error): ``error`` is a `FieldsError`, or any other exception (a bug).
    """

    answered = Signal(object, object)
    failed = Signal(object, object)

    def __init__(
        self,
        work: Callable[[Request, CancelToken], Any],
        *,
        cancel_running: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._work = work
        self._cancel_running = cancel_running
        self._condition = threading.Condition()
        self._waiting: Request | None = None
        self._token = CancelToken()
        self._stopping = False

    def submit(self, request: Request) -> None:
        """Hand over a request; starts the thread at the first one."""
        with self._condition:
            self._waiting = request
            if self._cancel_running:
                self._token.cancel()
            self._condition.notify()
        if not self.isRunning():
            self.start()

    def cancel(self) -> None:
        """Forget the waiting request and cancel the one at work."""
        with self._condition:
            self._waiting = None
            self._token.cancel()

    def stop(self) -> None:
        """Cancel, then wait until the thread has ended."""
        self.cancel()
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self.wait()

    def run(self) -> None:
        while (request := self._next()) is not None:
            token = self._token
            try:
                answer = self._work(request, token)
                token.raise_if_cancelled()
            except Cancelled:
                continue
            except FieldsError as error:
                self.failed.emit(request, error)
            except Exception as error:  # noqa: BLE001 - a bug in the work is shown, and the thread lives on
                self.failed.emit(request, error)
            else:
                self.answered.emit(request, answer)

    def _next(self) -> Request | None:
        with self._condition:
            while self._waiting is None and not self._stopping:
                self._condition.wait()
            if self._stopping:
                return None
            request, self._waiting, self._token = self._waiting, None, CancelToken()
            return request
