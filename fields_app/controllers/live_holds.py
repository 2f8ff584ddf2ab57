"""What the user holds against the tracker: the slider in the hand, and what is locked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from fields_app.live_view import LiveView
from fields_app.parameters import Parameter, read_all
from fields_app.session import Session


class LiveHolds(QObject):
    """Keeps the values held in the view.

    Args:
        view: knows the values, and the head on show.
        session: knows what is locked.

    Signals:
        changed(): other values are held.
    """

    changed = Signal()

    def __init__(self, view: LiveView, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view, self._session = view, session
        self._parameters: tuple[Parameter, ...] = ()
        session.locks_changed.connect(self._follow_locks)

    def begin(self, parameters: Sequence[Parameter]) -> None:
        """A head with these parameters moves now, and nothing is held; none: no head moves any more."""
        self._parameters, self._view.held = tuple(parameters), {}

    def hold(self, key: str, value: float) -> None:
        """A slider was grabbed: the tracker no longer moves this value."""
        self._put({**self._view.held, key: value})

    def release(self) -> None:
        """The slider was let go: what is not locked follows the tracker again."""
        locked = self._session.locked
        held = {key: value for key, value in self._view.held.items() if key in locked}
        if held != self._view.held:
            self._put(held)

    def look(self) -> None:
        """Another head is on show: what was locked before the first face came stays as it is now."""
        if self._session.locked and not self._view.held:
            self._follow_locks()

    def _follow_locks(self) -> None:
        """What is locked stays where it is: at the value held, or else at the one on show."""
        shot, view = self._view.shot, self._view
        if not self._parameters or shot is None or shot.face is None:
            return
        shown = dict(zip((p.key for p in self._parameters), read_all(self._parameters, shot.face.code), strict=True))
        self._put({key: view.held.get(key, shown[key]) for key in self._session.locked if key in shown})

    def _put(self, held: dict[str, float]) -> None:
        self._view.held = held
        self.changed.emit()
        self._view.switches_changed.emit()
