"""What the window is showing: a document of photos and people, what of it is selected, and the head on show.

State and signals, no widgets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from fields_app.document import Document, Identity, Person, PhotoEntry, faces_of, free_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_app.parameters import Parameter
    from fields_core.datatypes import FaceCode, HeadMesh, Photo, Reconstruction

__all__ = ["Overlay", "Person", "RestHead", "Session"]

_IN_MEMORY = 8  # photos whose pixels are kept; older ones are read again when shown


@dataclass(frozen=True, eq=False)
class RestHead:
    """The neutral head on show while there is no photo. It can be edited, but not exported."""

    neutral: FaceCode
    code: FaceCode
    mesh: HeadMesh
    texture: NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Overlay:
    """A picture of the head that lies over the photo."""

    image: NDArray[Any]
    """(N, N, 4) uint8 RGBA."""
    image_to_photo: NDArray[Any]
    """(2, 3) similarity: pixels of ``image`` -> photo pixels."""


class Session(QObject):
    """The one source of truth of the window. Widgets listen; controllers change it.

    Everything but the rest head is one immutable `Document`: `document` hands it out, `restore` and `change` put
    another one in its place, and the signals say what is different.

    Signals:
        parameters_changed: the head model, and so the list of sliders, is known.
        photos_changed: other photos in the document, or another order.
        photo_changed: another photo is shown (or none), or its pixels have been read.
        people_changed: other faces in the shown photo.
        selection_changed: another face is selected.
        code_changed: the shown code changed, by edit or selection.
        mesh_changed: the shown mesh changed.
        overlay_changed: the picture of the head over the photo changed.
        document_changed: photos, people or identities came, went, or changed by anything but the code.
        locks_changed: other parameters are locked.
        restored: the whole document was replaced; undo steps of the old one mean nothing now.
    """

    parameters_changed = Signal()
    photos_changed = Signal()
    photo_changed = Signal()
    people_changed = Signal()
    selection_changed = Signal()
    code_changed = Signal()
    mesh_changed = Signal()
    overlay_changed = Signal()
    document_changed = Signal()
    restored = Signal()
    locks_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.parameters: tuple[Parameter, ...] = ()
        self.rest: RestHead | None = None
        self.overlay: Overlay | None = None
        self.preview: HeadMesh | None = None
        """The head of a take or a camera, on show instead of the selected one's; gone with the next selection."""
        self.locked: frozenset[str] = frozenset()
        self._document = Document()
        self._recent: list[str] = []

    def document(self) -> Document:
        """A snapshot of everything a project keeps."""
        edited = self.rest is not None and self.rest.code is not self.rest.neutral
        return replace(self._document, rest_code=self.rest.code if edited and self.rest is not None else None)

    def restore(self, document: Document) -> None:
        """Put another document in the place of this one, as a project that was opened. Nothing of the old one stays."""
        self._recent.clear()
        if self.rest is not None:
            self.rest = replace(self.rest, code=document.rest_code or self.rest.neutral)
        self._become(document)
        self.restored.emit()

    @property
    def photos(self) -> tuple[PhotoEntry, ...]:
        return self._document.photos

    @property
    def identities(self) -> tuple[Identity, ...]:
        return self._document.identities

    @property
    def entry(self) -> PhotoEntry | None:
        """The shown photo with its people."""
        return next((entry for entry in self.photos if entry.id == self._document.shown), None)

    @property
    def photo(self) -> Photo | None:
        """The shown photo; black while its pixels are being read again."""
        entry = self.entry
        if entry is None or entry.photo is not None or not entry.people:
            return entry.photo if entry is not None else None
        return entry.people[0].original.photo

    @property
    def people(self) -> tuple[Person, ...]:
        """In the shown photo."""
        return self.entry.people if self.entry is not None else ()

    @property
    def selected(self) -> int:
        """Place of the selected person in `people`; -1: none."""
        return next((i for i, person in enumerate(self.people) if person.id == self._document.selected), -1)

    @property
    def person(self) -> Person | None:
        return next((person for person in self.people if person.id == self._document.selected), None)

    @property
    def identity(self) -> Identity | None:
        """Whose face is selected."""
        return self._document.identity(self.person.identity) if self.person is not None else None

    @property
    def code(self) -> FaceCode | None:
        shown = self.person or self.rest
        return shown.code if shown is not None else None

    @property
    def reference_code(self) -> FaceCode | None:
        """What "reset" goes back to: the photo's own code, or the neutral one."""
        if self.person is not None:
            return self.person.original.code
        return self.rest.neutral if self.rest is not None else None

    @property
    def mesh(self) -> HeadMesh | None:
        if self.preview is not None:
            return self.preview
        shown = self.person or self.rest
        return shown.mesh if shown is not None else None

    @property
    def texture(self) -> NDArray[Any] | None:
        if self.preview is None and self.person is not None and self.person.original.texture is not None:
            return self.person.original.texture
        return self.rest.texture if self.rest is not None else None

    def set_parameters(self, parameters: tuple[Parameter, ...], rest: RestHead) -> None:
        """The head model has been loaded."""
        self.parameters, self.rest = parameters, rest
        self.parameters_changed.emit()
        self._shown_changed()

    def set_locked(self, keys: Collection[str], locked: bool) -> None:
        """Whether edits of the whole expression leave these parameters as they are."""
        self.locked = self.locked | set(keys) if locked else self.locked - set(keys)
        self.locks_changed.emit()

    def add_photos(self, paths: Sequence[Path]) -> tuple[PhotoEntry, ...]:
        """Add files to the document; those it has already stay as they are. Returns the entries of all ``paths``."""
        known = {entry.path: entry for entry in self.photos if entry.path is not None}
        added = {path.absolute(): PhotoEntry(path.stem, path.absolute()) for path in paths}
        added = {path: entry for path, entry in added.items() if path not in known}
        if added:
            self._become(replace(self._document, photos=(*self.photos, *added.values())))
        return tuple((known | added)[path.absolute()] for path in paths)

    def set_photo(self, photo: Photo | None) -> None:
        """Show a photo that has been read; it becomes part of the document if it is not yet. None: show none."""
        if photo is None:
            self._become(replace(self._document, shown="", selected=""))
            return
        entry = next((entry for entry in self.photos if _is_of(entry, photo)), None)
        if entry is None:
            path = photo.path if photo.path is not None and photo.path.is_absolute() else None
            entry = PhotoEntry(photo.name, path)
            self._document = replace(self._document, photos=(*self.photos, entry))
            self.photos_changed.emit()
        self._replace_entry(entry.with_photo(photo), shown=entry.id)

    def remove_photo(self, entry: str) -> None:
        """Take a photo out that turned out to be none."""
        self._become(replace(self._document, photos=tuple(photo for photo in self.photos if photo.id != entry)))

    def show(self, entry: str) -> None:
        """Show the photo of that id, with the first of its people selected."""
        if entry != self._document.shown and any(photo.id == entry for photo in self.photos):
            self._become(replace(self._document, shown=entry, selected=self._first(entry)))

    def set_people(self, reconstructions: Sequence[Reconstruction]) -> None:
        """The faces found in the shown photo, each somebody new; the first one is selected."""
        self._become(self.with_people(reconstructions))

    def with_people(self, reconstructions: Sequence[Reconstruction]) -> Document:
        """The document with these faces, and no others, in the shown photo."""
        entry = self.entry
        if entry is None:
            return self._document
        identities, people = list(self.identities), []
        for reconstruction in reconstructions:
            identities.append(Identity(free_name(identities, self.tr("Person %1"))))
            person = Person(reconstruction, reconstruction.code, reconstruction.mesh, identity=identities[-1].id)
            people.append(person)
        found = replace(entry, people=tuple(people), reconstructed=True)
        photos = tuple(found if photo.id == entry.id else photo for photo in self.photos)
        selected = people[0].id if people else ""
        return replace(self._document, photos=photos, identities=tuple(identities), selected=selected).sound()

    def select(self, index: int) -> None:
        """Select a face of the shown photo."""
        if 0 <= index < len(self.people):
            self.show_person(self.people[index].id)

    def show_person(self, person: str) -> bool:
        """Select the person of that id, in whichever photo; "" shows the rest head. Whether it is there to be shown."""
        entry = self._document.photo_of(person)
        if entry is None:
            shown = self._document.shown if not self.people else ""
            self._become(replace(self._document, shown=shown, selected=""))
            return not person
        if person != self._document.selected:
            self._become(replace(self._document, shown=entry.id, selected=person))
        return True

    def change(self, document: Document) -> None:
        """Go on with an edited document; what is no longer there is no longer shown."""
        self._become(document)

    def edit(self, code: FaceCode) -> None:
        """Change the shown code. Every edit goes through here; the mesh follows by `set_mesh`."""
        if self.person is not None:
            self._put(replace(self.person, code=code))
        elif self.rest is not None:
            self.rest = replace(self.rest, code=code)
        else:
            return
        self.code_changed.emit()

    def set_mesh(self, person: str, mesh: HeadMesh) -> None:
        """The mesh of the person of that id ("": the rest head), as computed from its code."""
        known = self._document.person(person)
        if known is not None:
            self._put(replace(known, mesh=mesh))
        elif not person and self.rest is not None:
            self.rest = replace(self.rest, mesh=mesh)
        if person == (self.person.id if self.person is not None else ""):
            self.mesh_changed.emit()

    def set_preview(self, mesh: HeadMesh | None) -> None:
        """Show a head that is nobody's, with the head model's own skin; None: the selected one again."""
        if mesh is not None or self.preview is not None:
            self.preview = mesh
            self.mesh_changed.emit()

    def set_overlay(self, overlay: Overlay | None) -> None:
        self.overlay = overlay
        self.overlay_changed.emit()

    def _put(self, person: Person) -> None:
        self._document = self._document.with_people({person.id: person})

    def _first(self, entry: str) -> str:
        people = next((photo.people for photo in self.photos if photo.id == entry), ())
        return people[0].id if people else ""

    def _replace_entry(self, entry: PhotoEntry, shown: str) -> None:
        photos = tuple(entry if photo.id == entry.id else photo for photo in self.photos)
        self._become(replace(self._document, photos=photos, shown=shown).sound())

    def _become(self, document: Document) -> None:
        """Take another document and say what is different."""
        old_photo, old_entry, old_person, old = self.photo, self.entry, self.person, self._document
        self._document = self._kept_small(document.sound())
        if [p.id for p in old.photos] != [p.id for p in self.photos]:
            self.photos_changed.emit()
        person, entry = self.person, self.entry
        other_photo = self.photo is not old_photo or (entry and entry.id) != (old_entry and old_entry.id)
        if other_photo:
            self.photo_changed.emit()
        if other_photo or faces_of(entry) != faces_of(old_entry):
            self.people_changed.emit()
        if (person is None) != (old_person is None) or (
            person is not None and old_person is not None
            and (person.id, person.original.code) != (old_person.id, old_person.original.code)
        ) or other_photo:  # fmt: skip
            self.overlay = None
            self._shown_changed()
        elif person is not old_person:
            self.code_changed.emit()
            self.mesh_changed.emit()
        if old.structure != self._document.structure:
            self.document_changed.emit()

    def _kept_small(self, document: Document) -> Document:
        """Only the photos shown last keep their pixels."""
        if document.shown and document.shown not in self._recent[-1:]:
            self._recent = [*(i for i in self._recent if i != document.shown), document.shown][-_IN_MEMORY:]
        photos = tuple(entry if entry.id in self._recent else entry.without_pixels() for entry in document.photos)
        return replace(document, photos=photos)

    def _shown_changed(self) -> None:
        self.preview = None
        self.selection_changed.emit()
        self.code_changed.emit()
        self.mesh_changed.emit()
        self.overlay_changed.emit()


def _is_of(entry: PhotoEntry, photo: Photo) -> bool:
    if photo.path is None:
        return entry.photo is photo
    read = entry.photo.path if entry.photo is not None else None
    return photo.path.absolute() == entry.path or photo.path == read
