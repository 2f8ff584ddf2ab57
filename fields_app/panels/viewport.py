"""The 3D view of the head with its tool strips: looks, camera, light, turntable; mouse and keys."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QElapsedTimer, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from fields_app import style
from fields_app.panels.view_tools import BACKGROUNDS, ViewTools
from fields_app.session import Session

_REST_MS = 200  # without change; then the outlines are smoothed
_LIVE_REST_MS = 1000  # for a head that follows a camera: on a slow machine fine pictures would fall between its frames
_TURN_MS = 33  # between two pictures of the turntable
_TURN = 360.0 / 10.0  # degrees a second
_MODES = ("Shaded", "Textured", "Wireframe")


class Viewport(QFrame):
    """Shows the session's mesh. The renderer is heavy, so it comes later, by `start`.

    Signals:
        started(): the renderer stands.
    """

    started = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._backend: Any = None
        self._scene: Any = None
        self._last_position = QPointF()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._smooth)
        self._turn = QTimer(self)
        self._turn.setInterval(_TURN_MS)
        self._turn.timeout.connect(self._turn_on)
        self._turn_clock = QElapsedTimer()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("3D view of the head"))

        title = QLabel(self.tr("Head"), self)
        title.setObjectName("title")
        self.mode_buttons = QButtonGroup(self)
        strip = QHBoxLayout()
        strip.setSpacing(0)
        for i, name in enumerate(_MODES):
            button = QPushButton(self.tr(name), self)
            button.setObjectName("segment")
            button.setProperty("place", ("first", "middle", "last")[i])
            button.setCheckable(True)
            button.setToolTip(self.tr("%1 view (Ctrl+%2)").replace("%1", self.tr(name)).replace("%2", str(i + 1)))
            self.mode_buttons.addButton(button, i)
            strip.addWidget(button)
        self.mode_buttons.button(1).setChecked(True)
        self.reset_button = QPushButton(self.tr("Reset view"), self)
        self.reset_button.setObjectName("quiet")
        self.reset_button.setToolTip(self.tr("The whole head from the front (Home)"))
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addLayout(strip)
        head.addStretch(1)
        head.addWidget(self.reset_button)
        self.tools = ViewTools(self)
        self._captions = (QLabel(self), QLabel(self))
        captions = QHBoxLayout()
        for label in self._captions:
            label.setObjectName("soft")
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.hide()
            captions.addWidget(label, 1)
        self._placeholder = QLabel(self.tr("Loading the head model …"), self)
        self._placeholder.setObjectName("faint")
        self._placeholder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._placeholder.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.MEDIUM)
        self._layout.setSpacing(style.SMALL)
        self._layout.addLayout(head)
        self._layout.addWidget(self.tools)
        self._layout.addLayout(captions)
        self._layout.addWidget(self._placeholder, 1)
        self.setMinimumSize(430, 300)

        self.mode_buttons.idClicked.connect(lambda _: self._show_mode())
        self.reset_button.clicked.connect(self.reset_view)
        self.tools.preset_picked.connect(self.look)
        self.tools.light_changed.connect(self.set_light)
        self.tools.background_picked.connect(self.set_background)
        self.tools.landmarks.toggled.connect(self._show_landmarks)
        self.tools.opacity.valueChanged.connect(self._show_opacity)
        self.tools.turntable.toggled.connect(self.set_turning)
        session.mesh_changed.connect(self._show_mesh)

    @property
    def running(self) -> bool:
        return self._backend is not None

    @property
    def backend(self) -> Any:
        """The `viewport_backends.Backend` in use, None before `start`."""
        return self._backend

    @property
    def scene(self) -> Any:
        """The `HeadScene` on show, None before `start`."""
        return self._scene

    def start(self, choice: str = "auto") -> None:
        """Build the renderer ("auto", "opengl" or "image")."""
        from fields_app.panels.head_scene import HeadScene
        from fields_app.panels.viewport_backends import make_backend

        self._backend = make_backend(self, choice)
        self._scene = HeadScene(self._backend.plotter)
        self._backend.attach(self._scene)
        self._placeholder.hide()
        self._layout.addWidget(self._backend.widget, 1)
        self._backend.widget.show()
        self._show_mode()
        self._show_mesh()
        self.started.emit()

    def set_mode(self, index: int) -> None:
        """0 shaded, 1 textured, 2 wireframe."""
        self.mode_buttons.button(index).setChecked(True)
        self._show_mode()

    def reset_view(self) -> None:
        if self._scene is not None:
            self._scene.reset_view()
            self._draw()

    def look(self, yaw: float, pitch: float) -> None:
        """From another side, degrees; what looks through the photo's camera looks freely again."""
        if self._scene is not None:
            self.tools.photo_camera.setChecked(False)
            self._scene.look(yaw, pitch)
            self._draw()

    def set_light(self, azimuth: float, elevation: float) -> None:
        """Where the light stands, degrees to the right of the viewer and above."""
        self.tools.set_light(azimuth, elevation)
        if self._scene is not None:
            self._scene.set_light(azimuth, elevation)
            self._draw()

    def set_background(self, key: str) -> None:
        """One of `view_tools.BACKGROUNDS`."""
        self.tools.set_background(key)
        if self._scene is not None:
            self._scene.set_background(*BACKGROUNDS[key][1:])
            self._draw()

    def set_turning(self, on: bool) -> None:
        """Turn the head slowly, or no longer."""
        if on and self._scene is not None:
            self.tools.photo_camera.setChecked(False)
            self._turn_clock.start()
            self._turn.start()
        else:
            self._turn.stop()

    def set_captions(self, left: str, right: str) -> None:
        """Names above two heads side by side; empty: none."""
        for label, text in zip(self._captions, (left, right), strict=True):
            label.setText(text)
            label.setVisible(bool(text))

    def picture(self, *, transparent: bool) -> QImage:
        """What is on show, in device pixels; null before `start`."""
        if self._scene is None:
            return QImage()
        from fields_app.panels.view_picture import take_picture

        return take_picture(self._scene, self._backend, transparent=transparent)

    def redraw(self) -> None:
        """After a change of the scene."""
        if self._scene is not None:
            self._draw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._scene is not None:
            self._scene.refit()

    def hideEvent(self, event: QHideEvent) -> None:
        self.tools.turntable.setChecked(False)
        super().hideEvent(event)

    def stop(self) -> None:
        """Free the renderer; the viewport is an empty frame afterwards."""
        self._turn.stop()
        if self._backend is not None:
            self._rest.stop()
            self._session.mesh_changed.disconnect(self._show_mesh)
            self._scene.close()
            self._backend.close()
            self._backend, self._scene = None, None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        self._last_position = event.globalPosition()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._scene is None:
            return
        step = event.globalPosition() - self._last_position
        self._last_position = event.globalPosition()
        size = max(self._backend.widget.height(), 1)
        buttons, keys = event.buttons(), event.modifiers()
        if buttons & Qt.MouseButton.LeftButton and keys & Qt.KeyboardModifier.ControlModifier:
            azimuth, elevation = self._scene.light
            self.set_light(azimuth + step.x() * 180 / size, elevation - step.y() * 180 / size)
        elif buttons & Qt.MouseButton.LeftButton and not keys & Qt.KeyboardModifier.ShiftModifier:
            self.tools.photo_camera.setChecked(False)
            self._scene.orbit(-step.x() * 180 / size, step.y() * 180 / size)
        elif buttons & Qt.MouseButton.RightButton:
            self._scene.zoom(1.0 - step.y() / size * 2)
        elif buttons:
            self._scene.pan(step.x() / size, -step.y() / size)
        self._draw()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_view()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._scene is not None:
            self._scene.zoom(1.0015 ** event.angleDelta().y())
            self._draw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (-10, 0),
            Qt.Key.Key_Right: (10, 0),
            Qt.Key.Key_Up: (0, 10),
            Qt.Key.Key_Down: (0, -10),
        }
        key = Qt.Key(event.key())
        if self._scene is None:
            super().keyPressEvent(event)
            return
        if key in moves:
            self.tools.photo_camera.setChecked(False)
            self._scene.orbit(*moves[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._scene.zoom(1.15)
        elif key == Qt.Key.Key_Minus:
            self._scene.zoom(1 / 1.15)
        elif key == Qt.Key.Key_Home:
            self._scene.reset_view()
        else:
            super().keyPressEvent(event)
            return
        self._draw()

    def _draw(self) -> None:
        """A frame now, quick and rough; a smooth one when nothing moves any more."""
        if not self._rest.isActive():
            self._scene.set_smooth(False)
            self._backend.set_rough(True)
        self._rest.start(_REST_MS if self._session.preview is None else _LIVE_REST_MS)
        self._backend.draw()

    def _smooth(self) -> None:
        self._scene.set_smooth(True)
        self._backend.set_rough(False)
        self._backend.draw()

    def _turn_on(self) -> None:
        self._scene.orbit(_TURN * self._turn_clock.restart() / 1000.0, 0.0)
        self._draw()

    def _show_landmarks(self, on: bool) -> None:
        if self._scene is not None:
            self._scene.set_landmarks(on)
            self._draw()

    def _show_opacity(self, percent: int) -> None:
        if self._scene is not None and self.tools.photo_camera.isChecked():
            self._scene.set_opacity(percent / 100)
            self._draw()

    def _show_mode(self) -> None:
        if self._scene is not None:
            from fields_app.panels.head_scene import ViewMode

            self._scene.set_mode(ViewMode(_MODES[self.mode_buttons.checkedId()]))
            self._draw()

    def _show_mesh(self) -> None:
        if self._scene is not None:
            self._scene.show(self._session.mesh, self._session.texture)
            self._draw()
