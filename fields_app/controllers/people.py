"""Who is who: naming, merging several photos into one identity, splitting, deleting, and expressions between people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from fields_app import people_edits
from fields_app.controllers.cancellable_job import CancellableJob
from fields_app.controllers.editing import EditingController
from fields_app.controllers.engine import Engine
from fields_app.document import Document, Person, free_name
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode
    from fields_core.pipeline import FusedReconstructions

_SOMEBODY_ELSE = 0.35  # of what photos count on average: below that a photo contradicts the others


@dataclass(frozen=True, eq=False)
class _Fusion:
    """Persons who become one, and who is split off before that."""

    text: str
    identity: str
    people: tuple[Person, ...]
    leaving: tuple[str, ...] = ()


class PeopleController(QObject):
    """Edits of people, each one undo step. Fusing shapes runs on a thread of its own.

    Signals:
        copied_changed(bool): an expression has been copied and can be pasted.
        busy_changed(bool)
    """

    copied_changed = Signal(bool)
    busy_changed = Signal(bool)

    def __init__(
        self, session: Session, editing: EditingController, messages: MessageBar, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._editing, self._messages = session, editing, messages
        self._engine: Engine | None = None
        self._copied: FaceCode | None = None
        self._job = CancellableJob(messages, parent=self)
        self._job.busy_changed.connect(self.busy_changed)
        session.restored.connect(self._job.cancel)

    @property
    def busy(self) -> bool:
        return self._job.busy

    @property
    def can_paste(self) -> bool:
        return self._copied is not None

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine

    def select(self, person: str) -> None:
        """Show a person of any photo."""
        self._session.show_person(person)

    def rename(self, identity: str, name: str) -> None:
        document = self._session.document()
        known, name = document.identity(identity), " ".join(name.split())
        if known is not None and name and name != known.name:
            text = self.tr("Rename to %1").replace("%1", name)
            self._editing.change(people_edits.renamed(document, identity, name), text)

    def delete(self, people: Sequence[str]) -> None:
        """Take persons out of the document; their photos stay."""
        document = self._session.document()
        names = self._names(document, people)
        if names:
            text = self.tr("Delete %1").replace("%1", names)
            self._editing.change(people_edits.without_people(document, people), text)

    def remove_photo(self, photo: str) -> None:
        """Take a photo and its people out of the document."""
        document = self._session.document()
        entry = next((entry for entry in document.photos if entry.id == photo), None)
        if entry is not None:
            text = self.tr("Remove photo %1").replace("%1", entry.file_name)
            self._editing.change(people_edits.without_photo(document, photo), text)

    def merge(self, people: Sequence[str]) -> None:
        """These persons, and all others of their identities, are one: the shape is fused from all their photos."""
        document = self._session.document()
        chosen = [person for key in people if (person := document.person(key)) is not None]
        identities = {person.identity for person in chosen}
        if len(identities) < 2:
            return
        everybody = tuple(person for person in document.people if person.identity in identities)
        text = self.tr("Merge %1").replace("%1", self._names(document, [person.id for person in chosen]))
        self._fuse(_Fusion(text, self._leading(document, chosen), everybody))

    def split(self, people: Sequence[str]) -> None:
        """These persons are others than the rest of their identity; every shape is from the right photos again."""
        document = self._session.document()
        first = document.person(people[0]) if people else None
        if first is None:
            return
        group = document.of_identity(first.identity)
        leaving = tuple(person.id for person in group if person.id in people)
        if len(leaving) == len(group):  # all of them: everybody but the first becomes somebody of their own
            leaving = leaving[1:]
        staying = tuple(person for person in group if person.id not in leaving)
        if not leaving:
            return
        text = self.tr("Split %1").replace("%1", self._names(document, leaving[:1]))
        if len(staying) > 1:
            self._fuse(_Fusion(text, first.identity, staying, leaving))
            return
        split = people_edits.split(document, leaving, free_name(document.identities, self.tr("Person %1")))
        split = split.with_people({person.id: people_edits.restored_alone(person) for person in staying})
        self._editing.change(split, text, leaving[0])

    def copy_expression(self) -> None:
        """Remember the expression on show, with the jaw."""
        self._copied = self._session.code
        self.copied_changed.emit(self.can_paste)
        if self._copied is not None:
            self._messages.show_info(self.tr("Expression copied; paste it to anybody."))

    def paste_expression(self, people: Sequence[str] = ()) -> None:
        """Give the copied expression to these persons; to the head on show if there are none."""
        source = self._copied
        if source is None or self._engine is None:
            return
        tools, locked = self._engine.expression, self._session.locked
        document = self._session.document()
        targets = {person.id: person for key in people if (person := document.person(key)) is not None}
        if len(targets) < 2:
            if targets:
                self._session.show_person(next(iter(targets)))
            if self._session.code is not None:
                changed = tools.with_expression_of(self._session.code, source, locked)
                self._editing.apply(changed, self.tr("Paste expression"))
            return
        edited = {
            key: replace(person, code=tools.with_expression_of(person.code, source, locked))
            for key, person in targets.items()
        }
        self._editing.change(document.with_people(edited), self.tr("Paste expression"))

    def keep_rest(self) -> None:
        """The face on show is how this person looks at rest."""
        person, document = self._session.person, self._session.document()
        if person is not None:
            text = self.tr("Rest face of %1").replace("%1", self._names(document, [person.id]))
            self._editing.change(people_edits.with_rest(document, person.identity, person.code), text, person.id)
            self._messages.show_info(self.tr("Kept as the rest face; subtract it from this person's other photos."))

    def subtract_rest(self) -> None:
        """What the face on show does beyond this person's rest face."""
        identity, person = self._session.identity, self._session.person
        if self._engine is None or identity is None or person is None:
            return
        if identity.rest is None:
            self._messages.show_warning(
                self.tr("There is no rest face of %1 yet.").replace("%1", identity.name),
                self.tr("What to do: select a photo of this person at rest and choose “This is the rest face”."),
            )
            return
        code = self._engine.expression.without_rest(person.code, identity.rest, self._session.locked)
        self._editing.apply(code, self.tr("Subtract rest face"))

    def stop(self) -> None:
        """End what is being fused."""
        self._job.stop()

    def _fuse(self, fusion: _Fusion) -> None:
        engine = self._engine
        if engine is None or self._job.busy:
            return
        faces = [people_edits.alone(person) for person in fusion.people]
        text = self.tr("Fitting one shape to %1 photos …").replace("%1", str(len(faces)))
        self._job.start(lambda report, token: engine.fuse(faces, token), lambda fused: self._fused(fusion, fused), text)

    def _fused(self, fusion: _Fusion, fused: FusedReconstructions) -> None:
        document = self._session.document()
        ids = [person.id for person in fusion.people]
        if any(document.person(key) is None for key in (*ids, *fusion.leaving)):
            self._messages.show_warning(self.tr("The people changed meanwhile; nothing was merged."))
            return
        fits = dict(zip(ids, fused.reconstructions, strict=True))
        changed = people_edits.merged(document, fusion.identity, fits, fused.shape)
        if fusion.leaving:
            changed = people_edits.split(changed, fusion.leaving, free_name(document.identities, self.tr("Person %1")))
        self._editing.change(changed, fusion.text, (*fusion.leaving, *ids)[0])
        self._tell(fusion, fused)

    def _tell(self, fusion: _Fusion, fused: FusedReconstructions) -> None:
        document = self._session.document()
        least = int(np.argmin(fused.weights))
        if len(ids := fusion.people) > 2 and fused.weights[least] < _SOMEBODY_ELSE / len(ids):
            photo = document.photo_of(ids[least].id)
            text = self.tr("%1 does not look like the others and hardly counted; is it somebody else?")
            self._messages.show_warning(text.replace("%1", photo.file_name if photo is not None else ""))
            return
        text = self.tr("One shape from %1 photos.").replace("%1", str(len(ids)))
        self._messages.show_info(text)

    def _leading(self, document: Document, chosen: Sequence[Person]) -> str:
        """Whose name stays: the first that the user gave, else the first."""
        given = [p.identity for p in chosen if (i := document.identity(p.identity)) and not self._is_default(i.name)]
        return (given or [chosen[0].identity])[0]

    def _is_default(self, name: str) -> bool:
        return name.startswith(self.tr("Person %1").replace("%1", ""))

    def _names(self, document: Document, people: Sequence[str]) -> str:
        """For undo texts and messages: "Anna", "Anna and Ben", "Anna and 3 others"."""
        keys = dict.fromkeys(p.identity for key in people if (p := document.person(key)) is not None)
        names = [i.name for key in keys if (i := document.identity(key)) is not None]
        if len(names) < 3:
            return self.tr(" and ").join(names)
        text = self.tr("%1 and %2 others").replace("%1", names[0])
        return text.replace("%2", str(len(names) - 1))
