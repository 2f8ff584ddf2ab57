"""A live controller on a played camera; no thread may be left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from fields_app.controllers.live import LiveController
from fields_app.live_settings import LiveSettings
from fields_app.live_view import LiveView
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.take_settings import TakeSettings
from fields_core.head import HeadModel
from fields_core.live.simulated import SimulatedCamera
from tests.app.engines import FakeEngine
from tests.app.live.faces import CAMERA, WAIT, FakeTracker, clip
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    end = time.monotonic() + 20.0
    while left := [t.name for t in threading.enumerate() if t.name.startswith(("fields-", "take recorder"))]:
        assert time.monotonic() < end, left
        time.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "live.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def view(qtbot: QtBot) -> LiveView:
    return LiveView()


@pytest.fixture
def tracker(engine: FakeEngine) -> FakeTracker:
    return FakeTracker(engine.head)


@pytest.fixture
def live(
    view: LiveView, session: Session, messages: MessageBar, store: QSettings, engine: FakeEngine,
    tracker: FakeTracker, tmp_path: Path,
) -> Iterator[LiveController]:  # fmt: skip
    takes = TakeSettings(store)
    takes.take_folder = tmp_path
    controller = LiveController(view, session, messages, LiveSettings(store), takes)
    controller.make_source = lambda choice, size: SimulatedCamera(clip())
    controller.make_tracker = lambda coder, settings: tracker  # type: ignore[assignment,return-value]
    controller.set_engine(engine)
    yield controller
    controller.stop()


@pytest.fixture
def running(live: LiveController, view: LiveView, qtbot: QtBot) -> LiveController:
    live.start(CAMERA)
    qtbot.waitUntil(lambda: view.shot is not None, timeout=WAIT)
    return live
