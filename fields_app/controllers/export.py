"""Export of the shown head, or of everybody, on a thread of its own."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.cancellable_job import CancellableJob
from fields_app.controllers.engine import Engine
from fields_app.controllers.people_export import PersonToExport
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import ExportChoice, Settings

_NAMED = 5  # files that a message names one by one


class ExportController(QObject):
    """One export at a time.

    Signals:
        exported(paths): the files were written.
        busy_changed(bool)
        progressed(Progress)
    """

    exported = Signal(object)
    busy_changed = Signal(bool)
    progressed = Signal(object)

    def __init__(
        self, session: Session, messages: MessageBar, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._messages = messages
        self._settings = settings
        self._engine: Engine | None = None
        self._job = CancellableJob(messages, self.tr("Export cancelled."), self)
        self._job.busy_changed.connect(self.busy_changed)
        self._job.progressed.connect(self.progressed)

    @property
    def busy(self) -> bool:
        return self._job.busy

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine

    def export(self, choice: ExportChoice) -> None:
        """Write what ``choice`` says, and remember the choice."""
        engine, people = self._engine, self._people(choice)
        if engine is None or not people or self.busy:
            return
        self._settings.export = choice
        text = self.tr("Exporting to %1 …").replace("%1", str(choice.directory))
        self._job.start(lambda report, token: engine.export(people, choice, report, token), self._succeeded, text)

    def cancel(self) -> None:
        self._job.cancel()

    def stop(self) -> None:
        """End the export."""
        self._job.stop()

    def _people(self, choice: ExportChoice) -> list[PersonToExport]:
        """Whom to export: everybody, the selected person, or the head without a photo."""
        session = self._session
        everybody = [(entry, person) for entry in session.photos for person in entry.people]
        if session.person is None and not choice.everybody:
            return [PersonToExport(session.code, "head")] if session.code is not None else []
        shown = session.person.id if session.person is not None else ""
        stems: set[str] = set()
        people = []
        for entry, person in everybody:
            face = entry.people.index(person) + 1
            stem = _unused(entry.name if len(entry.people) == 1 else f"{entry.name}-face-{face}", stems)
            if choice.everybody or person.id == shown:
                identity = session.document().identity(person.identity)
                name = identity.name if identity is not None else ""
                missing = entry.path if entry.photo is None else None
                people.append(PersonToExport(person.reconstruction, stem, name, face, missing))
        return people

    def _succeeded(self, paths: list[Path]) -> None:
        some = ", ".join(path.name for path in paths[:_NAMED])
        names = some if len(paths) <= _NAMED else self.tr("%1 files").replace("%1", str(len(paths)))
        text = self.tr("Exported %1 to %2").replace("%1", names)
        self._messages.show_info(text.replace("%2", str(paths[0].parent) if paths else ""))
        self.exported.emit(paths)


def _unused(stem: str, used: set[str]) -> str:
    """The stem, numbered where somebody has it already (photos of one name in two folders)."""
    free, number = stem, 1
    while free.casefold() in used:
        number += 1
        free = f"{stem}-{number}"
    used.add(free.casefold())
    return free
