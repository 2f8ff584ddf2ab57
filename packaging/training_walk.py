"""A training from the dialog in the real window: `python packaging/training_walk.py DATA [FOLDER]`.

DATA holds ``wild/train.csv`` with its photos and ``portraits/``, as in the developers' data folder. Photos and labels
are prepared in the dialog, a training begins there, improves and is stopped early; its weights reconstruct a photo; it
is evaluated. Meanwhile the painted frames of the view are timed. Then kill -9: of the window, whose next life finds the
training at work, and of the training, which goes on from its last checkpoint. Every step is checked, with a picture.
Settings, runs and weights lie in a folder that is deleted at the end.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from display import start_again_on_display
from walk import KILLED, Walk, check, make_photos, say

from PySide6.QtCore import QEvent, QObject, QSettings, Qt, QTimer  # isort: skip - after the app
from PySide6.QtGui import QKeyEvent  # isort: skip
from PySide6.QtTest import QTest  # isort: skip
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMessageBox, QPushButton, QWidget  # isort: skip

from fields_app.dialogs.training_dialog import TrainingDialog
from fields_app.dialogs.validation_pictures import ValidationPictures
from fields_app.settings import Settings
from fields_core.training.journal import Note
from fields_core.training.run_process import process_of
from fields_core.training.supervisor import RunState

FOLDER = Path("build") / "training-walk"
WORK = "FIELDS_WALK"
PHOTOS = 160  # of the labelled set
HEADS = 240
LIMIT = 50.0  # milliseconds between two painted frames, 95 of 100; more where it was more without a training
SECONDS = float(os.environ.get("FIELDS_WALK_SECONDS", "10"))  # of each timing
SETTINGS = {
    "pretrain.steps": "600",
    "pretrain.warmup": "20",
    "batch_size": "16",
    "validate_every": "15",
    "data.validation_samples": "24",
    "data.holdout_every": "8",
    "log_every": "2",
    "checkpoint_minutes": "0.1",
    "ema_decay": "0.9",
    "threads": "1",
}


class PaintedFrames(QObject):
    """Times what is really painted of the main window: the view while the head turns, or a corner of it while it rests.

    Args:
        turning: the head turns as if an arrow key were held down; otherwise a small widget over the view is repainted.
    """

    def __init__(self, walk: Walk, *, turning: bool) -> None:
        super().__init__(walk.window)
        self._view = walk.window.viewport
        self._corner = QLabel("•", self._view)
        self._corner.setVisible(not turning)
        self._painted: QWidget = self._view.backend.widget if turning else self._corner
        self._times: list[float] = []
        self._painted.installEventFilter(self)
        self._next = QTimer(self)
        self._next.timeout.connect(self._turn if turning else self._corner.update)
        self._next.start(16)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._times.append(time.perf_counter())
        return False

    def result(self) -> tuple[float, str]:
        """95 of 100 intervals are shorter, in milliseconds, and the whole in words; the timing is over."""
        self._next.stop()
        self._painted.removeEventFilter(self)
        self._corner.deleteLater()
        times = sorted(1000.0 * (b - a) for a, b in zip(self._times, self._times[1:], strict=False))
        late = times[int(0.95 * len(times))]
        words = (
            f"{len(times)} frames, p50 {times[len(times) // 2]:.1f} ms, p95 {late:.1f} ms, longest {times[-1]:.0f} ms"
        )
        return late, f"{words} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors)"

    def _turn(self) -> None:
        press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self._view, press)


def painted_frames(walk: Walk, when: str) -> list[float]:
    """The p95 of the window at rest, and of the view as the head turns."""
    found = []
    for turning, what in ((False, "the window"), (True, "the turning head")):
        frames = PaintedFrames(walk, turning=turning)
        walk.rest(SECONDS)
        late, words = frames.result()
        found.append(late)
        say(f"{when}, {what}: {words}")
    return found


def first_life(work: Path, pictures: Path, data: Path) -> None:
    """Up to the kill, which never returns."""
    walk = Walk(work, pictures, 1)
    bench, session, training = walk.workbench, walk.session, walk.workbench.training
    notes: list[Note] = []
    training.noted.connect(notes.extend)
    bench.reconstruction.open_paths([work / "one.png"])
    walk.wait(lambda: session.person is not None and walk.settled())
    before = session.code
    walk.rest(2.0)
    rest, alone = painted_frames(walk, "before any training")
    start = time.perf_counter()
    bench.training_menu.show()
    opened = time.perf_counter() - start
    window = bench.training_menu.trainings
    walk.application.processEvents()
    say(f"training window asked for and shown: {opened:.2f} s, painted after {time.perf_counter() - start:.2f} s")

    dialog = new_training(walk)
    dialog.data.add([str(data / "portraits"), str(work / "faces.csv"), f"rendered:{HEADS}"])
    walk.rest(6.0)
    walk.picture("photos-being-prepared", dialog)
    check(not dialog.start_button.isEnabled(), "nothing starts before the photos are prepared")
    walk.wait(lambda: dialog.data.ready)
    fill_in(walk, dialog)
    walk.picture("data-checked", dialog)
    for number, name in ((1, "stages"), (2, "losses"), (4, "run")):
        dialog.pages.setCurrentIndex(number)
        walk.picture(f"dialog-{name}", dialog)
    check(dialog.start_button.isEnabled(), "it can be started")
    dialog.start_button.click()

    def validated() -> list[float]:
        return [note.values["loss"] for note in notes if note.kind == "validated"]

    walk.wait(lambda: training.active and any(note.kind == "step" for note in notes))
    walk.rest(2.0)
    still, turning = painted_frames(walk, "while it trains, its window open")
    limit = max(LIMIT, 1.5 * rest)
    check(still < limit, f"the window is painted every {still:.1f} ms (p95) while it trains, at most {limit:.0f}")
    say(f"the turning head every {turning:.1f} ms (p95), before any training every {alone:.1f} ms")
    walk.wait(lambda: len(validated()) >= 5 and min(validated()[1:]) < 0.8 * validated()[0])
    walk.picture("training", window)
    window.panel.stop_button.click()
    walk.picture("stop-early-asked", question())
    answer("Stop early")
    walk.wait(lambda: training.status is not None and training.status.state is RunState.FINISHED)
    walk.picture("stopped-early", window)
    losses = validated()
    check(min(losses[1:]) < losses[0], "validation loss improved: " + ", ".join(f"{loss:.3f}" for loss in losses))
    QTest.mouseClick(window.panel.picture, Qt.MouseButton.LeftButton)
    (shown,) = window.findChildren(ValidationPictures)
    walk.picture("validation-pictures", shown)
    shown.close()

    window.panel.use_button.click()
    walk.wait(lambda: "In use now" in bench.messages.text)
    window.hide()
    bench.reconstruction.open_paths([work / "mirrored.png", work / "again.png"])
    walk.wait(lambda: len(session.photos) == 3 and walk.settled())
    bench.reconstruction.show_photo(session.photos[2].id)
    walk.wait(lambda: walk.settled() and session.person is not None and session.code is not before)
    walk.picture("weights-in-use")
    assert before is not None
    assert session.code is not None
    change = float((session.code.expression - before.expression).abs().max())
    check(change > 1e-3, f"the same photo is read by other weights: an expression unit differs by {change:.2f}")

    bench.training_menu.show()
    window.pages.setCurrentWidget(window.evaluation)
    window.evaluation.evaluate_button.click()
    walk.wait(lambda: window.evaluation.evaluation is not None)
    walk.picture("evaluation", window)
    saved = work / "evaluation"
    saved.mkdir()
    window.save_evaluation(saved)
    names = sorted(path.name for path in saved.iterdir())
    check(len(names) == 7, f"the evaluation is saved: {', '.join(names)}")
    window.pages.setCurrentWidget(window.runs)
    walk.picture("runs", window)
    addresses: list[str] = []
    window.board.opened.connect(addresses.append)
    window.runs.board_button.click()
    walk.wait(lambda: bool(addresses))
    with urllib.request.urlopen(f"{addresses[0]}data/plugin/scalars/tags", timeout=60) as reply:
        runs = json.load(reply)
    check(bool(runs), f"TensorBoard shows {', '.join(runs)}")
    walk.picture("tensorboard-opened")

    dialog = new_training(walk)
    walk.wait(lambda: dialog.data.ready)
    check(len(dialog.data.addresses) == 3, "the data of before are offered again, and prepared already")
    fill_in(walk, dialog)
    walk.wait(dialog.start_button.isEnabled)
    notes.clear()
    dialog.start_button.click()
    walk.wait(lambda: any(note.kind == "saved" for note in notes))
    say("kill -9 of the window")
    os.kill(os.getpid(), signal.SIGKILL)


def second_life(work: Path, pictures: Path, data: Path) -> None:
    """After the kill: the training goes on, is killed too, and goes on again."""
    del data
    walk = Walk(work, pictures, 40)
    bench, training = walk.workbench, walk.workbench.training
    notes: list[Note] = []
    training.noted.connect(notes.extend)
    walk.wait(lambda: training.active and bool(notes))
    bench.training_menu.show()
    window = bench.training_menu.trainings
    drawn: list[bool] = []
    window.plots.finished.connect(lambda: drawn.append(True))
    walk.wait(lambda: bool(drawn))
    walk.picture("found-again", window)
    check(notes[0].kind == "began", "the whole story of the training is there")
    for box in [box for box in QApplication.topLevelWidgets() if isinstance(box, QMessageBox) and box.isVisible()]:
        box.close()  # the recovery of the photos, which is not what this is about
    folder = training.folder
    assert folder is not None
    saved = [note for note in notes if note.kind == "saved"]
    walk.wait(lambda: len([note for note in notes if note.kind == "saved"]) > len(saved))
    told = notes[-1].step
    walk.wait(lambda: notes[-1].kind == "step" and notes[-1].step > told)
    process = process_of(folder)
    assert process is not None
    say("kill -9 of the training")
    killed = time.time()
    os.kill(process.pid, signal.SIGKILL)
    walk.wait(lambda: training.status is not None and training.status.state is RunState.KILLED)
    walk.picture("killed", window)
    saved = [note for note in notes if note.kind == "saved"]
    last = max(note.step for note in notes if note.kind == "step")
    heard = len(notes)
    window.panel.resume_button.click()
    walk.wait(lambda: any(note.kind == "stage" for note in notes[heard:]))
    again = next(note.step for note in notes[heard:] if note.kind == "stage")
    check(
        again >= saved[-1].step,
        f"of {last} steps it goes on from {again}, saved {killed - saved[-1].time:.1f} s before",
    )
    walk.wait(lambda: any(note.kind == "step" for note in notes[heard:]))
    walk.picture("goes-on", window)
    window.panel.discard_button.click()
    walk.picture("cancel-asked", question())
    answer("Delete it")
    walk.wait(lambda: training.status is not None and training.status.state is RunState.GONE)
    check(not folder.exists(), "what was cancelled is deleted")
    walk.window.close()
    bench.stop()


def new_training(walk: Walk) -> TrainingDialog:
    bench = walk.workbench
    bench.training_menu.new()
    dialog = bench.training_menu.trainings.dialog
    assert dialog is not None
    walk.rest(0.5)
    return dialog


def fill_in(walk: Walk, dialog: TrainingDialog) -> None:
    """The settings; what is held out by them is counted anew."""
    for name, text in SETTINGS.items():
        editor = dialog.form_of(name).editor(name)
        assert isinstance(editor, QLineEdit)
        editor.setText(text)
    walk.rest(1.0)
    walk.wait(lambda: dialog.data.ready)


def question() -> QMessageBox:
    """The one that is asked."""
    (box,) = [box for box in QApplication.topLevelWidgets() if isinstance(box, QMessageBox) and box.isVisible()]
    return box


def answer(text: str) -> None:
    next(button for button in question().findChildren(QPushButton) if button.text().replace("&", "") == text).click()


def make_slice(data: Path, work: Path) -> None:
    """Some photos of the labelled set, of as many emotions as there are."""
    with (data / "wild" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"]]
    kinds = sorted({row["label"] for row in rows})
    chosen = [row for kind in kinds for row in [r for r in rows if r["label"] == kind][: PHOTOS // len(kinds)]]
    (work / "faces").mkdir()
    for row in chosen:
        shutil.copy(data / "wild" / "train" / row["image"], work / "faces")
    with (work / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)


def main(data: Path, pictures: Path) -> int:
    """Both lives in processes of their own; the exit status."""
    if not (data / "wild" / "train.csv").exists() or not (data / "portraits").is_dir():
        raise SystemExit(f"{data} holds no wild/train.csv and portraits/")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_photos(work)
        shutil.copy(work / "one.png", work / "again.png")
        make_slice(data, work)
        settings = Settings(QSettings(str(work / "settings.ini"), QSettings.Format.IniFormat))
        settings.runs_folder, settings.prepared_folder = work / "runs", work / "prepared"
        settings._store.sync()
        for life, expected in (("first", KILLED), ("second", 0)):
            environment = os.environ | {WORK: folder, "XDG_DATA_HOME": str(work / "home")}  # no weights of the user's
            command = [sys.executable, __file__, str(data), str(pictures), life]
            run = subprocess.run(command, env=environment, check=False)
            if run.returncode != expected:
                say(f"the {life} life ended with {run.returncode}, not {expected}")
                for path in (work / "runs").glob("*"):
                    if (process := process_of(path)) is not None:
                        process.kill()
                return 1
    say(f"the whole walk is done: {pictures}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("Usage: python packaging/training_walk.py DATA [FOLDER]")
    start_again_on_display()
    source, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER
    if len(sys.argv) > 3:
        lives = {"first": first_life, "second": second_life}
        lives[sys.argv[3]](Path(os.environ[WORK]), target, source)
        sys.exit(0)
    sys.exit(main(source, target))
