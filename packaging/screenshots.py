"""Makes the README's pictures by driving the real window: `python packaging/screenshots.py [FOLDER]`.

Without a display it starts itself again on a virtual one (Xvfb).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from display import start_again_on_display

from fields_app import app, style

from PySide6.QtCore import QSettings, QTemporaryDir  # isort: skip - after `app`, which prepares the environment
from PySide6.QtWidgets import QApplication  # isort: skip

from fields_app.settings import Settings

SIZE = (1480, 900)
FOLDER = Path(__file__).resolve().parent.parent / "resources" / "screenshots"
TIMEOUT = 180.0  # seconds; the first use of a new machine compiles the rasterizer
EXPRESSION = {
    "jawOpen": 0.42, "browInnerUp": 0.8, "browOuterUpLeft": 0.7, "browOuterUpRight": 0.7, "mouthSmileLeft": 0.55,
    "mouthSmileRight": 0.55, "eyeWideLeft": 0.7, "eyeWideRight": 0.7, "headTurn": 24.0, "gazeSidewaysLeft": -14.0,
    "gazeSidewaysRight": -14.0,
}  # fmt: skip


def main(folder: Path) -> int:
    """Take all pictures; the exit status."""
    application = QApplication(sys.argv[:1])
    style.apply(application)
    scratch = QTemporaryDir()
    store = QSettings(scratch.filePath("settings.ini"), QSettings.Format.IniFormat)
    settings = Settings(store)
    settings.recovery_folder = Path(scratch.filePath("recovery"))
    workbench = app.Workbench(settings=settings)
    window, session = workbench.window, workbench.session
    window.resize(*SIZE)
    workbench.show()

    def wait(done: Callable[[], bool]) -> None:
        start = time.monotonic()
        while not done():
            application.processEvents()
            time.sleep(0.005)
            if workbench.messages.kind == "error":
                raise SystemExit(f"{workbench.messages.text}\n{workbench.messages.details}")
            if time.monotonic() - start > TIMEOUT:
                raise SystemExit(f"Nothing happened for {TIMEOUT:.0f} s: {workbench.messages.text}")

    def take(name: str) -> None:
        start = time.monotonic()
        wait(lambda: time.monotonic() - start > 0.8)  # meshes arrive, outlines are smoothed
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        window.grab().toImage().save(str(path), quality=0)
        sys.stdout.write(f"{path}  {path.stat().st_size // 1024} KiB\n")

    wait(lambda: session.rest is not None)
    take("welcome")
    window.sample_action.trigger()
    wait(lambda: len(session.people) == 1 and not workbench.reconstruction.busy)
    window.photo.face_button.click()
    take("reconstructed")
    for key, value in EXPRESSION.items():
        workbench.editing.set_value(key, value)
    take("edited")
    window.viewport.set_mode(2)
    window.photo.mesh_box.setChecked(True)
    window.photo.landmarks_box.setChecked(False)
    take("wireframe")
    window.close()
    workbench.stop()
    return 0


if __name__ == "__main__":
    start_again_on_display()
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
