"""The People menu, and what joins it and the people panel with their controller."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from fields_app.controllers.people import PeopleController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.main_window import MainWindow
from fields_app.session import Session


class PeopleMenu(QObject):
    """Puts the menu in front of View."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        people: PeopleController,
        reconstruction: ReconstructionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._session, self._people = window, session, people
        panel = window.people
        panel.picked.connect(people.select)
        panel.rename_requested.connect(people.rename)
        panel.merge_requested.connect(people.merge)
        panel.split_requested.connect(people.split)
        panel.delete_requested.connect(people.delete)
        panel.copy_requested.connect(people.copy_expression)
        panel.paste_requested.connect(people.paste_expression)
        panel.rest_requested.connect(people.keep_rest)
        panel.subtract_requested.connect(people.subtract_rest)
        people.copied_changed.connect(panel.set_can_paste)

        self.menu = QMenu(self.tr("&People"), window)
        window.menuBar().insertMenu(window.view_menu.menuAction(), self.menu)
        through = self.tr("Through all photos")
        steps = (
            self._add(self.tr("&Next person"), "Ctrl+Tab", through, lambda: self._step(1)),
            self._add(self.tr("Pre&vious person"), "Ctrl+Shift+Tab", through, lambda: self._step(-1)),
        )
        self._add(
            self.tr("&Rename"), "Shift+F2", self.tr("The selected person"), panel.rename, panel.rename_action
        )  # fmt: skip
        self.menu.addSeparator()
        self._add(
            self.tr("&Merge into one person"), "Ctrl+G", self.tr("One shape from all photos of the selected faces"),
            panel.merge, panel.merge_action,
        )  # fmt: skip
        self._add(
            self.tr("&Split off"), "Ctrl+Shift+G", self.tr("The selected faces are somebody else"), panel.split,
            panel.split_action,
        )  # fmt: skip
        self._add(
            self.tr("&Delete selected faces"), "", self.tr("Photos stay"), panel.delete, panel.delete_action
        )  # fmt: skip
        self.menu.addSeparator()
        copy = self._add(
            self.tr("&Copy expression"), "Ctrl+Alt+C", self.tr("Of the face on show, with the jaw"),
            people.copy_expression,
        )  # fmt: skip
        self.paste_action = self._add(
            self.tr("&Paste expression"), "Ctrl+Alt+V", self.tr("On the selected faces, or the head on show"),
            lambda: people.paste_expression(panel.chosen),
        )  # fmt: skip
        self.paste_action.setEnabled(False)
        people.copied_changed.connect(self.paste_action.setEnabled)
        self.menu.addSeparator()
        self._add(
            self.tr("This is the rest &face"), "", self.tr("How this person looks with no expression"),
            people.keep_rest, panel.rest_action,
        )  # fmt: skip
        self._add(
            self.tr("Subtract rest f&ace"), "", self.tr("What the face does beyond this person's rest face"),
            people.subtract_rest, panel.subtract_action,
        )  # fmt: skip
        self.menu.addSeparator()
        of_photo = (
            self._add(
                self.tr("Find faces a&gain"), "", self.tr("In the photo on show, as if it were new"),
                reconstruction.find_faces,
            ),
            self._add(
                self.tr("Remove p&hoto"), "", self.tr("Takes the photo on show and its people out; the file stays"),
                self._remove_photo,
            ),
        )  # fmt: skip
        self._steps, self._copy, self._of_photo = steps, copy, of_photo
        for changed in (
            session.photo_changed, session.selection_changed, session.document_changed, session.restored
        ):  # fmt: skip
            changed.connect(self._update)
        self._update()

    def _add(
        self, text: str, shortcut: str, tip: str, slot: Callable[[], object], like: QAction | None = None
    ) -> QAction:
        """An action of the menu; ``like`` another one where that is greyed out at the same times."""
        action = self.menu.addAction(text)
        action.setShortcut(shortcut)
        action.setStatusTip(tip)
        action.triggered.connect(lambda _=False: slot())
        if like is not None:
            action.setEnabled(like.isEnabled())
            like.enabledChanged.connect(action.setEnabled)
        return action

    def _update(self) -> None:
        """Grey out what would do nothing."""
        for action in self._steps:
            action.setEnabled(len(self._session.document().people) > 1)
        self._copy.setEnabled(self._session.code is not None)  # without a photo, of the head on show
        for action in self._of_photo:
            action.setEnabled(self._session.entry is not None)

    def _step(self, by: int) -> None:
        people = self._window.people.list
        if people.count():
            people.setCurrentRow((people.currentRow() + by) % people.count())

    def _remove_photo(self) -> None:
        entry = self._session.entry
        if entry is not None:
            self._people.remove_photo(entry.id)
