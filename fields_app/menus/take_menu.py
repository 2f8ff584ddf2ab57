"""The Take menu and the panel below the head: both appear with what they are needed for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QBoxLayout, QFileDialog, QMenu, QVBoxLayout, QWidget

from fields_app import style
from fields_app.controllers.takes import TakeController
from fields_app.dialogs.take_export_dialog import TakeExportDialog
from fields_app.main_window import MainWindow
from fields_app.panels.take_panel import TakePanel
from fields_app.session import Session
from fields_app.take_settings import TakeSettings
from fields_app.take_state import TakeState

SUFFIX = ".take"
_BELOW_THE_HEAD = 2  # place in the window's column: header, panels, then this, then messages


class TakeMenu(QObject):
    """Wires take panel, controller and session, and asks for files.

    Attributes:
        panel: hidden while there is no take.
    """

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        state: TakeState,
        controller: TakeController,
        settings: TakeSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._session, self._state = window, session, state
        self._controller, self._settings = controller, settings
        self.panel = TakePanel(state, window)
        self._place = QWidget(window)
        self._place.setObjectName("plain")
        layout = QVBoxLayout(self._place)
        layout.setContentsMargins(style.SMALL, 0, style.SMALL, style.SMALL)
        layout.addWidget(self.panel)
        self._place.hide()
        centre = window.centralWidget()
        column = centre.layout() if centre is not None else None
        assert isinstance(column, QBoxLayout)
        column.insertWidget(_BELOW_THE_HEAD, self._place)
        self._make_actions()
        self._wire()
        self._show_state()

    def _make_actions(self) -> None:
        menu = QMenu(self.tr("&Take"), self._window)
        bar = self._window.menuBar()
        bar.insertMenu(bar.actions()[-1], menu)  # Help stays last
        player = self._controller.player
        self.open_action = self._action(
            menu, self.tr("&Open take …"), "Ctrl+Shift+T", self.tr("A recorded take (.take)"), self._ask_take
        )
        menu.addSeparator()
        self.play_action = self._action(
            menu, self.tr("&Play or pause"), "Ctrl+Space", self.tr("The trimmed part"), player.toggle
        )
        self.marker_action = self._action(
            menu, self.tr("Add &marker"), "Ctrl+Shift+M", self.tr("At the moment on show"), self._controller.add_marker
        )
        menu.addSeparator()
        self.export_action = self._action(
            menu, self.tr("&Export take …"), "Ctrl+Shift+E",
            self.tr("GLB or USD with animation, CSV, Live Link Face, video"), self._ask_export,
        )  # fmt: skip
        self.close_action = self._action(
            menu, self.tr("&Close take"), "", self.tr("Back to the photo's head; edits are kept"),
            self._controller.close_take,
        )  # fmt: skip

    def _action(self, menu: QMenu, text: str, shortcut: str, tip: str, slot: Callable[..., object]) -> QAction:
        action = QAction(text, self._window)
        action.setShortcut(QKeySequence(shortcut))
        action.setStatusTip(tip)
        action.triggered.connect(slot)
        menu.addAction(action)
        return action

    def _wire(self) -> None:
        panel, takes = self.panel, self._controller
        panel.open_requested.connect(self._ask_take)
        panel.export_requested.connect(self._ask_export)
        panel.close_requested.connect(takes.close_take)
        panel.play_toggled.connect(takes.player.toggle)
        panel.loop_toggled.connect(takes.player.set_loop)
        panel.stepped.connect(takes.step)
        panel.scrubbed.connect(takes.scrub)
        panel.trimmed.connect(takes.set_trim)
        panel.smoothing_changed.connect(takes.set_smoothing)
        panel.marker_added.connect(takes.add_marker)
        panel.marker_renamed.connect(takes.rename_marker)
        panel.marker_removed.connect(takes.remove_marker)
        panel.face_picked.connect(takes.set_face)
        panel.identity_requested.connect(self._ask_identity)
        self._state.take_changed.connect(self._show_state)
        self._state.frame_changed.connect(lambda: self._session.set_preview(self._state.mesh))
        self._session.selection_changed.connect(takes.player.pause)  # another head is on show now

    def _show_state(self) -> None:
        there = self._state.take is not None
        self._place.setVisible(there)
        for action in (self.play_action, self.marker_action, self.export_action, self.close_action):
            action.setEnabled(there)

    def _ask_take(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            self.tr("Open take"),
            str(self._settings.take_folder),
            self.tr("Takes (*.take);;All files (*)"),
        )
        if name:
            self._controller.open(Path(name))

    def _ask_export(self) -> None:
        take = self._state.take
        if take is None:
            return
        dialog = TakeExportDialog(self._settings.export, has_pictures=take.has_pictures, parent=self._window)
        dialog.finished.connect(dialog.deleteLater)
        dialog.accepted.connect(lambda: self._controller.export(dialog.choice))
        dialog.open()

    def _ask_identity(self, own: bool) -> None:
        """Whose head shall play the take: the recorded person's, one of the window's, or a file's."""
        if own:
            self._controller.set_identity("", None)
            return
        menu = self.identity_menu()
        button = self.panel.identity_button
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def identity_menu(self) -> QMenu:
        """The people of the shown photo, and "Face code …"."""
        menu = QMenu(self.panel)
        names = {identity.id: identity.name for identity in self._session.identities}
        for person in self._session.people:
            name = names.get(person.identity) or self.tr("Person")
            menu.addAction(name, partial(self._controller.set_identity, name, person.code))
        menu.addSeparator()
        menu.addAction(self.tr("Face code …"), self._ask_code)
        return menu

    def _ask_code(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            self.tr("Play the take on the head of a face code"),
            str(self._settings.take_folder),
            self.tr("Face codes (*.json *.npz)"),
        )
        if name:
            self._controller.open_identity(Path(name))
