"""Undo steps. Each holds frozen states from before and after, so undo is exact and needs no inverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

from fields_app.document import Difference, Document, Identity, PhotoEntry

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode, Photo

_EDIT = 1  # QUndoCommand.id: only edits merge, and only with edits


class EditCode(QUndoCommand):
    """Another code for one person (or for the rest head).

    Args:
        show: puts a code in for a person id, and shows that person.
        merge: equal, non-empty keys in a row become one step.
    """

    def __init__(
        self, show: Callable[[str, FaceCode], None], person: str, before: FaceCode, after: FaceCode, text: str,
        merge: str,
    ) -> None:  # fmt: skip
        super().__init__(text)
        self._show = show
        self._person = person
        self._before = before
        self._after = after
        self._merge = merge

    def id(self) -> int:
        return _EDIT if self._merge else -1

    def undo(self) -> None:
        self._show(self._person, self._before)

    def redo(self) -> None:
        self._show(self._person, self._after)

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, EditCode) or (other._person, other._merge) != (self._person, self._merge):
            return False
        self._after = other._after
        return True


class ChangeDocument(QUndoCommand):
    """Anything else: faces, names and identities come, go or change. What was opened meanwhile stays through undo.

    Args:
        put: puts a document in the place of the present one, and shows the person of an id.
        present: the document of that moment.
        person: whom to show after undo and redo; "" leaves the selection.
    """

    def __init__(
        self, put: Callable[[Document, str], None], present: Callable[[], Document], after: Document, text: str,
        person: str,
    ) -> None:  # fmt: skip
        super().__init__(text)
        self._put = put
        self._present = present
        self._person = person
        before = present()
        self._photos = Difference[PhotoEntry].between(before.photos, after.photos)
        self._identities = Difference[Identity].between(before.identities, after.identities)

    def undo(self) -> None:
        document = self._present()
        self._go(document, self._photos.undone(document.photos), self._identities.undone(document.identities))

    def redo(self) -> None:
        document = self._present()
        self._go(document, self._photos.redone(document.photos), self._identities.redone(document.identities))

    def _go(self, document: Document, photos: tuple[PhotoEntry, ...], identities: tuple[Identity, ...]) -> None:
        read = {entry.id: entry.photo for entry in document.photos}
        seated = tuple(_with_pixels(entry, read.get(entry.id)) for entry in photos)
        self._put(replace(document, photos=seated, identities=identities), self._person)


def _with_pixels(entry: PhotoEntry, photo: Photo | None) -> PhotoEntry:
    """Pixels in memory are no part of an undo step."""
    return entry if entry.photo is photo else entry.with_photo(photo) if photo is not None else entry.without_pixels()
