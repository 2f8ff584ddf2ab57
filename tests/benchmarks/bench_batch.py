"""Whether the batch queue's memory grows with the photos that went through it, in a process of its own.

python -m tests.benchmarks.bench batch                500 photos with a small head, then a few real ones
python -m tests.benchmarks.bench_batch fake 500       megabytes after each hundred photos
python -m tests.benchmarks.bench_batch real 40 FOLDER the same with the real engine on a folder's photos
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from skimage import data

from tests.benchmarks.bench import Row

_PHOTOS = 500
_REAL = 30


def measure() -> list[Row]:
    fake = _run("fake", _PHOTOS)
    real = _run("real", _REAL)
    return [
        Row("memory after 100 photos of the queue, small head", fake[1], "MB"),
        Row(f"memory after {_PHOTOS} photos", fake[-1], "MB", fake[1], note="against 100 photos"),
        Row("memory after 10 photos of the queue, real engine", real[1], "MB"),
        Row(f"memory after {_REAL} photos", real[-1], "MB", real[1], note="against 10 photos"),
    ]


def _run(kind: str, photos: int) -> list[float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_batch", kind, str(photos)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    memory: list[float] = json.loads(output.splitlines()[-1])
    return memory


def _watch(kind: str, count: int, folder: Path | None) -> list[float]:
    """Megabytes in memory before the queue starts, then every tenth (real) or hundredth (fake) photo."""
    from fields_app import bootstrap

    bootstrap.prepare()
    bootstrap.import_core()
    from PySide6.QtCore import QSettings
    from PySide6.QtWidgets import QApplication

    from fields_app.batch_queue import BatchQueue
    from fields_app.controllers.batch import BatchController
    from fields_app.controllers.core_engine import CoreEngine
    from fields_app.controllers.engine import Engine
    from fields_app.panels.batch_panel import BatchPanel
    from fields_app.panels.message_bar import MessageBar
    from fields_app.settings import ExportChoice, Settings
    from tests.app.engines import FakeEngine

    application = QApplication([])
    engine: Engine = CoreEngine() if kind == "real" else FakeEngine()
    step = 10 if kind == "real" else 100
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        queue = BatchQueue()
        panel = BatchPanel(queue)
        settings = Settings(QSettings(str(temporary / "settings.ini"), QSettings.Format.IniFormat))
        controller = BatchController(queue, MessageBar(panel), settings)
        controller.set_engine(engine)
        controller.set_choice(ExportChoice(temporary / "out", ("glb",), overlay=False))
        queue.add(_photos(temporary, count) if folder is None else engine.photos_in([folder])[:count])
        memory = [_resident()]

        def row_changed(index: int) -> None:
            row = queue.rows[index]
            if row.state.value in ("done", "failed") and (index + 1) % step == 0:
                gc.collect()
                memory.append(_resident())

        queue.row_changed.connect(row_changed)
        controller.finished.connect(application.quit)
        panel.show()
        controller.start()
        application.exec()
        controller.stop()
        engine.close()
    return memory


def _photos(folder: Path, count: int) -> list[Path]:
    """The astronaut, each time a little darker: the same file again and again would be no fair test."""
    from PIL import Image

    picture = data.astronaut()
    paths = [folder / f"{i:03}.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(np.clip(picture.astype(int) - i % 60, 0, 255).astype(np.uint8)).save(path)
    return paths


def _resident() -> float:
    """Megabytes of this process in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20), 1)


if __name__ == "__main__":
    place = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    sys.stdout.write(json.dumps(_watch(sys.argv[1], int(sys.argv[2]), place)) + "\n")
