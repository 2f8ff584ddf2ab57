"""What a training looks like: its story, its curves and pictures, and runs side by side."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from fields_app.dialogs.validation_pictures import ValidationPictures
from fields_app.panels.curve_plot import CurvePlot
from fields_app.panels.runs_panel import COLUMNS, RunsPanel
from fields_app.panels.training_panel import TrainingPanel
from fields_app.training_history import Points, TrainingHistory, amount, duration, free_folder, smoothed
from fields_core.training.config import save_config
from fields_core.training.journal import Note
from fields_core.training.run_status import RunState, RunStatus
from fields_core.training.runs import run_facts
from tests.training_data import TINY

WAIT = 60_000


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

    def test_of_a_long_crash_the_end_is_seen_and_who_scrolls_stays_where_they_are(self, qtbot: QtBot) -> None:
        panel = TrainingPanel()
        qtbot.addWidget(panel)
        panel.resize(1000, 800)
        panel.show()
        status = RunStatus(RunState.FAILED, text="It broke", last_lines="\n".join(map(str, range(60))))
        panel.show_status(status)
        bar = panel.trouble.verticalScrollBar()
        qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
        bar.setValue(3)
        panel.show_status(status)
        assert bar.value() == 3


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

    def test_a_run_without_an_emotion_branch_says_so(self, qtbot: QtBot, tmp_path: Path) -> None:
        for stage in ("pretrain", "a"):
            (tmp_path / stage / stage).mkdir(parents=True)
            save_config(tmp_path / stage / "config.json", TINY)
            (tmp_path / stage / stage / "training.csv").write_text("step,total\n20,2.0\n")
            (tmp_path / stage / stage / "validation.csv").write_text("step,loss,accuracy\n20,0.5,0.077\n")
        panel = RunsPanel()
        qtbot.addWidget(panel)
        panel.show_runs([run_facts(tmp_path / "pretrain"), run_facts(tmp_path / "a")])
        rows = [panel.table.topLevelItem(row) for row in range(2)]
        assert [row.text(COLUMNS.index("Accuracy")) for row in rows if row is not None] == ["none", "7.7 %"]
