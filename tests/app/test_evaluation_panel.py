"""What an evaluation and an ablation look like, and TensorBoard over runs."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from fields_app.controllers.training import TrainingController
from fields_app.panels.evaluation_panel import EvaluationPanel
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.training_window import TrainingWindow
from fields_app.workers.board import Board
from fields_core.errors import ExportError
from fields_core.evaluation.results import Column, Fact, Result, Spread, Table, write_result
from fields_core.evaluation.run_evaluation import RunEvaluation, SampleScore, WorstPhoto
from fields_core.training.config import save_config
from fields_core.training.objective import LossTerms
from fields_core.training.runs import run_facts
from fields_core.training.stage_log import StageLog
from fields_core.training.stopwatch import Stopwatch
from tests.training_data import TINY

WAIT = 60_000


class TestEvaluationPanel:
    def test_an_empty_page_says_what_it_is_for(self, qtbot: QtBot, tmp_path: Path) -> None:
        panel = EvaluationPanel()
        qtbot.addWidget(panel)
        assert "No run has weights yet" in panel.note.text()
        save_config(tmp_path / "config.json", TINY)
        (tmp_path / "encoder.safetensors").write_bytes(b"x")
        panel.show_runs([run_facts(tmp_path)])
        assert "held out" in panel.note.text()

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
