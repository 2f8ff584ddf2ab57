"""Undo steps. Each holds frozen states from before and after, so undo is exact and needs no inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode

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
