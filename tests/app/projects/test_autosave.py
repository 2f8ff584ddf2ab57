"""Unsaved work is copied in the background, and recovered after an end that nobody was asked about."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from pytestqt.qtbot import QtBot

from fields_app.controllers.projects import Answer, ProjectsController
from fields_app.recovery import AUTOSAVE, RecoveryFolder
from fields_app.session import Session
from tests.app.projects.bench import Bench, answer
from tests.projects import same_code


def test_autosave_copies_only_what_is_new(filled: Bench, tmp_path: Path) -> None:
    recovery = tmp_path / "recovery"
    filled.copy()
    (copy,) = recovery.glob(f"*/{AUTOSAVE}")
    first = copy.stat().st_mtime_ns
    filled.copy()
    assert copy.stat().st_mtime_ns == first
    filled.edit(0.6)
    filled.copy()
    assert copy.stat().st_mtime_ns != first
    filled.save(tmp_path / "a.fields")
    assert not copy.exists()
    filled.copy()
    assert not copy.exists()


def test_autosave_comes_by_itself(filled: Bench, tmp_path: Path, qtbot: QtBot) -> None:
    filled.projects.autosave.start(1)
    qtbot.waitUntil(lambda: bool(list((tmp_path / "recovery").glob(f"*/{AUTOSAVE}"))), timeout=20_000)


def test_a_proper_end_leaves_nothing(filled: Bench, tmp_path: Path) -> None:
    filled.copy()
    answer(filled, Answer.DISCARD)
    assert filled.projects.may_close(lambda: None)
    filled.projects.stop()
    assert list((tmp_path / "recovery").iterdir()) == []


def test_an_end_that_nobody_was_asked_about_is_offered_again(filled: Bench, tmp_path: Path) -> None:
    filled.projects.stop()
    assert len(RecoveryFolder(tmp_path / "recovery").left_behind()) == 1


def test_unsaved_work_is_recovered_with_its_file_and_stays_unsaved(filled: Bench, tmp_path: Path, qtbot: QtBot) -> None:
    path = filled.save(tmp_path / "one.fields")
    on_disk = path.read_bytes()
    filled.edit(0.9)
    before = filled.session.document()
    filled.copy()
    filled.projects.autosave.recovery.abandon()  # as a crash

    session = Session()
    session.set_parameters(filled.engine.parameters, filled.engine.rest_head())
    projects = ProjectsController(session, filled.messages, filled.settings)
    projects.set_engine(filled.engine)
    (left,) = projects.autosave.left_behind()
    with qtbot.waitSignal(projects.opened, timeout=30_000):
        projects.recover(left)
    assert [same_code(a.code, b.code) for a, b in zip(before.people, session.document().people, strict=True)]
    assert projects.path == path
    assert projects.modified
    assert path.read_bytes() == on_disk  # until the user saves
    assert projects.autosave.left_behind() == []  # it is ours now
    projects.save()
    qtbot.waitUntil(lambda: not projects.busy, timeout=30_000)
    assert not projects.modified
    assert not left.project.exists()
    projects.stop()
    projects.deleteLater()


def test_a_folder_in_use_is_not_left_behind_and_an_empty_one_is_removed(tmp_path: Path) -> None:
    mine, other = RecoveryFolder(tmp_path), RecoveryFolder(tmp_path)
    mine.autosave.write_bytes(b"work")
    assert other.left_behind() == []
    mine.abandon()
    (left,) = other.left_behind()
    assert other.adopt(left)
    assert not mine.adopt(left)  # the other was quicker
    assert mine.left_behind() == []
    other.saved()
    other.abandon()
    assert mine.left_behind() == []
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_cannot_be_read_is_kept(filled: Bench, tmp_path: Path) -> None:
    filled.copy()
    filled.projects.autosave.recovery.abandon()
    (left,) = filled.projects.autosave.left_behind()

    def newer(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["project.json"] = json.dumps({**json.loads(members["project.json"]), "schema": 99}).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    newer(left.project)
    answer(filled, Answer.DISCARD)
    filled.projects.recover(left)
    filled.wait()
    assert filled.messages.kind == "error"
    assert len(filled.projects.autosave.left_behind()) == 1


def test_a_full_recovery_disk_is_said_once(filled: Bench, tmp_path: Path) -> None:
    (tmp_path / "recovery").touch()  # a file where the folder should be
    filled.copy()
    assert filled.messages.kind == "warning"
    filled.messages.clear()
    filled.copy()
    assert filled.messages.kind == "info"
