"""The Live menu and its panel, which takes the place of photo and people while it is open."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu

from fields_app.controllers.live import LiveController
from fields_app.dialogs.stream_dialog import StreamDialog
from fields_app.live_settings import LiveSettings, SourceChoice, SourceKind
from fields_app.live_view import LiveView
from fields_app.main_window import MainWindow
from fields_app.panels.live_gains import LiveGainsDialog
from fields_app.panels.live_panel import LivePanel
from fields_app.session import Session

_SLIDERS_EVERY = 0.1  # seconds: sixty sliders with their numbers are more work than the head


class LiveMenu(QObject):
    """Wires live panel, sliders, controller and session, and asks for files and addresses.

    Attributes:
        panel: shown by `panel_action`; closing it lets go of the camera.
    """

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        view: LiveView,
        controller: LiveController,
        settings: LiveSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._session, self._view = window, session, view
        self._controller, self._settings = controller, settings
        self._followed_at = 0.0
        self.panel = LivePanel(view, settings, window)
        self.panel.hide()
        self._make_actions()
        self._wire()
        self._show_run()

    def close_panel(self) -> None:
        """Photo and people again; the camera is let go."""
        self.panel_action.setChecked(False)

    def _make_actions(self) -> None:
        menu = QMenu(self.tr("&Live"), self._window)
        bar = self._window.menuBar()
        bar.insertMenu(bar.actions()[-1], menu)  # Help stays last
        panel, live = self.panel, self._controller
        self.panel_action = self._action(
            menu, self.tr("&Live panel"), "F5", self.tr("The head follows a camera, a video or a stream")
        )
        self.panel_action.setCheckable(True)
        self.panel_action.toggled.connect(self._show_panel)
        menu.addSeparator()
        self.run_action = self._action(
            menu, self.tr("&Start"), "Ctrl+F5", self.tr("Open the source"), panel.source.toggle
        )
        self.neutral_action = self._action(
            menu, self.tr("Set &neutral"), "Ctrl+F6", self.tr("Look relaxed for a second"), live.tuning.calibrate
        )
        self.clear_action = self._action(
            menu, self.tr("&Forget neutral"), "", self.tr("The head model's own again"), live.tuning.clear_calibration
        )
        self.freeze_action = self._action(
            menu, self.tr("Free&ze"), "Ctrl+F7", self.tr("Hold the frame on show"), panel.freeze_button.click
        )
        self.snapshot_action = self._action(
            menu, self.tr("Sna&pshot"), "Ctrl+F8", self.tr("Keep the frame as a photo"), panel.snapshot_button.click
        )
        menu.addSeparator()
        self.record_action = self._action(
            menu, self.tr("&Record"), "Ctrl+F9", self.tr("Begin a take, or finish it"), panel.record_button.click
        )
        self.stream_action = self._action(
            menu, self.tr("S&tream …"), "Ctrl+F10", self.tr("VMC or Live Link Face"), panel.stream_button.click
        )

    def _action(
        self, menu: QMenu, text: str, shortcut: str, tip: str, slot: Callable[..., object] | None = None
    ) -> QAction:
        action = QAction(text, self._window)
        action.setShortcut(QKeySequence(shortcut))
        action.setStatusTip(tip)
        if slot is not None:
            action.triggered.connect(lambda _=False: slot())
        menu.addAction(action)
        return action

    def _wire(self) -> None:
        panel, live, settings = self.panel, self._controller, self._settings
        panel.source.started.connect(self._start)
        panel.source.stopped.connect(live.stop_run)
        panel.source.browse_requested.connect(self._browse)
        panel.source.cameras_requested.connect(live.list_cameras)
        live.cameras_listed.connect(panel.source.set_cameras)
        panel.face_picked.connect(lambda face: live.set_wish(followed=face))
        panel.size_changed.connect(lambda size: live.set_wish(size=size))
        panel.mirror_toggled.connect(lambda on: live.set_wish(mirrored=on))
        panel.overlay_picked.connect(self._pick_overlay)
        panel.coder_picked.connect(lambda name: self._restart_with("coder", name))
        panel.source.size_picked.connect(lambda size: self._restart_with("size", size))
        panel.calm_changed.connect(live.tuning.set_calm)
        panel.gains_requested.connect(self._ask_gains)
        panel.calibrate_requested.connect(live.tuning.calibrate)
        panel.identity_requested.connect(live.tuning.measure_identity)
        panel.frozen_toggled.connect(live.freeze)
        panel.clip.paused.connect(live.clip.pause)
        panel.clip.sought.connect(live.clip.seek)
        panel.clip.stepped.connect(live.clip.step)
        panel.clip.speed_picked.connect(live.clip.set_speed)
        panel.clip.loop_toggled.connect(live.clip.set_looping)
        panel.record_toggled.connect(live.sharing.record)
        panel.video_toggled.connect(lambda on: setattr(settings, "with_video", on))
        panel.stream_toggled.connect(self._stream)
        sliders = self._window.sliders
        sliders.live_edited.connect(live.holds.hold)
        sliders.live_released.connect(live.holds.release)
        self._view.run_changed.connect(self._show_run)
        self._view.shot_changed.connect(self._follow)

    def _show_panel(self, on: bool) -> None:
        self._window.show_left(self.panel if on else None)
        if on:
            self._controller.list_cameras()
            self.panel.source.start_button.setFocus()
        else:
            self._controller.stop_run()

    def _start(self, choice: SourceChoice) -> None:
        self.panel.mirror_box.setChecked(choice.kind is SourceKind.CAMERA)
        self._controller.start(choice)

    def _restart_with(self, name: str, value: object) -> None:
        setattr(self._settings, name, value)
        self._controller.restart()

    def _pick_overlay(self, name: str) -> None:
        self._settings.overlay = name
        self._controller.set_wish(overlay=name)

    def _show_run(self) -> None:
        running = self._view.running
        self.run_action.setText(self.tr("&Stop") if running else self.tr("&Start"))
        actions = (self.neutral_action, self.clear_action, self.freeze_action, self.snapshot_action,
                   self.record_action, self.stream_action)  # fmt: skip
        for action in actions:
            action.setEnabled(running)

    def _follow(self) -> None:
        """The sliders follow the face; its emotion is in the live panel, so the photo's is put away."""
        shot = self._view.shot
        sliders, emotion = self._window.sliders, self._window.emotion
        if shot is None:
            sliders.follow(None)
            emotion.setVisible(True)
            return
        now = time.monotonic()
        if shot.face is not None and (now - self._followed_at >= _SLIDERS_EVERY or self._view.frozen):
            self._followed_at = now
            emotion.setVisible(False)
            sliders.follow(shot.face.code)

    def _browse(self, kind: SourceKind) -> None:
        """Ask for a file, a folder or an address."""
        last = self._settings.source
        start = last.place if last.kind is kind else ""
        if kind is SourceKind.FILE:
            kinds = self.tr("Videos (%1);;All files (*)").replace("%1", "*.mp4 *.mov *.avi *.mkv *.webm *.m4v")
            place, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open video"), start, kinds)
        elif kind is SourceKind.FOLDER:
            place = QFileDialog.getExistingDirectory(self._window, self.tr("Open a folder of pictures"), start)
        else:
            place, accepted = QInputDialog.getText(
                self._window, self.tr("Open stream"), self.tr("Address (rtsp://, http://, …)"), text=start
            )
            place = place.strip() if accepted else ""
        if place:
            name = Path(place).name if kind is not SourceKind.STREAM else self.tr("Network stream")
            choice = SourceChoice(kind, place, name)
            self.panel.source.choose(choice)
            self._start(choice)

    def _ask_gains(self) -> None:
        units = [p for p in self._session.parameters if p.field == "expression" or p.key == "jawOpen"]
        dialog = LiveGainsDialog(units, self._settings.gains, self._settings.limits, self._window)
        dialog.changed.connect(self._controller.tuning.set_gains)
        dialog.limits_changed.connect(self._controller.tuning.set_limits)
        dialog.finished.connect(dialog.deleteLater)
        dialog.show()

    def _stream(self, on: bool) -> None:
        if not on:
            self._controller.sharing.stream(None)
            return
        self.panel.stream_button.setChecked(False)  # until it is connected
        dialog = StreamDialog(self._settings.stream, self._window)
        dialog.accepted.connect(lambda: self._controller.sharing.stream(dialog.choice))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
