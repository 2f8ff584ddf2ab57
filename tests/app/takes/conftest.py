"""A take of two people with pictures, and who plays and shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from fields_app.controllers.takes import TakeController
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.take_panel import TakePanel
from fields_app.take_settings import TakeSettings
from fields_app.take_state import TakeState
from fields_core.head import HeadModel
from tests.heads import tiny_head
from tests.takes import record

WAIT = 30_000


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def path(head: HeadModel, tmp_path: Path) -> Path:
    return record(tmp_path / "clip.take", head, people=2, pictures=True)


@pytest.fixture
def state(qtbot: QtBot) -> TakeState:
    return TakeState()


@pytest.fixture
def take_settings(tmp_path: Path) -> TakeSettings:
    return TakeSettings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def controller(
    state: TakeState, messages: MessageBar, take_settings: TakeSettings, head: HeadModel
) -> Iterator[TakeController]:
    controller = TakeController(state, messages, take_settings)
    controller.set_head(head)
    yield controller
    controller.stop()


@pytest.fixture
def opened(controller: TakeController, state: TakeState, path: Path, qtbot: QtBot) -> TakeController:
    with qtbot.waitSignals([state.frame_changed, state.frame_changed], timeout=WAIT):  # emptied, then filled
        controller.open(path)
    qtbot.waitUntil(lambda: state.mesh is not None and not controller.busy, timeout=WAIT)
    return controller


@pytest.fixture
def panel(state: TakeState, qtbot: QtBot) -> TakePanel:
    panel = TakePanel(state)
    qtbot.addWidget(panel)
    panel.resize(1100, 220)
    panel.show()
    return panel
