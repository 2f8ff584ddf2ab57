"""Everything a project needs, without a window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from fields_app.controllers.projects import Answer, ProjectsController
from fields_app.document import Document
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import Settings
from tests.app.engines import FakeEngine
from tests.projects import same_code


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
