"""The live panel in the whole window: from a camera's frame to the head on the screen, alone and beside a training.

The training is a real one, started as the window starts it, on rendered heads that are made first.

    python -m tests.benchmarks.bench live_window
    python -m tests.benchmarks.bench_live_window 30 CLIP     memory: half an hour of a clip in the window

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
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Row
from tests.benchmarks.bench_memory import _resident

_RATE = 30.0
_SECONDS = 10.0
_SETTLED = 4.0  # seconds for what the window does once, at its start
_SOAKED = 30.0
_MOST_HEADS = 10_000
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


def measure() -> Iterator[Row]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_live_window"]
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        xvfb = shutil.which("xvfb-run")
        if xvfb is None:
            raise SystemExit("No display and no xvfb-run: install xvfb and xauth.")
        command = [xvfb, "--auto-servernum", "--server-args=-screen 0 1600x1000x24", *command]
    for name, busy in (("alone", False), ("beside a training", True)):
        with _training() if busy else nullcontext():
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        run = _Run(**json.loads(done.stdout.splitlines()[-1]))
        load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, {run.coder}"
        yield from (
            Row(f"live window {name}: heads painted (limit 25)", run.shown, "1/s", 25.0, True, load),
            Row(f"live window {name}: frames lost", run.lost, "frames", note=f"{run.tracked:.0f} tracked"),
            Row(f"live window {name}: latency p95, frame to painted head", run.p95, "ms", 50.0),
            Row(f"live window {name}: window's thread, processor a head", run.work, "ms", 16.0,
                note=f"program {run.whole:.0f} ms, event loop {run.held:.0f} ms (p95), ends in {run.stopped:.1f} s"),
        )  # fmt: skip


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
        supervisor = Supervisor.start(TrainingPlan(endless, (str(data),), Path(scratch) / "run"))
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


class _Window:
    """The whole window with its live panel, and when each head was painted.

    Attributes:
        painted: moments (`time.perf_counter`) when a frame was read and when its head was on the screen.
        turns: milliseconds between two turns of the event loop.
    """

    def __init__(self) -> None:
        from fields_app import app, bootstrap, style

        bootstrap.import_core()
        from PySide6.QtCore import QElapsedTimer, QSettings, QTemporaryDir, QTimer
        from PySide6.QtWidgets import QApplication

        from fields_app.controllers.core_engine import CoreEngine
        from fields_app.panels import viewport_backends
        from fields_app.settings import Settings

        self._application = QApplication([])
        style.apply(self._application)
        self._scratch = QTemporaryDir()
        settings = Settings(QSettings(self._scratch.filePath("settings.ini"), QSettings.Format.IniFormat))
        settings.recovery_folder = Path(self._scratch.filePath("recovery"))
        settings.preferences = replace(settings.preferences, viewport="image")
        engine = CoreEngine()
        self.workbench = app.Workbench(lambda: engine, settings)
        self.workbench.window.resize(1480, 900)
        self.workbench.show()
        view = self.workbench.live_view
        self.painted: deque[tuple[float, float]] = deque(maxlen=_MOST_HEADS)

        class Painted(viewport_backends._Picture):  # type: ignore[misc,valid-type]
            def paintEvent(picture, event: Any) -> None:  # noqa: N805
                super().paintEvent(event)
                shot = view.shot
                if shot is not None and (not self.painted or self.painted[-1][0] != shot.result.captured):
                    self.painted.append((shot.result.captured, time.perf_counter()))

        viewport_backends._Picture = Painted  # type: ignore[misc]
        _until(lambda: self.workbench.session.rest is not None)
        self.turns, self._clock, self._turn = list[float](), QElapsedTimer(), QTimer()
        self._turn.timeout.connect(self._turned)

    def start(self, choice: Any, source: Any = None) -> None:
        """Open a source and wait until all that happens once has happened.

        Args:
            choice: `SourceChoice`.
            source: opened instead; None: what the window itself makes of the choice.
        """
        if source is not None:
            self.workbench.live.make_source = lambda choice, size: source
        self.workbench.live_menu.panel_action.setChecked(True)
        self.workbench.live.start(choice)
        _until(lambda: len(self.painted) > 60)  # the identity is locked
        self.run(_SETTLED)

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        _until(lambda: time.monotonic() > end, seconds + 60.0)

    def count_turns(self) -> None:
        self._clock.start()
        self._turn.start(_TURN_MS)

    def close(self) -> float:
        """Seconds until all threads of the run had ended; the window is closed then."""
        self._turn.stop()
        begun = time.monotonic()
        self.workbench.live.stop()
        ended = time.monotonic()
        self.workbench.window.may_close = lambda: True  # type: ignore[method-assign]
        self.workbench.window.close()
        self.workbench.stop()
        return ended - begun

    def _turned(self) -> None:
        self.turns.append(self._clock.nsecsElapsed() / 1e6)
        self._clock.start()


def _run() -> None:
    from fields_app.live_settings import SourceChoice
    from fields_core.live.clip import MemoryClip
    from fields_core.live.simulated import SimulatedCamera
    from tests.benchmarks.bench_live import _moving

    window, camera = _Window(), SimulatedCamera(MemoryClip(_moving(60), _RATE))
    view = window.workbench.live_view
    window.start(SourceChoice(), camera)
    window.count_turns()
    before, missed, first = view.counters, camera.missed, len(window.painted)
    mine, all_mine = time.thread_time(), time.process_time()
    window.run(_SECONDS)
    mine, all_mine = time.thread_time() - mine, time.process_time() - all_mine
    window.workbench.live._look()
    after = view.counters
    assert before is not None
    assert after is not None
    heads = list(window.painted)[first:]
    late = sorted(1e3 * (shown - captured) for captured, shown in heads)
    run = _Run(
        tracked=after.tracked - before.tracked,
        lost=after.dropped - before.dropped + camera.missed - missed,
        shown=len(heads) / _SECONDS,
        p95=late[int(0.95 * (len(late) - 1))],
        work=1e3 * mine / len(heads),
        whole=1e3 * all_mine / len(heads),
        held=sorted(window.turns)[int(0.95 * (len(window.turns) - 1))],
        coder=view.coder,
        stopped=window.close(),
    )
    sys.stdout.write(json.dumps(asdict(run)) + "\n")


def _soak(minutes: float, clip: Path) -> None:
    """Show a clip again and again, as a user would; a line a minute with memory and heads painted."""
    from fields_app.live_settings import SourceChoice, SourceKind

    window = _Window()
    window.start(SourceChoice(SourceKind.FILE, str(clip), clip.name))
    window.run(_SOAKED)  # the emotion trail is full then
    first, start, painted = _resident(), time.monotonic(), 0
    while (left := start + 60.0 * minutes - time.monotonic()) > 0.0:
        window.painted.clear()
        window.run(min(left, 60.0))
        painted += len(window.painted)
        sys.stdout.write(f"{(time.monotonic() - start) / 60.0:.1f} min {_resident():.1f} MB {painted} heads painted\n")
        sys.stdout.flush()
    last = _resident()
    stopped = window.close()
    left_over = [thread.name for thread in threading.enumerate() if thread.name.startswith("fields-")]
    sys.stdout.write(f"{first:.1f} to {last:.1f} MB; ended in {stopped:.1f} s, threads left: {left_over}\n")


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
    if len(sys.argv) > 1:
        _soak(float(sys.argv[1]), Path(sys.argv[2]))
    else:
        _run()
