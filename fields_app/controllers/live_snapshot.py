"""Keeps a live frame as a photo of the document, with its people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.editing import EditingController
from fields_app.controllers.engine import Engine
from fields_app.document import Identity, Person, PhotoEntry, free_name
from fields_app.live_view import LiveView
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.workers.job import Jobs

if TYPE_CHECKING:
    from fields_core.datatypes import Photo, Reconstruction


@dataclass(frozen=True, eq=False)
class _Still:
    photo: Photo
    people: list[Reconstruction]


class LiveSnapshots(QObject):
    """Makes people of tracked faces; each snapshot is one undo step.

    Signals:
        taken(): a photo has come into the document.
    """

    taken = Signal()

    def __init__(
        self,
        view: LiveView,
        session: Session,
        editing: EditingController,
        messages: MessageBar,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._view, self._session, self._editing, self._messages = view, session, editing, messages
        self._engine: Engine | None = None
        self._count = 0
        self._jobs = Jobs(self)

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine

    def take(self) -> None:
        """Keep the frame on show: everybody seen in it, with what is held."""
        shot, engine = self._view.shot, self._engine
        if shot is None or engine is None or self._jobs.busy:
            return
        faces = [face for face in shot.result.tracked.faces if face.seen]
        if shot.face is not None:
            chosen = shot.face
            faces = [chosen, *(face for face in faces if face.id != chosen.id)] if chosen.seen else faces
        if not faces:
            self._messages.show_warning(self.tr("There is no face in this frame to keep."))
            return
        pixels = shot.result.frame.pixels

        def adopt(report: object, token: object) -> _Still:
            from fields_core.datatypes import Photo

            photo = Photo(pixels.copy())
            return _Still(photo, [engine.adopt(photo, face) for face in faces])

        self._jobs.run(adopt, self._add, self._messages.show_error)

    def stop(self) -> None:
        """Wait for a snapshot at work."""
        self._jobs.finish()

    def _add(self, still: _Still) -> None:
        self._count += 1
        name = self.tr("Snapshot %1").replace("%1", str(self._count))
        document = self._session.document()
        identities = list(document.identities)
        people = []
        for found in still.people:
            identities.append(Identity(free_name(identities, self.tr("Person %1"))))
            people.append(Person(found, found.code, found.mesh, identity=identities[-1].id))
        entry = PhotoEntry(name, None, still.photo, tuple(people), reconstructed=True)
        changed = replace(document, photos=(*document.photos, entry), identities=tuple(identities), shown=entry.id)
        self._editing.change(changed, name, people[0].id)
        self._messages.show_info(self.tr("%1 is a photo of the project now.").replace("%1", name))
        self.taken.emit()
