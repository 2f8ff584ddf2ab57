"""What is asked before a training ends, or goes on without the window."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMessageBox, QWidget


class OnClose(Enum):
    """What becomes of a training when the window closes."""

    KEEP = "keep"
    PAUSE = "pause"
    STAY = "stay"


def ask(parent: QWidget, title: str, text: str, button: str, answer: Callable[[], None]) -> QMessageBox:
    """A question with one way to go on; ``answer`` is called if it is taken. Does not block."""
    box = QMessageBox(QMessageBox.Icon.NoIcon, title, text, QMessageBox.StandardButton.Cancel, parent)
    box.button(QMessageBox.StandardButton.Cancel).setIcon(QIcon())
    go_on = box.addButton(button, QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)  # what goes on cannot be taken back
    box.buttonClicked.connect(lambda chosen: answer() if chosen is go_on else None)
    box.open()
    return box


def ask_on_close(parent: QWidget) -> OnClose:
    """Ask, and wait for the answer: the window is about to close."""
    box = QMessageBox(
        QMessageBox.Icon.NoIcon,
        parent.tr("A training is at work"),
        parent.tr("It can go on by itself; the next start of the program finds it again. Or it is paused and waits."),
        QMessageBox.StandardButton.Cancel,
        parent,
    )
    box.button(QMessageBox.StandardButton.Cancel).setIcon(QIcon())
    keep = box.addButton(parent.tr("Keep training"), QMessageBox.ButtonRole.AcceptRole)
    pause = box.addButton(parent.tr("Pause it"), QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(keep)
    box.exec()
    return {keep: OnClose.KEEP, pause: OnClose.PAUSE}.get(box.clickedButton(), OnClose.STAY)  # type: ignore[call-overload]
