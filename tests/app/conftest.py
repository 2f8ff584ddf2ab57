"""Fixtures for window tests: a fresh settings store, a session with a small head, a whole window, and a leak check."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSettings, QThread, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from fields_app import bootstrap, style
from fields_app.controllers.editing import EditingController
from fields_app.controllers.export import ExportController
from fields_app.controllers.projects import Answer
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.controllers.training import TrainingController
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.sliders_panel import SlidersPanel
from fields_app.session import Session
from fields_app.settings import ExportChoice, Settings
from fields_app.workbench import Workbench
from fields_core.training.supervisor import Supervisor
from tests.app.engines import FakeEngine
from tests.trainings import PROGRAM

bootstrap.prepare()  # as `fields_app.app` does

WAIT = 30_000  # milliseconds: only a hang takes that long


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["fields-tests"]


@pytest.fixture(scope="session")
def heap_of_imports() -> None:
    """What imports leave on the heap (a million objects) is out of the collector's sight: leak checks stay quick."""
    bootstrap.import_core()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks(qapp: QApplication, heap_of_imports: None) -> Iterator[None]:
    """After a test no thread runs, no timer of ours ticks and no window is left."""
    before = set(map(id, QApplication.topLevelWidgets()))
    yield
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    left: list[QWidget] = [w for w in QApplication.topLevelWidgets() if id(w) not in before]
    assert not left, f"widgets left behind: {left}"
    objects = [o for o in gc.get_objects() if issubclass(type(o), QObject)]
    threads = [o for o in objects if isinstance(o, QThread) and _alive(o) and o.isRunning()]
    assert not threads, f"threads left running: {threads}"
    timers = [o for o in objects if isinstance(o, QTimer) and _alive(o) and o.isActive()]
    assert not timers, f"timers left running: {timers}"


def _alive(thing: QObject) -> bool:
    import shiboken6

    return bool(shiboken6.isValid(thing))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    settings.export = ExportChoice(directory=tmp_path)
    settings.recovery_folder = tmp_path / "recovery"
    settings.presets_file = tmp_path / "presets.json"
    settings.prepared_folder = tmp_path / "prepared"
    return settings


@pytest.fixture
def runs_settings(settings: Settings, tmp_path: Path) -> Settings:
    settings.runs_folder = tmp_path / "runs"
    return settings


@pytest.fixture
def training(messages: MessageBar, runs_settings: Settings, tmp_path: Path) -> Iterator[TrainingController]:
    controller = TrainingController(
        messages, runs_settings, program=PROGRAM, install=lambda path: (tmp_path / "used").write_text(str(path))
    )
    yield controller
    controller.stop()
    for folder in (tmp_path / "runs").glob("*"):
        Supervisor(folder, PROGRAM).discard()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def session(engine: FakeEngine) -> Session:
    """A session that shows the resting head."""
    session = Session()
    session.set_parameters(engine.parameters, engine.rest_head())
    return session


@pytest.fixture
def messages(qtbot: QtBot) -> MessageBar:
    bar = MessageBar()
    qtbot.addWidget(bar)
    return bar


@pytest.fixture
def reconstruction(session: Session, messages: MessageBar, engine: FakeEngine) -> Iterator[ReconstructionController]:
    controller = ReconstructionController(session, messages)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()


@pytest.fixture
def editing(session: Session, messages: MessageBar, engine: FakeEngine) -> Iterator[EditingController]:
    controller = EditingController(session, messages)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()


@pytest.fixture
def export(
    session: Session, messages: MessageBar, settings: Settings, engine: FakeEngine, qtbot: QtBot
) -> Iterator[ExportController]:
    controller = ExportController(session, messages, settings)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()
    qtbot.waitUntil(lambda: not controller.busy)


@pytest.fixture
def open_workbench(qtbot: QtBot, qapp: QApplication, settings: Settings) -> Iterator[Callable[..., Workbench]]:
    """Makes whole windows around an engine, shown and ready; closes them after the test."""
    style.apply(qapp)
    made: list[Workbench] = []

    def make(engine: FakeEngine, *, wait: bool = True) -> Workbench:
        workbench = Workbench(lambda: engine, settings)
        workbench.projects.ask_unsaved = lambda answer: answer(Answer.DISCARD)
        made.append(workbench)
        if wait:
            with qtbot.waitSignal(workbench.ready, timeout=WAIT):
                workbench.show()
            # The models are there a moment before the thread that read them is done.
            qtbot.waitUntil(lambda: workbench.jobs_menu.jobs.jobs == (), timeout=WAIT)
        else:
            workbench.show()
        return workbench

    yield make
    for workbench in made:
        workbench.window.close()
        workbench.stop()
        workbench.window.deleteLater()
        workbench.deleteLater()
    qapp.setStyleSheet("")


@pytest.fixture
def sliders(session: Session, qtbot: QtBot) -> SlidersPanel:
    panel = SlidersPanel(session)
    qtbot.addWidget(panel)
    panel.resize(400, 700)
    panel.show()
    return panel
