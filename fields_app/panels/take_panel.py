"""A take: its picture, play controls, timeline, smoothing, whose head plays it, and export."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.timeline import Timeline
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter
from fields_app.take_state import TakeState

_PICTURE_WIDTH = 176
_SMOOTHING = Parameter("takeSmoothing", "Smoothing in seconds", "Smoothing", "Head", "", 0, 0.0, 0.5)


class TakePanel(QFrame):
    """Shows the take and says what the user wants.

    Signals:
        open_requested(), export_requested(), close_requested()
        play_toggled(), loop_toggled(on), stepped(frames), scrubbed(seconds)
        trimmed(first, last), smoothing_changed(seconds)
        marker_added(), marker_renamed(text), marker_removed()
        face_picked(id)
        identity_requested(own): True: the recorded person; False: ask for a face code.
    """

    open_requested = Signal()
    export_requested = Signal()
    close_requested = Signal()
    play_toggled = Signal()
    loop_toggled = Signal(bool)
    stepped = Signal(int)
    scrubbed = Signal(float)
    trimmed = Signal(float, float)
    smoothing_changed = Signal(float)
    marker_added = Signal()
    marker_renamed = Signal(str)
    marker_removed = Signal()
    face_picked = Signal(int)
    identity_requested = Signal(bool)

    def __init__(self, state: TakeState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._state = state
        self._title = QLabel(self.tr("Take"), self)
        self._title.setObjectName("title")
        self._about = QLabel(self)
        self._about.setObjectName("faint")
        self._time = QLabel(self)
        self._time.setObjectName("soft")
        self._time.setMinimumWidth(118)
        self._time.setAccessibleName(self.tr("Moment on show"))
        self._picture = _Picture(self)
        self.timeline = Timeline(state, self)
        self._make_controls()
        self._lay_out()
        self._wire()
        self._take_changed()
        self._edits_changed()

    def _make_controls(self) -> None:
        self.open_button = self._button(self.tr("Open take …"), self.tr("A recorded take (.take)"))
        self.back_button = self._button("◂", self.tr("One frame back (Left)"), self.tr("One frame back"))
        self.play_button = self._button(self.tr("Play"), self.tr("Play or pause (Space)"))
        self.play_button.setMinimumWidth(72)
        self.next_button = self._button("▸", self.tr("One frame on (Right)"), self.tr("One frame on"))
        self.loop_box = QCheckBox(self.tr("Loop"), self)
        self.loop_box.setToolTip(self.tr("Start over at the end"))
        self.marker_button = self._button(self.tr("Add marker"), self.tr("Mark the moment on show (M)"))
        self.marker_field = QLineEdit(self)
        self.marker_field.setPlaceholderText(self.tr("Name of the marker"))
        self.marker_field.setAccessibleName(self.tr("Name of the marker at the moment on show"))
        self.marker_field.setToolTip(self.tr("Name of the marker at the moment on show"))
        self.marker_field.setFixedWidth(150)
        self.marker_remove = self._button(
            self.tr("Remove"), self.tr("Remove the marker at the moment on show (Delete)")
        )
        self.marker_remove.setObjectName("quiet")
        self.smoothing = ValueSlider(_SMOOTHING, self)
        self.smoothing.setToolTip(
            self.tr(
                "How far around each frame the curves are smoothed, in seconds. Nothing is delayed, blinks are kept."
            )
        )
        self.smoothing.setMinimumWidth(150)
        self.faces = QComboBox(self)
        self.faces.setToolTip(self.tr("Which person of the take"))
        self.faces.setAccessibleName(self.tr("Person"))
        self.faces.setToolTip(self.tr("Whose face of the take is on show"))
        self.identity_button = self._button(
            self.tr("Play on …"), self.tr("Play the take on another head: a face code (.npz, .json)")
        )
        self._identity = QLabel(self)
        self._identity.setObjectName("soft")
        self.own_button = self._button(self.tr("As recorded"), self.tr("Back to the recorded person"))
        self.own_button.setObjectName("quiet")
        self.export_button = self._button(
            self.tr("Export take …"), self.tr("GLB or USD with animation, CSV, Live Link Face, video")
        )
        self.export_button.setObjectName("primary")
        self.close_button = self._button(self.tr("Close take"), self.tr("Back to the photo's head; edits are kept"))
        self.close_button.setObjectName("quiet")

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        widget: QWidget
        for widget in (self._title, self._about):
            top.addWidget(widget)
        top.addStretch(1)
        for widget in (self.open_button, self.export_button, self.close_button):
            top.addWidget(widget)
        play = QHBoxLayout()
        for widget in (self.back_button, self.play_button, self.next_button, self.loop_box, self._time):
            play.addWidget(widget)
        play.addStretch(1)
        for widget in (self.marker_field, self.marker_button, self.marker_remove):
            play.addWidget(widget)
        bottom = QHBoxLayout()
        label = QLabel(self.tr("Smoothing (s)"), self)
        label.setObjectName("soft")
        label.setBuddy(self.smoothing)
        bottom.addWidget(label)
        bottom.addWidget(self.smoothing, 1)
        bottom.addStretch(1)
        for widget in (self.faces, self._identity, self.identity_button, self.own_button):
            bottom.addWidget(widget)
        right = QVBoxLayout()
        right.setSpacing(style.TINY)
        right.addLayout(play)
        right.addWidget(self.timeline)
        right.addLayout(bottom)
        middle = QHBoxLayout()
        middle.setSpacing(style.MEDIUM)
        middle.addWidget(self._picture)
        middle.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.SMALL)
        layout.setSpacing(style.SMALL)
        layout.addLayout(top)
        layout.addLayout(middle)

    def _wire(self) -> None:
        state, line = self._state, self.timeline
        self.open_button.clicked.connect(self.open_requested)
        self.export_button.clicked.connect(self.export_requested)
        self.close_button.clicked.connect(self.close_requested)
        self.play_button.clicked.connect(self.play_toggled)
        self.loop_box.toggled.connect(self.loop_toggled)
        self.back_button.clicked.connect(lambda: self.stepped.emit(-1))
        self.next_button.clicked.connect(lambda: self.stepped.emit(1))
        self.marker_button.clicked.connect(self.marker_added)
        self.marker_remove.clicked.connect(self.marker_removed)
        self.marker_field.editingFinished.connect(self._rename)
        self.smoothing.edited.connect(self.smoothing_changed)
        self.smoothing.reset_requested.connect(lambda: self.smoothing_changed.emit(0.0))
        self.faces.activated.connect(lambda place: self.face_picked.emit(self.faces.itemData(place)))
        self.identity_button.clicked.connect(lambda: self.identity_requested.emit(False))
        self.own_button.clicked.connect(lambda: self.identity_requested.emit(True))
        line.scrubbed.connect(self.scrubbed)
        line.trimmed.connect(self.trimmed)
        line.stepped.connect(self.stepped)
        line.play_toggled.connect(self.play_toggled)
        line.marker_toggled.connect(self.marker_added)
        line.marker_removed.connect(self.marker_removed)
        state.take_changed.connect(self._take_changed)
        state.edits_changed.connect(self._edits_changed)
        state.time_changed.connect(self._time_changed)
        state.playing_changed.connect(self._playing_changed)
        state.frame_changed.connect(lambda: self._picture.show_pixels(state))

    def _button(self, text: str, tip: str, name: str = "") -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAccessibleName(name or text)
        return button

    def _take_changed(self) -> None:
        take = self._state.take
        there = take is not None
        for widget in (
            self.back_button, self.play_button, self.next_button, self.loop_box, self.marker_button, self.smoothing,
            self.identity_button, self.export_button, self.close_button, self.timeline,
        ):  # fmt: skip
            widget.setEnabled(there)
        self._about.setText("")
        with QSignalBlocker(self.faces):
            self.faces.clear()
            if take is not None:
                for track in take.tracks:
                    name = self.tr("Person %1").replace("%1", str(track.face_id + 1))
                    self.faces.addItem(name, track.face_id)
        self.faces.setVisible(self.faces.count() > 1)
        self._picture.setVisible(take is not None and take.has_pictures)
        if take is not None:
            rate = self.tr("%1 frames/s").replace("%1", f"{take.frames_per_second:.0f}")
            self._about.setText(f"{take.name}   {take.duration:.1f} s, {rate}   {take.note}")
        self._time_changed()

    def _edits_changed(self) -> None:
        edits = self._state.edits
        self.smoothing.set_value(edits.smoothing if edits is not None else 0.0)
        identity = edits.identity if edits is not None else None
        self._identity.setText(self.tr("on %1").replace("%1", identity.name) if identity is not None else "")
        self.own_button.setVisible(identity is not None)
        if edits is not None and edits.face_id is not None:
            with QSignalBlocker(self.faces):
                self.faces.setCurrentIndex(self.faces.findData(edits.face_id))
        self._marker_changed()

    def _time_changed(self) -> None:
        self._time.setText(f"{_clock(self._state.time)} / {_clock(self._state.duration)}")
        self._marker_changed()

    def _marker_changed(self) -> None:
        place = self._state.marker
        self.marker_field.setVisible(place >= 0)
        self.marker_remove.setVisible(place >= 0)
        self.marker_button.setVisible(place < 0)
        if not self.marker_field.hasFocus() or place < 0:
            self.marker_field.setText(self._state.markers[place].text if place >= 0 else "")

    def _rename(self) -> None:
        place = self._state.marker
        if place >= 0 and self.marker_field.text() != self._state.markers[place].text:
            self.marker_renamed.emit(self.marker_field.text())

    def _playing_changed(self) -> None:
        self.play_button.setText(self.tr("Pause") if self._state.playing else self.tr("Play"))
        self.play_button.setAccessibleName(self.play_button.text())


class _Picture(QWidget):
    """The recorded picture of the moment."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._image = QImage()
        self.setFixedWidth(_PICTURE_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Recorded picture"))

    def sizeHint(self) -> QSize:
        return QSize(_PICTURE_WIDTH, 132)

    def show_pixels(self, state: TakeState) -> None:
        pixels = state.picture
        if pixels is None:
            self._image = QImage()
        else:
            height, width = pixels.shape[:2]
            small = max(1, width // (2 * _PICTURE_WIDTH))  # enough for a screen of double density
            pixels = pixels[::small, ::small].copy()
            height, width = pixels.shape[:2]
            self._image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(style.CANVAS))
        if self._image.isNull():
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(
            (self.width() - size.width()) / 2, (self.height() - size.height()) / 2, size.width(), size.height()
        )
        painter.drawImage(place, self._image)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:05.2f}"
