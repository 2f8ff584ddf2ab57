"""What the window is showing: photos, people, the selected face, its code and mesh. State and signals, no widgets."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_app.parameters import Parameter
    from fields_core.datatypes import FaceCode, HeadMesh, Photo, Reconstruction


@dataclass(frozen=True, eq=False)
class Person:
    """One reconstructed face and what the user made of it."""

    original: Reconstruction
    """As the photo gave it (or the last refinement)."""
    code: FaceCode
    """With the user's edits."""
    mesh: HeadMesh
    """Of the edited code, or of a slightly older one while a newer is being computed."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Unique and lasting: undo steps and projects refer to it."""

    @property
    def edited(self) -> bool:
        return self.code is not self.original.code

    @property
    def reconstruction(self) -> Reconstruction:
        """The original with the edits put in."""
        return replace(self.original, code=self.code, mesh=self.mesh)


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

    Signals:
        parameters_changed: the head model, and so the list of sliders, is known.
        photos_changed: another list of photos to pick from.
        photo_changed: another photo (or none).
        people_changed: other faces in the photo.
        selection_changed: another face is selected.
        code_changed: the shown code changed, by edit or selection.
        mesh_changed: the shown mesh changed.
        overlay_changed: the picture of the head over the photo changed.
    """

    parameters_changed = Signal()
    photos_changed = Signal()
    photo_changed = Signal()
    people_changed = Signal()
    selection_changed = Signal()
    code_changed = Signal()
    mesh_changed = Signal()
    overlay_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.parameters: tuple[Parameter, ...] = ()
        self.photos: tuple[Path, ...] = ()
        self.photo: Photo | None = None
        self.people: tuple[Person, ...] = ()
        self.selected = -1
        self.rest: RestHead | None = None
        self.overlay: Overlay | None = None

    @property
    def person(self) -> Person | None:
        return self.people[self.selected] if 0 <= self.selected < len(self.people) else None

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
        shown = self.person or self.rest
        return shown.mesh if shown is not None else None

    @property
    def texture(self) -> NDArray[Any] | None:
        if self.person is not None and self.person.original.texture is not None:
            return self.person.original.texture
        return self.rest.texture if self.rest is not None else None

    def set_parameters(self, parameters: tuple[Parameter, ...], rest: RestHead) -> None:
        """The head model has been loaded."""
        self.parameters, self.rest = parameters, rest
        self.parameters_changed.emit()
        self._shown_changed()

    def set_photos(self, photos: Sequence[Path]) -> None:
        self.photos = tuple(photos)
        self.photos_changed.emit()

    def set_photo(self, photo: Photo | None) -> None:
        """Show another photo; the people of the old one go."""
        self.photo = photo
        self.people, self.selected, self.overlay = (), -1, None
        self.photo_changed.emit()
        self.people_changed.emit()
        self._shown_changed()

    def set_people(self, reconstructions: Sequence[Reconstruction]) -> None:
        """The faces of the present photo; the first one is selected."""
        self.people = tuple(Person(r, r.code, r.mesh) for r in reconstructions)
        self.selected = 0 if self.people else -1
        self.overlay = None
        self.people_changed.emit()
        self._shown_changed()

    def replace_person(self, index: int, reconstruction: Reconstruction) -> None:
        """A refinement: the new fit replaces original and edits of one face."""
        self._put(index, Person(reconstruction, reconstruction.code, reconstruction.mesh, self.people[index].id))
        self.people_changed.emit()
        if index == self.selected:
            self._shown_changed()

    def select(self, index: int) -> None:
        if index == self.selected or not 0 <= index < len(self.people):
            return
        self.selected = index
        self.overlay = None
        self._shown_changed()

    def show_person(self, person: str) -> bool:
        """Select the person of that id ("": the rest head is shown anyway); whether it could be shown."""
        index = next((i for i, p in enumerate(self.people) if p.id == person), -1)
        self.select(index)
        return self.selected == index

    def edit(self, code: FaceCode) -> None:
        """Change the shown code. Every edit goes through here; the mesh follows by `set_mesh`."""
        if self.person is not None:
            self._put(self.selected, replace(self.person, code=code))
        elif self.rest is not None:
            self.rest = replace(self.rest, code=code)
        else:
            return
        self.code_changed.emit()

    def set_mesh(self, index: int, mesh: HeadMesh) -> None:
        """The mesh of person ``index`` (-1: the rest head), as computed from its code."""
        if 0 <= index < len(self.people):
            self._put(index, replace(self.people[index], mesh=mesh))
        elif index == -1 and self.rest is not None:
            self.rest = replace(self.rest, mesh=mesh)
        if index == self.selected:
            self.mesh_changed.emit()

    def set_overlay(self, overlay: Overlay | None) -> None:
        self.overlay = overlay
        self.overlay_changed.emit()

    def _put(self, index: int, person: Person) -> None:
        self.people = (*self.people[:index], person, *self.people[index + 1 :])

    def _shown_changed(self) -> None:
        self.selection_changed.emit()
        self.code_changed.emit()
        self.mesh_changed.emit()
        self.overlay_changed.emit()
