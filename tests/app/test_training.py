"""Trainings in the window: the controller, the panels, the dialog, and closing while one is at work."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import skimage.data
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDropEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QMessageBox, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from fields_app.app import Workbench
from fields_app.controllers.training import TrainingController
from fields_app.controllers.training_data import TrainingDataController
from fields_app.dialogs.start_from import StartFrom
from fields_app.dialogs.training_dialog import TrainingDialog
from fields_app.dialogs.training_questions import OnClose
from fields_app.dialogs.validation_pictures import ValidationPictures
from fields_app.panels.curve_plot import CurvePlot
from fields_app.panels.evaluation_panel import EvaluationPanel
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.runs_panel import RunsPanel
from fields_app.panels.training_panel import TrainingPanel
from fields_app.settings import Settings
from fields_app.training_history import Points, TrainingHistory, amount, duration, free_folder, smoothed
from fields_app.training_window import TrainingWindow
from fields_app.workers.board import Board
from fields_core.errors import ExportError
from fields_core.evaluation.results import Column, Fact, Result, Spread, Table, write_result
from fields_core.evaluation.run_evaluation import RunEvaluation, SampleScore, WorstPhoto
from fields_core.progress import Progress
from fields_core.training.config import TrainConfig, load_config, save_config
from fields_core.training.data_check import DataCheck, SourceCheck
from fields_core.training.journal import Note
from fields_core.training.objective import LossTerms
from fields_core.training.presets import PRESETS
from fields_core.training.run_process import origin_of, process_of
from fields_core.training.runs import run_facts
from fields_core.training.stage_log import StageLog
from fields_core.training.stopwatch import Stopwatch
from fields_core.training.supervisor import RunState, RunStatus, Supervisor, TrainingPlan
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
    return TrainingPlan(TINY, (str(data),), settings.runs_folder / name)


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
        for plot in panel.plots:
            plot.build()
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

    def test_a_plot_shows_what_came_before_it_was_made(self, qtbot: QtBot) -> None:
        plot = CurvePlot("Loss")
        qtbot.addWidget(plot)
        plot.resize(300, 200)
        plot.show_curves({"total": Points([1, 2, 3], [1.0, 0.5, 2.0])})
        empty = plot.grab().toImage()
        plot.build()
        plot.show()
        qtbot.waitExposed(plot)
        picture = plot.grab().toImage()
        assert picture != empty
        pixels = [picture.pixelColor(x, y) for x in range(60, 300, 2) for y in range(30, 150)]
        assert any(pixel.green() - pixel.red() > 60 for pixel in pixels), "the curve is drawn"

    def test_plots_are_drawn_one_after_the_other(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.open(tmp_path, TINY)
        drawn: list[tuple[CurvePlot, float]] = []
        for plot in panel.plots:
            plot.build()
            plot._later.timeout.connect(lambda plot=plot: drawn.append((plot, time.monotonic())))
        panel.show()
        qtbot.waitUntil(lambda: len(drawn) == len(panel.plots), timeout=WAIT)
        drawn.clear()
        for step in (1, 2, 3):
            panel.add([Note("step", stage="a", step=step, values={"total": 0.5})])
        qtbot.waitUntil(lambda: len(drawn) == len(panel.plots), timeout=WAIT)
        assert [plot for plot, _ in drawn] == list(panel.plots), "each once, however many notes there were"
        assert drawn[-1][1] - drawn[0][1] > 0.1

    def test_validation_pictures_are_seen_in_full(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.open(tmp_path, TINY)
        for step in (2, 4):
            path = tmp_path / "a" / "pictures" / f"step-{step:07d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), (60 * step, 0, 0)).save(path)
            name = path.relative_to(tmp_path).as_posix()
            panel.add([Note("validated", stage="a", step=step, picture=name)])
        with qtbot.waitSignal(panel.pictures_requested, timeout=WAIT):
            qtbot.mouseClick(panel.picture, Qt.MouseButton.LeftButton)
        dialog = ValidationPictures(panel.pictures)
        qtbot.addWidget(dialog)
        assert dialog.name.text() == "a, step 0000004"
        dialog.place.setValue(0)
        assert dialog.name.text() == "a, step 0000002"
        assert dialog.picture.pixmap().toImage().pixelColor(1, 1).red() == pytest.approx(120, abs=5)

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

    def test_an_ablation_is_shown_and_saved(
        self, qtbot: QtBot, training: TrainingController, runs_settings: Settings, messages: MessageBar, tmp_path: Path
    ) -> None:
        columns = (Column("variant"), *(Column(f"measure {number}") for number in range(12)))
        rows = tuple((name, *(Spread(0.5, 0.1, 3) for _ in range(12))) for name in ("full", "without emotion"))
        result = Result("Ablation", (Table("Ablation", columns, rows, "A note."),), (Fact("made by", "commit 1"),))
        write_result(tmp_path / "ablation" / "ablation.csv", result)
        window = TrainingWindow(training, messages, runs_settings)
        qtbot.addWidget(window)
        page = window.evaluation
        assert not page.save_button.isEnabled()
        with qtbot.waitSignal(training.ablation_read, timeout=WAIT):
            training.read_ablation(tmp_path / "ablation")
        row = page.ablation.table.topLevelItem(1)
        assert row is not None
        assert (row.text(0), row.text(12)) == ("without emotion", "0.500 ± 0.100")
        assert page.save_button.isEnabled()
        target = tmp_path / "saved"
        target.mkdir()
        window.save_evaluation(target)
        assert {path.name for path in target.iterdir()} == {"ablation.csv", "ablation-1.png"}
        assert (target / "ablation.csv").read_text() == (tmp_path / "ablation" / "ablation.csv").read_text()
        with Image.open(target / "ablation-1.png") as picture:
            assert picture.width > 13 * 40, "all columns are in the picture, not only those on show"
        training.read_ablation(tmp_path / "data.csv")
        qtbot.waitUntil(lambda: messages.kind == "error", timeout=WAIT)
        window.stop()

    def test_everything_on_the_page_is_saved_as_pictures_and_csv(
        self, qtbot: QtBot, training: TrainingController, runs_settings: Settings, messages: MessageBar, tmp_path: Path
    ) -> None:
        window = TrainingWindow(training, messages, runs_settings)
        qtbot.addWidget(window)
        scores = (SampleScore("photos", "two", 0.15, 1, 2, 0.4, math.nan),)
        worst = WorstPhoto(scores[0], np.full((16, 32, 3), 90, np.uint8))
        window.pages.setCurrentWidget(window.evaluation)
        window.show()
        qtbot.waitExposed(window)
        window.evaluation.show_evaluation(RunEvaluation("run", scores, (worst,)))
        window.save_evaluation(tmp_path)
        names = {f"{name}.{kind}" for name in ("confusion", "reliability", "worst") for kind in ("png", "csv")}
        assert names | {"samples.csv"} <= {path.name for path in tmp_path.iterdir()}
        assert "saved in" in messages.text
        window.save_evaluation(tmp_path / "nowhere")
        assert messages.kind == "error"
        window.stop()

    def test_pictures_that_cannot_be_saved_are_an_error(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = EvaluationPanel()
        qtbot.addWidget(panel)
        panel.show_evaluation(RunEvaluation("run", (), ()))
        with pytest.raises(ExportError):
            panel.save_pictures(tmp_path / "nowhere")


class TestBoard:
    def test_the_button_opens_the_runs_and_the_process_ends_with_the_window(
        self,
        qtbot: QtBot,
        training: TrainingController,
        runs_settings: Settings,
        messages: MessageBar,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        pytest.importorskip("tensorboard")
        for name in ("one", "two"):
            folder = runs_settings.runs_folder / name
            save_config(folder / "config.json", TINY)
            log = StageLog(folder / "a", 0)
            losses = {"total": 0.5, **{term.name: 0.1 for term in dataclasses.fields(LossTerms)}}
            log.trained(1, losses, 1e-3, Stopwatch().whole(8))
            log.close()
        opened: list[QUrl] = []
        monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
        window = TrainingWindow(training, messages, runs_settings)
        qtbot.addWidget(window)
        qtbot.waitUntil(lambda: window.runs.table.topLevelItemCount() == 2, timeout=WAIT)
        window.runs.table.selectAll()
        window.runs.board_button.click()
        qtbot.waitUntil(lambda: bool(opened), timeout=WAIT)
        address = opened[0].toString()
        assert address.startswith("http://localhost:")
        process = psutil.Process(window.board.process_id)
        (port,) = {c.laddr for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
        assert port.ip in ("127.0.0.1", "::1"), "nobody else can look"
        with urllib.request.urlopen(f"{address}data/plugin/scalars/tags", timeout=60) as answer:
            tags = json.load(answer)
        assert {run.split("/")[0] for run in tags} == {"one", "two"}
        assert all("loss/total" in names for run, names in tags.items() if run.endswith("tensorboard"))
        window.stop()
        psutil.wait_procs([process], timeout=10)
        assert not process.is_running()

    def test_it_ends_when_the_program_is_killed(self, tmp_path: Path) -> None:
        pytest.importorskip("tensorboard")
        command = [sys.executable, "-m", "fields_app.board_process", "--logdir", str(tmp_path)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as board:
            assert board.stdin is not None
            assert board.stdout is not None
            assert next(line for line in board.stdout if "http://localhost" in line)
            board.stdin.close()  # as the system does when whoever held it is gone
            assert board.wait(timeout=20) == 0

    def test_without_the_package_it_says_how_to_get_it(
        self, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        board = Board()
        with qtbot.waitSignal(board.failed, timeout=WAIT) as said:
            board.start(tmp_path, [])
        assert "not installed" in said.args[0]
        assert "pip install" in said.args[1]

    def test_what_it_said_is_shown_when_it_ends(
        self, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "/bin/false")
        board = Board()
        with qtbot.waitSignal(board.failed, timeout=WAIT) as said:
            board.start(tmp_path, [])
        assert "has ended" in said.args[0]
        assert board.process_id == 0


def a_check(folder: str, *names: str) -> DataCheck:
    picture = np.zeros((8, 8, 3), np.uint8)
    sources = (
        SourceCheck("faces", 90, 10, True, (0,) * 8, 0, {}, 10, (picture,), folder),
        SourceCheck("photos", 45, 5, False, (10, 40, 0, 0, 0, 0, 0, 0), 7, {"no face": 3}, 10, (picture,), folder),
        SourceCheck("more", 20, 2, False, (0, 0, 22, 0, 0, 0, 0, 0), 7, {}, 10, (picture,), folder),
    )
    return DataCheck(folder, tuple(source for source in sources if source.name in (names or ("faces", "photos"))))


class TestDialog:
    @pytest.fixture
    def dialog(self, qtbot: QtBot, tmp_path: Path) -> TrainingDialog:
        dialog = TrainingDialog(tmp_path / "runs")
        qtbot.addWidget(dialog)
        dialog.data.add(["/faces"])
        dialog.data.show_check("/faces", a_check("/faces"))
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

    def test_several_folders_are_trained_on_together(self, dialog: TrainingDialog) -> None:
        looked: list[str] = []
        dialog.check_requested.connect(lambda address, every: looked.append(address))
        dialog.data.add(["/more", "/faces"])
        assert looked == ["/more"], "what is there is not looked at again"
        assert not dialog.start_button.isEnabled(), "nobody knows yet what is in it"
        dialog.data.show_check("/more", a_check("/prepared/more", "more"))
        assert dialog.start_button.isEnabled()
        assert dialog.plan.data == ("/faces", "/prepared/more")
        assert dialog.data_view.table.topLevelItemCount() == 3
        assert "Sad 22" in dialog.data_view.balance.toolTip()
        dialog.data.table.topLevelItem(1).setSelected(True)
        dialog.data.remove_button.click()
        assert dialog.plan.data == ("/faces",)
        assert dialog.data.addresses == ("/faces",)

    def test_two_data_sets_of_one_name_are_explained(self, dialog: TrainingDialog) -> None:
        dialog.data.add(["/copy"])
        dialog.data.show_check("/copy", a_check("/copy", "photos"))
        assert not dialog.start_button.isEnabled()
        assert "data set named photos" in dialog.problems.text()

    def test_a_folder_of_which_nothing_is_chosen_is_named(self, dialog: TrainingDialog) -> None:
        dialog.data.add(["/more"])
        dialog.data.show_check("/more", a_check("/more", "more"))
        self.line(dialog, "data.sources").setText("faces, photos")
        assert "Nothing of /more is used" in dialog.problems.text()
        assert dialog.start_button.isEnabled()

    def test_photos_are_prepared_before_anything_starts(self, dialog: TrainingDialog) -> None:
        given_up: list[str] = []
        dialog.given_up.connect(given_up.append)
        dialog.data.add(["/my/photos"])
        item = dialog.data.table.topLevelItem(1)
        assert item is not None
        item.setSelected(True)
        dialog.data.show_progress("/my/photos", Progress(3, 10))
        bar = dialog.data.table.itemWidget(item, 2)
        assert isinstance(bar, QProgressBar)
        assert (bar.value(), bar.maximum()) == (3, 10)
        assert "Preparing 3 of 10" in item.text(1)
        dialog.data.cancel_button.click()
        assert given_up == ["/my/photos"]
        assert "Cancelled" in item.text(1)
        assert not dialog.start_button.isEnabled()
        dialog.data.show_progress("/my/photos", Progress(4, 10))
        assert "Cancelled" in item.text(1), "what comes late is not shown"
        asked: list[str] = []
        dialog.check_requested.connect(lambda address, every: asked.append(address))
        dialog.data.again_button.click()
        assert asked == ["/my/photos"]

    def test_labels_that_are_left_out_are_named(self, dialog: TrainingDialog) -> None:
        dialog.data.show_check("/faces", a_check("/faces"), ("labels.csv",))
        item = dialog.data.table.topLevelItem(0)
        assert item is not None
        assert "without the labels in labels.csv" in item.text(1)
        assert "Add the file of labels" in item.toolTip(1)

    def test_holding_out_more_people_counts_again(self, qtbot: QtBot, dialog: TrainingDialog) -> None:
        with qtbot.waitSignal(dialog.check_requested, timeout=WAIT) as asked:
            self.line(dialog, "data.holdout_every").setText("5")
        assert asked.args == ["/faces", 5]

    def test_nothing_starts_without_data(self, dialog: TrainingDialog) -> None:
        dialog.data.show_refusal("/faces", ValueError("nothing there"))
        assert not dialog.start_button.isEnabled()
        item = dialog.data.table.topLevelItem(0)
        assert item is not None
        assert "nothing there" in item.text(1)
        dialog.data.remove_button.click()
        assert not dialog.data.addresses
        assert not dialog.start_button.isEnabled()

    def test_what_is_typed_or_dropped_is_added(self, qtbot: QtBot, dialog: TrainingDialog, tmp_path: Path) -> None:
        dialog.data.address.setText("s3://bucket/faces")
        qtbot.keyClick(dialog.data.address, Qt.Key.Key_Return)
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(tmp_path))])
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        dialog.data.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, none))
        assert dialog.data.addresses == ("/faces", "s3://bucket/faces", str(tmp_path))
        assert dialog.result() == 0, "Enter adds the address and starts nothing"

    def test_time_and_room_are_estimated(self, dialog: TrainingDialog) -> None:
        before = dialog.cost.text()
        self.line(dialog, "pretrain.steps").setText("100000")
        assert dialog.cost.text() != before

    @pytest.mark.parametrize("ending", ["toml", "json"])
    def test_settings_are_saved_as_the_command_line_takes_them_and_loaded_again(
        self, dialog: TrainingDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
    ) -> None:
        path = tmp_path / f"mine.{ending}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        self.line(dialog, "a.steps").setText("77")
        changed = dialog.config
        dialog._save()
        assert load_config(path) == changed
        dialog.show_config(PRESETS["default"])
        dialog._load()
        assert dialog.config == changed
        path.write_text("no settings")
        dialog._load()
        assert "cannot be read as a configuration" in dialog.problems.text()

    def test_it_may_start_from_a_run_or_a_file(
        self, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save_config(tmp_path / "old" / "config.json", TINY)
        (tmp_path / "old" / "encoder.safetensors").touch()
        choice = StartFrom(tmp_path, [run_facts(tmp_path / "old")])
        qtbot.addWidget(choice)
        assert choice.checkpoint is None
        choice.setCurrentIndex(1)
        assert choice.checkpoint == tmp_path / "old" / "encoder.safetensors"
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/some/file.safetensors", ""))
        choice.activated.emit(2)
        assert choice.checkpoint == Path("/some/file.safetensors")
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
        choice.activated.emit(3)
        assert choice.checkpoint is None, "nothing was chosen"

    def test_too_little_room_is_said_before(
        self, dialog: TrainingDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "free" not in dialog.cost.text()
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
        self.line(dialog, "pretrain.steps").setText("50")
        assert "only 5 MB are free" in dialog.cost.text()

    def test_the_plan_says_what_was_asked(self, dialog: TrainingDialog, tmp_path: Path) -> None:
        dialog.name.setText("mine")
        plan = dialog.plan
        assert (plan.data, plan.out) == (("/faces",), tmp_path / "runs" / "mine")
        assert isinstance(plan.config, TrainConfig)


class TestDataController:
    @pytest.fixture
    def looks(self, settings: Settings, tmp_path: Path) -> Iterator[TrainingDataController]:
        settings.prepared_folder = tmp_path / "prepared"
        looks = TrainingDataController(settings)
        yield looks
        looks.stop()

    def test_photos_become_shards_and_are_looked_at(
        self, qtbot: QtBot, looks: TrainingDataController, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        Image.fromarray(skimage.data.astronaut()).save(tmp_path / "mine" / "a.png")
        (tmp_path / "mine" / "b.png").write_bytes(b"no picture")
        heard: list[Progress] = []
        looks.progressed.connect(lambda address, progress: heard.append(progress))
        with qtbot.waitSignal(looks.checked, timeout=WAIT) as answer:
            looks.look(str(tmp_path / "mine"), 20)
        address, check, unused = answer.args
        assert (address, unused) == (str(tmp_path / "mine"), ())
        assert check.folder == str(tmp_path / "prepared" / "mine")
        assert (check.sources[0].samples, sum(check.sources[0].dropped.values())) == (1, 1)
        assert heard[-1].done == heard[-1].total == 2
        with qtbot.waitSignal(looks.refused, timeout=WAIT) as answer:
            looks.look(str(tmp_path / "nowhere"), 20)
        assert "is not there" in str(answer.args[1])

    def test_what_is_given_up_says_nothing_more(
        self, qtbot: QtBot, looks: TrainingDataController, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        for number in range(30):
            Image.fromarray(skimage.data.astronaut()).save(tmp_path / "mine" / f"{number}.png")
        said: list[object] = []
        looks.checked.connect(lambda *answer: said.append(answer))
        looks.refused.connect(lambda *answer: said.append(answer))
        with qtbot.waitSignal(looks.progressed, timeout=WAIT):
            looks.look(str(tmp_path / "mine"), 20)
        looks.give_up(str(tmp_path / "mine"))
        qtbot.waitUntil(lambda: not looks.busy, timeout=WAIT)
        assert said == []
        assert not list((tmp_path / "prepared").rglob("*.tar"))


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
