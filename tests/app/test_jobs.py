"""What is at work, in one list: who reports, what is shown, what can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from fields_app.panels.jobs_panel import JobsPanel
from fields_app.running_jobs import RunningJobs
from fields_app.settings import ExportChoice
from fields_app.workbench import Workbench
from fields_core.progress import Progress
from fields_core.training.run_status import RunState, RunStatus
from tests.app.engines import FakeEngine

Open = Callable[..., Workbench]


@pytest.fixture
def jobs() -> RunningJobs:
    return RunningJobs()


def test_jobs_begin_report_and_end_in_order(jobs: RunningJobs) -> None:
    jobs.begin("a", "First")
    jobs.begin("b", "Second")
    jobs.report("b", Progress(1, 2, "half"))
    assert [(job.name, job.progress.done) for job in jobs.jobs] == [("First", 0), ("Second", 1)]
    jobs.end("a")
    jobs.report("a", Progress(2, 2))
    jobs.end("a")
    assert [job.key for job in jobs.jobs] == ["b"]


def test_cancel_reaches_the_job_which_stays_until_it_has_stopped(jobs: RunningJobs) -> None:
    asked: list[bool] = []
    jobs.begin("a", "First", lambda: asked.append(True))
    jobs.begin("b", "Second")
    for key in ("a", "b", "c"):
        jobs.cancel(key)
    assert asked == [True]
    assert [job.progress.message for job in jobs.jobs] == ["Stopping …", ""]


def test_the_list_follows_the_jobs(jobs: RunningJobs, qtbot: QtBot) -> None:
    panel = JobsPanel(jobs)
    qtbot.addWidget(panel)
    asked: list[bool] = []
    jobs.begin("a", "First", lambda: asked.append(True))
    jobs.begin("b", "Second")
    jobs.report("a", Progress(3, 4, "three of four"))
    assert panel.names == ["First", "Second"]
    assert (panel.progress_bar("a").value(), panel.progress_bar("a").maximum()) == (3, 4)
    assert not panel.cancel_button("b").isEnabled()
    panel.cancel_button("a").click()
    assert asked == [True]
    jobs.end("a")
    assert panel.names == ["Second"]


def test_a_job_that_ends_while_its_cancel_is_pressed_is_no_trouble(jobs: RunningJobs, qtbot: QtBot) -> None:
    panel = JobsPanel(jobs)
    qtbot.addWidget(panel)
    jobs.begin("a", "First", lambda: jobs.end("a"))
    panel.cancel_button("a").click()
    assert panel.names == []


def test_training_and_live_are_listed_while_they_run(open_workbench: Open, engine: FakeEngine) -> None:
    workbench = open_workbench(engine)
    jobs = workbench.jobs_menu.jobs
    workbench.training.status_changed.emit(RunStatus(RunState.TRAINING, "pretrain", 30, 100))
    workbench.live_view.set_run(True, "Opening")
    workbench.live_view.set_run(True, "Running")
    assert [(job.key, job.progress.done, job.progress.message) for job in jobs.jobs] == [
        ("training", 30, "pretrain"),
        ("live", 0, ""),
    ]
    workbench.training.status_changed.emit(RunStatus(RunState.FINISHED))
    workbench.live_view.set_run(False)
    assert jobs.jobs == ()


def test_reconstruction_export_and_batch_are_listed_while_they_work(
    open_workbench: Open, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    jobs = workbench.jobs_menu.jobs
    assert jobs.jobs == ()
    engine.gate.clear()
    workbench.reconstruction.open_sample()
    assert [job.key for job in jobs.jobs] == ["photo"]
    workbench.window.messages.jobs_button.click()
    assert workbench.jobs_menu.panel.isVisible()
    workbench.jobs_menu.panel.cancel_button("photo").click()
    qtbot.waitUntil(lambda: jobs.jobs == ())
    engine.gate.set()
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1 and not workbench.reconstruction.busy)
    engine.gate.clear()
    workbench.export.export(ExportChoice(directory=tmp_path))
    assert [job.key for job in jobs.jobs] == ["export"]
    engine.gate.set()
    qtbot.waitUntil(lambda: jobs.jobs == (), timeout=30_000)
    photo = tmp_path / "me.png"
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(photo)
    seen: list[str] = []
    jobs.changed.connect(lambda: seen.extend(job.key for job in jobs.jobs))
    workbench.batch.add([photo])
    qtbot.waitUntil(lambda: len(workbench.batch_menu.panel._queue.rows) == 1)
    workbench.batch.start()
    qtbot.waitUntil(lambda: "batch" in seen and jobs.jobs == (), timeout=30_000)
