"""Saves the edits of the shown take beside its recording, a moment after the last one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from fields_app.panels.message_bar import MessageBar
from fields_app.take_state import TakeState
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken

if TYPE_CHECKING:
    from fields_core.takes.edits import TakeEdits

_SAVE_MS = 400  # after the last edit


@dataclass(frozen=True, eq=False)
class _Saved:
    edits: TakeEdits
    take: Path


class TakeSaver(QObject):
    """Writes on a thread of its own; `flush` writes at once.

    Args:
        state: has the take and its edits.
        messages: is told what could not be written.
    """

    def __init__(self, state: TakeState, messages: MessageBar, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._messages = state, messages
        self._thread: LatestOnlyThread[_Saved] = LatestOnlyThread(_save, parent=self)
        self._thread.failed.connect(lambda _, error: self._messages.show_error(error))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_MS)
        self._timer.timeout.connect(self._submit)

    def save_soon(self) -> None:
        """The edits have changed."""
        self._timer.start()

    def flush(self) -> None:
        """Save now what would have been saved in a moment."""
        if self._timer.isActive():
            self._timer.stop()
            if (shown := self._shown()) is not None:
                try:
                    _save(shown, CancelToken())
                except FieldsError as error:
                    self._messages.show_error(error)

    def stop(self) -> None:
        """Save what has not been saved, and end the thread. Harmless when called twice."""
        self.flush()
        self._thread.stop()

    def _submit(self) -> None:
        if (shown := self._shown()) is not None:
            self._thread.submit(shown)

    def _shown(self) -> _Saved | None:
        take, edits = self._state.take, self._state.edits
        return _Saved(edits, take.path) if take is not None and edits is not None else None


def _save(saved: _Saved, token: CancelToken) -> Path:
    from fields_core.takes.edits import save_edits

    return save_edits(saved.edits, saved.take)
