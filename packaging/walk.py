"""Walks through the real window as a user would, with a picture of every step: `python packaging/walk.py [FOLDER]`.

Drop three photos, pick a person, drag a slider and a bar of the emotion panel, undo, redo, save, go on, kill -9; start
again, recover, export, open the project. Every step is checked. The window runs in a process of its own so that it can
be killed. The photos are made from scikit-image's astronaut. Without a display it starts itself again on a virtual one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from display import start_again_on_display

from fields_app import app, style

from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl  # isort: skip - after `app`
from PySide6.QtGui import QDragEnterEvent, QDropEvent  # isort: skip
from PySide6.QtTest import QTest  # isort: skip
from PySide6.QtWidgets import QApplication, QWidget  # isort: skip

from fields_app.dialogs.export_dialog import ExportDialog
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workbench import Workbench

FOLDER = Path("build") / "walk"
TIMEOUT = 300.0  # seconds for one step; the first use of a new machine compiles the rasterizer
SIZE = (1480, 900)
PAUSE = float(os.environ.get("FIELDS_WALK_PAUSE", "2"))  # seconds before a picture
WORK = "FIELDS_WALK"  # environment: the folder that both lives of the window share
KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else 9


class Walk:
    """One life of the window.

    Args:
        work: settings, photos and project.
        pictures: where the screenshots go.
        first: number of the first picture.
    """

    def __init__(self, work: Path, pictures: Path, first: int) -> None:
        self.work, self._pictures, self._number = work, pictures, first
        self.application = QApplication(sys.argv[:1])
        settings = Settings(QSettings(str(work / "settings.ini"), QSettings.Format.IniFormat))
        settings.recovery_folder = work / "recovery"
        settings.presets_file = work / "presets.json"
        settings.autosave_seconds = 1
        style.apply(self.application, os.environ.get("FIELDS_WALK_THEME", "dark"))
        start = time.perf_counter()
        self.workbench = Workbench(lambda: app.load_engine(1, settings.models), settings)
        self.window, self.session = self.workbench.window, self.workbench.session
        self.window.resize(*SIZE)
        self.workbench.show()
        self.application.processEvents()
        say(f"window visible {time.perf_counter() - start:.2f} s after it was begun")
        self.wait(lambda: self.session.rest is not None and self.window.viewport.running)

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the window work until something is so; an error in its message bar ends the walk."""
        start = time.monotonic()
        while not done():
            self.application.processEvents()
            time.sleep(0.005)
            messages: MessageBar = self.workbench.messages
            if messages.kind == "error":
                raise SystemExit(f"{messages.text}\n{messages.details}")
            if time.monotonic() - start > TIMEOUT:
                raise SystemExit(f"Nothing happened for {TIMEOUT:.0f} s: {messages.text}")

    def rest(self, seconds: float) -> None:
        start = time.monotonic()
        self.wait(lambda: time.monotonic() - start > seconds)

    def picture(self, name: str, widget: QWidget | None = None) -> None:
        """After meshes have arrived and outlines are smooth."""
        self.rest(PAUSE)
        self._pictures.mkdir(parents=True, exist_ok=True)
        path = self._pictures / f"{self._number:02}-{name}.png"
        (widget or self.window).grab().save(str(path))
        say(f"{path}  {self.workbench.messages.text}")
        self._number += 1

    def settled(self) -> bool:
        return not self.workbench.reconstruction.busy and not self.workbench.projects.busy

    def drop(self, paths: list[Path]) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        middle = self.window.rect().center()
        QApplication.sendEvent(self.window, QDragEnterEvent(middle, copy, mime, left, none))
        self.picture("dragged-over")
        QApplication.sendEvent(self.window, QDropEvent(QPointF(middle), copy, mime, left, none))

    def drag(self, widget: QWidget | None, start: float, end: float) -> None:
        """Along a widget with the mouse, in steps, as a hand does. Shares of its width."""
        assert widget is not None
        left, middle = Qt.MouseButton.LeftButton, widget.height() // 2
        places = [QPoint(round(widget.width() * (start + (end - start) * step / 10)), middle) for step in range(11)]
        QTest.mousePress(widget, left, pos=places[0])
        for place in places:
            QTest.mouseMove(widget, place)
            self.rest(0.05)
        QTest.mouseRelease(widget, left, pos=places[-1])


