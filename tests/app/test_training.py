"""Trainings in the window: the controller, the panels, the dialog, and closing while one is at work."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMenu, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from fields_app.app import Workbench
from fields_app.controllers.training import TrainingController
from fields_app.dialogs.training_dialog import TrainingDialog
from fields_app.dialogs.training_questions import OnClose
from fields_app.panels.evaluation_panel import EvaluationPanel
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.runs_panel import RunsPanel
from fields_app.panels.training_panel import TrainingPanel
from fields_app.settings import Settings
from fields_app.training_history import TrainingHistory, amount, duration, free_folder, smoothed
from fields_core.errors import ExportError
from fields_core.evaluation.run_evaluation import RunEvaluation, SampleScore, WorstPhoto
from fields_core.training.config import TrainConfig, save_config
from fields_core.training.data_check import DataCheck, SourceCheck
from fields_core.training.journal import Note
from fields_core.training.presets import PRESETS
from fields_core.training.run_process import process_of
from fields_core.training.runs import run_facts
from fields_core.training.supervisor import RunState, RunStatus, Supervisor, TrainingPlan
from tests.app.engines import FakeEngine
from tests.training_data import TINY
from tests.trainings import PROGRAM

WAIT = 60_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "behaviour").write_text("steady")
    return folder


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


def plan(settings: Settings, data: Path, name: str = "one") -> TrainingPlan:
    return TrainingPlan(TINY, str(data), settings.runs_folder / name)


def state_of(training: TrainingController) -> RunState | None:
    return training.status.state if training.status is not None else None


class TestHistory:
    def test_stages_are_laid_one_behind_the_other(self) -> None:
        history = TrainingHistory(TINY)
        history.add([Note("stage", stage="pretrain", steps=4), Note("step", stage="pretrain", step=4)])
        history.add([Note("stage", stage="a", steps=2), Note("step", stage="a", step=1, values={"total": 1.0})])
        assert history.losses["total"].steps == [5]
        assert history.step == 5

    def test_what_is_lived_again_replaces_what_was(self) -> None:
        history = TrainingHistory(TINY)
        history.add([Note("step", stage="pretrain", step=n, values={"total": 1.0}) for n in (1, 2, 3)])
        history.add([Note("stage", stage="pretrain", step=1, steps=4)])
        history.add([Note("step", stage="pretrain", step=2, values={"total": 9.0})])
        assert history.losses["total"].steps == [1, 2]
        assert history.losses["total"].values == [1.0, 9.0]

    def test_the_time_left_follows_from_the_speed_of_late(self) -> None:
        config = dataclasses.replace(TINY, batch_size=10)
        history = TrainingHistory(config)
        history.add([Note("step", stage="pretrain", step=3, gauges={"images_per_second": 2.0})])
        assert history.seconds_left == (config.total_steps - 3) * 10 / 2.0
        assert math.isnan(TrainingHistory(None).seconds_left)

    def test_smoothing_keeps_a_constant_and_calms_noise(self) -> None:
        assert smoothed([2.0] * 5, 0.9) == pytest.approx([2.0] * 5)
        noise = np.random.default_rng(0).normal(size=500)
        assert np.std(smoothed(noise.tolist(), 0.9)) < 0.5 * np.std(noise)
        assert smoothed([1.0, 3.0], 0.0) == [1.0, 3.0]

    @pytest.mark.parametrize(
        ("seconds", "text"), [(5, "5 s"), (600, "10 min"), (3 * 3600 + 1200, "3 h 20 min"), (math.nan, "–")]
    )
    def test_durations_read_as_one_says_them(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text

    def test_names_that_are_taken_are_numbered(self, tmp_path: Path) -> None:
        (tmp_path / "x").mkdir()
        assert free_folder(tmp_path, "x").name == "x-2"
        assert amount(2.5e6) == "2 MB"


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


class TestTrainingPanel:
    def test_the_menus_of_plots_are_not_on_show(self, qtbot: QtBot) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.show()
        qtbot.waitExposed(panel)
        assert not [menu for menu in panel.findChildren(QMenu) if menu.isVisible()]

    def test_curves_and_numbers_follow_the_notes(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.open(tmp_path / "run", TINY)
        panel.show()
        gauges = {"images_per_second": 8.0, "learning_rate": 1e-3, "memory": 2e9}
        panel.add([Note("step", stage="a", step=1, values={"total": 0.5, "landmarks": 0.25}, gauges=gauges)])
        panel.add([Note("validated", stage="a", step=1, values={"loss": 0.75, "accuracy": 0.5}, best=True)])
        assert panel.losses.names == ["total", "landmarks"]
        assert panel.validation.names == ["loss"]
        panel.terms.setChecked(False)
        assert panel.losses.names == ["total"]

    @pytest.mark.parametrize(
        ("state", "can"),
        [
            (RunState.TRAINING, {"stop", "pause", "discard"}),
            (RunState.PAUSED, {"resume", "discard"}),
            (RunState.KILLED, {"resume", "discard"}),
            (RunState.FINISHED, {"use"}),
        ],
    )
    def test_only_what_makes_sense_can_be_pressed(self, qtbot: QtBot, state: RunState, can: set[str]) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.show_status(RunStatus(state, "a", 1, 2))
        buttons = {
            "stop": panel.stop_button, "pause": panel.pause_button, "resume": panel.resume_button,
            "discard": panel.discard_button, "use": panel.use_button,
        }  # fmt: skip
        assert {name for name, button in buttons.items() if button.isEnabled() and not button.isHidden()} == can

    def test_a_crash_shows_its_last_lines(self, qtbot: QtBot) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.show_status(RunStatus(RunState.FAILED, text="It broke", last_lines="Traceback: here"))
        assert not panel.trouble.isHidden()
        assert "Traceback: here" in panel.trouble.toPlainText()


class TestRunsPanel:
    def test_runs_are_compared(self, qtbot: QtBot, tmp_path: Path) -> None:
        for name, config in (("one", TINY), ("two", dataclasses.replace(TINY, batch_size=9))):
            (tmp_path / name).mkdir()
            save_config(tmp_path / name / "config.json", config)
        panel = RunsPanel()
        qtbot.addWidget(panel)
        wanted: list[Path] = []
        panel.curves_wanted.connect(wanted.append)
        panel.show_runs([run_facts(tmp_path / "one"), run_facts(tmp_path / "two")])
        panel.table.selectAll()
        assert set(wanted) == {tmp_path / "one", tmp_path / "two"}
        row = panel.changes.topLevelItem(0)
        assert row is not None
        assert [row.text(column) for column in range(3)] == ["batch_size", "4", "9"]
        assert not panel.use_button.isEnabled(), "two runs, and no weights"


class TestEvaluationPanel:
    def test_an_evaluation_is_shown_and_saved_as_pictures(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = EvaluationPanel()
        qtbot.addWidget(panel)
        panel.resize(900, 700)
        panel.show()
        scores = (
            SampleScore("photos", "one", 0.05, 1, 1, 0.4, math.nan),
            SampleScore("photos", "two", 0.15, 1, 2, 0.4, math.nan),
            SampleScore("made", "three", 0.02, 4, 4, 0.5, 0.6),
        )
        worst = WorstPhoto(scores[1], np.full((16, 32, 3), 90, np.uint8))
        panel.show_evaluation(RunEvaluation("run", scores, (worst,)))
        assert "accuracy 50.0%" in panel.note.text()
        assert panel.worst.count() == 1
        files = panel.save_pictures(tmp_path)
        assert {path.name for path in files} == {"confusion.png", "reliability.png", "worst.png"}
        assert all(path.stat().st_size > 100 for path in files)

    def test_pictures_that_cannot_be_saved_are_an_error(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = EvaluationPanel()
        qtbot.addWidget(panel)
        panel.show_evaluation(RunEvaluation("run", (), ()))
        with pytest.raises(ExportError):
            panel.save_pictures(tmp_path / "nowhere")


def a_check(folder: str) -> DataCheck:
    picture = np.zeros((8, 8, 3), np.uint8)
    return DataCheck(
        folder,
        (
            SourceCheck("faces", 90, 10, True, (0,) * 8, 0, {}, 10, (picture,)),
            SourceCheck("photos", 45, 5, False, (10, 40, 0, 0, 0, 0, 0, 0), 7, {"no face": 3}, 10, (picture,)),
        ),
    )


class TestDialog:
    @pytest.fixture
    def dialog(self, qtbot: QtBot, tmp_path: Path) -> TrainingDialog:
        dialog = TrainingDialog(tmp_path / "runs", data="/faces")
        qtbot.addWidget(dialog)
        with qtbot.waitSignal(dialog.check_requested, timeout=WAIT):
            pass
        dialog.show_check(a_check("/faces"))
        return dialog

    def line(self, dialog: TrainingDialog, name: str) -> QLineEdit:
        editor = dialog.form_of(name).editor(name)
        assert isinstance(editor, QLineEdit)
        return editor

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset_goes_through_the_form_unchanged(self, dialog: TrainingDialog, name: str) -> None:
        dialog.show_config(PRESETS[name])
        assert dialog.config == PRESETS[name]

    def test_every_setting_is_in_the_form(self, dialog: TrainingDialog) -> None:
        odd = dataclasses.replace(TINY, intensity_scale=0.0125, threads=3, seed=5)
        dialog.show_config(odd)
        assert dialog.config == odd

    def test_a_wrong_value_is_explained_in_place_and_nothing_starts(self, dialog: TrainingDialog) -> None:
        assert dialog.start_button.isEnabled()
        self.line(dialog, "losses.landmarks").setText("1e")
        assert dialog.config is None
        assert not dialog.start_button.isEnabled()
        assert "losses.landmarks" in dialog.problems.text()
        self.line(dialog, "losses.landmarks").setText("1e2")
        assert dialog.start_button.isEnabled()
        self.line(dialog, "pretrain.learning_rate").setText("-1")
        assert "pretrain.learning_rate" in dialog.problems.text()

    def test_a_combination_that_cannot_work_is_refused(self, dialog: TrainingDialog) -> None:
        self.line(dialog, "data.sources").setText("photos")
        assert not dialog.start_button.isEnabled()
        assert "intensity_scale" in dialog.problems.text()

    def test_data_sets_are_chosen_by_their_ticks(self, dialog: TrainingDialog) -> None:
        item = dialog.data_view.table.topLevelItem(1)
        assert item is not None
        item.setCheckState(0, Qt.CheckState.Unchecked)
        assert dialog.config is not None
        assert dialog.config.data.sources == ("faces",)

    def test_nothing_starts_without_data(self, dialog: TrainingDialog) -> None:
        dialog.data.setText("/elsewhere")
        assert not dialog.start_button.isEnabled()
        dialog.show_no_check(ValueError("nothing there"))
        assert "nothing there" in dialog.data_view.note.text()

    def test_time_and_room_are_estimated(self, dialog: TrainingDialog) -> None:
        before = dialog.cost.text()
        self.line(dialog, "pretrain.steps").setText("100000")
        assert dialog.cost.text() != before

    def test_the_plan_says_what_was_asked(self, dialog: TrainingDialog, tmp_path: Path) -> None:
        dialog.name.setText("mine")
        plan = dialog.plan
        assert (plan.data, plan.out) == ("/faces", tmp_path / "runs" / "mine")
        assert isinstance(plan.config, TrainConfig)


class TestWorkbench:
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
