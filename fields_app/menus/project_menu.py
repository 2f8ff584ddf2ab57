"""The part of the File menu that is about projects, and the dialogs it opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu

from fields_app.controllers.projects import SUFFIX, Answer, ProjectsController
from fields_app.controllers.recent import contents
from fields_app.dialogs.project_questions import ask_missing, ask_recover, ask_unsaved
from fields_app.main_window import MainWindow
from fields_app.recovery import LeftBehind
from fields_app.settings import Settings
from fields_core.errors import ProjectError


class ProjectMenu(QObject):
    """Puts New, Open recent, Save and their like into the File menu, and keeps the window's title."""

    def __init__(
        self, window: MainWindow, projects: ProjectsController, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._window, self._projects, self._settings = window, projects, settings
        keys = QKeySequence.StandardKey
        self.new_action = self._action(self.tr("&New project"), keys.New, self.tr("An empty window"), projects.new)
        self.save_action = self._action(
            self.tr("&Save project"), keys.Save, self.tr("Photos, people and edits in one file"), projects.save
        )
        self.save_as_action = self._action(
            self.tr("Save project &as …"), "Ctrl+Shift+S", self.tr("The project under another name"), self._ask_save_as
        )
        self.embed_action = self._action(
            self.tr("&Keep photos in the project"), "",
            self.tr("The file can then be moved and given away without its photos; it is larger"),
        )  # fmt: skip
        self.embed_action.setCheckable(True)
        self.embed_action.toggled.connect(projects.set_embed)
        self.find_action = self._action(
            self.tr("&Find missing photos …"), "", self.tr("Point at the folder they are in now"), self._ask_place
        )
        self.find_action.setEnabled(False)
        self.recent_menu = QMenu(self.tr("Open &recent"), window)
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        menu = window.file_menu
        menu.insertAction(window.open_action, self.new_action)
        menu.insertMenu(window.sample_action, self.recent_menu)
        separator = menu.insertSeparator(window.sample_action)
        for action in (self.save_action, self.save_as_action, self.embed_action, self.find_action):
            menu.insertAction(separator, action)
        menu.insertSeparator(self.save_action)
        window.may_close = lambda: projects.may_close(window.close)
        projects.ask_unsaved = self._ask_unsaved
        projects.ask_path = self._ask_path
        projects.changed.connect(self._show_state)
        projects.photos_missing.connect(self._show_missing)
        self._show_state()

    def offer_recovery(self) -> None:
        """If a window ended unexpectedly, offer to go on with what it left. Call when the core is there."""
        left = self._projects.autosave.left_behind()
        if left and self._window.isVisible():
            newest = left[0]
            ask_recover(
                self._window, newest, _what_is_in(newest), lambda: self._projects.recover(newest),
                lambda: self._projects.autosave.recovery.discard(newest),
            )  # fmt: skip

    def _show_state(self) -> None:
        path = self._projects.path
        self._window.show_project(path.stem if path is not None else "", self._projects.modified)
        self.embed_action.setChecked(self._projects.embed)

    def _show_missing(self, names: list[str]) -> None:
        if names and not self.find_action.isEnabled():
            ask_missing(self._window, names, self._ask_place)
        self.find_action.setEnabled(bool(names))

    def _fill_recent(self) -> None:
        menu = self.recent_menu
        menu.clear()
        for i, path in enumerate(self._settings.recent_projects):
            text = path.name.replace("&", "&&")
            action = menu.addAction(f"&{(i + 1) % 10}  {text}")
            action.setStatusTip(str(path))
            action.triggered.connect(lambda _=False, path=path: self._projects.open(path))
        if menu.isEmpty():
            menu.addAction(self.tr("No projects yet")).setEnabled(False)
            return
        menu.addSeparator()
        menu.addAction(self.tr("&Clear this list")).triggered.connect(self._clear_recent)

    def _clear_recent(self) -> None:
        self._settings.forget_project()
        self._projects.recent_changed.emit()

    def _ask_unsaved(self, answer: Callable[[Answer], None]) -> None:
        ask_unsaved(
            self._window,
            self._window.project_name,
            lambda: answer(Answer.SAVE),
            lambda: answer(Answer.DISCARD),
            lambda: answer(Answer.CANCEL),
        )

    def _ask_path(self, answer: Callable[[Path], None]) -> None:
        name = self._window.project_name or self.tr("project")
        suggested = self._projects.path or self._settings.project_folder / (name + SUFFIX)
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Save project"), str(suggested), self.tr("FIELDS projects (*.fields)")
        )
        if chosen:
            answer(Path(chosen))

    def _ask_save_as(self) -> None:
        self._ask_path(self._projects.save_as)

    def _ask_place(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self._window, self.tr("Where are the photos now?"), str(self._settings.photo_folder)
        )
        if folder:
            self._projects.locate_missing(Path(folder))

    def _action(
        self,
        text: str,
        shortcut: QKeySequence.StandardKey | str,
        tip: str,
        slot: Callable[[], object] | None = None,
    ) -> QAction:
        action = QAction(text, self._window)
        action.setShortcut(QKeySequence(shortcut))
        action.setStatusTip(tip)
        if slot is not None:
            action.triggered.connect(lambda _=False: slot())
        return action


def _what_is_in(left: LeftBehind) -> str:
    """The photos and people of an autosave, in words; a damaged one can be tried all the same."""
    from fields_core.project import read_summary

    try:
        summary = read_summary(left.project)
    except ProjectError as error:
        return error.title
    name = Path(str(summary.view.get("origin", ""))).stem
    return f"{name}: {contents(summary)}" if name else contents(summary)
