"""Whether the session holds something that no project file holds yet."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from fields_app.document import Document, same_content
from fields_app.session import Session

_SETTLE = 150  # milliseconds after a change until it is looked at again


class UnsavedChanges(QObject):
    """Compares the session with what was saved last, a moment after it has changed, and whenever somebody asks.

    Signals:
        changed(): there are some now, or none any more.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._clean = session.document()
        self._nowhere = False  # what was accepted last is in no file, although nothing has changed since
        self._there = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settle.timeout.connect(self._look)
        for signal in (session.code_changed, session.document_changed, session.photos_changed):
            signal.connect(self._settle.start)

    @property
    def there(self) -> bool:
        """Whether there are unsaved changes."""
        self._look()
        return self._there

    def accept(self, document: Document, *, in_a_file: bool = True) -> None:
        """This is what the project's file holds; or, not ``in_a_file``, what a crash has left of unsaved work."""
        self._clean, self._nowhere = document, not in_a_file
        self._look()

    def stop(self) -> None:
        """Look no more by itself."""
        self._settle.stop()

    def _look(self) -> None:
        self._settle.stop()
        there = self._nowhere or not same_content(self._clean, self._session.document())
        if there != self._there:
            self._there = there
            self.changed.emit()
