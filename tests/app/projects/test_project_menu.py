"""Projects in the whole window: menu, title, questions, and work that outlives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from fields_app.dialogs.project_questions import Question
from fields_app.recovery import AUTOSAVE, RecoveryFolder
from fields_app.settings import Settings
from fields_app.workbench import Workbench
from tests.app.engines import FakeEngine

Open = Callable[..., Workbench]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(path)
    return path


def show(workbench: Workbench, photo: Path, qtbot: QtBot) -> None:
    workbench.open_paths([photo])
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)


def press(workbench: Workbench, label: str, qtbot: QtBot) -> None:
    """Answer the question on show."""
    question = workbench.window.findChild(Question)
    assert question is not None
    qtbot.mouseClick(question.button_of(label), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workbench.window.findChild(Question) is None)


def test_a_project_is_saved_closed_and_opened_from_the_menu(
    open_workbench: Open, engine: FakeEngine, photo: Path, tmp_path: Path, qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    workbench = open_workbench(engine)
    window, menu = workbench.window, workbench.project_menu
    assert not window.isWindowModified()
    show(workbench, photo, qtbot)
    qtbot.waitUntil(window.isWindowModified)
    assert window.windowTitle() == "me[*] – FIELDS"

    asked: list[str] = []

    def choose(parent: object, title: str, suggested: str, filters: str) -> tuple[str, str]:
        asked.append(suggested)
        return str(tmp_path / "work"), filters

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    menu.save_action.trigger()
    qtbot.waitUntil(lambda: not workbench.projects.busy and not window.isWindowModified(), timeout=20_000)
    assert Path(asked[0]).name == "me.fields"
    assert window.windowTitle() == "work[*] – FIELDS"
    menu.save_action.trigger()
    qtbot.waitUntil(lambda: not workbench.projects.busy, timeout=20_000)
    assert len(asked) == 1  # it knows its file now

    workbench.window.sliders.slider("jawOpen").edited.emit(0.7)
    qtbot.waitUntil(window.isWindowModified)
    workbench.editing.undo_stack.undo()
    qtbot.waitUntil(lambda: not window.isWindowModified())

    menu.new_action.trigger()
    assert workbench.session.photos == ()
    assert window.windowTitle() == "FIELDS[*]"
    menu.recent_menu.aboutToShow.emit()
    recent = menu.recent_menu.actions()[0]
    assert recent.text().endswith("work.fields")
    recent.trigger()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)
    assert workbench.editing.undo_stack.count() == 0
    assert window.windowTitle() == "work[*] – FIELDS"


def test_a_dropped_project_is_opened(
    open_workbench: Open, engine: FakeEngine, photo: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    show(workbench, photo, qtbot)
    workbench.projects.save_as(tmp_path / "a.fields")
    qtbot.waitUntil(lambda: not workbench.projects.busy, timeout=20_000)
    workbench.projects.new()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.fields"))])
    workbench.window.dropped.emit(mime)
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)


def test_closing_with_unsaved_changes_asks_and_obeys(
    open_workbench: Open, engine: FakeEngine, photo: Path, tmp_path: Path, qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    workbench = open_workbench(engine)
    workbench.projects.ask_unsaved = workbench.project_menu._ask_unsaved
    show(workbench, photo, qtbot)
    workbench.window.close()
    assert workbench.window.isVisible()
    question = workbench.window.findChild(Question)
    assert "me" in question.text()
    press(workbench, "Cancel", qtbot)
    assert workbench.window.isVisible()

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "kept.fields"), ""))
    workbench.window.close()
    press(workbench, "Save", qtbot)
    qtbot.waitUntil(lambda: not workbench.window.isVisible(), timeout=20_000)
    assert (tmp_path / "kept.fields").is_file()
    assert not (tmp_path / "recovery").exists() or not list((tmp_path / "recovery").iterdir())


def test_closing_without_saving_closes(open_workbench: Open, engine: FakeEngine, photo: Path, qtbot: QtBot) -> None:
    workbench = open_workbench(engine)
    workbench.projects.ask_unsaved = workbench.project_menu._ask_unsaved
    show(workbench, photo, qtbot)
    workbench.window.close()
    press(workbench, "Don’t save", qtbot)
    qtbot.waitUntil(lambda: not workbench.window.isVisible(), timeout=20_000)


def test_missing_photos_are_asked_for(
    open_workbench: Open, engine: FakeEngine, photo: Path, tmp_path: Path, qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    workbench = open_workbench(engine)
    show(workbench, photo, qtbot)
    workbench.projects.save_as(tmp_path / "work" / "a.fields")
    qtbot.waitUntil(lambda: not workbench.projects.busy, timeout=20_000)
    workbench.projects.new()
    (tmp_path / "album").mkdir()
    photo.rename(tmp_path / "album" / "renamed.png")
    workbench.open_paths([tmp_path / "work" / "a.fields"])
    qtbot.waitUntil(lambda: workbench.window.findChild(Question) is not None, timeout=20_000)
    assert workbench.project_menu.find_action.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "album"))
    press(workbench, "Find them …", qtbot)
    qtbot.waitUntil(lambda: not workbench.project_menu.find_action.isEnabled(), timeout=20_000)
    assert workbench.session.photos[0].path == tmp_path / "album" / "renamed.png"
    qtbot.waitUntil(lambda: workbench.session.photos[0].photo is not None, timeout=20_000)


def test_no_two_actions_share_a_shortcut(open_workbench: Open, engine: FakeEngine) -> None:
    workbench = open_workbench(engine)
    keys = [key for action in workbench.window.findChildren(type(workbench.window.open_action))
            for key in map(QKeySequence.toString, action.shortcuts()) if key]  # fmt: skip
    assert sorted(keys) == sorted(set(keys))
    for key in ("Ctrl+N", "Ctrl+O", "Ctrl+S", "Ctrl+Shift+S"):
        assert key in keys


def test_a_second_window_does_not_take_the_work_of_the_first(
    open_workbench: Open, engine: FakeEngine, photo: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    show(workbench, photo, qtbot)
    workbench.projects.autosave.copy()
    qtbot.waitUntil(lambda: bool(list((tmp_path / "recovery").glob(f"*/{AUTOSAVE}"))), timeout=20_000)
    second = open_workbench(FakeEngine())
    assert second.window.findChild(QMessageBox) is None


_VICTIM = """
import sys
from pathlib import Path
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication
from fields_app import bootstrap
from fields_app.settings import Settings
from fields_app.workbench import Workbench
from tests.app.engines import FakeEngine

