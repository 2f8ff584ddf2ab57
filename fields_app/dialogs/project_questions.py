"""The questions about projects: save changes? recover work? where are the photos? None of them blocks the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMessageBox, QWidget

from fields_app.recovery import LeftBehind

_Role = QMessageBox.ButtonRole
_SHOWN = 5


class Question(QMessageBox):
    """A text, what follows from the answers, and the answers as buttons.

    Args:
        answers: button texts with their role and what they do; the first is the default. Escape does nothing.
    """

    def __init__(
        self,
        parent: QWidget,
        title: str,
        text: str,
        more: str,
        answers: Sequence[tuple[str, QMessageBox.ButtonRole, Callable[[], object]]],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setText(text)
        self.setTextFormat(Qt.TextFormat.PlainText)  # names of files are not markup
        self.setInformativeText(more)
        self._does = {}
        for i, (label, role, does) in enumerate(answers):
            button = self.addButton(label, role)
            button.setIcon(QIcon())
            self._does[button] = does
            if i == 0:
                self.setDefaultButton(button)
            if role is _Role.RejectRole:
                self.setEscapeButton(button)
        self.buttonClicked.connect(lambda button: self._does[button]())

    def button_of(self, label: str) -> QWidget:
        """The button with that text."""
        return next(button for button in self._does if button.text() == label)


def ask_unsaved(
    parent: QWidget, name: str, save: Callable[[], object], discard: Callable[[], object], stay: Callable[[], object]
) -> Question:
    """Save, discard or stay?"""
    text = _tr("Save the changes to “%1”?").replace("%1", name) if name else _tr("Save this project?")
    return _shown(
        Question(
            parent, _tr("Unsaved changes"), text, _tr("What is not saved is lost."),
            (
                (_tr("Save"), _Role.AcceptRole, save),
                (_tr("Don’t save"), _Role.DestructiveRole, discard),
                (_tr("Cancel"), _Role.RejectRole, stay),
            ),
        )
    )  # fmt: skip


def ask_recover(
    parent: QWidget, left: LeftBehind, what: str, recover: Callable[[], object], discard: Callable[[], object]
) -> Question:
    """Take up the work that was not saved when the program ended unexpectedly?

    Args:
        what: what is in it, for the user.
    """
    when = QLocale().toString(QDateTime.fromSecsSinceEpoch(int(left.saved.timestamp())), QLocale.FormatType.ShortFormat)
    text = _tr("FIELDS ended unexpectedly with unsaved work of %1.").replace("%1", when)
    return _shown(
        Question(
            parent, _tr("Recover unsaved work"), text, what,
            (
                (_tr("Recover"), _Role.AcceptRole, recover),
                (_tr("Throw away"), _Role.DestructiveRole, discard),
                (_tr("Ask me later"), _Role.RejectRole, lambda: None),
            ),
        )
    )  # fmt: skip


def ask_missing(parent: QWidget, names: Sequence[str], find: Callable[[], object]) -> Question:
    """Look for photos that are not where they were?"""
    text = _tr("%1 photos of this project were not found.").replace("%1", str(len(names)))
    listed = "\n".join(Path(name).name for name in names[:_SHOWN]) + ("\n…" if len(names) > _SHOWN else "")
    more = _tr("The heads can be edited and exported without them.")
    return _shown(
        Question(
            parent, _tr("Missing photos"), text, f"{listed}\n\n{more}",
            (
                (_tr("Find them …"), _Role.AcceptRole, find),
                (_tr("Go on without"), _Role.RejectRole, lambda: None),
            ),
        )
    )  # fmt: skip


def _shown(question: Question) -> Question:
    question.open()
    return question


def _tr(text: str) -> str:
    return QCoreApplication.translate("ProjectQuestions", text)
