"""What the user is working on, as one frozen value: photos, the people found in them, and whose faces they are.

A `Document` is a snapshot. Edits are functions from one document to the next; what changed between two of them is a
`Difference`, which is what an undo step keeps.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from fields_core.datatypes import FaceCode, HeadMesh, Photo, Reconstruction


def new_id() -> str:
    """Unique and lasting, also when two documents become one."""
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, eq=False)
class Person:
    """One reconstructed face of one photo and what the user made of it."""

    original: Reconstruction
    """As the photo gave it (or the last refinement or fusion)."""
    code: FaceCode
    """With the user's edits."""
    mesh: HeadMesh
    """Of the edited code, or of a slightly older one while a newer is being computed."""
    id: str = field(default_factory=new_id)
    """Undo steps and projects refer to it."""
    identity: str = ""
    """Whose face it is: id of one of the document's identities; "" only before the person is in a document."""
    alone: FaceCode | None = None
    """As this photo alone gave it, where the shape is now from several; None otherwise."""

    @property
    def edited(self) -> bool:
        return self.code is not self.original.code

    @property
    def reconstruction(self) -> Reconstruction:
        """The original with the edits put in."""
        return replace(self.original, code=self.code, mesh=self.mesh)

    def with_photo(self, photo: Photo) -> Person:
        return replace(self, original=replace(self.original, photo=photo))


@dataclass(frozen=True, eq=False)
class Identity:
    """Somebody, who may be in several photos."""

    name: str
    id: str = field(default_factory=new_id)
    shape: Tensor | None = None
    """(1, S) fused from all photos, standard deviations; None until they were fused."""
    rest: FaceCode | None = None
    """This person's face at rest, for neutral calibration; None until the user says which it is."""


def free_name(identities: Sequence[Identity], template: str) -> str:
    """The first of "Person 1", "Person 2", ... that nobody has; ``template`` holds a %1."""
    taken = {identity.name for identity in identities}
    numbers = (template.replace("%1", str(n)) for n in range(1, len(taken) + 2))
    return next(name for name in numbers if name not in taken)


@dataclass(frozen=True, eq=False)
class PhotoEntry:
    """One photo of the document. It is read and reconstructed when it is first shown."""

    name: str
    path: Path | None
    """None for a pasted picture."""
    photo: Photo | None = None
    """With its pixels, while they are in memory; those of a file come and go."""
    people: tuple[Person, ...] = ()
    reconstructed: bool = False
    """Whether faces have been looked for. With no people then, there are none, or the user removed them."""
    id: str = field(default_factory=new_id)

    @property
    def file_name(self) -> str:
        """For messages: with the ending, where there is a file."""
        return self.path.name if self.path is not None else self.name

    def with_photo(self, photo: Photo) -> PhotoEntry:
        """The same with the pixels in memory."""
        return replace(self, photo=photo, people=tuple(person.with_photo(photo) for person in self.people))

    def without_pixels(self) -> PhotoEntry:
        """The same with the pixels out of memory; as it is where there is no file to read them from again."""
        if self.photo is None or self.path is None:
            return self
        blank = blank_photo(self.path, self.photo.width, self.photo.height)
        return replace(self, photo=None, people=tuple(person.with_photo(blank) for person in self.people))


def blank_photo(path: Path | None, width: int, height: int) -> Photo:
    """Stands for a photo whose pixels are not in memory: black, the right size, and of no weight."""
    from fields_core.datatypes import Photo

    return Photo(np.broadcast_to(np.uint8(0), (height, width, 3)), path)