bootstrap.prepare()
folder, photo = map(Path, sys.argv[1:])
application = QApplication(["victim"])
settings = Settings(QSettings(str(folder / "victim.ini"), QSettings.Format.IniFormat))
settings.recovery_folder = folder / "recovery"
settings.autosave_seconds = 1
workbench = Workbench(FakeEngine, settings)

def edit():
    if workbench.session.people:
        ticker.stop()
        workbench.editing.set_value("jawOpen", 0.625)

workbench.ready.connect(lambda: workbench.open_paths([photo]))
ticker = QTimer()
ticker.timeout.connect(edit)
ticker.start(20)
workbench.show()
application.exec()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_work_outlives_kill_9(
    open_workbench: Open, engine: FakeEngine, settings: Settings, photo: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    victim = subprocess.Popen([sys.executable, "-c", _VICTIM, str(tmp_path), str(photo)], env=environment, cwd=tmp_path)
    recovery = tmp_path / "recovery"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and victim.poll() is None and not _holds(recovery, 0.625):
            time.sleep(0.1)
        assert _holds(recovery, 0.625)
        assert RecoveryFolder(recovery).left_behind() == []  # it is still alive
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()

    settings.recovery_folder = recovery
    workbench = open_workbench(engine)
    question = workbench.window.findChild(Question)
    assert question is not None
    assert "1 photo · 1 face" in question.informativeText()
    press(workbench, "Recover", qtbot)
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)
    assert workbench.session.code is not None
    opened = float(workbench.session.code.jaw_pose[0, 0]) / engine.head.jaw_open_radians
    assert opened == pytest.approx(0.625, abs=1e-4)
    assert workbench.session.photos[0].path == photo
    assert workbench.window.isWindowModified()


def _holds(recovery: Path, jaw: float) -> bool:
    """Whether an autosave with that jaw is there."""
    from fields_core.errors import ProjectError
    from fields_core.head.model import HeadModel
    from fields_core.project import read_project
    from tests.heads import tiny_head

    head = HeadModel(tiny_head())
    for path in recovery.glob(f"*/{AUTOSAVE}"):
        try:
            faces = read_project(path, head, recovery).faces
        except ProjectError:
            return False
        return bool(faces) and abs(float(faces[0].code.jaw_pose[0, 0]) / head.jaw_open_radians - jaw) < 1e-4
    return False
