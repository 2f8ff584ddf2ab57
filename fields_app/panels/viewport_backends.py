"""Two ways to put the 3D scene into the window: OpenGL in place, or pictures of an off-screen renderer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QSize, Qt
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
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

_INPUT = {
    QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseMove, QEvent.Type.Wheel,
    QEvent.Type.MouseButtonDblClick, QEvent.Type.KeyPress, QEvent.Type.KeyRelease,
}  # fmt: skip


_GL_RENDERER = 0x1F01
_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "swrast", "software", "gdi generic")
_ROUGH = 0.7  # of the resolution while the head moves: half the pixels for software to fill


class Scene(Protocol):
    """What a backend needs of the `HeadScene` on its plotter."""

    def catch_up(self) -> None: ...

    def sketched(self, width: int, height: int) -> NDArray[Any] | None: ...


class Backend(Protocol):
    """What the viewport needs of a backend."""

    widget: QWidget
    plotter: Any

    def attach(self, scene: Scene) -> None:
        """Say whose pictures these are; before the first."""

    def draw(self) -> None:
        """Ask for a frame; returns at once."""

    def set_rough(self, rough: bool) -> None:
        """Whether the next frames may be coarser, for speed while something moves."""

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
        self._scene: Scene | None = None

    def attach(self, scene: Scene) -> None:
        self._scene = scene

    def draw(self) -> None:
        if self._scene is not None:
            self._scene.catch_up()
        QOpenGLWidget.update(self.plotter)  # plotter.render() would draw twice

    def set_rough(self, rough: bool) -> None:
        """Does nothing: a widget's framebuffer has the widget's size."""

    def image(self) -> NDArray[np.uint8]:
        picture = self.plotter.grabFramebuffer().convertToFormat(QImage.Format.Format_RGBX8888)
        rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.width(), 4)
        return rows[..., :3].copy()

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
        self.widget: QWidget = _Picture(self._upside_down, self._resized, parent)
        self._stale = True
        self._size, self._rough = QSize(320, 240), False
        self._pixels: NDArray[np.uint8] = np.zeros((1, 1, 4), np.uint8)
        self._scene: Scene | None = None

    def attach(self, scene: Scene) -> None:
        self._scene = scene

    def draw(self) -> None:
        self._stale = True
        self.widget.update()

    def set_rough(self, rough: bool) -> None:
        if rough != self._rough:
            self._rough = rough
            self._fit_window()

    def image(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self._enlarged(self._rendered())[::-1, :, :3])

    def _upside_down(self) -> NDArray[np.uint8]:
        """(H, W, 4) RGBA, the bottom row first."""
        if self._stale:
            drawn = self._scene.sketched(*self._drawn_size) if self._rough and self._scene is not None else None
            self._pixels = self._enlarged(self._rendered() if drawn is None else drawn)
            self._stale = False
        return self._pixels

    def _rendered(self) -> NDArray[np.uint8]:
        """By the plotter, as OpenGL hands it out. plotter.screenshot would draw twice."""
        if self._scene is not None:
            self._scene.catch_up()
        window = self.plotter.render_window
        window.Render()
        width, height = window.GetSize()
        pixels = vtkUnsignedCharArray()
        window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
        return vtk_to_numpy(pixels).reshape(height, width, 4)

    def _enlarged(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """In device pixels. Qt takes ten times as long to enlarge a picture that it also turns upside down."""
        size = self._size.toTuple()
        return pixels if pixels.shape[1::-1] == size else cv2.resize(pixels, size)

    @property
    def _drawn_size(self) -> tuple[int, int]:
        share = _ROUGH if self._rough else 1.0
        width, height = (max(round(side * share), 16) for side in (self._size.width(), self._size.height()))
        return width, height

    def close(self) -> None:
        self.plotter.close()
        self.widget.close()

    def _resized(self, size: QSize) -> None:
        self._size = size
        self._fit_window()
        self.draw()

    def _fit_window(self) -> None:
        self.plotter.window_size = list(self._drawn_size)
        self._stale = True


class _Picture(QWidget):
    """Paints what ``upside_down`` returns (RGBA, bottom row first), and says when its size in device pixels changes."""

    def __init__(
        self, upside_down: Callable[[], NDArray[np.uint8]], resized: Callable[[QSize], None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._upside_down, self._resized = upside_down, resized
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:
        pixels = self._upside_down()
        height, width = pixels.shape[:2]
        picture = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBX8888)
        painter = QPainter(self)
        painter.translate(0, self.height())
        painter.scale(self.width() / width, -self.height() / height)
        painter.drawImage(0, 0, picture)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._resized(event.size() * self.devicePixelRatioF())


def make_backend(parent: QWidget, choice: str = "auto") -> Backend:
    """The backend for this machine.

    Args:
        choice: "opengl", "image", or "auto": OpenGL where a graphics card draws it.
    """
    if choice == "opengl" or (choice == "auto" and _has_opengl()):
        return OpenGLBackend(parent)
    return ImageBackend(parent)


def _has_opengl() -> bool:
    """Whether a graphics card draws. Where software does, whole windows of it are slower than pictures of the head."""
    if QGuiApplication.platformName() in ("offscreen", "minimal", "linuxfb", "vnc"):
        return False
    context = QOpenGLContext()
    surface = QOffscreenSurface()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return False
    version = context.format().version()
    renderer = str(context.functions().glGetString(_GL_RENDERER)).lower()
    context.doneCurrent()
    return version >= (3, 2) and not any(name in renderer for name in _SOFTWARE)
