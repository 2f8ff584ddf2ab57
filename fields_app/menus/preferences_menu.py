"""Preferences: opens the dialog and lets the choices take effect."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication

from fields_app import style
from fields_app.controllers.autosave import AutosaveController
from fields_app.dialogs.preferences import PreferencesDialog
from fields_app.main_window import MainWindow
from fields_app.preferences import Preferences
from fields_app.settings import Settings
from fields_core.assets import user_data_folder


class PreferencesMenu(QObject):
    """Puts Preferences into the Edit menu and Reset layout into the View menu."""

    def __init__(
        self, window: MainWindow, autosave: AutosaveController, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._window, self._autosave, self._settings = window, autosave, settings
        self._theme = settings.preferences.theme
        self.preferences_action = QAction(self.tr("&Preferences …"), window)
        self.preferences_action.setShortcut(QKeySequence("Ctrl+,"))
        self.preferences_action.setMenuRole(QAction.MenuRole.PreferencesRole)
        self.preferences_action.setStatusTip(self.tr("Theme, units, folders, threads"))
        self.preferences_action.triggered.connect(self._show)
        self.layout_action = QAction(self.tr("Reset window la&yout"), window)
        self.layout_action.setStatusTip(self.tr("Every part of the window back to its first size"))
        self.layout_action.triggered.connect(window.reset_layout)
        window.edit_menu.addSeparator()
        window.edit_menu.addAction(self.preferences_action)
        window.view_menu.addSeparator()
        window.view_menu.addAction(self.layout_action)
        window.sliders.set_units(settings.preferences.units)

    def _show(self) -> None:
        dialog = PreferencesDialog(self._settings.preferences, user_data_folder(), self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(self._apply)
        dialog.layout_reset_requested.connect(self._window.reset_layout)
        dialog.open()

    def _apply(self, chosen: Preferences) -> None:
        self._settings.preferences = chosen
        self._autosave.start(chosen.autosave_seconds)
        self._window.sliders.set_units(chosen.units)
        application = QApplication.instance()
        if chosen.theme != self._theme and isinstance(application, QApplication):
            self._theme = chosen.theme
            style.apply(application, chosen.theme)
