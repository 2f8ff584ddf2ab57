"""The Help menu, and the ways to everything else: command palette and shortcut sheet."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

from fields_app.dialogs.about import AboutDialog
from fields_app.dialogs.command_palette import CommandPalette
from fields_app.dialogs.log_viewer import LogViewer, log_file
from fields_app.dialogs.shortcut_sheet import ShortcutSheet
from fields_app.licences import package_licences
from fields_app.main_window import MainWindow
from fields_app.menu_actions import Command, commands_of
from fields_app.workers.job import Jobs


class HelpMenu(QObject):
    """Fills the Help menu."""

    def __init__(self, window: MainWindow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._jobs = Jobs(self)
        self.palette_action = self._action(
            self.tr("&Command palette …"), ("Ctrl+Shift+P", "Ctrl+K"), self.tr("Everything the menus offer, by typing"),
            self._show_palette,
        )  # fmt: skip
        self.shortcuts_action = self._action(
            self.tr("&Keyboard and mouse …"), ("F1", "Ctrl+/"), self.tr("All shortcuts on one page"),
            lambda: ShortcutSheet(self._commands(), window).open(),
        )  # fmt: skip
        self.log_action = self._action(
            self.tr("&Log …"), (), self.tr("What the program wrote down, for finding out what went wrong"),
            self._show_log,
        )  # fmt: skip
        menu, about = window.help_menu, window.about_action
        for action in (self.palette_action, self.shortcuts_action, self.log_action):
            menu.insertAction(about, action)
        menu.insertSeparator(about)
        about.triggered.connect(self._show_about)

    def stop(self) -> None:
        self._jobs.finish()

    def _commands(self) -> list[Command]:
        return [c for c in commands_of(self._window.menuBar()) if c.action is not self.palette_action]

    def _show_palette(self) -> None:
        palette = CommandPalette(self._commands(), self._window)
        palette.show()
        palette.search.setFocus()

    def _show_log(self) -> None:
        viewer = LogViewer(log_file(), self._window)
        viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        viewer.show()

    def _show_about(self) -> None:
        dialog = AboutDialog(self._window)
        alive = [True]
        dialog.destroyed.connect(alive.clear)
        self._jobs.run(
            lambda report, token: package_licences(),
            lambda licences: dialog.set_licences(licences) if alive else None,
            self._window.messages.show_error,
        )
        dialog.open()

    def _action(self, text: str, keys: tuple[str, ...], tip: str, slot: Callable[[], object]) -> QAction:
        action = QAction(text, self._window)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setStatusTip(tip)
        action.triggered.connect(lambda _=False: slot())
        return action
