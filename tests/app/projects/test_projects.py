"""Projects without a window: save, open, unsaved changes, missing photos."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fields_app.controllers.projects import Answer, ProjectsController
from fields_app.document import same_content
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import Settings
from fields_core.datatypes import Photo
from tests.app.projects.bench import Bench, answer, assert_same
from tests.projects import same_code


def test_what_was_saved_comes_back(filled: Bench, tmp_path: Path) -> None:
    before = filled.session.document()
    path = filled.save(tmp_path / "work.fields")
    filled.projects.new()
    assert filled.session.document().photos == ()
    filled.open(path)
    after = filled.session.document()
    pasted = after.photos[0]
    assert pasted.path is not None  # it has a file now: the project's copy
    assert np.array_equal(filled.engine.open_photo(pasted.path).pixels, before.photos[0].photo.pixels)  # type: ignore[union-attr]
    from dataclasses import replace

    assert_same(replace(before, photos=before.photos[1:]), replace(after, photos=after.photos[1:]))
    assert same_code(before.people[0].code, after.people[0].code)
    assert filled.projects.path == path
    assert not filled.projects.modified
    mesh = filled.session.mesh
    assert mesh is not None
    assert filled.session.code is not None
    assert np.allclose(mesh.vertices, filled.engine.head.mesh(filled.session.code).vertices)


def test_the_edited_rest_head_is_kept(bench: Bench, tmp_path: Path) -> None:
    bench.edit(0.4)
    code = bench.session.code
    path = bench.save(tmp_path / "rest.fields")
    bench.projects.new()
    assert bench.session.rest is not None
    assert bench.session.rest.code is bench.session.rest.neutral
    bench.open(path)
    assert code is not None
    assert bench.session.code is not None
    assert same_code(code, bench.session.code)


def test_only_changes_a_user_would_miss_count_as_modified(filled: Bench, tmp_path: Path) -> None:
    projects, session = filled.projects, filled.session
    assert projects.modified
    filled.save(tmp_path / "a.fields")
    assert not projects.modified
    session.select(0)
    assert session.mesh is not None
    assert session.person is not None
    session.set_mesh(session.person.id, session.mesh)
    assert not projects.modified
    before = session.code
    filled.edit(0.7)
    assert projects.modified
    assert before is not None
    session.edit(before)  # as an undo does
    assert not projects.modified
    session.add_photos([tmp_path / "another.png"])
    assert projects.modified


def test_edits_made_while_saving_stay_modified(filled: Bench, tmp_path: Path) -> None:
    filled.projects.save_as(tmp_path / "a.fields")
    filled.edit(0.9)
    filled.wait()
    assert filled.projects.modified


def test_the_mark_follows_by_itself(filled: Bench, tmp_path: Path, qtbot: QtBot) -> None:
    filled.save(tmp_path / "a.fields")
    with qtbot.waitSignal(filled.projects.changed, timeout=5000):
        filled.edit(0.8)


@pytest.mark.parametrize("what", ["new", "open"])
def test_unsaved_changes_are_asked_about(what: str, filled: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other.fields"
    filled.save(other)
    filled.edit(0.9)
    document = filled.session.document()

    def go() -> None:
        filled.projects.new() if what == "new" else filled.projects.open(other)
        filled.wait()

    asked = answer(filled, Answer.CANCEL)
    go()
    assert asked == [Answer.CANCEL]
    assert same_content(filled.session.document(), document)

    answer(filled, Answer.DISCARD)
    go()
    assert not filled.projects.modified
    assert not same_content(filled.session.document(), document)


def test_save_and_go_on_waits_for_the_file(filled: Bench, tmp_path: Path) -> None:
    answer(filled, Answer.SAVE)
    filled.projects.ask_path = lambda answered: answered(tmp_path / "kept")
    filled.projects.new()
    assert filled.session.document().photos  # not before the file is written
    filled.wait()
    assert filled.session.document().photos == ()
    assert (tmp_path / "kept.fields").is_file()


def test_a_failed_save_keeps_everything_and_goes_nowhere(filled: Bench, tmp_path: Path) -> None:
    answer(filled, Answer.SAVE)
    (tmp_path / "file").touch()
    filled.projects.ask_path = lambda answered: answered(tmp_path / "file" / "x.fields")
    filled.projects.new()
    filled.wait()
    assert filled.messages.kind == "error"
    assert filled.session.document().photos
    assert filled.projects.modified
    assert filled.projects.path is None


def test_closing_asks_once(filled: Bench) -> None:
    closed: list[bool] = []
    answer(filled, Answer.CANCEL)
    assert not filled.projects.may_close(lambda: closed.append(True))
    assert closed == []
    answer(filled, Answer.DISCARD)
    assert filled.projects.may_close(lambda: closed.append(True))
    assert filled.projects.may_close(lambda: closed.append(True))
    assert closed == [True]


def test_recent_projects_are_remembered_and_lost_ones_forgotten(filled: Bench, tmp_path: Path) -> None:
    one, two = filled.save(tmp_path / "one.fields"), filled.save(tmp_path / "two.fields")
    assert filled.settings.recent_projects == (two, one)
    filled.open(one)
    assert filled.settings.recent_projects == (one, two)
    two.unlink()
    filled.open(two)
    assert filled.messages.kind == "error"
    assert filled.settings.recent_projects == (one,)
    assert filled.projects.path == one  # what was open stays open
    assert filled.session.document().photos


def test_a_damaged_project_leaves_the_open_one_alone(filled: Bench, tmp_path: Path) -> None:
    path = filled.save(tmp_path / "one.fields")
    document = filled.session.document()
    bad = tmp_path / "bad.fields"
    bad.write_bytes(path.read_bytes()[:1000])
    filled.open(bad)
    assert filled.messages.kind == "error"
    assert same_content(document, filled.session.document())
    assert filled.projects.path == path


def test_embedding_makes_a_project_that_needs_nothing_else(filled: Bench, tmp_path: Path) -> None:
    filled.projects.set_embed(True)
    path = filled.save(tmp_path / "all.fields")
    pixels = filled.engine.open_photo(filled.photo).pixels
    filled.projects.new()
    shutil.rmtree(filled.photo.parent)
    filled.open(path)
    assert filled.projects.embed
    entry = filled.session.photos[1]
    assert entry.path is not None
    assert np.array_equal(filled.engine.open_photo(entry.path).pixels, pixels)
    filled.edit(0.9)
    filled.save(path)  # carries them on
    with zipfile.ZipFile(path) as archive:
        assert sum(name.startswith("photos/") for name in archive.namelist()) == 2


def test_missing_photos_are_told_and_can_be_found(filled: Bench, tmp_path: Path, qtbot: QtBot) -> None:
    path = filled.save(tmp_path / "one.fields")
    filled.projects.new()
    filled.photo.parent.rename(tmp_path / "moved")
    with qtbot.waitSignal(filled.projects.photos_missing, timeout=30_000) as told:
        filled.projects.open(path)
    assert told.args == [["two.png"]]
    assert filled.messages.kind == "warning"
    assert "two.png" in filled.messages.details
    assert len(filled.session.people) == 2  # the heads are there without it
    assert isinstance(filled.session.photo, Photo)
    assert filled.session.photo.pixels.shape == (100, 200, 3)

    filled.save(path)  # a project with missing photos can be saved and keeps looking for them
    with qtbot.waitSignal(filled.projects.photos_missing, timeout=30_000) as told:
        filled.projects.locate_missing(tmp_path / "recovery")
    assert told.args == [["two.png"]]
    with qtbot.waitSignal(filled.projects.photos_missing, timeout=30_000) as told:
        filled.projects.locate_missing(tmp_path / "moved")
    assert told.args == [[]]
    assert filled.session.photos[1].path == tmp_path / "moved" / "two.png"
    assert filled.projects.modified


def test_what_is_asked_for_before_the_core_is_there_is_opened_then(
    filled: Bench, settings: Settings, messages: MessageBar, tmp_path: Path, qtbot: QtBot
) -> None:
    path = filled.save(tmp_path / "one.fields")
    session = Session()
    session.set_parameters(filled.engine.parameters, filled.engine.rest_head())
    projects = ProjectsController(session, messages, settings)
    projects.open(path)
    assert messages.kind == "progress"
    with qtbot.waitSignal(projects.opened, timeout=30_000):
        projects.set_engine(filled.engine)
    assert len(session.people) == 2
    projects.stop()
    projects.deleteLater()
