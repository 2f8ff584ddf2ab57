"""``fields export``: codes become meshes."""

from __future__ import annotations

from pathlib import Path

import torch

from fields_core.head import HeadModel, load_code, load_head
from tests.core.cli.running import Run, save_neutral
from tests.heads import tiny_flame_pickle, tiny_head


def test_codes_become_meshes(run: Run, head_file: Path, tmp_path: Path) -> None:
    save_neutral(tmp_path / "code.npz")
    status, out, err = run(
        "export", tmp_path / "code.npz", "--out", tmp_path / "out", "--head", head_file, "--format", "obj,glb,npz"
    )
    assert status == 0, err
    assert [Path(line).name for line in out.split()] == ["code.obj", "code.mtl", "code.png", "code.glb", "code.npz"]
    head = HeadModel(tiny_head())
    assert torch.equal(load_code(tmp_path / "out" / "code.npz", head).shape, head.neutral_code().shape)


def test_each_face_of_a_code_file_gets_its_mesh(run: Run, head_file: Path, tmp_path: Path) -> None:
    from fields_core.head import save_code

    head = HeadModel(tiny_head())
    save_code(tmp_path / "two.json", head.neutral_code(2), head)
    status, out, err = run("export", tmp_path / "two.json", "--out", tmp_path, "--head", head_file, "--format", "stl")
    assert status == 0, err
    assert [Path(line).name for line in out.split()] == ["two-1.stl", "two-2.stl"]


def test_flame_files_can_be_the_head(run: Run, tmp_path: Path) -> None:
    from fields_core.head import save_code

    tiny_flame_pickle(tmp_path / "flame.pkl")
    head = load_head(tmp_path / "flame.pkl")
    save_code(tmp_path / "code.json", head.neutral_code(), head)
    status, _, err = run("export", tmp_path / "code.json", "--out", tmp_path, "--head", tmp_path / "flame.pkl")
    assert status == 0, err
