"""A small head, a saved project, and a place to unpack its photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from fields_core.head.model import HeadModel
from fields_core.project import (
    ProjectWriter,
)
from tests.heads import tiny_head
from tests.projects import make_project


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def unpack(tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


@pytest.fixture
def saved(head: HeadModel, tmp_path: Path) -> Path:
    path = tmp_path / "work" / "heads.fields"
    ProjectWriter().write(make_project(head, tmp_path / "photos"), path, head)
    return path
