"""All that the menus offer, as a flat list: for the command palette and the shortcut sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar


@dataclass(frozen=True)
class Command:
    """One entry of a menu."""

    action: QAction
    menu: tuple[str, ...]
    """Names of the menus it is in, from the menu bar down."""

    @property
    def text(self) -> str:
        return plain(self.action.text())

    @property
    def shortcut(self) -> str:
        """As this platform writes it; "" for none."""
        return self.action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    @property
    def place(self) -> str:
        return " › ".join(self.menu)


def commands_of(bar: QMenuBar) -> list[Command]:
    """Everything in the menus that can be chosen, in their order; menus that fill themselves are asked to."""
    found: list[Command] = []
    for top in bar.actions():
        menu = top.menu()
        if isinstance(menu, QMenu):
            found += _of(menu, (plain(top.text()),))
    return found


def _of(menu: QMenu, path: tuple[str, ...]) -> Iterator[Command]:
    menu.aboutToShow.emit()
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from _of(inner, (*path, plain(action.text())))
        elif not action.isSeparator() and action.isVisible() and action.text():
            yield Command(action, path)


def plain(text: str) -> str:
    """A menu text without its mnemonic."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def rank(query: str, text: str) -> int | None:
    """How well a text answers what was typed: 0 is best, None not at all.

    Every word typed must begin a word of the text (best) or be somewhere in it; or its letters are first letters of
    words, in order ("nf" finds "Neutral face").
    """
    text, words = text.lower(), query.lower().split()
    starts = text.split()
    if all(any(start.startswith(word) for start in starts) for word in words):
        return 0 if not words or text.startswith(words[0]) else 1
    if all(word in text for word in words):
        return 2
    initials = iter(start[0] for start in starts)
    return 3 if all(letter in initials for letter in "".join(words)) else None
