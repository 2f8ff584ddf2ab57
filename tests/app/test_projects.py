"""Projects without a window: save, open, unsaved changes, missing photos, autosave and recovery."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytestqt.qtbot import QtBot

from fields_app.controllers.projects import Answer, ProjectsController
from fields_app.document import Document, same_content
from fields_app.panels.message_bar import MessageBar
from fields_app.recovery import AUTOSAVE, RecoveryFolder
from fields_app.session import Session
from fields_app.settings import Settings
from fields_core.datatypes import FaceCode, Photo
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine


@dataclass
class Bench:
    """Everything a project needs, with two faces in one photo on disk and one pasted picture."""

    session: Session
    projects: ProjectsController
    messages: MessageBar
    settings: Settings
    engine: FakeEngine
    photo: Path
    qtbot: QtBot

    def edit(self, amount: float = 0.3) -> None:
        code = self.session.code
        assert code is not None
        self.session.edit(code.replace(expression=code.expression * 0 + amount))

    def wait(self) -> None:
        self.qtbot.waitUntil(lambda: not self.projects.busy, timeout=30_000)

    def save(self, path: Path) -> Path:
        self.projects.save_as(path)
        self.wait()
        return path

    def open(self, path: Path) -> None:
        self.projects.open(path)
        self.wait()

    def copy(self) -> None:
        """Autosave now, and wait for it."""
        self.projects.autosave.copy()
        self.qtbot.waitUntil(lambda: not self.projects.autosave._jobs.busy, timeout=30_000)


def answer(bench: Bench, with_what: Answer) -> list[Answer]:
    """Let the question about unsaved changes be answered so; the answers given."""
    asked: list[Answer] = []

    def ask(answered: object) -> None:
        asked.append(with_what)
        assert callable(answered)
        answered(with_what)

    bench.projects.ask_unsaved = ask
    return asked


@pytest.fixture
def bench(
    session: Session, messages: MessageBar, settings: Settings, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
) -> Iterator[Bench]:
    settings.autosave_seconds = 0
    settings.recovery_folder = tmp_path / "recovery"
    projects = ProjectsController(session, messages, settings)
    projects.set_engine(engine)
    photo = tmp_path / "photos" / "two.png"
    photo.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 200, 3), dtype=np.uint8)).save(photo)
    yield Bench(session, projects, messages, settings, engine, photo, qtbot)
    projects.stop()
    projects.deleteLater()


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """With people, one of them edited."""
    engine = bench.engine
    engine.faces = 1
    pasted = engine.open_photo(np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8))
    engine.faces = 2
    for photo in (pasted, engine.open_photo(bench.photo)):
        bench.session.set_photo(photo)
        bench.session.set_people(engine.reconstruct(photo, CancelToken()))
    bench.session.select(1)
    bench.edit()
    return bench


def same_code(one: FaceCode, other: FaceCode) -> bool:
    return all(torch.equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(FaceCode))


def assert_same(one: Document, other: Document) -> None:
    assert [(p.id, p.name, p.path, p.reconstructed) for p in one.photos] == [
        (p.id, p.name, p.path, p.reconstructed) for p in other.photos
    ]
    assert [(i.id, i.name) for i in one.identities] == [(i.id, i.name) for i in other.identities]
    assert (one.shown, one.selected) == (other.shown, other.selected)
    for a, b in zip(one.people, other.people, strict=True):
        assert (a.id, a.identity, a.edited) == (b.id, b.identity, b.edited)
        assert same_code(a.code, b.code)
        assert same_code(a.original.code, b.original.code)
        assert np.allclose(a.original.mesh.vertices, b.original.mesh.vertices)
        assert np.array_equal(a.original.face.landmarks, b.original.face.landmarks)
        assert (a.original.photo.width, a.original.photo.height) == (b.original.photo.width, b.original.photo.height)


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
