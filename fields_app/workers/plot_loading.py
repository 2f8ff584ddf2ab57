"""Makes plots without holding up the window: their library is loaded on a thread, then one is made at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from fields_app.workers.job import JobThread
from fields_core.progress import CancelToken, ProgressCallback


class Plot(Protocol):
    """Something that is empty until it is built."""

    def build(self) -> None: ...


class PlotLoading(QObject):
    """
    Args:
        plots: in the order in which they are made.

    Signals:
        finished(): all are made.
    """

    finished = Signal()

    def __init__(self, plots: Iterable[Plot], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plots = deque(plots)
        self._turn = QTimer(self)  # of the event loop: whatever else is waiting comes first
        self._turn.timeout.connect(self._make_one)
        self._thread = JobThread(_load, self)
        self._thread.succeeded.connect(lambda _: self._turn.start(0))
        self._thread.start()

    def stop(self) -> None:
        self._turn.stop()
        self._thread.stop()

    def _make_one(self) -> None:
        if self._plots:
            self._plots.popleft().build()
        if not self._plots:
            self._turn.stop()
            self.finished.emit()


def _load(report: ProgressCallback, token: CancelToken) -> None:
    import pyqtgraph  # noqa: F401 - it is there for whoever asks next
