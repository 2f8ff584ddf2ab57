"""Play, pause, step, scrub, speed and loop of the clip that the live view plays."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from fields_app import style
from fields_app.live_view import LiveView

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class ClipControls(QWidget):
    """Listens to the view; hidden where nothing has an end.

    Signals:
        paused(bool), sought(frame), stepped(frames), speed_picked(speed), loop_toggled(bool)
    """

    paused = Signal(bool)
    sought = Signal(int)
    stepped = Signal(int)
    speed_picked = Signal(float)
    loop_toggled = Signal(bool)

    def __init__(self, view: LiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._view = view
        self.pause_button = self._button("")
        self.pause_button.setCheckable(True)
        self.back_button = self._button(self.tr("−1"), self.tr("One frame back"))
        self.on_button = self._button(self.tr("+1"), self.tr("One frame on"))
        self.position = QSlider(Qt.Orientation.Horizontal, self)
        self.position.setAccessibleName(self.tr("Frame of the clip"))
        self.position.setToolTip(self.tr("Frame of the clip on show: drag to go elsewhere, also while it is paused"))
        self.time = QLabel(self)
        self.time.setObjectName("faint")
        self.time.setAccessibleName(self.tr("Time of the clip"))
        self.speeds = QComboBox(self)
        self.speeds.setAccessibleName(self.tr("Speed"))
        self.speeds.setToolTip(
            self.tr("How fast the clip plays; every frame is tracked, at any speed it keeps up with")
        )
        for speed in SPEEDS:
            self.speeds.addItem(f"{speed:g} ×", speed)
        self.loop_box = QCheckBox(self.tr("Loop"), self)
        self.loop_box.setToolTip(self.tr("Begin again at the end, instead of waiting there"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.TINY)
        for widgets in (
            (self.position, self.time),
            (self.pause_button, self.back_button, self.on_button, None, self.speeds, self.loop_box),
        ):
            row = QHBoxLayout()
            row.setSpacing(style.SMALL)
            for widget in widgets:
                if widget is None:
                    row.addStretch(1)
                else:
                    row.addWidget(widget, 1 if widget is self.position else 0)
            layout.addLayout(row)
        self.pause_button.clicked.connect(self.paused)
        self.back_button.clicked.connect(lambda: self.stepped.emit(-1))
        self.on_button.clicked.connect(lambda: self.stepped.emit(1))
        self.position.valueChanged.connect(self.sought)  # dragged, clicked or moved by keys: not by the clip itself
        self.speeds.activated.connect(lambda _: self.speed_picked.emit(self.speeds.currentData()))
        self.loop_box.toggled.connect(self.loop_toggled)
        view.run_changed.connect(self._show_run)
        view.switches_changed.connect(self._show_switches)
        view.shot_changed.connect(self._show_shot)
        self._show_run()
        self._show_switches()

    def _show_run(self) -> None:
        self.setVisible(self._view.running and self._view.length > 1)
        with QSignalBlocker(self.position):
            self.position.setRange(0, max(self._view.length - 1, 0))

    def _show_switches(self) -> None:
        paused = self._view.paused
        self.pause_button.setChecked(paused)
        text = self.tr("Play") if paused else self.tr("Pause")
        self.pause_button.setText(text)
        self.pause_button.setAccessibleName(text)
        self.pause_button.setToolTip(
            self.tr("Let the clip go on") if paused else self.tr("Hold the clip at this frame")
        )
        with QSignalBlocker(self.loop_box):
            self.loop_box.setChecked(self._view.looping)
        with QSignalBlocker(self.speeds):
            self.speeds.setCurrentIndex(self.speeds.findData(self._view.speed))

    def _show_shot(self) -> None:
        view, shot = self._view, self._view.shot
        if shot is None or not self.isVisible() or self.position.isSliderDown():
            return
        number = shot.result.frame.number
        with QSignalBlocker(self.position):
            self.position.setValue(number)
        if view.rate > 0.0:
            self.time.setText(f"{number / view.rate:.1f} / {view.length / view.rate:.1f} s")

    def _button(self, text: str, tip: str = "") -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName("quiet")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button
