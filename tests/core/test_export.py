"""Exported heads, read back by programs that did not write them."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOGeometry import vtkGLTFReader, vtkSTLReader
from vtkmodules.vtkIOPLY import vtkPLYReader

from fields_core.datatypes import FaceCode, Reconstruction
from fields_core.errors import ExportError
from fields_core.export import export_code, export_head
from fields_core.export.morphs import CORRECTIVE, morph_targets
from fields_core.export.surface import split_at_seams, surface_of_code, vertex_normals
from fields_core.export.video import write_video
from fields_core.head import HeadModel, load_code
from tests.heads import tiny_flame_pickle, tiny_head
from tests.reconstructions import fake_reconstruction


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def code(head: HeadModel) -> FaceCode:
    """A turned head with a half open, slightly sideways mouth, and every unit on a little."""
    generator = torch.Generator().manual_seed(1)
    return head.neutral_code().replace(
        shape=torch.randn(1, head.n_shape, generator=generator),
        expression=0.5 * torch.rand(1, head.n_expression, generator=generator),
        head_pose=torch.tensor([[0.1, 0.4, -0.05]]),
        neck_pose=torch.tensor([[0.05, 0.0, 0.02]]),
        jaw_pose=torch.tensor([[0.21, 0.03, 0.01]]),
        eye_pose=torch.tensor([[0.1, 0.2, 0.0, 0.1, 0.2, 0.0]]),
        eyelids=torch.tensor([[0.3, 0.1]]),
    )


@pytest.fixture(scope="module")
def reconstruction(head: HeadModel, code: FaceCode) -> Reconstruction:
    return fake_reconstruction(head, code)


@pytest.fixture(scope="module")
def glb(reconstruction: Reconstruction, head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_head(reconstruction, head, tmp_path_factory.mktemp("glb"), ["glb"])[0]


class Glb:
    """A plain reader of the few things of glTF 2.0 a head needs, written from the specification."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        self.json = json.loads(data[20 : 20 + size])
        binary_size, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.binary = data[28 + size : 28 + size + binary_size]
        assert len(self.binary) >= self.json["buffers"][0]["byteLength"]
        self.mesh = self.json["meshes"][0]
        self.primitive = self.mesh["primitives"][0]

    def view(self, index: int) -> bytes:
        view = self.json["bufferViews"][index]
        assert view.get("byteOffset", 0) % 4 == 0
        return self.binary[view.get("byteOffset", 0) :][: view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.json["accessors"][index]
        types = {5123: "<u2", 5125: "<u4", 5126: "<f4"}
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
        values = np.frombuffer(self.view(accessor["bufferView"]), types[accessor["componentType"]])
        values = values.reshape(-1, width).copy()
        assert len(values) == accessor["count"]
        if sparse := accessor.get("sparse"):
            indices = np.frombuffer(
                self.view(sparse["indices"]["bufferView"]), types[sparse["indices"]["componentType"]]
            )
            assert len(indices) == sparse["count"] > 0
            assert (np.diff(indices.astype(int)) > 0).all()
            assert indices.max() < len(values)
            values[indices] = np.frombuffer(self.view(sparse["values"]["bufferView"]), "<f4").reshape(-1, width)
        if "min" in accessor:
            np.testing.assert_array_equal(values.min(0), np.float32(accessor["min"]))
            np.testing.assert_array_equal(values.max(0), np.float32(accessor["max"]))
        return values

    def target(self, name: str) -> np.ndarray:
        targets = self.primitive["targets"]
        return self.accessor(targets[self.mesh["extras"]["targetNames"].index(name)]["POSITION"])


def _vtk_points(reader: object) -> np.ndarray:
    reader.Update()
    output = reader.GetOutput()
    if hasattr(output, "NewIterator"):
        iterator = output.NewIterator()
        iterator.InitTraversal()
        output = iterator.GetCurrentDataObject()
    return vtk_to_numpy(output.GetPoints().GetData()).astype(np.float64)


def _distance_to_nearest(points: np.ndarray, others: np.ndarray) -> float:
    return float(np.linalg.norm(points[:, None] - others[None], axis=2).min(1).max())


# --- GLB ---


def test_glb_names_every_expression_unit_and_jaw_and_eyelids(glb: Path, head: HeadModel) -> None:
    mesh = Glb(glb).mesh
    names = mesh["extras"]["targetNames"]
    assert names == [*head.expression_names, "jawOpen", "eyelidLeft", "eyelidRight", CORRECTIVE]
    assert len(mesh["weights"]) == len(names) == len(mesh["primitives"][0]["targets"])


def test_glb_default_weights_are_the_code(glb: Path, head: HeadModel, code: FaceCode) -> None:
    weights = dict(zip(Glb(glb).mesh["extras"]["targetNames"], Glb(glb).mesh["weights"], strict=True))
    np.testing.assert_allclose([weights[name] for name in head.expression_names], code.expression[0], atol=1e-6)
    assert weights["jawOpen"] == pytest.approx(0.21 / head.jaw_open_radians, rel=1e-5)
    assert [weights["eyelidLeft"], weights["eyelidRight"]] == pytest.approx([0.3, 0.1])


def test_glb_default_weights_reproduce_the_reconstruction(glb: Path, reconstruction: Reconstruction) -> None:
    read = Glb(glb)
    shown = read.accessor(read.primitive["attributes"]["POSITION"]).astype(np.float64)
    for name, weight in zip(read.mesh["extras"]["targetNames"], read.mesh["weights"], strict=True):
        shown += weight * read.target(name)
    wanted = reconstruction.mesh.vertices[split_at_seams(reconstruction.mesh).sources]
    assert np.abs(shown - wanted).max() < 1e-6  # metres


def test_vtk_shows_the_reconstruction(glb: Path, reconstruction: Reconstruction) -> None:
    reader = vtkGLTFReader()
    reader.SetFileName(str(glb))
    points = _vtk_points(reader)
    wanted = reconstruction.mesh.vertices[split_at_seams(reconstruction.mesh).sources]
    assert np.abs(points - wanted).max() < 1e-6
    assert reader.GetNumberOfTextures() == 1


def test_trimesh_reads_the_glb_with_its_texture(glb: Path, reconstruction: Reconstruction) -> None:
    mesh = trimesh.load_scene(glb).to_geometry()
    assert len(mesh.faces) == len(reconstruction.mesh.faces)
    picture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    np.testing.assert_array_equal(picture, reconstruction.texture)
    assert mesh.visual.uv.shape == (len(mesh.vertices), 2)


@pytest.mark.parametrize("name", ["mouthSmileLeft", "browInnerUp", "jawLeft"])
def test_a_morph_target_is_its_unit_on_the_neutral_head(
    glb: Path, head: HeadModel, code: FaceCode, reconstruction: Reconstruction, name: str
) -> None:
    neutral = code.replace(
        expression=torch.zeros_like(code.expression),
        jaw_pose=code.jaw_pose * torch.tensor([0.0, 1, 1]),
        eyelids=torch.zeros(1, 2),
    )
    unit = neutral.replace(expression=torch.eye(head.n_expression)[head.expression_names.index(name)][None])
    moved = (head.mesh(unit).vertices - head.mesh(neutral).vertices)[split_at_seams(reconstruction.mesh).sources]
    assert np.abs(Glb(glb).target(name) - moved).max() < 2e-6
    assert np.abs(moved).max() > 1e-3


def test_the_jaw_target_is_the_widest_opening(
    glb: Path, head: HeadModel, code: FaceCode, reconstruction: Reconstruction
) -> None:
    closed = code.replace(
        expression=torch.zeros_like(code.expression),
        jaw_pose=code.jaw_pose * torch.tensor([0.0, 1, 1]),
        eyelids=torch.zeros(1, 2),
    )
    opened = closed.replace(jaw_pose=closed.jaw_pose + torch.tensor([head.jaw_open_radians, 0, 0]))
    moved = (head.mesh(opened).vertices - head.mesh(closed).vertices)[split_at_seams(reconstruction.mesh).sources]
    assert np.abs(Glb(glb).target("jawOpen") - moved).max() < 2e-6


def test_a_head_that_needs_no_correction_gets_none(head: HeadModel, tmp_path: Path) -> None:
    path = export_code(head.neutral_code(), head, tmp_path, ["glb"])[0]
    names = Glb(path).mesh["extras"]["targetNames"]
    assert names == [*head.expression_names, "jawOpen", "eyelidLeft", "eyelidRight"]
    assert not any(Glb(path).mesh["weights"])


def test_glb_normals_are_unit_and_face_outside(glb: Path) -> None:
    read = Glb(glb)
    attributes = read.primitive["attributes"]
    points, normals = read.accessor(attributes["POSITION"]), read.accessor(attributes["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert ((points - points.mean(0)) * normals).sum(1).mean() > 0.05


def test_glb_records_the_licence_and_one_sided_skin(glb: Path, head: HeadModel) -> None:
    document = Glb(glb).json
    assert document["asset"]["extras"] == {"head_model": head.name, "head_model_licence": head.licence}
    assert head.licence in document["asset"]["copyright"]
    assert document["materials"][0].get("doubleSided", False) is False
    assert "skins" not in document


def test_glb_says_how_shared_vertex_data_is_laid_out(glb: Path) -> None:
    """The specification's rules on buffer views (3.6.2.4): a stride where accessors share one, a target on all."""
    read = Glb(glb)
    vertex_data = [index for target in read.primitive["targets"] for index in target.values()]
    vertex_data += read.primitive["attributes"].values()
    views = [read.json["accessors"][index]["bufferView"] for index in vertex_data]
    for index in set(views):
        view = read.json["bufferViews"][index]
        assert view["target"] == 34962
        assert views.count(index) == 1 or view["byteStride"] == 12


def test_glb_texture_coordinates_count_from_the_top(glb: Path, reconstruction: Reconstruction) -> None:
    read = Glb(glb)
    split = split_at_seams(reconstruction.mesh)
    uv = read.accessor(read.primitive["attributes"]["TEXCOORD_0"])
    np.testing.assert_allclose(uv, np.stack([split.uv[:, 0], 1 - split.uv[:, 1]], 1), atol=1e-6)


def test_flame_exports_without_texture(tmp_path: Path) -> None:
    from fields_core.head import load_head

    tiny_flame_pickle(tmp_path / "flame.pkl")
    flame = load_head(tmp_path / "flame.pkl")
    code = flame.neutral_code().replace(jaw_pose=torch.tensor([[0.2, 0, 0]]))
    for path in export_code(code, flame, tmp_path, ["glb", "obj", "ply", "stl", "npz", "json"]):
        assert path.stat().st_size > 0
    read = Glb(tmp_path / "head.glb")
    assert read.mesh["extras"]["targetNames"][:2] == ["expression 1", "expression 2"]
    assert "images" not in read.json
    assert "TEXCOORD_0" not in read.primitive["attributes"]
    assert not (tmp_path / "head.mtl").exists()
    assert len(trimesh.load_mesh(tmp_path / "head.obj", process=False).faces) == len(flame.faces)


# --- OBJ, PLY, STL ---


def test_trimesh_reads_the_obj_with_its_texture(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    written = export_head(reconstruction, head, tmp_path, ["obj"], stem="my head")
    assert [path.name for path in written] == ["my_head.obj", "my_head.mtl", "my_head.png"]
    mesh = trimesh.load_mesh(written[0], process=False)
    assert _distance_to_nearest(reconstruction.mesh.vertices, mesh.vertices) < 1e-6
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
    np.testing.assert_allclose(_vtk_points(reader), reconstruction.mesh.vertices, atol=1e-7)
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
    np.testing.assert_allclose(_vtk_points(reader), wanted.reshape(-1, 3), atol=1e-4)


def _soup(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3)


# --- codes ---


def test_npz_holds_mesh_landmarks_and_code(reconstruction: Reconstruction, head: HeadModel, tmp_path: Path) -> None:
    path = export_head(reconstruction, head, tmp_path, ["npz"])[0]
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["vertices"], reconstruction.mesh.vertices)
        np.testing.assert_array_equal(archive["faces"], reconstruction.mesh.faces)
        assert archive["landmarks478"].shape == (478, 3)
        assert str(archive["head_model"]) == head.name
        assert tuple(archive["expression_names"]) == head.expression_names
        np.testing.assert_array_equal(archive["jaw_pose"], reconstruction.code.jaw_pose)


@pytest.mark.parametrize("ending", ["npz", "json"])
def test_an_exported_code_poses_the_same_head(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path, ending: str
) -> None:
    path = export_head(reconstruction, head, tmp_path, [ending])[0]
    np.testing.assert_allclose(head.mesh(load_code(path, head)).vertices, reconstruction.mesh.vertices, atol=1e-7)


# --- pictures ---


def test_the_overlay_is_the_photo_with_a_head_on_it(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    path = export_head(reconstruction, head, tmp_path, ["overlay"])[0]
    assert path.name == "head-overlay.jpg"
    picture = np.asarray(Image.open(path)).astype(int)
    assert picture.shape == reconstruction.photo.pixels.shape
    changed = np.abs(picture - reconstruction.photo.pixels).max(2) > 12
    assert 0.05 < changed.mean() < 0.9
    assert not changed[:, :20].any()


def _frames() -> list[np.ndarray]:
    """A bright bar that moves to the right."""
    frames = [np.full((64, 96, 3), 30, np.uint8) for _ in range(6)]
    for number, frame in enumerate(frames):
        frame[:, 12 * number : 12 * number + 12] = [250, 60, 60]
    return frames


def test_a_video_plays_the_frames_in_order(tmp_path: Path) -> None:
    (path,) = write_video(_frames(), tmp_path / "ünï turn.mp4")
    capture = cv2.VideoCapture(str(path))
    try:
        for number in range(6):
            read, frame = capture.read()
            assert read
            assert abs(int(frame[..., 2].mean(0).argmax()) - (12 * number + 6)) <= 8
            assert frame[:, 12 * number + 6, 2].mean() > frame[:, 12 * number + 6, 0].mean() + 80  # red stays red
        assert not capture.read()[0]
    finally:
        capture.release()


def test_without_an_encoder_the_video_becomes_a_gif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoEncoder:
        def __init__(self, *_: object) -> None: ...

        fourcc = staticmethod(cv2.VideoWriter.fourcc)

        def isOpened(self) -> bool:
            return False

        def release(self) -> None: ...

    monkeypatch.setattr("fields_core.export.video.cv2.VideoWriter", NoEncoder)
    (path,) = write_video(_frames(), tmp_path / "turn.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["turn.gif"]
    with Image.open(path) as gif:
        assert gif.n_frames == 6
        gif.seek(5)
        assert np.asarray(gif.convert("RGB"))[:, 60:, 0].mean() > 100


# --- what can go wrong ---


def test_another_head_model_is_refused(reconstruction: Reconstruction, tmp_path: Path) -> None:
    tiny_flame_pickle(tmp_path / "flame.pkl")
    from fields_core.head import load_head

    with pytest.raises(ExportError, match="not made with the head model"):
        export_head(reconstruction, load_head(tmp_path / "flame.pkl"), tmp_path, ["obj"])


@pytest.mark.parametrize("stem", ["", "  ", "../x", "a/b", "a\\b", "a\0b", 'a"b', "..", "."])
def test_a_stem_that_is_no_file_name_is_refused(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path, stem: str
) -> None:
    with pytest.raises(ExportError, match="no file name"):
        export_head(reconstruction, head, tmp_path, ["stl"], stem=stem)


def test_an_unknown_format_is_refused_before_anything_is_written(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="fbx"):
        export_head(reconstruction, head, tmp_path / "new", ["obj", "fbx"])
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file_is_refused(reconstruction: Reconstruction, head: HeadModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="Cannot write"):
        export_head(reconstruction, head, tmp_path / "file", ["stl"])


# --- geometry ---


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


def test_morph_targets_do_not_change_the_code(head: HeadModel, code: FaceCode) -> None:
    before = {name: value.clone() for name, value in vars(code).items()}
    morph_targets(surface_of_code(code, head))
    for name, value in before.items():
        assert torch.equal(getattr(code, name), value)


def test_albedo_stands_in_where_there_is_no_photo_texture(head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    path = export_code(code, head, tmp_path, ["glb"])[0]
    read = Glb(path)
    picture = Image.open(io.BytesIO(read.view(read.json["images"][0]["bufferView"])))
    assert picture.size == (1024, 1024)
    assert np.asarray(picture).mean() == pytest.approx(np.mean([200, 160, 140]), abs=20)
