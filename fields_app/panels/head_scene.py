"""The head in 3D: actor, lights and camera on any pyvista plotter. Both viewport backends draw this one scene."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from fields_app import style

if TYPE_CHECKING:
    from fields_core.datatypes import HeadMesh

Array = NDArray[Any]


class ViewMode(Enum):
    SHADED = "Shaded"
    TEXTURED = "Textured"
    WIREFRAME = "Wireframe"


_DISTANCE = 4.2  # head heights between camera and head: about a portrait lens
_VIEW_ANGLE = 17.0
# Key, fill and rim light in the camera's frame (x right, y up, z towards the camera), with intensity and colour.
_LIGHTS = (
    ((-0.9, 1.0, 1.2), 0.72, "#fff4e8"),
    ((1.3, 0.1, 0.9), 0.30, "#dbe8ff"),
    ((0.7, 1.1, -1.3), 0.55, "#cfe4ff"),
)


class HeadScene:
    """Shows one head on a plotter. Not a widget; the owner decides when to draw.

    Args:
        plotter: any pyvista plotter, empty.
    """

    def __init__(self, plotter: Any) -> None:
        self._plotter = plotter
        self._mesh: HeadMesh | None = None
        self._corners: Array = np.empty(0, dtype=np.int64)
        self._poly: Any = None
        self.actor: Any = None
        self._texture: Array | None = None
        self._pv_texture: Any = None
        self._mode = ViewMode.SHADED
        self._yaw, self._pitch, self._zoom = 0.0, 0.0, 1.0
        self._pan = np.zeros(2)
        self._centre, self._height = np.zeros(3), 0.3
        plotter.set_background(style.VIEW_BOTTOM, top=style.VIEW_TOP)
        plotter.remove_all_lights()
        for position, intensity, colour in _LIGHTS:
            plotter.add_light(pv.Light(position=position, color=colour, intensity=intensity, light_type="camera light"))
        plotter.camera.view_angle = _VIEW_ANGLE

    @property
    def mode(self) -> ViewMode:
        return self._mode

    @property
    def vertices(self) -> Array | None:
        """(V, 3) metres, as last shown; None without a head."""
        return None if self._mesh is None else self._mesh.vertices

    def show(self, mesh: HeadMesh | None, texture: Array | None) -> None:
        """Show a head: in place when only its points moved."""
        if mesh is None:
            self._remove()
            return
        same_head = self._mesh is not None and np.array_equal(self._mesh.faces, mesh.faces)
        first = self._mesh is None
        self._mesh = mesh
        if same_head and texture is self._texture:
            self._move(mesh)
            return
        self._texture = texture
        self._build(mesh)
        if first:
            self.reset_view()

    def set_mode(self, mode: ViewMode) -> None:
        self._mode = mode
        if self.actor is None:
            return
        textured = mode is ViewMode.TEXTURED and self._pv_texture is not None
        prop = self.actor.prop
        self.actor.texture = self._pv_texture if textured else None
        prop.color = "white" if textured else (style.WIRE_SURFACE if mode is ViewMode.WIREFRAME else style.CLAY)
        prop.show_edges = mode is ViewMode.WIREFRAME
        prop.edge_color = style.WIRE_LINE
        prop.line_width = 1.0
        prop.ambient = 0.42 if textured else 0.2
        prop.diffuse = 0.64 if textured else 0.80
        prop.specular = 0.03 if textured else 0.14
        prop.specular_power = 18.0

    def set_smooth(self, smooth: bool) -> None:
        """Smooth outlines (FXAA): twice the work a frame in software, so for a picture at rest."""
        self._plotter.renderer.SetUseFXAA(smooth)  # pyvista's own switch probes the machine for EGL every time

    def reset_view(self) -> None:
        """The whole head from the front."""
        self._yaw, self._pitch, self._zoom = 0.0, 0.0, 1.0
        self._pan = np.zeros(2)
        if self._mesh is not None:
            low, high = self._mesh.vertices.min(axis=0), self._mesh.vertices.max(axis=0)
            self._centre, self._height = (low + high) / 2, float(high[1] - low[1])
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

    def _build(self, mesh: HeadMesh) -> None:
        """A new actor. Vertices on a texture seam are doubled, since VTK wants one texture coordinate a point."""
        if len(mesh.uv_faces):
            pairs = np.stack([mesh.faces.ravel(), mesh.uv_faces.ravel()], axis=1)
            corners, inverse = np.unique(pairs, axis=0, return_inverse=True)
            self._corners = corners[:, 0]
            faces: Array = inverse.reshape(-1, 3)
        else:
            self._corners = np.arange(len(mesh.vertices))
            faces = mesh.faces
        cells: Array = np.hstack([np.full((len(faces), 1), 3), faces]).astype(np.int64)
        self._poly = pv.PolyData(mesh.vertices[self._corners].astype(np.float32), cells.ravel())
        self._poly.point_data["Normals"] = smooth_normals(mesh.vertices, mesh.faces)[self._corners]
        self._poly.GetPointData().SetActiveNormals("Normals")
        self._pv_texture = None
        if len(mesh.uv_faces) and self._texture is not None:
            self._poly.active_texture_coordinates = mesh.uv[corners[:, 1]].astype(np.float32)
            self._pv_texture = pv.Texture(np.ascontiguousarray(self._texture))
            self._pv_texture.SetInterpolate(True)
        self._remove_actor()
        self.actor = self._plotter.add_mesh(
            self._poly, texture=self._pv_texture, smooth_shading=False, show_scalar_bar=False, reset_camera=False,
            name="head", render=False, color=None if self._pv_texture is not None else style.CLAY,
        )  # fmt: skip
        self.actor.prop.interpolation = "Phong"
        self.set_mode(self._mode)

    def _move(self, mesh: HeadMesh) -> None:
        self._poly.points[:] = mesh.vertices[self._corners]
        self._poly.point_data["Normals"][:] = smooth_normals(mesh.vertices, mesh.faces)[self._corners]
        self._poly.GetPoints().Modified()
        self._poly.point_data["Normals"].VTKObject.Modified()
        self._poly.Modified()

    def _remove(self) -> None:
        self._remove_actor()
        self._mesh, self._poly, self._texture = None, None, None

    def _remove_actor(self) -> None:
        if self.actor is not None:
            self._plotter.remove_actor(self.actor, reset_camera=False, render=False)
            self.actor = None

    def _visible_height(self) -> float:
        distance = _DISTANCE * self._height / self._zoom
        return float(2 * distance * np.tan(np.radians(_VIEW_ANGLE / 2)))

    def _place_camera(self) -> None:
        yaw, pitch = np.radians([self._yaw, self._pitch])
        out = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
        up = np.cross(out, right)
        target = self._centre - self._pan[0] * right - self._pan[1] * up
        camera = self._plotter.camera
        camera.focal_point = target
        camera.position = target + out * _DISTANCE * self._height / self._zoom
        camera.up = up
        self._plotter.renderer.ResetCameraClippingRange()


def smooth_normals(vertices: Array, faces: Array) -> Array:
    """Area-weighted vertex normals.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3) counter-clockwise from outside.

    Returns:
        (V, 3) float32 unit vectors out of the surface; zero where a vertex has no face.
    """
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    corners = faces.T.ravel()
    sums = [np.bincount(corners, np.tile(across[:, axis], 3), minlength=len(vertices)) for axis in range(3)]
    normals = np.stack(sums, axis=1)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, 1e-20)).astype(np.float32)
