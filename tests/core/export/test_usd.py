"""USD heads, read back by OpenUSD itself where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.export import export_code
from fields_core.export.morphs import morph_targets
from fields_core.export.space import GENERAL, TARGETS, Space, custom_target
from fields_core.export.surface import surface_of_code
from fields_core.export.usd import prim_name
from fields_core.head import HeadModel, load_head
from tests.heads import tiny_flame_pickle


@pytest.fixture(scope="module")
def code(head: HeadModel) -> FaceCode:
    generator = torch.Generator().manual_seed(3)
    return head.neutral_code().replace(
        expression=torch.rand(1, head.n_expression, generator=generator),
        head_pose=torch.tensor([[0.1, 0.4, -0.05]]),
        jaw_pose=torch.tensor([[0.21, 0.03, 0.01]]),
    )


@pytest.fixture(scope="module")
def written(head: HeadModel, code: FaceCode, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return export_code(code, head, tmp_path_factory.mktemp("usd"), ["usd"], "woman")


def baked(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points and corner indices as OpenUSD's own skinning makes them, blend shapes applied."""
    usd = pytest.importorskip("pxr.Usd")
    skel, geometry, ranges = (pytest.importorskip(f"pxr.{name}") for name in ("UsdSkel", "UsdGeom", "Gf"))
    stage = usd.Stage.Open(str(path))
    assert skel.BakeSkinning(skel.Root(stage.GetPrimAtPath("/Head")), ranges.Interval(0, 0))
    mesh = geometry.Mesh(stage.GetPrimAtPath("/Head/Skin"))
    return np.array(mesh.GetPointsAttr().Get(0), float), np.array(mesh.GetFaceVertexIndicesAttr().Get())


def test_usd_comes_with_its_texture(written: list[Path]) -> None:
    assert [path.name for path in written] == ["woman.usda", "woman.png"]
    assert "@./woman.png@" in written[0].read_text()


def test_openusd_poses_the_head_that_the_code_describes(written: list[Path], head: HeadModel, code: FaceCode) -> None:
    points, corners = baked(written[0])
    mesh = head.mesh(code)
    np.testing.assert_allclose(points, mesh.vertices, atol=2e-6)
    np.testing.assert_array_equal(corners.reshape(-1, 3), mesh.faces)


def test_openusd_finds_nothing_to_complain_about(written: list[Path]) -> None:
    usd, validation = pytest.importorskip("pxr.Usd"), pytest.importorskip("pxr.UsdValidation")
    everything = validation.ValidationContext(validation.ValidationRegistry().GetOrLoadAllValidators())
    errors = everything.Validate(usd.Stage.Open(str(written[0])))
    assert [error.GetMessage() for error in errors] == []


def test_every_unit_is_a_named_blend_shape_that_moves_as_the_unit_does(
    written: list[Path], head: HeadModel, code: FaceCode
) -> None:
    usd, skel = pytest.importorskip("pxr.Usd"), pytest.importorskip("pxr.UsdSkel")
    stage = usd.Stage.Open(str(written[0]))
    targets = morph_targets(surface_of_code(code, head))
    binding = skel.BindingAPI(stage.GetPrimAtPath("/Head/Skin"))
    assert list(binding.GetBlendShapesAttr().Get()) == list(targets.names)
    animation = skel.Animation(stage.GetPrimAtPath("/Head/Skeleton/Expression"))
    np.testing.assert_allclose(animation.GetBlendShapeWeightsAttr().Get(), targets.weights, atol=1e-6)
    number = targets.names.index("jawOpen")
    shape = skel.BlendShape(stage.GetPrimAtPath("/Head/Skin/jawOpen"))
    moved = np.zeros_like(targets.neutral)
    moved[np.array(shape.GetPointIndicesAttr().Get())] = np.array(shape.GetOffsetsAttr().Get())
    np.testing.assert_allclose(moved, targets.displacements[number], atol=1e-7)


def test_usd_says_unit_up_axis_head_model_and_licence(head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    usd, geometry = pytest.importorskip("pxr.Usd"), pytest.importorskip("pxr.UsdGeom")
    path = export_code(code, head, tmp_path, ["usd"], "ue", TARGETS["unreal"])[0]
    stage = usd.Stage.Open(str(path))
    assert (geometry.GetStageMetersPerUnit(stage), geometry.GetStageUpAxis(stage)) == (0.01, "Z")
    about = stage.GetRootLayer().customLayerData
    assert (about["head_model"], about["head_model_licence"]) == (head.name, head.licence)
    points, _ = baked(path)
    np.testing.assert_allclose(points, head.mesh(code).vertices @ Space("cm", "z").matrix.T, atol=2e-4)


def test_the_open_head_keeps_its_42_named_units(tmp_path: Path) -> None:
    head = load_head()
    path = export_code(head.neutral_code(), head, tmp_path, ["usd"])[0]
    text = path.read_text()
    assert all(f'def BlendShape "{name}"' in text for name in (*head.expression_names, "jawOpen"))
    points, _ = baked(path)
    np.testing.assert_allclose(points, head.mesh(head.neutral_code()).vertices, atol=2e-6)


def test_flame_numbers_become_names_that_usd_allows(tmp_path: Path) -> None:
    tiny_flame_pickle(tmp_path / "flame.pkl")
    head = load_head(tmp_path / "flame.pkl")
    path = export_code(head.neutral_code(), head, tmp_path, ["usd"])[0]
    assert 'def BlendShape "expression_1"' in path.read_text()
    baked(path)


@pytest.mark.parametrize(
    ("name", "allowed"), [("jawOpen", "jawOpen"), ("expression 1", "expression_1"), ("1st", "_1st"), ("", "_")]
)
def test_prim_names(name: str, allowed: str) -> None:
    assert prim_name(name) == allowed


def test_general_target_is_what_files_say_without_a_program() -> None:
    assert GENERAL.space("obj") == GENERAL.space("glb") == Space()
    assert GENERAL.space("stl") == Space("mm")
    assert custom_target(Space("cm", "z", True)).usd == Space("cm", "z", False)
