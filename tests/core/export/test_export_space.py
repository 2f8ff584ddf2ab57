"""Units and axes: a head is the same head in every program's space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from fields_core.datatypes import HeadMesh
from fields_core.errors import ExportError
from fields_core.export import export_code
from fields_core.export.space import MODEL_SPACE, PER_METRE, TARGETS, Space, custom_target
from fields_core.head import HeadModel

SPACES = [Space(unit, up, left) for unit in ("m", "cm", "mm", "in") for up in ("y", "z") for left in (False, True)]


@pytest.fixture(scope="module")
def mesh(head: HeadModel) -> HeadMesh:
    return head.mesh(head.neutral_code())


def volume(mesh: HeadMesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(float) for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_faces_point_out_and_size_is_right_in_every_space(space: Space, mesh: HeadMesh) -> None:
    placed = space.place(mesh)
    assert volume(placed) == pytest.approx(volume(mesh) * PER_METRE[space.unit] ** 3, rel=1e-4)
    assert np.sign(np.linalg.det(space.matrix)) == (-1 if space.left_handed else 1)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_the_crown_is_up_in_every_space(space: Space, mesh: HeadMesh) -> None:
    crown = mesh.vertices[:, 1].argmax()
    assert space.place(mesh).vertices[:, "xyz".index(space.up)].argmax() == crown


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_the_comment_tells_where_the_nose_points(space: Space, mesh: HeadMesh) -> None:
    words = str(space).split(", ")
    out = next(word for word in words if word.endswith("out of the face")).split()[0]
    nose = mesh.vertices[:, 2].argmax()
    along = space.place(mesh).vertices[:, "XYZ".index(out[1])] * (1 if out[0] == "+" else -1)
    assert along.argmax() == nose


def test_texture_corners_turn_with_the_faces(mesh: HeadMesh) -> None:
    placed = Space(left_handed=True).place(mesh)

    def pairs(m: HeadMesh) -> set[tuple[int, int]]:
        return set(zip(m.faces.ravel().tolist(), m.uv_faces.ravel().tolist(), strict=True))

    assert pairs(placed) == pairs(mesh)


def test_the_models_own_space_copies_nothing(mesh: HeadMesh) -> None:
    assert MODEL_SPACE.place(mesh) is mesh


def test_unknown_units_are_refused() -> None:
    with pytest.raises(ExportError, match="no such units"):
        Space("furlong")  # type: ignore[arg-type]


@pytest.mark.parametrize("target", list(TARGETS))
@pytest.mark.parametrize("kind", ["obj", "ply", "stl"])
def test_trimesh_reads_each_format_where_the_program_wants_it(
    target: str, kind: str, head: HeadModel, mesh: HeadMesh, tmp_path: Path
) -> None:
    path = export_code(head.neutral_code(), head, tmp_path, [kind], "head", TARGETS[target])[0]
    read = trimesh.load_mesh(path, process=False)
    expected = TARGETS[target].space(kind).place(mesh).vertices
    np.testing.assert_allclose(read.bounds, [expected.min(0), expected.max(0)], rtol=1e-4, atol=1e-4)
    assert read.volume > 0


def test_glb_stays_metres_with_y_up_for_everybody(head: HeadModel, mesh: HeadMesh, tmp_path: Path) -> None:
    target = custom_target(Space("cm", "z", True))
    path = export_code(head.neutral_code(), head, tmp_path, ["glb"], "head", target)[0]
    read = trimesh.load_mesh(path, process=False)
    np.testing.assert_allclose(read.bounds, [mesh.vertices.min(0), mesh.vertices.max(0)], atol=1e-5)


def test_every_file_names_the_licence_of_its_head_model(head: HeadModel, tmp_path: Path) -> None:
    for path in export_code(head.neutral_code(), head, tmp_path, ["obj", "glb", "usd", "ply", "stl", "json"]):
        if path.suffix != ".png":
            assert head.licence.encode() in path.read_bytes(), path.name
    (path,) = export_code(head.neutral_code(), head, tmp_path, ["npz"])
    with np.load(path, allow_pickle=False) as arrays:
        assert str(arrays["head_model_licence"]) == head.licence
