"""Export of the shown head on a thread of its own."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.engine import Engine
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import ExportChoice, Settings
from fields_app.workers.job import JobThread
from fields_core.progress import Progress


class ExportController(QObject):
    """One export at a time.

    Signals:
        exported(paths): the files were written.
    """

    exported = Signal(object)

    def __init__(
        self, session: Session, messages: MessageBar, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._messages = messages
        self._settings = settings
        self._engine: Engine | None = None
        self._job: JobThread | None = None
        messages.cancel_requested.connect(self.cancel)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine

    def export(self, choice: ExportChoice) -> None:
        """Write the shown head as ``choice`` says, and remember the choice."""
        engine, code, person, photo = self._engine, self._session.code, self._session.person, self._session.photo
        if engine is None or code is None or self.busy:
            return
        self._settings.export = choice
        what = person.reconstruction if person is not None else code
        stem = photo.name if photo is not None and person is not None else "head"
        if len(self._session.people) > 1:
            stem = f"{stem}-face-{self._session.selected + 1}"
        self._job = JobThread(lambda report, token: engine.export(what, choice, stem, token), self)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(lambda: self._messages.show_info(self.tr("Export cancelled.")))
        self._job.finished.connect(self._ended)
        text = self.tr("Exporting to %1 …").replace("%1", str(choice.directory))
        self._messages.show_progress(Progress(0, 0, text), can_cancel=True)
        self._job.start()

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def stop(self) -> None:
        if self._job is not None:
            self._job.stop()

    def _succeeded(self, paths: list[Path]) -> None:
        names = ", ".join(path.name for path in paths)
        text = self.tr("Exported %1 to %2").replace("%1", names)
        self._messages.show_info(text.replace("%2", str(paths[0].parent) if paths else ""))
        self.exported.emit(paths)

    def _failed(self, error: BaseException) -> None:
        self._messages.show_error(error)

    def _ended(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