def first_life(work: Path, pictures: Path) -> None:
    """Up to the kill, which never returns."""
    walk = Walk(work, pictures, 1)
    bench, window, session = walk.workbench, walk.window, walk.session
    walk.picture("welcome")
    walk.drop([work / name for name in ("one.png", "mirrored.png", "two-faces.png")])
    walk.wait(lambda: len(session.people) == 1 and walk.settled() and len(session.photos) == 3)
    walk.picture("three-photos")
    bench.reconstruction.show_photo(session.photos[2].id)
    walk.wait(lambda: len(session.people) == 2 and walk.settled())
    bench.reconstruction.select_face(1)
    window.photo.face_button.click()
    walk.picture("second-person")
    check(session.selected == 1, "the second person is selected")

    before, steps = session.code, bench.editing.undo_stack
    track = window.sliders.slider("browInnerUp").focusProxy()
    walk.drag(track, 0.1, 0.7)
    walk.wait(lambda: steps.count() == 1)
    surprise = window.emotion.bars[3]
    if surprise.isVisible():
        walk.rest(3.0)  # the first reading of an expression measures what the data hold
        walk.drag(surprise, 0.5, 0.7)
        walk.wait(lambda: steps.count() == 2)
        walk.rest(2.0)
    else:
        say("no emotion weights: the strength slider is dragged instead of a bar")
        walk.drag(window.emotion.strength.focusProxy(), 0.5, 0.7)
        walk.wait(lambda: steps.count() == 2)
    walk.picture("bar-dragged")
    edited = session.code
    check(edited is not before, "the bar has changed the expression")
    window.undo_action.trigger()
    window.undo_action.trigger()
    walk.picture("undone")
    check(session.code is before, "undo gives the very code from before")
    window.redo_action.trigger()
    window.redo_action.trigger()
    walk.picture("redone")
    check(session.code is edited, "redo gives the edited code")

    project = work / "walk.fields"
    bench.projects.save_as(project)
    walk.wait(lambda: project.is_file() and walk.settled() and not bench.projects.modified)
    walk.picture("saved")
    window.sliders.slider("mouthSmileLeft").edited.emit(0.9)
    window.sliders.slider("mouthSmileLeft").finished.emit()
    check(bench.projects.modified, "there is unsaved work")
    walk.rest(4.0)  # longer than autosave takes
    walk.picture("unsaved-work")
    say("kill -9")
    os.kill(os.getpid(), signal.SIGKILL)


def second_life(work: Path, pictures: Path) -> None:
    """After the kill."""
    walk = Walk(work, pictures, 20)
    bench, window, session = walk.workbench, walk.window, walk.session
    walk.rest(1.0)
    question = next((box for box in QApplication.topLevelWidgets() if box.isVisible() and box is not window), None)
    check(question is not None, "recovery is offered")
    walk.picture("recovery-offered", question)
    left = bench.projects.autosave.recovery.left_behind()
    for box in [question] if question is not None else []:
        box.close()
    bench.projects.recover(left[0])
    walk.wait(lambda: len(session.photos) == 3 and walk.settled() and session.person is not None)
    walk.picture("recovered")
    smile = window.sliders.slider("mouthSmileLeft").value
    check(abs(smile - 0.9) < 0.01, f"the edit after the last save is there (smile {smile:.2f})")

    window.export_action.trigger()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    dialog.folder.setText(str(work / "export"))
    walk.picture("export", dialog)
    done: list[list[Path]] = []
    bench.export.exported.connect(done.append)
    dialog.export_button.click()
    walk.wait(lambda: bool(done))
    check(all(path.stat().st_size > 0 for path in done[0]), f"{len(done[0])} files were written")
    walk.picture("exported")

    bench.models_menu.show()
    walk.wait(lambda: bool(bench.models.models) and not bench.models.busy)
    walk.picture("models", bench.models_menu.dialog)
    if bench.models_menu.dialog is not None:
        bench.models_menu.dialog.close()
    bench.projects.save()
    walk.wait(lambda: walk.settled() and not bench.projects.modified)
    bench.projects.new()
    walk.rest(0.5)
    check(session.photo is None, "a new project is empty")
    bench.projects.open(work / "walk.fields")
    walk.wait(lambda: len(session.photos) == 3 and walk.settled() and session.person is not None)
    walk.picture("reopened")
    check(abs(window.sliders.slider("mouthSmileLeft").value - 0.9) < 0.01, "the saved edit is there")
    window.close()
    bench.stop()


def make_photos(folder: Path) -> None:
    """Three photos with four faces."""
    import numpy as np
    from PIL import Image
    from skimage import data

    astronaut = data.astronaut()
    face = astronaut[0:330, 60:390]
    Image.fromarray(astronaut).save(folder / "one.png")
    Image.fromarray(astronaut[:, ::-1].copy()).save(folder / "mirrored.png")
    Image.fromarray(np.concatenate([face, face[:, ::-1]], axis=1)).save(folder / "two-faces.png")


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"Not so: {what}")
    say(f"ok: {what}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(pictures: Path) -> int:
    """Both lives in processes of their own; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder))
        for life, expected in (("first", KILLED), ("second", 0)):
            environment = os.environ | {WORK: folder}
            run = subprocess.run([sys.executable, __file__, str(pictures), life], env=environment, check=False)
            if run.returncode != expected:
                say(f"the {life} life ended with {run.returncode}, not {expected}")
                return 1
    say(f"the whole walk is done: {pictures}")
    return 0


if __name__ == "__main__":
    start_again_on_display()
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if len(sys.argv) > 2:
        lives = {"first": first_life, "second": second_life}
        lives[sys.argv[2]](Path(os.environ[WORK]), chosen)
        sys.exit(0)
    sys.exit(main(chosen))
