"""Saving a project never costs the one that was there, and does no work twice."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fields_core.errors import ExportError, ProjectError
from fields_core.head.model import HeadModel
from fields_core.progress import Cancelled, CancelToken
from fields_core.project import (
    ProjectWriter,
)
from tests.projects import make_project


def test_a_failed_save_keeps_the_old_file(
    head: HeadModel, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    project = make_project(head, tmp_path / "photos")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="Cannot write"):
        ProjectWriter().write(project, saved, head)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on file sizes")
def test_a_full_disk_keeps_the_old_file(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    import resource
    import signal

    before = saved.read_bytes()
    project = make_project(head, tmp_path / "photos")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(ExportError, match="Cannot write"):
            ProjectWriter().write(project, saved, head)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_cancelled_save_keeps_the_old_file(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ProjectWriter().write(make_project(head, tmp_path / "photos"), saved, head, token=token)
    assert saved.read_bytes() == before


def test_codes_that_could_not_be_read_again_are_not_written(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    project = make_project(head, tmp_path / "photos")
    code = project.faces[0].code
    faulty = replace(project.faces[0], code=code.replace(expression=code.expression * float("nan")))
    with pytest.raises(ProjectError, match="values that mean nothing"):
        ProjectWriter().write(replace(project, faces=(faulty,), selected_face=0), saved, head)
    assert saved.read_bytes() == before


def test_embedding_a_photo_that_is_gone_says_so(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    project = make_project(head, tmp_path / "photos")
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(ProjectError, match="cannot be put into the project"):
        ProjectWriter().write(project, saved, head, embed=True)


def test_writing_again_computes_only_what_changed(
    head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    project = make_project(head, tmp_path / "photos")
    writer = ProjectWriter()
    writer.write(project, tmp_path / "a.fields", head)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(Image.Image, "save", never)
    monkeypatch.setattr("fields_core.project.writing.fingerprint", never)
    writer.write(project, tmp_path / "b.fields", head)
    assert (tmp_path / "a.fields").read_bytes() == (tmp_path / "b.fields").read_bytes()
