"""The head in 3D: one or two heads, lights, background and one camera. Both viewport backends draw this one scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from fields_app import style
from fields_app.panels import studio_lights
from fields_app.panels.head_actor import HeadActor, ViewMode, smooth_normals
from fields_app.panels.photo_backdrop import PhotoBackdrop, PhotoView
from fields_app.panels.studio_lights import rgb
from fields_core.render.sketch import Viewpoint

if TYPE_CHECKING:
    from fields_core.datatypes import HeadMesh

Array = NDArray[Any]
__all__ = ["HeadScene", "ViewMode", "smooth_normals"]

_DISTANCE = 4.2  # head heights between camera and head: about a portrait lens
_VIEW_ANGLE = 17.0
_NARROWEST = 0.54  # width by height of a picture that the head just fits into
_BAR = "mm"


class HeadScene:
    """Shows one head on a plotter, a second one beside it where wanted. Not a widget; the owner decides when to draw.

    Args:
        plotter: any pyvista plotter, empty.

    Attributes:
        sketching: whether `sketched` may draw; its machine code is there then (`compile_sketch`).
    """

    def __init__(self, plotter: Any) -> None:
        self._plotter = plotter
        self._head = HeadActor(plotter.renderer)
        self._backdrop = PhotoBackdrop(plotter.renderer)
        self._photo: PhotoView | None = None
        self._second: Any = None  # renderer of the companion
        self._companion: HeadActor | None = None
        self._mode = ViewMode.SHADED
        self._landmarks, self._smooth = False, False
        self._background = (style.VIEW_BOTTOM, style.VIEW_TOP)
        self._light = (studio_lights.AZIMUTH, studio_lights.ELEVATION)
        self._yaw, self._pitch, self._zoom = 0.0, 0.0, 1.0
        self._pan = np.zeros(2)
        self._centre, self._height = np.zeros(3), 0.3
        self._bar: Any = None  # the mapper whose colours the bar explains
        self.sketching = False
        self._equip(plotter.renderer)
        plotter.camera.view_angle = _VIEW_ANGLE

    @property
    def actor(self) -> Any:
        """The head's VTK actor; None without a head."""
        return self._head.actor

    @property
    def mode(self) -> ViewMode:
        return self._mode

    @property
    def vertices(self) -> Array | None:
        """(V, 3) metres, as last shown; None without a head."""
        return None if self._head.mesh is None else self._head.mesh.vertices

    @property
    def angles(self) -> tuple[float, float]:
        """From where one looks, degrees: to the right of the picture's front view, and up."""
        return self._yaw, self._pitch

    @property
    def light(self) -> tuple[float, float]:
        return self._light

    def catch_up(self) -> None:
        """Bring what the plotter draws to where the heads shown are: call it before the plotter draws."""
        for head in self._heads():
            head.catch_up()

    def sketched(self, width: int, height: int) -> Array | None:
        """The picture without the plotter: a quarter of the work where software draws, and hardly a difference to it.

        Returns:
            (H, W, 4) uint8 RGBA, the bottom row first. None where only the plotter can draw what is on show.
        """
        if not self.sketching or self._companion is not None or self._photo is not None or self._bar is not None:
            return None
        camera = self._plotter.camera
        to_clip = camera.GetCompositeProjectionTransformMatrix(width / height, -1.0, 1.0)
        view = Viewpoint(_matrix(camera.GetViewTransformMatrix()), _matrix(to_clip), width, height)
        bottom, top = rgb(self._background[0]), rgb(self._background[1])
        return self._head.sketched(view, studio_lights.lamps(*self._light), (bottom, top))

    def show(self, mesh: HeadMesh | None, texture: Array | None) -> None:
        """Show a head: in place when only its points moved."""
        first = self._head.mesh is None
        self._head.show(mesh, texture)
        if mesh is not None and first:
            self.reset_view()

    def show_companion(self, mesh: HeadMesh | None, texture: Array | None) -> None:
        """A second head in the right half, seen by the same camera; None: the first one has the whole picture."""
        if mesh is None:
            self._drop_companion()
            return
        if self._companion is None:
            self._second = pv.Renderer(self._plotter, border=False)
            self._equip(self._second)
            self._second.SetActiveCamera(self._plotter.renderer.GetActiveCamera())
            self._plotter.render_window.AddRenderer(self._second)
            self._plotter.renderer.SetViewport(0.0, 0.0, 0.5, 1.0)
            self._second.SetViewport(0.5, 0.0, 1.0, 1.0)
            self._companion = HeadActor(self._second)
            self._companion.set_mode(self._mode)
            self._companion.set_landmarks(self._landmarks)
        self._companion.show(mesh, texture)
        self._place_camera()

    def set_mode(self, mode: ViewMode) -> None:
        self._mode = mode
        for head in self._heads():
            head.set_mode(mode)

    def set_landmarks(self, wanted: bool) -> None:
        self._landmarks = wanted
        for head in self._heads():
            head.set_landmarks(wanted)

    def set_opacity(self, opacity: float) -> None:
        """Of the head over its photo, 0 to 1."""
        self._backdrop.set_opacity(opacity)
        self._place_camera()  # what has become visible may lie before all the rest

    def set_distances(self, distances: Array | None, largest: float = 1.0) -> None:
        """Colour the head by (V,) millimetres from 0 to ``largest``, with a colour bar; None: as it was."""
        self._head.set_distances(distances, largest)
        wanted = distances is not None and self._head.mapper is not None
        if self._bar is not None and (not wanted or self._bar is not self._head.mapper):
            self._plotter.remove_scalar_bar(_BAR, render=False)
            self._bar = None
        if wanted and self._bar is None:
            self._bar = self._head.mapper
            self._plotter.add_scalar_bar(
                _BAR, mapper=self._bar, vertical=True, n_labels=5, fmt="%.2g", width=0.07,
                height=0.42, position_x=0.02, position_y=0.05, title_font_size=15, label_font_size=13, render=False,
            )  # fmt: skip
            self._colour_bar_text()

    def set_background(self, bottom: str, top: str) -> None:
        """Two colours of a gradient; the same twice for a plain one."""
        self._background = (bottom, top)
        self._colour_bar_text()
        for renderer in self._renderers():
            renderer.set_background(bottom, top=None if top == bottom else top)

    def set_plain_background(self, colour: str) -> None:
        """For a picture only: a plain colour and no photo, until `restore_background`."""
        self._backdrop.show(None)
        for renderer in self._renderers():
            renderer.set_background(colour)

    def restore_background(self) -> None:
        self.set_background(*self._background)
        self._backdrop.show(self._photo)

    def set_light(self, azimuth: float, elevation: float) -> None:
        """Where the key light stands as the viewer sees it, degrees: to the right of the viewer, and above."""
        self._light = ((azimuth + 180.0) % 360.0 - 180.0, min(max(elevation, -90.0), 90.0))
        for renderer in self._renderers():
            studio_lights.aim(renderer, *self._light)

    def set_photo(self, photo: PhotoView | None) -> None:
        """Look through the camera of a photo, with the photo behind the head; None: the free view again."""
        entered = photo is not None and self._photo is None
        self._photo = photo
        self._backdrop.show(photo)
        if entered:
            self.look(0.0, 0.0)
        self._place_camera()

    def set_smooth(self, smooth: bool) -> None:
        """Smooth outlines (FXAA): twice the work a frame in software, so for a picture at rest."""
        self._smooth = smooth
        for renderer in self._renderers():
            renderer.SetUseFXAA(smooth)  # pyvista's own switch probes the machine for EGL every time

    def reset_view(self) -> None:
        """The whole head from the front."""
        self._zoom, self._pan = 1.0, np.zeros(2)
        if self._head.mesh is not None:
            vertices = self._head.mesh.vertices
            low, high = vertices.min(axis=0), vertices.max(axis=0)
            self._centre, self._height = (low + high) / 2, float(high[1] - low[1])
        self.look(0.0, 0.0)

    def look(self, right: float, up: float) -> None:
        """Stand at these angles, degrees; zoom and centre stay."""
        self._yaw, self._pitch = right, up
        self._place_camera()

    def orbit(self, right: float, up: float) -> None:
        """Walk round the head, degrees."""
        self._yaw = (self._yaw + right + 180.0) % 360.0 - 180.0
        self._pitch = min(max(self._pitch + up, -85.0), 85.0)
        self._place_camera()

    def pan(self, right: float, up: float) -> None:
        """Move the view sideways; 1 is the height of the picture."""
        self._pan += np.array([right, up]) * self._visible_height()
        self._place_camera()

    def zoom(self, factor: float) -> None:
        self._zoom = min(max(self._zoom * factor, 0.3), 12.0)
        self._place_camera()

    def _equip(self, renderer: Any) -> None:
        """Lights and background of a renderer."""
        bottom, top = self._background
        renderer.set_background(bottom, top=None if top == bottom else top)
        studio_lights.put_up(renderer)
        studio_lights.aim(renderer, *self._light)
        renderer.SetUseFXAA(self._smooth)

    def _colour_bar_text(self) -> None:
        """Light on a dark background, dark on a light one."""
        if self._bar is not None:
            dark = sum(pv.Color(self._background[0]).int_rgb) < 3 * 128
            bar = self._plotter.scalar_bars[_BAR]
            for text in (bar.GetTitleTextProperty(), bar.GetLabelTextProperty()):
                text.SetColor(pv.Color(style.VIEW_WHITE if dark else style.VIEW_BLACK).float_rgb)

    def _heads(self) -> list[HeadActor]:
        return [self._head] if self._companion is None else [self._head, self._companion]

    def _renderers(self) -> list[Any]:
        return [self._plotter.renderer] if self._second is None else [self._plotter.renderer, self._second]

    def close(self) -> None:
        """Free what the plotter does not know of."""
        self._drop_companion()

    def _drop_companion(self) -> None:
        if self._companion is None:
            return
        self._companion.remove()
        self._plotter.render_window.RemoveRenderer(self._second)
        self._second.deep_clean()
        self._companion, self._second = None, None
        self._plotter.renderer.SetViewport(0.0, 0.0, 1.0, 1.0)
        self._place_camera()

    def refit(self) -> None:
        """The picture has another size."""
        self._place_camera()

    def _distance(self) -> float:
        """Between camera and head, metres: farther where the picture is too narrow for the head."""
        width, height = self._plotter.window_size
        aspect = width / max(height, 1) / len(self._renderers())
        return _DISTANCE * self._height / self._zoom * max(1.0, _NARROWEST / max(aspect, 0.1))

    def _visible_height(self) -> float:
        return float(2 * self._distance() * np.tan(np.radians(_VIEW_ANGLE / 2)))

    def _place_camera(self) -> None:
        yaw, pitch = np.radians([self._yaw, self._pitch])
        out = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        up = np.cross(out, np.array([np.cos(yaw), 0.0, -np.sin(yaw)])) if self._photo is None else self._photo.up
        right = np.cross(up, out)
        target = self._centre - self._pan[0] * right - self._pan[1] * up
        camera = self._plotter.camera
        camera.focal_point = target
        camera.position = target + out * self._distance()
        camera.up = up
        camera.SetParallelProjection(self._photo is not None)
        camera.SetParallelScale(self._visible_height() / 2)
        for renderer in self._renderers():
            renderer.ResetCameraClippingRange()


def _matrix(matrix: Any) -> Array:
    """(4, 4) of a vtkMatrix4x4."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
