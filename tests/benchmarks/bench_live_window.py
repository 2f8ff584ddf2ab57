"""The live panel in the whole window: from a camera's frame to the head on the screen, alone and beside a training.

The training is a real one, started as the window starts it, on rendered heads that are made first.

One face, 640 x 480, 30 frames/s, in a process of its own on a virtual display where there is none. A head counts as
shown when its picture has been painted. What the window's own thread works for each frame says how smooth the window
stays on a machine of any speed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Row

_RATE = 30.0
_SECONDS = 10.0
_SETTLED = 4.0  # seconds for what the window does once, at its start
_LOOK_MS = 20
_TURN_MS = 5  # between two questions whether the event loop turns
_HEADS = 32  # rendered to train on
_BATCH = 16


@dataclass
class _Run:
    """What one run measured."""

    tracked: float
    lost: float
    shown: float
    p95: float
    """Milliseconds from frame read to head painted."""
    work: float
    """Milliseconds of processor that the window's thread took for each head."""
    whole: float
    """Of the whole program."""
    held: float
    """Milliseconds between two turns of the event loop, 95 of 100 are quicker."""
    stopped: float
    """Seconds until all threads have ended."""
    coder: str


def measure() -> list[Row]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_live_window"]
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        xvfb = shutil.which("xvfb-run")
        if xvfb is None:
            raise SystemExit("No display and no xvfb-run: install xvfb and xauth.")
        command = [xvfb, "--auto-servernum", "--server-args=-screen 0 1600x1000x24", *command]
    rows = []
    for name, busy in (("alone", False), ("beside a training", True)):
        with _training() if busy else nullcontext():
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        run = _Run(**json.loads(done.stdout.splitlines()[-1]))
        load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, {run.coder}"
        rows += [
            Row(f"live window {name}: heads painted (limit 25)", run.shown, "1/s", 25.0, True, load),
            Row(f"live window {name}: frames lost", run.lost, "frames", note=f"{run.tracked:.0f} tracked"),
            Row(f"live window {name}: latency p95, frame to painted head", run.p95, "ms", 50.0),
            Row(f"live window {name}: window's thread, processor a head", run.work, "ms", 16.0,
                note=f"program {run.whole:.0f} ms, event loop {run.held:.0f} ms (p95), ends in {run.stopped:.1f} s"),
        ]  # fmt: skip
    return rows


@contextmanager
def _training() -> Iterator[None]:
    """A training at work, with the priority and the threads that the app gives it."""
    from fields_core.training.presets import preset
    from fields_core.training.supervisor import Supervisor, TrainingPlan

    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        prepare = [sys.executable, "-m", "fields_core.cli", "prepare", "--synthetic", str(_HEADS), "--processes", "1"]
        subprocess.run([*prepare, "--out", str(data)], check=True, capture_output=True)
        quick = preset("quick")
        endless = replace(
            quick,
            data=replace(quick.data, fraction_3d=1.0, fraction_labelled=0.0, fraction_plain=0.0, validation_samples=4),
            batch_size=_BATCH,
            pretrain=replace(quick.pretrain, steps=100_000),
            validate_every=100_000,
        )
        supervisor = Supervisor.start(TrainingPlan(endless, str(data), Path(scratch) / "run"))
        try:
            end = time.monotonic() + 240.0
            while supervisor.status.step < 3:
                supervisor.poll()
                if not supervisor.status.state.active or time.monotonic() > end:
                    raise SystemExit(f"the training did not begin: {supervisor.status}")
                time.sleep(0.5)
            yield
            before = supervisor.status.step
            supervisor.poll()
            if supervisor.status.step == before:
                raise SystemExit("the training stood still meanwhile")
        finally:
            supervisor.discard()


def _run() -> None:
    from fields_app import app, bootstrap, style

    bootstrap.import_core()
    from PySide6.QtCore import QElapsedTimer, QSettings, QTemporaryDir, QTimer
    from PySide6.QtWidgets import QApplication

    from fields_app.controllers.core_engine import CoreEngine
    from fields_app.live_settings import SourceChoice
    from fields_app.panels import viewport_backends
    from fields_app.settings import Settings
    from fields_core.live.clip import MemoryClip
    from fields_core.live.simulated import SimulatedCamera
    from tests.benchmarks.bench_live import _moving

    application = QApplication([])
    style.apply(application)
    scratch = QTemporaryDir()
    settings = Settings(QSettings(scratch.filePath("settings.ini"), QSettings.Format.IniFormat))
    settings.recovery_folder = Path(scratch.filePath("recovery"))
    settings.preferences = replace(settings.preferences, viewport="image")
    engine = CoreEngine()
    workbench = app.Workbench(lambda: engine, settings)
    workbench.window.resize(1480, 900)
    workbench.show()
    view, camera = workbench.live_view, SimulatedCamera(MemoryClip(_moving(60), _RATE))
    painted: list[tuple[float, float]] = []

    class Painted(viewport_backends._Picture):  # type: ignore[misc,valid-type]
        def paintEvent(self, event: Any) -> None:
            super().paintEvent(event)
            if view.shot is not None and (not painted or painted[-1][0] != view.shot.result.captured):
                painted.append((view.shot.result.captured, time.perf_counter()))

    viewport_backends._Picture = Painted  # type: ignore[misc]
    _until(lambda: workbench.session.rest is not None)
    workbench.live.make_source = lambda choice, size: camera
    workbench.live_menu.panel_action.setChecked(True)
    workbench.live.start(SourceChoice())
    _until(lambda: len(painted) > 60)  # the identity is locked
    settled = time.monotonic() + _SETTLED
    _until(lambda: time.monotonic() > settled)
    turns, clock = list[float](), QElapsedTimer()
    clock.start()
    turn = QTimer()
    turn.timeout.connect(lambda: turns.append(clock.nsecsElapsed() / 1e6) or clock.start())  # type: ignore[func-returns-value]
    turn.start(_TURN_MS)
    before, missed, first = view.counters, camera.missed, len(painted)
    mine, all_mine = time.thread_time(), time.process_time()
    end = time.monotonic() + _SECONDS
    _until(lambda: time.monotonic() > end)
    mine, all_mine = time.thread_time() - mine, time.process_time() - all_mine
    workbench.live._look()
    after = view.counters
    assert before is not None
    assert after is not None
    heads = painted[first:]
    late = sorted(1e3 * (shown - captured) for captured, shown in heads)
    turn.stop()
    stopping = time.monotonic()
    workbench.live.stop()
    run = _Run(
        tracked=after.tracked - before.tracked,
        lost=after.dropped - before.dropped + camera.missed - missed,
        shown=len(heads) / _SECONDS,
        p95=late[int(0.95 * (len(late) - 1))],
        work=1e3 * mine / len(heads),
        whole=1e3 * all_mine / len(heads),
        held=sorted(turns)[int(0.95 * (len(turns) - 1))],
        stopped=time.monotonic() - stopping,
        coder=view.coder,
    )
    workbench.window.may_close = lambda: True
    workbench.window.close()
    workbench.stop()
    sys.stdout.write(json.dumps(asdict(run)) + "\n")


def _until(condition: Any, seconds: float = 120.0) -> None:
    """Run the event loop as the app does. `processEvents` with a time limit does not wait: it would burn a core."""
    from PySide6.QtCore import QEventLoop, QTimer

    end, loop, look = time.monotonic() + seconds, QEventLoop(), QTimer()
    look.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
    look.start(_LOOK_MS)
    loop.exec()
    look.stop()
    if not condition():
        raise SystemExit("it did not happen in time")


if __name__ == "__main__":
    _run()
