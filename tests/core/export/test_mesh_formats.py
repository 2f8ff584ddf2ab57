"""Heads as OBJ, PLY and STL, and the surface that is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from vtkmodules.vtkIOGeometry import vtkSTLReader
from vtkmodules.vtkIOPLY import vtkPLYReader

from fields_core.datatypes import Reconstruction
from fields_core.export import export_head
from fields_core.export.surface import split_at_seams, vertex_normals
from fields_core.head import HeadModel
from tests.core.export.readers import distance_to_nearest, vtk_points


def test_trimesh_reads_the_obj_with_its_texture(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    written = export_head(reconstruction, head, tmp_path, ["obj"], stem="my head")
    assert [path.name for path in written] == ["my_head.obj", "my_head.mtl", "my_head.png"]
    mesh = trimesh.load_mesh(written[0], process=False)
    assert distance_to_nearest(reconstruction.mesh.vertices, mesh.vertices) < 1e-6
    np.testing.assert_array_equal(np.asarray(mesh.visual.material.image.convert("RGB")), reconstruction.texture)
    np.testing.assert_array_equal(np.asarray(Image.open(written[2])), reconstruction.texture)
    text = written[0].read_text()
    assert head.licence in text
    assert text.count("\nvn ") == len(reconstruction.mesh.vertices)
    assert text.count("\nvt ") == len(reconstruction.mesh.uv)


def test_obj_corners_keep_their_texture_coordinates(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    path = export_head(reconstruction, head, tmp_path, ["obj"])[0]
    corners = [line.split()[1:] for line in path.read_text().splitlines() if line.startswith("f ")]
    read = np.array([[part.split("/") for part in face] for face in corners], int) - 1
    np.testing.assert_array_equal(read[..., 0], reconstruction.mesh.faces)
    np.testing.assert_array_equal(read[..., 1], reconstruction.mesh.uv_faces)
    np.testing.assert_array_equal(read[..., 2], reconstruction.mesh.faces)


def test_ply_is_read_by_trimesh_and_vtk(reconstruction: Reconstruction, head: HeadModel, tmp_path: Path) -> None:
    path = export_head(reconstruction, head, tmp_path, ["ply"])[0]
    mesh = trimesh.load_mesh(path, process=False)
    np.testing.assert_array_equal(mesh.faces, reconstruction.mesh.faces)
    np.testing.assert_allclose(mesh.vertices, reconstruction.mesh.vertices, atol=1e-7)
    # the fake texture's red grows with u, its green with v
    uv = np.zeros((len(mesh.vertices), 2))
    uv[reconstruction.mesh.faces.ravel()] = reconstruction.mesh.uv[reconstruction.mesh.uv_faces.ravel()]
    np.testing.assert_allclose(mesh.visual.vertex_colors[:, :2] / 255, uv, atol=0.03)
    reader = vtkPLYReader()
    reader.SetFileName(str(path))
    np.testing.assert_allclose(vtk_points(reader), reconstruction.mesh.vertices, atol=1e-7)
    assert head.licence.encode() in path.read_bytes()[:200]


def test_stl_is_read_by_trimesh_and_vtk_in_millimetres(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    path = export_head(reconstruction, head, tmp_path, ["stl"])[0]
    mesh = trimesh.load_mesh(path, process=False)
    wanted = reconstruction.mesh.vertices[reconstruction.mesh.faces].astype(np.float64) * 1000
    np.testing.assert_allclose(mesh.triangles, wanted, atol=1e-4)
    stored = np.frombuffer(path.read_bytes()[84:], np.dtype([("n", "<f4", 3), ("rest", "V38")]))["n"]
    np.testing.assert_allclose(stored, trimesh.Trimesh(*_soup(wanted), process=False).face_normals, atol=1e-4)
    reader = vtkSTLReader()
    reader.SetFileName(str(path))
    reader.MergingOff()
    np.testing.assert_allclose(vtk_points(reader), wanted.reshape(-1, 3), atol=1e-4)


def _soup(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3)


def test_vertex_normals_of_a_sphere_point_outwards_and_lone_vertices_have_one() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=2)
    vertices = np.concatenate([sphere.vertices, [[5.0, 5.0, 5.0]]]).astype(np.float32)
    normals = vertex_normals(vertices, sphere.faces)
    np.testing.assert_allclose(normals[:-1], sphere.vertices, atol=0.03)
    np.testing.assert_array_equal(normals[-1], [0, 0, 1])


def test_splitting_doubles_only_seam_vertices(reconstruction: Reconstruction) -> None:
    mesh = reconstruction.mesh
    split = split_at_seams(mesh)
    np.testing.assert_array_equal(split.sources[split.faces], mesh.faces)
    np.testing.assert_array_equal(split.uv[split.faces], mesh.uv[mesh.uv_faces])
    pairs = {(int(v), int(t)) for v, t in zip(mesh.faces.ravel(), mesh.uv_faces.ravel(), strict=True)}
    assert len(split.sources) == len(pairs)
