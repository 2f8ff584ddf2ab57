"""Trainings in the window: the controller, what is remembered, and closing while one is at work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from fields_app.controllers.training import TrainingController
from fields_app.dialogs.training_questions import OnClose
from fields_app.panels.curve_plot import CurvePlot
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workbench import Workbench
from fields_core.training.journal import Note
from fields_core.training.run_process import origin_of, process_of
from fields_core.training.run_status import RunState
from fields_core.training.supervisor import Supervisor, TrainingPlan
from tests.app.engines import FakeEngine
from tests.training_data import TINY, write_data
from tests.trainings import PROGRAM

WAIT = 60_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "behaviour").write_text("steady")
    return folder


def plan(settings: Settings, data: Path, name: str = "one") -> TrainingPlan:
    return TrainingPlan(TINY, (str(data),), settings.runs_folder / name)


def state_of(training: TrainingController) -> RunState | None:
    return training.status.state if training.status is not None else None


class TestController:
    def test_a_training_is_followed_paused_resumed_and_stopped_early(
        self, qtbot: QtBot, training: TrainingController, runs_settings: Settings, data: Path
    ) -> None:
        heard: list[Note] = []
        training.noted.connect(heard.extend)
        training.start(plan(runs_settings, data))
        qtbot.waitUntil(lambda: len(heard) > 5, timeout=WAIT)
        training.pause()
        qtbot.waitUntil(lambda: state_of(training) is RunState.PAUSED, timeout=WAIT)
        last = [note.step for note in heard if note.kind == "step"][-1]
        training.resume()
        qtbot.waitUntil(lambda: heard[-1].kind == "step" and heard[-1].step > last, timeout=WAIT)
        training.stop_early()
        qtbot.waitUntil(lambda: state_of(training) is RunState.FINISHED, timeout=WAIT)
        steps = [note.step for note in heard if note.kind == "step"]
        assert steps == list(range(1, len(steps) + 1))

    def test_a_training_that_was_left_is_found_again(
        self, qtbot: QtBot, training: TrainingController, runs_settings: Settings, data: Path
    ) -> None:
        training.start(plan(runs_settings, data))
        qtbot.waitUntil(lambda: state_of(training) is RunState.TRAINING, timeout=WAIT)
        training.stop()
        process = process_of(runs_settings.runs_folder / "one")
        assert process is not None
        assert training.find_active() == runs_settings.runs_folder / "one"
        training.watch(runs_settings.runs_folder / "one")
        qtbot.waitUntil(lambda: state_of(training) is RunState.TRAINING, timeout=WAIT)
        training.discard()
        qtbot.waitUntil(lambda: state_of(training) is RunState.GONE, timeout=WAIT)
        assert not process.alive

    def test_a_failure_is_shown_in_the_message_bar(
        self, qtbot: QtBot, training: TrainingController, runs_settings: Settings, data: Path, messages: MessageBar
    ) -> None:
        target = plan(runs_settings, data)
        target.out.mkdir(parents=True)
        (target.out / "config.json").touch()
        training.start(target)
        qtbot.waitUntil(lambda: messages.kind == "error", timeout=WAIT)
        assert "already holds a run" in messages.text

    def test_weights_are_put_to_use_and_runs_deleted(
        self, qtbot: QtBot, training: TrainingController, runs_settings: Settings, data: Path, tmp_path: Path
    ) -> None:
        (data / "behaviour").write_text("short")
        training.start(plan(runs_settings, data))
        qtbot.waitUntil(lambda: state_of(training) is RunState.FINISHED, timeout=WAIT)
        qtbot.waitUntil(lambda: len(training.runs) == 1, timeout=WAIT)
        with qtbot.waitSignal(training.weights_installed, timeout=WAIT):
            training.use_weights(training.runs[0].folder)
        assert (tmp_path / "used").read_text().endswith("one/encoder.safetensors")
        training.export_weights(training.runs[0].folder, tmp_path / "mine.safetensors")
        qtbot.waitUntil(lambda: (tmp_path / "mine.safetensors").exists(), timeout=WAIT)
        training.delete([training.runs[0].folder])
        qtbot.waitUntil(lambda: not training.runs, timeout=WAIT)
        assert not (runs_settings.runs_folder / "one").exists()


def test_what_was_trained_on_is_remembered(settings: Settings) -> None:
    assert settings.training_data == ()
    settings._store.setValue("folders/training", "/old/shards")
    assert settings.training_data == ("/old/shards",), "as FIELDS 0.1 wrote it"
    settings.training_data = ("/a, b", "s3://c")
    assert settings.training_data == ("/a, b", "s3://c")


class TestWorkbench:
    def test_the_window_opens_before_its_plots_are_loaded(
        self, qtbot: QtBot, open_workbench: Callable[..., Workbench], runs_settings: Settings
    ) -> None:
        workbench = open_workbench(FakeEngine())
        made: list[CurvePlot] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CurvePlot, "build", lambda plot: made.append(plot))
            workbench.training_menu.show()
            window = workbench.training_menu.trainings
            assert window.isVisible()
            assert made == [], "not before the window is there"
            qtbot.waitUntil(lambda: len(made) == 9, timeout=WAIT)
        assert made[0] is window.panel.losses

    def test_the_data_of_the_last_training_are_offered_and_looked_at(
        self, qtbot: QtBot, open_workbench: Callable[..., Workbench], runs_settings: Settings, tmp_path: Path
    ) -> None:
        workbench = open_workbench(FakeEngine())
        workbench.training._program = PROGRAM
        shards = tmp_path / "shards"
        shards.mkdir()
        write_data(shards)
        (shards / "behaviour").write_text("steady")
        workbench.settings.training_data = (str(shards),)
        workbench.training_menu.new()
        dialog = workbench.training_menu.trainings.dialog
        assert dialog is not None
        qtbot.waitUntil(lambda: dialog.data.ready, timeout=WAIT)
        qtbot.waitUntil(dialog.start_button.isEnabled, timeout=WAIT)
        dialog.start_button.click()
        qtbot.waitUntil(lambda: state_of(workbench.training) is RunState.TRAINING, timeout=WAIT)
        assert workbench.training.folder is not None
        assert origin_of(workbench.training.folder).data == (str(shards),)
        workbench.training.discard()
        qtbot.waitUntil(lambda: state_of(workbench.training) is RunState.GONE, timeout=WAIT)

    def start(self, qtbot: QtBot, workbench: Workbench, data: Path) -> None:
        workbench.training._program = PROGRAM
        workbench.training_menu.show()
        workbench.training.start(plan(workbench.settings, data))

        def at_work() -> None:
            assert state_of(workbench.training) is RunState.TRAINING, (
                workbench.training.status,
                workbench.messages.text,
            )

        qtbot.waitUntil(at_work, timeout=WAIT)

    def test_stop_and_cancel_ask_before(
        self, qtbot: QtBot, open_workbench: Callable[..., Workbench], runs_settings: Settings, data: Path
    ) -> None:
        workbench = open_workbench(FakeEngine())
        self.start(qtbot, workbench, data)
        window = workbench.training_menu.trainings
        window.panel.stop_button.click()
        self.answer(window, "Cancel")
        assert workbench.training.active
        window.panel.discard_button.click()
        self.answer(window, "Delete it")
        qtbot.waitUntil(lambda: state_of(workbench.training) is RunState.GONE, timeout=WAIT)
        assert not (runs_settings.runs_folder / "one").exists()

    def answer(self, window: object, text: str) -> None:
        (box,) = [box for box in window.findChildren(QMessageBox) if box.isVisible()]  # type: ignore[attr-defined]
        next(b for b in box.findChildren(QPushButton) if b.text().replace("&", "") == text).click()

    @pytest.mark.parametrize("wish", [OnClose.KEEP, OnClose.PAUSE])
    def test_closing_leaves_the_training_as_the_user_wants(
        self, qtbot: QtBot, open_workbench: Callable[..., Workbench], runs_settings: Settings, data: Path, wish: OnClose
    ) -> None:
        workbench = open_workbench(FakeEngine())
        self.start(qtbot, workbench, data)
        workbench.training_menu.ask_on_close = lambda: OnClose.STAY
        workbench.window.close()
        assert workbench.window.isVisible()
        workbench.training_menu.ask_on_close = lambda: wish
        workbench.window.close()
        assert not workbench.window.isVisible()
        supervisor = Supervisor(runs_settings.runs_folder / "one", PROGRAM)
        try:
            if wish is OnClose.PAUSE:
                qtbot.waitUntil(lambda: not (supervisor.poll(), supervisor.status.state.active)[1], timeout=WAIT)
                assert supervisor.status.state is RunState.PAUSED
            else:
                supervisor.poll()
                assert supervisor.status.state is RunState.TRAINING
        finally:
            supervisor.discard()
