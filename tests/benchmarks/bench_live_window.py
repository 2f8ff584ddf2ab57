"""The live panel in the whole window: from a camera's frame to the head on the screen, alone and beside a busy process.

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
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Row

_RATE = 30.0
_SECONDS = 10.0
_BURN = "while True: sum(i * i for i in range(10000))"


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
    for name, busy in (("alone", False), ("beside a busy process", True)):
        burner = subprocess.Popen([sys.executable, "-c", _BURN]) if busy else None
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        finally:
            if burner is not None:
                burner.kill()
                burner.wait()
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
    _until(application, lambda: workbench.session.rest is not None)
    workbench.live.make_source = lambda choice, size: camera
    workbench.live_menu.panel_action.setChecked(True)
    workbench.live.start(SourceChoice())
    _until(application, lambda: len(painted) > 60)  # the identity is locked
    turns, clock = list[float](), QElapsedTimer()
    clock.start()
    turn = QTimer()
    turn.timeout.connect(lambda: turns.append(clock.nsecsElapsed() / 1e6) or clock.start())  # type: ignore[func-returns-value]
    turn.start(1)
    before, missed, first = view.counters, camera.missed, len(painted)
    mine, all_mine = time.thread_time(), time.process_time()
    end = time.monotonic() + _SECONDS
    _until(application, lambda: time.monotonic() > end)
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


def _until(application: Any, condition: Any, seconds: float = 120.0) -> None:
    from PySide6.QtCore import QEventLoop

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("it did not happen in time")
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)


if __name__ == "__main__":
    _run()