@dataclass(frozen=True, eq=False)
class Document:
    """Everything a project keeps of what is in the window."""

    photos: tuple[PhotoEntry, ...] = ()
    identities: tuple[Identity, ...] = ()
    shown: str = ""
    """Id of the photo on show; "": none."""
    selected: str = ""
    """Id of the selected person; "": none."""
    rest_code: FaceCode | None = None
    """The edited head on show while no person is selected; None: neutral."""

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(person for photo in self.photos for person in photo.people)

    def photo_of(self, person: str) -> PhotoEntry | None:
        """The photo that a person (by id) is in."""
        return next((photo for photo in self.photos if any(p.id == person for p in photo.people)), None)

    def person(self, person: str) -> Person | None:
        return next((p for p in self.people if p.id == person), None)

    def identity(self, identity: str) -> Identity | None:
        return next((i for i in self.identities if i.id == identity), None)

    def of_identity(self, identity: str) -> tuple[Person, ...]:
        """All faces of somebody."""
        return tuple(person for person in self.people if person.identity == identity)

    def with_people(self, people: Mapping[str, Person]) -> Document:
        """The same with these persons (by id) replaced."""
        photos = tuple(
            replace(photo, people=tuple(people.get(person.id, person) for person in photo.people))
            if any(person.id in people for person in photo.people)
            else photo
            for photo in self.photos
        )
        return replace(self, photos=photos)

    def sound(self) -> Document:
        """The same with nothing shown or selected that is not there, and no identity that nobody has."""
        used = {person.identity for person in self.people}
        identities = tuple(identity for identity in self.identities if identity.id in used)
        shown = self.shown if any(entry.id == self.shown for entry in self.photos) else ""
        if self.shown and not shown and self.photos:
            shown = self.photos[-1].id
        people = next((entry.people for entry in self.photos if entry.id == shown), ())
        selected = self.selected if any(person.id == self.selected for person in people) else ""
        if not selected and people:
            selected = people[0].id
        return replace(self, identities=identities, shown=shown, selected=selected)

    @property
    def structure(self) -> tuple[object, ...]:
        """Equal for documents that differ in edited codes, meshes, pixels in memory or selection only."""
        photos = tuple((e.id, e.name, e.path, e.reconstructed, *faces_of(e)) for e in self.photos)
        return (photos, tuple(map(id, self.identities)))


def same_content(one: Document, other: Document) -> bool:
    """Whether two documents differ in nothing that a user would miss; what is shown or selected does not count."""
    return (
        one.structure == other.structure
        and one.rest_code is other.rest_code
        and all(a.code is b.code for a, b in zip(one.people, other.people, strict=True))
    )


def faces_of(entry: PhotoEntry | None) -> tuple[tuple[str, str, int], ...]:
    """What tells the faces of a photo apart from others, and from another fit of theirs."""
    people = entry.people if entry is not None else ()
    return tuple((person.id, person.identity, id(person.original.code)) for person in people)


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Item = TypeVar("Item", bound=_Identified)


@dataclass(frozen=True, eq=False)
class Difference(Generic[Item]):
    """What changed in a list of photos or of identities. Can be put on a list that has got other items meanwhile."""

    before: Mapping[str, Item]
    after: Mapping[str, Item]
    order_before: tuple[str, ...]
    order_after: tuple[str, ...]

    @staticmethod
    def between(before: Sequence[Item], after: Sequence[Item]) -> Difference[Item]:
        old, new = {item.id: item for item in before}, {item.id: item for item in after}
        changed = {key for key in old.keys() | new.keys() if old.get(key) is not new.get(key)}
        return Difference(
            {key: old[key] for key in old if key in changed},
            {key: new[key] for key in new if key in changed},
            tuple(old),
            tuple(new),
        )

    def redone(self, items: Sequence[Item]) -> tuple[Item, ...]:
        return _put(items, self.before, self.after, self.order_after)

    def undone(self, items: Sequence[Item]) -> tuple[Item, ...]:
        return _put(items, self.after, self.before, self.order_before)


def _put(
    items: Sequence[Item], old: Mapping[str, Item], new: Mapping[str, Item], order: tuple[str, ...]
) -> tuple[Item, ...]:
    present: dict[str, Item] = {item.id: item for item in items if item.id not in old}
    present.update(new)
    known = [present[key] for key in order if key in present]
    return (*known, *(item for key, item in present.items() if key not in order))
