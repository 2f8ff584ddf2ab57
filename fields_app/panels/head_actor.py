"""One head on one VTK renderer: its skin in four looks, and its landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from fields_app import style
from fields_core.render.sketch import Lamp, Sketch, Skin, Viewpoint

if TYPE_CHECKING:
    from fields_core.datatypes import HeadMesh

Array = NDArray[Any]
Ground = tuple[tuple[float, float, float], tuple[float, float, float]]
DISTANCES = "Distance"
_POINT_SIZE = 5.0  # pixels
_NEARER = 0.0008  # metres that landmarks stand out of the skin, or half of each dot would be inside it


class ViewMode(Enum):
    SHADED = "Shaded"
    TEXTURED = "Textured"
    WIREFRAME = "Wireframe"


class HeadActor:
    """Puts a head on a renderer and moves its points in place. Draws nothing by itself.

    Args:
        renderer: a pyvista renderer.
    """

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer
        self.mesh: HeadMesh | None = None
        self.actor: Any = None
        self._corners: Array = np.empty(0, dtype=np.int64)
        self._poly: Any = None
        self._texture: Array | None = None
        self._pv_texture: Any = None
        self._mode = ViewMode.SHADED
        self._distances: Array | None = None
        self._largest = 1.0
        self._sketch: Sketch | None = None
        self._skin: Skin | None = None
        self._behind = False  # whether VTK's points are not yet where the mesh's are
        self._landmarks_wanted = False
        self._dots: Any = None
        self._dots_poly: Any = None

    def show(self, mesh: HeadMesh | None, texture: Array | None) -> None:
        """Show a head: in place when only its points moved. VTK learns of that by `catch_up`."""
        if mesh is None:
            self.remove()
            return
        same_head = self.mesh is not None and (
            self.mesh.faces is mesh.faces or np.array_equal(self.mesh.faces, mesh.faces)
        )
        self.mesh = mesh
        if same_head and texture is self._texture:
            self._behind = True
        else:
            self._texture = texture
            self._build(mesh)
        self._show_landmarks()

    def catch_up(self) -> None:
        """Bring VTK's points to where the mesh's are."""
        if self._behind and self.mesh is not None:
            self._move(self.mesh)
        self._behind = False

    def sketched(self, view: Viewpoint, lamps: Sequence[Lamp], ground: Ground) -> Array | None:
        """The head as `Sketch` draws it; None where only VTK can: wires, landmarks, distances."""
        if self.mesh is None or self.actor is None:
            return None
        if self._mode is ViewMode.WIREFRAME or self._landmarks_wanted or self._distances is not None:
            return None
        prop = self.actor.prop
        skin = Skin(prop.color.float_rgb, prop.ambient, prop.diffuse, prop.specular, prop.specular_power)
        if self._sketch is None:
            uv = self._poly.active_texture_coordinates
            textured = self.actor.texture is not None
            point_faces = self._poly.regular_faces
            self._sketch = Sketch(
                self.mesh.faces,
                self._corners,
                point_faces,
                uv if textured else None,
                self._texture if textured else None,
            )
        return self._sketch(self.mesh.vertices, view, lamps, skin, ground)

    def set_mode(self, mode: ViewMode) -> None:
        self._mode = mode
        self._restyle()

    def set_landmarks(self, wanted: bool) -> None:
        """Whether the mesh's landmarks are drawn as dots."""
        self._landmarks_wanted = wanted
        self._show_landmarks()

    def set_distances(self, distances: Array | None, largest: float = 1.0) -> None:
        """Colour the skin by a length at each vertex, (V,) millimetres, up to ``largest``; None: as it was."""
        self._distances, self._largest = distances, largest
        self._restyle()

    @property
    def mapper(self) -> Any:
        return None if self.actor is None else self.actor.mapper

    def remove(self) -> None:
        """Take the head away."""
        self._remove_actors()
        self.mesh, self._poly, self._texture, self._distances, self._sketch = None, None, None, None, None

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
        self._behind = False
        cells: Array = np.hstack([np.full((len(faces), 1), 3), faces]).astype(np.int64)
        self._poly = pv.PolyData(mesh.vertices[self._corners].astype(np.float32), cells.ravel())
        self._poly.point_data["Normals"] = smooth_normals(mesh.vertices, mesh.faces)[self._corners]
        self._poly.GetPointData().SetActiveNormals("Normals")
        self._pv_texture = None
        if len(mesh.uv_faces) and self._texture is not None:
            self._poly.active_texture_coordinates = mesh.uv[corners[:, 1]].astype(np.float32)
            self._pv_texture = pv.Texture(np.ascontiguousarray(self._texture))
            self._pv_texture.SetInterpolate(True)
        self._remove_actors()
        mapper = pv.DataSetMapper(self._poly)
        mapper.lookup_table = pv.LookupTable(cmap=style.HEAT_COLOURS)
        mapper.scalar_visibility = False
        self.actor = pv.Actor(mapper=mapper)
        self.actor.prop.interpolation = "Phong"
        self._renderer.AddActor(self.actor)
        self._restyle()

    def _move(self, mesh: HeadMesh) -> None:
        self._poly.points[:] = mesh.vertices[self._corners]
        self._poly.point_data["Normals"][:] = smooth_normals(mesh.vertices, mesh.faces)[self._corners]
        self._poly.GetPoints().Modified()
        self._poly.point_data["Normals"].VTKObject.Modified()
        self._poly.Modified()

    def _restyle(self) -> None:
        self._sketch = None
        if self.actor is None:
            return
        measured = (
            self._distances is not None and self.mesh is not None and len(self._distances) == len(self.mesh.vertices)
        )
        textured = self._mode is ViewMode.TEXTURED and self._pv_texture is not None and not measured
        wired = self._mode is ViewMode.WIREFRAME
        prop, mapper = self.actor.prop, self.actor.mapper
        if measured:
            assert self._distances is not None
            self._poly.point_data.set_array(self._distances[self._corners].astype(np.float32), DISTANCES)
            self._poly.GetPointData().SetActiveScalars(DISTANCES)
            mapper.scalar_range = (0.0, self._largest)
        mapper.scalar_visibility = measured
        self.actor.texture = self._pv_texture if textured else None
        prop.color = "white" if textured else (style.WIRE_SURFACE if wired and not measured else style.CLAY)
        prop.show_edges = wired
        prop.edge_color = style.WIRE_LINE
        prop.line_width = 1.0
        prop.ambient = 0.42 if textured else 0.35 if measured else 0.2
        prop.diffuse = 0.64 if textured else 0.80
        prop.specular = 0.03 if textured or measured else 0.14
        prop.specular_power = 18.0

    def _show_landmarks(self) -> None:
        points = None if self.mesh is None else self.mesh.landmarks
        if not self._landmarks_wanted or points is None or not len(points):
            self._remove_dots()
            return
        middle = points.mean(axis=0) - (0.0, 0.0, 0.08)  # inside the head, so that "out" is away from it
        out = points - middle
        raised = (points + _NEARER * out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)
        if self._dots is not None and self._dots_poly.n_points == len(raised):
            self._dots_poly.points[:] = raised
            self._dots_poly.GetPoints().Modified()
            return
        self._remove_dots()
        self._dots_poly = pv.PolyData(raised)
        self._dots = pv.Actor(mapper=pv.DataSetMapper(self._dots_poly))
        self._dots.prop.color = style.ACCENT_BRIGHT
        self._dots.prop.point_size = _POINT_SIZE
        self._dots.prop.render_points_as_spheres = True
        self._dots.prop.lighting = False
        self._renderer.AddActor(self._dots)

    def _remove_actors(self) -> None:
        if self.actor is not None:
            self._renderer.RemoveActor(self.actor)
            self.actor = None
        self._remove_dots()

    def _remove_dots(self) -> None:
        if self._dots is not None:
            self._renderer.RemoveActor(self._dots)
            self._dots, self._dots_poly = None, None


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
