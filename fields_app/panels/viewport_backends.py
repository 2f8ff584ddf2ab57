"""Two ways to put the 3D scene into the window: OpenGL in place, or pictures of an off-screen renderer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import (
    QGuiApplication,
    QImage,
    QOffscreenSurface,
    QOpenGLContext,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget
from pyvistaqt import QtInteractor

_INPUT = {
    QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseMove, QEvent.Type.Wheel,
    QEvent.Type.MouseButtonDblClick, QEvent.Type.KeyPress, QEvent.Type.KeyRelease,
}  # fmt: skip


class Backend(Protocol):
    """What the viewport needs of a backend."""

    widget: QWidget
    plotter: Any

    def draw(self) -> None:
        """Ask for a frame; returns at once."""

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB of the present scene, device pixels."""

    def close(self) -> None:
        """Free the renderer. Call from closeEvent."""


class _Relay(QObject):
    """Hands the 3D widget's mouse and keys to the viewport before VTK (q closes, w wires) sees them."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in _INPUT:
            return False
        target = self.parent()
        assert target is not None
        target.event(event)
        return True


class OpenGLBackend:
    """pyvistaqt's QOpenGLWidget."""

    def __init__(self, parent: QWidget) -> None:
        pv.global_theme.multi_samples = 0  # software OpenGL: 7 times the frames a second; read at construction
        self.plotter: Any = QtInteractor(parent, auto_update=False, line_smoothing=False)
        self.plotter.setAcceptDrops(False)  # it would read a dropped photo as a mesh
        self.widget: QWidget = self.plotter
        self.widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._relay = _Relay(parent)
        self.widget.installEventFilter(self._relay)

    def draw(self) -> None:
        QOpenGLWidget.update(self.plotter)  # plotter.render() would draw twice

    def image(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self.plotter.screenshot(None, return_img=True)[..., :3])

    def close(self) -> None:
        self.widget.removeEventFilter(self._relay)
        self.plotter.close()


class ImageBackend:
    """Pictures of an off-screen plotter: for machines without OpenGL, remote desktops and Qt's off-screen platform."""

    def __init__(self, parent: QWidget) -> None:
        if sys.platform.startswith("linux") and QGuiApplication.platformName() != "xcb":
            os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")  # no X display to open
        pv.global_theme.multi_samples = 0
        self.plotter: Any = pv.Plotter(off_screen=True, window_size=[320, 240])
        self.plotter.show(auto_close=False, interactive=False)
        self.widget: QWidget = _Picture(self.image, self._resized, parent)
        self._pixels: NDArray[np.uint8] | None = None

    def draw(self) -> None:
        self._pixels = None
        self.widget.update()

    def image(self) -> NDArray[np.uint8]:
        if self._pixels is None:
            self.plotter.render()
            self._pixels = np.ascontiguousarray(self.plotter.screenshot(None, return_img=True)[..., :3])
        return self._pixels

    def close(self) -> None:
        self.plotter.close()
        self.widget.close()

    def _resized(self, size: QSize) -> None:
        self.plotter.window_size = [max(size.width(), 16), max(size.height(), 16)]
        self.draw()


class _Picture(QWidget):
    """Paints what ``image`` returns, and says when its size in device pixels changes."""

    def __init__(
        self, image: Callable[[], NDArray[np.uint8]], resized: Callable[[QSize], None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._image, self._resized = image, resized
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:
        pixels = self._image()
        height, width = pixels.shape[:2]
        picture = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        QPainter(self).drawImage(QRectF(self.rect()), picture)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._resized(event.size() * self.devicePixelRatioF())


def make_backend(parent: QWidget, choice: str = "auto") -> Backend:
    """The backend for this machine.

    Args:
        choice: "opengl", "image", or "auto": OpenGL where the platform has it.
    """
    if choice == "opengl" or (choice == "auto" and _has_opengl()):
        return OpenGLBackend(parent)
    return ImageBackend(parent)


def _has_opengl() -> bool:
    if QGuiApplication.platformName() in ("offscreen", "minimal", "linuxfb", "vnc"):
        return False
    context = QOpenGLContext()
    surface = QOffscreenSurface()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return False
    version = context.format().version()
    context.doneCurrent()
    return version >= (3, 2)
