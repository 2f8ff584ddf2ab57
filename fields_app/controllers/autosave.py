"""Copies unsaved work to the recovery folder every few seconds, on a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from fields_app.document import Document, same_content
from fields_app.panels.message_bar import MessageBar
from fields_app.recovery import LeftBehind, RecoveryFolder
from fields_app.session import Session
from fields_app.workers.job import Jobs
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken

if TYPE_CHECKING:
    from fields_app.controllers.project_files import ProjectFiles
    from fields_core.project import Scalar

ORIGIN = "origin"
"""In the view of an autosave: the project's own file, or ""."""


class AutosaveController(QObject):
    """Writes only when there is unsaved work that the last copy does not hold.

    Args:
        view: what to keep of the window, when asked.
        unsaved: whether there is unsaved work, when asked.

    Attributes:
        recovery: the folder of this window.
    """

    def __init__(
        self,
        session: Session,
        messages: MessageBar,
        recovery: RecoveryFolder,
        view: Callable[[], Mapping[str, Scalar]],
        unsaved: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.recovery = recovery
        self._session, self._messages = session, messages
        self._view, self._unsaved = view, unsaved
        self._files: ProjectFiles | None = None
        self._copied = Document()
        self._jobs = Jobs(self)
        self._warned = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.copy)

    def set_files(self, files: ProjectFiles) -> None:
        self._files = files

    def start(self, seconds: int) -> None:
        """Copy every so many seconds from now on; 0: never."""
        if seconds > 0:
            self._timer.start(1000 * seconds)
        else:
            self._timer.stop()

    def copy(self) -> None:
        """Copy now, if there is anything to copy."""
        files, document = self._files, self._session.document()
        if files is None or self._jobs.busy or not self._unsaved() or same_content(document, self._copied):
            return
        try:
            target = self.recovery.autosave
        except OSError as error:
            self._failed(error)
            return
        view = dict(self._view())
        self._jobs.run(lambda _, token: _write(files, document, target, view, token), self._done, self._failed)

    def forget(self) -> None:
        """Everything has been saved, or another project is open: no copy is needed."""
        self.recovery.saved()
        self._copied = Document()

    def left_behind(self) -> list[LeftBehind]:
        """What can be recovered."""
        try:
            return self.recovery.left_behind()
        except OSError as error:
            self._failed(error)
            return []

    def stop(self) -> None:
        self._timer.stop()
        self._jobs.finish()

    def _done(self, document: Document) -> None:
        self._copied, self._warned = document, False
        if not self._unsaved():  # a save was quicker
            self.forget()

    def _failed(self, error: BaseException) -> None:
        if self._warned:  # a full disk stays full: say it once
            return
        self._warned = True
        self._messages.show_warning(
            self.tr("Unsaved work could not be copied in case of a crash."),
            (error.details if isinstance(error, FieldsError) else str(error))
            + self.tr("\nWhat to do: save the project yourself, or free some space."),
        )


def _write(
    files: ProjectFiles, document: Document, target: Path, view: Mapping[str, Any], token: CancelToken
) -> Document:
    files.save(document, target, view, token, light=True)
    return document
