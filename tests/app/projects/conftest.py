"""A bench, empty and filled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from fields_app.controllers.projects import ProjectsController
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import Settings
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine
from tests.app.projects.bench import Bench


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
