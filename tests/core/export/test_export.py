"""Codes that are written are read again, and what cannot be written is refused before it begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fields_core.datatypes import Reconstruction
from fields_core.errors import ExportError
from fields_core.export import export_head
from fields_core.head import HeadModel, load_code
from tests.heads import tiny_flame_pickle


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
