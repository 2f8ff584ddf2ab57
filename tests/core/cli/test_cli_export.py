"""`fields export` for a program: unit, axes and USD as its user asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from fields_core.cli import main
from fields_core.cli.export import FORMATS, TARGETS
from fields_core.export import FORMATS as WRITERS
from fields_core.export import TARGETS as SPACES
from fields_core.head import HeadModel, load_head, save_code
from tests.heads import tiny_head_file


@pytest.fixture
def files(tmp_path: Path) -> tuple[HeadModel, list[str]]:
    """A head, and the arguments that export its neutral code."""
    head = load_head(tiny_head_file(tmp_path / "tiny.npz"))
    save_code(tmp_path / "rest.json", head.neutral_code(), head)
    return head, ["export", str(tmp_path / "rest.json"), "--head", str(tmp_path / "tiny.npz"), "--out", str(tmp_path)]


def test_the_command_line_knows_every_writer_and_program() -> None:
    assert set(FORMATS) == set(WRITERS)
    assert tuple(SPACES) == TARGETS


def test_for_unreal_is_centimetres(files: tuple[HeadModel, list[str]], tmp_path: Path) -> None:
    head, arguments = files
    assert main([*arguments, "--format", "obj,usd", "--for", "unreal"]) == 0
    high = np.ptp(trimesh.load_mesh(tmp_path / "rest.obj", process=False).vertices, axis=0)[1]
    assert high == pytest.approx(100 * np.ptp(head.mesh(head.neutral_code()).vertices, axis=0)[1], rel=1e-4)
    assert "metersPerUnit = 0.01" in (tmp_path / "rest.usda").read_text()


def test_an_unknown_program_is_a_usage_error(files: tuple[HeadModel, list[str]]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*files[1], "--for", "paint"])
    assert stop.value.code == 2
