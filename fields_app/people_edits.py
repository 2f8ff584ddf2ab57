"""Edits of the people of a document: each is a function from one document to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from fields_app.document import Document, Identity, Person

if TYPE_CHECKING:
    from torch import Tensor

    from fields_core.datatypes import FaceCode, Reconstruction


def renamed(document: Document, identity: str, name: str) -> Document:
    """With another name for somebody."""
    return _with_identity(document, identity, lambda known: replace(known, name=name))


def with_rest(document: Document, identity: str, rest: FaceCode | None) -> Document:
    """With this as somebody's face at rest."""
    return _with_identity(document, identity, lambda known: replace(known, rest=rest))


def without_people(document: Document, people: Collection[str]) -> Document:
    """Without these persons (ids). Their photos stay."""
    photos = tuple(
        replace(photo, people=tuple(person for person in photo.people if person.id not in people))
        if any(person.id in people for person in photo.people)
        else photo
        for photo in document.photos
    )
    return replace(document, photos=photos).sound()


def without_photo(document: Document, photo: str) -> Document:
    """Without a photo and its people."""
    return replace(document, photos=tuple(entry for entry in document.photos if entry.id != photo)).sound()


def merged(document: Document, identity: str, fused: Mapping[str, Reconstruction], shape: Tensor) -> Document:
    """With these persons (ids) as one: somebody who is known already, with the shape of all their photos.

    What was edited stays edited, where it is not the shape.
    """
    people = {person.id: person for person in document.people if person.id in fused}
    changed = {key: _with_fit(person, fused[key], identity) for key, person in people.items()}
    rests = [_rest_of(document, person) for person in people.values()]
    rest = next((found for found in rests if found is not None), None)
    document = _with_identity(
        document.with_people(changed), identity, lambda known: replace(known, shape=shape, rest=known.rest or rest)
    )
    return document.sound()


def split(document: Document, people: Sequence[str], name: str) -> Document:
    """With each of these persons (ids) as somebody of their own, and their photo's own shape again.

    Args:
        name: of the new identities; those after the first get a number.
    """
    identities, changed = list(document.identities), {}
    for n, key in enumerate(people):
        person = document.person(key)
        if person is None:
            continue
        new = Identity(name if n == 0 else f"{name} {n + 1}")
        identities.append(new)
        changed[key] = replace(restored_alone(person), identity=new.id)
    return replace(document.with_people(changed), identities=tuple(identities)).sound()


def restored_alone(person: Person) -> Person:
    """The person as the photo alone gave it. The mesh follows when the person is shown."""
    if person.alone is None:
        return person
    code = _carried(person, person.alone)
    return replace(person, original=replace(person.original, code=person.alone), code=code, alone=None)


def alone(person: Person) -> Reconstruction:
    """What a fusion starts from."""
    return replace(person.original, code=person.alone) if person.alone is not None else person.original


def _with_fit(person: Person, fit: Reconstruction, identity: str) -> Person:
    code = _carried(person, fit.code)
    before = person.alone if person.alone is not None else person.original.code
    original = replace(fit, photo=person.original.photo)
    return replace(person, original=original, code=code, mesh=fit.mesh, identity=identity, alone=before)


def _carried(person: Person, fitted: FaceCode) -> FaceCode:
    """A new fit with the user's edits put in; the fit itself if there are none."""
    old, edited = person.original.code, person.code
    kept = {
        field.name: getattr(edited, field.name)
        for field in fields(fitted)
        if field.name != "shape" and not bool((getattr(edited, field.name) == getattr(old, field.name)).all())
    }
    return fitted.replace(**kept) if kept else fitted


def _rest_of(document: Document, person: Person) -> FaceCode | None:
    identity = document.identity(person.identity)
    return identity.rest if identity is not None else None


def _with_identity(document: Document, identity: str, change: Callable[[Identity], Identity]) -> Document:
    identities = tuple(change(known) if known.id == identity else known for known in document.identities)
    return replace(document, identities=identities)
