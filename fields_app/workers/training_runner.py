"""A thread that watches one training and passes orders on. The training itself is a process of its own."""

from __future__ import annotations

import queue
from collections.abc import Callable

from PySide6.QtCore import QObject, QThread, Signal

from fields_core.errors import FieldsError
from fields_core.training.run_status import RunStatus
from fields_core.training.supervisor import Supervisor

_LOOK_EVERY = 0.4  # seconds


class TrainingRunner(QThread):
    """Ends when the training has, or is paused.

    Args:
        begin: starts a training, or finds one that is at work; called on the thread.

    Signals:
        noted(list[Note]): what happened, in order.
        status_changed(RunStatus)
        failed(error): the training could not be started, or an order not be given.
    """

    noted = Signal(object)
    status_changed = Signal(object)
    failed = Signal(object)

    def __init__(self, begin: Callable[[], Supervisor], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._begin = begin
        self._orders: queue.Queue[Callable[[Supervisor], None] | None] = queue.Queue()

    def stop_early(self) -> None:
        self._orders.put(Supervisor.stop_early)

    def pause(self) -> None:
        self._orders.put(Supervisor.pause)

    def discard(self) -> None:
        self._orders.put(Supervisor.discard)

    def stop(self) -> None:
        """End the thread and let the training go on by itself."""
        self._orders.put(None)
        self.wait()

    def run(self) -> None:
        try:
            supervisor = self._begin()
        except FieldsError as error:
            self.failed.emit(error)
            return
        shown: RunStatus | None = None
        while True:
            notes = supervisor.poll()
            if notes:
                self.noted.emit(notes)
            if supervisor.status != shown:
                shown = supervisor.status
                self.status_changed.emit(shown)
            if not supervisor.status.state.active:
                break
            try:
                order = self._orders.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                continue
            if order is None:
                break
            try:
                order(supervisor)
            except FieldsError as error:
                self.failed.emit(error)
        supervisor.detach()
