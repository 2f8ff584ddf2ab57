"""Heads as GLB: morph targets, weights and texture, as the specification, VTK and trimesh read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from vtkmodules.vtkIOGeometry import vtkGLTFReader

from fields_core.datatypes import FaceCode, Reconstruction
from fields_core.export import export_code, export_head
from fields_core.export.morphs import CORRECTIVE, morph_targets
from fields_core.export.surface import split_at_seams, surface_of_code
from fields_core.head import HeadModel
from tests.core.export.readers import Glb, vtk_points
from tests.heads import tiny_flame_pickle


@pytest.fixture(scope="module")
def glb(reconstruction: Reconstruction, head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_head(reconstruction, head, tmp_path_factory.mktemp("glb"), ["glb"])[0]


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
    points = vtk_points(reader)
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
