"""The live panel: where pictures come from, the picture, what to do with it, how it goes."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.live_settings import CODERS, OVERLAYS, LiveSettings
from fields_app.live_view import LiveView
from fields_app.panels.camera_view import CameraView
from fields_app.panels.clip_controls import ClipControls
from fields_app.panels.live_emotion import LiveEmotion
from fields_app.panels.live_rates import LiveRates
from fields_app.panels.live_source import LiveSource
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter

_CALM = Parameter(
    "liveCalm", "Smoothing", "Smoothing", "Head", "", 0, 0.0, 1.0, description="0 is raw and quick, 1 calm and late"
)


class LivePanel(QFrame):
    """Shows the view and says what the user wants; what `source` and `clip` want they say themselves.

    Signals:
        face_picked(id), size_changed((width, height))
        overlay_picked(name), coder_picked(name), mirror_toggled(on)
        calm_changed(value), gains_requested()
        calibrate_requested(), identity_requested()
        frozen_toggled(on), snapshot_requested(), record_toggled(on), video_toggled(on), stream_toggled(on)
    """

    face_picked = Signal(int)
    size_changed = Signal(object)
    overlay_picked = Signal(str)
    coder_picked = Signal(str)
    mirror_toggled = Signal(bool)
    calm_changed = Signal(float)
    gains_requested = Signal()
    calibrate_requested = Signal()
    identity_requested = Signal()
    frozen_toggled = Signal(bool)
    snapshot_requested = Signal()
    record_toggled = Signal(bool)
    video_toggled = Signal(bool)
    stream_toggled = Signal(bool)

    def __init__(self, view: LiveView, settings: LiveSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._view = view
        self.source = LiveSource(view, settings, self)
        self.camera = CameraView(view, self)
        self.clip = ClipControls(view, self)
        self.emotion = LiveEmotion(view, self)
        self._make_looks(settings)
        self._make_deeds(settings)
        self._hint = self._label("faint")
        self._hint.setWordWrap(True)
        self._lay_out()
        self._wire()
        self._show_run()
        self._show_switches()

    def _make_looks(self, settings: LiveSettings) -> None:
        self.overlays = self._combo(self.tr("Overlay"), self.tr("What is drawn over the camera's picture"))
        for name, text in zip(OVERLAYS, (self.tr("Landmarks"), self.tr("Head"), self.tr("Picture only")), strict=True):
            self.overlays.addItem(text, name)
        self.overlays.setCurrentIndex(OVERLAYS.index(settings.overlay))
        self.mirror_box = QCheckBox(self.tr("Mirror"), self)
        self.mirror_box.setToolTip(self.tr("Show the picture as a mirror would; what is tracked stays the same"))
        self.coders = self._combo(self.tr("Method"), self.tr("What makes the head: the encoder where one is installed"))
        for name, text in zip(CODERS, (self.tr("Encoder"), self.tr("Landmark fit")), strict=True):
            self.coders.addItem(text, name)
        self.coders.setCurrentIndex(CODERS.index(settings.coder))
        self.calm = ValueSlider(_CALM, self)
        self.calm.set_value(settings.calm)
        self.calm.set_reference(0.5)
        self.calm.setToolTip(self.tr("Smoothing: 0 is raw and quick, 1 calm and late. Double click: the default"))
        self.gains_button = self._button(
            self.tr("Units …"), self.tr("How strongly each unit moves, and how far it may go")
        )
        self.neutral_button = self._button(
            self.tr("Set neutral"), self.tr("Look relaxed for a second: that face is neutral from now on (Ctrl+F6)")
        )
        self.identity_button = self._button(self.tr("New person"), self.tr("Forget whose head it is and measure it"))
        for button in (self.gains_button, self.neutral_button, self.identity_button):
            button.setObjectName("quiet")

    def _make_deeds(self, settings: LiveSettings) -> None:
        self.freeze_button = self._button(self.tr("Freeze"), self.tr("Hold this frame; a recording goes on (Ctrl+F7)"))
        self.snapshot_button = self._button(
            self.tr("Snapshot"), self.tr("Keep this frame as a photo with its people, to be edited (Ctrl+F8)")
        )
        self.record_button = self._button(self.tr("Record"), self.tr("Record a take, or finish it (Ctrl+F9)"))
        self.stream_button = self._button(self.tr("Stream …"), self.tr("Send the head to another program, or stop"))
        for button in (self.freeze_button, self.record_button, self.stream_button):
            button.setCheckable(True)
        self.video_box = QCheckBox(self.tr("with video"), self)
        self.video_box.setToolTip(self.tr("Takes keep the camera's pictures too"))
        self.video_box.setChecked(settings.with_video)

    def _lay_out(self) -> None:
        title = self._label("title", self.tr("Live"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.SMALL)
        layout.setSpacing(style.SMALL)
        layout.addLayout(self._row(title, self.source, wide=self.source))
        layout.addWidget(self.camera, 1)
        layout.addWidget(self.clip)
        layout.addLayout(self._row(self.record_button, self.video_box, None, self.stream_button))
        layout.addLayout(self._row(self.freeze_button, self.snapshot_button, None, self.mirror_box))
        smoothing = self._label("soft", self.tr("Smoothing"))
        layout.addLayout(self._row(smoothing, self.calm, self.gains_button, wide=self.calm))
        layout.addLayout(self._row(self.overlays, None, self.coders))
        layout.addLayout(self._row(self.neutral_button, None, self.identity_button))
        layout.addWidget(self.emotion)
        layout.addWidget(self._hint)
        layout.addWidget(LiveRates(self._view, self))

    def _wire(self) -> None:
        view = self._view
        self.overlays.activated.connect(lambda _: self.overlay_picked.emit(self.overlays.currentData()))
        self.coders.activated.connect(lambda _: self.coder_picked.emit(self.coders.currentData()))
        self.mirror_box.toggled.connect(self.mirror_toggled)
        self.calm.edited.connect(self.calm_changed)
        self.calm.reset_requested.connect(lambda: self.calm.choose(0.5))
        self.gains_button.clicked.connect(self.gains_requested)
        self.neutral_button.clicked.connect(self.calibrate_requested)
        self.identity_button.clicked.connect(self.identity_requested)
        self.freeze_button.clicked.connect(self.frozen_toggled)
        self.snapshot_button.clicked.connect(self.snapshot_requested)
        self.record_button.clicked.connect(self.record_toggled)
        self.stream_button.clicked.connect(self.stream_toggled)
        self.video_box.toggled.connect(self.video_toggled)
        self.camera.face_picked.connect(self.face_picked)
        self.camera.resized.connect(self.size_changed)
        view.run_changed.connect(self._show_run)
        view.switches_changed.connect(self._show_switches)
        view.shot_changed.connect(self._show_shot)

    def _show_run(self) -> None:
        view = self._view
        shown = view.running and view.shot is not None
        for button in (self.neutral_button, self.identity_button, self.freeze_button, self.snapshot_button,
                       self.record_button, self.stream_button):  # fmt: skip
            button.setEnabled(shown)
        self.emotion.setVisible(view.emotional)
        no_weights = self.tr("No emotion weights are installed, so there are no emotion bars.")
        self._hint.setText("" if view.emotional else no_weights)
        self._hint.setVisible(not view.emotional)

    def _show_shot(self) -> None:
        shot = self._view.shot
        if (shot is not None) != self.snapshot_button.isEnabled():
            self._show_run()

    def _show_switches(self) -> None:
        view = self._view
        self.freeze_button.setChecked(view.frozen)
        self.record_button.setChecked(view.recording is not None)
        self.record_button.setText(self.tr("Stop recording") if view.recording is not None else self.tr("Record"))
        self.video_box.setEnabled(view.recording is None)
        self.stream_button.setChecked(bool(view.streaming))
        self.stream_button.setText(self.tr("Stop stream") if view.streaming else self.tr("Stream …"))

    def _label(self, name: str, text: str = "") -> QLabel:
        label = QLabel(text, self)
        label.setObjectName(name)
        return label

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAccessibleName(text)
        return button

    def _combo(self, name: str, tip: str) -> QComboBox:
        combo = QComboBox(self)
        combo.setAccessibleName(name)
        combo.setToolTip(tip)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return combo

    def _row(self, *widgets: QWidget | None, wide: QWidget | None = None) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(style.SMALL)
        for widget in widgets:
            if widget is None:
                row.addStretch(1)
            else:
                row.addWidget(widget, 1 if widget is wide else 0)
        return row
