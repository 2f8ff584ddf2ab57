"""The whole window around the fake engine: what a user does, from start to close."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fields_app import app
from fields_app.dialogs.export_dialog import ExportDialog
from fields_app.settings import Settings
from fields_app.workbench import Workbench
from fields_core.errors import AssetMissingError
from tests.app.engines import FakeEngine

Open = Callable[..., Workbench]


def drop(window: QWidget, paths: list[Path]) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    middle = window.rect().center()
    QApplication.sendEvent(window, QDragEnterEvent(middle, copy, mime, left, none))
    QApplication.sendEvent(window, QDropEvent(QPointF(middle), copy, mime, left, none))


def test_the_window_is_there_before_the_core_and_says_what_it_waits_for(
    open_workbench: Open, engine: FakeEngine, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine, wait=False)
    assert workbench.window.isVisible()
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=30_000)


def test_drop_edit_and_export(open_workbench: Open, engine: FakeEngine, tmp_path: Path, qtbot: QtBot) -> None:
    workbench = open_workbench(engine)
    photo = tmp_path / "me.png"
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(photo)
    drop(workbench.window, [photo])
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1)
    assert workbench.window.windowTitle().startswith("me")

    with qtbot.waitSignal(workbench.session.mesh_changed):
        workbench.window.sliders.slider("jawOpen").edited.emit(0.7)
    assert workbench.session.person is not None
    assert workbench.session.person.edited

    workbench.window.export_action.trigger()
    dialog = workbench.window.findChild(ExportDialog)
    dialog.format_box("obj").setChecked(False)
    dialog.format_box("glb").setChecked(False)
    dialog.format_box("stl").setChecked(True)
    dialog.overlay.setChecked(False)
    with qtbot.waitSignal(workbench.export.exported, timeout=20_000):
        qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    assert (tmp_path / "me.stl").is_file()


def test_bad_input_of_every_kind_leaves_the_window_up(
    open_workbench: Open, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    messages = workbench.messages
    text, empty, folder = tmp_path / "text.jpg", tmp_path / "empty.png", tmp_path / "nothing here"
    text.write_text("not a picture")
    empty.touch()
    folder.mkdir()
    for path in (text, empty, folder, tmp_path / "gone.jpg"):
        messages.clear()
        drop(workbench.window, [path])
        qtbot.waitUntil(lambda: messages.kind == "error")
        assert path.name in messages.text
        assert messages.details
    engine.faces = 0
    workbench.window.sample_action.trigger()
    qtbot.waitUntil(lambda: messages.kind == "warning")
    engine.faces = 1
    workbench.window.sample_action.trigger()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1)
    assert workbench.window.isVisible()


def test_a_cancelled_dialog_changes_nothing(
    open_workbench: Open, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench = open_workbench(engine)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    workbench.window.open_action.trigger()
    workbench.window.open_folder_action.trigger()
    workbench.window.export_action.trigger()
    workbench.window.findChild(ExportDialog).reject()
    assert workbench.messages.text == "Ready"
    assert workbench.session.photo is None
    assert not workbench.export.busy


def test_an_unwritable_folder_is_an_error_and_no_end(
    open_workbench: Open, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    (tmp_path / "file").write_text("in the way")
    workbench.window.export_action.trigger()
    dialog = workbench.window.findChild(ExportDialog)
    dialog.folder.setText(str(tmp_path / "file" / "folder"))
    dialog.export_button.click()
    qtbot.waitUntil(lambda: workbench.messages.kind == "error" and not workbench.export.busy)
    assert workbench.window.isVisible()


def test_an_exception_nobody_caught_is_shown_with_its_traceback(
    open_workbench: Open, engine: FakeEngine, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    try:
        raise RuntimeError("surprise")
    except RuntimeError as error:
        workbench.report_crash(error)
    qtbot.waitUntil(lambda: workbench.messages.kind == "error")
    assert "surprise" in workbench.messages.text
    assert "Traceback" in workbench.messages.details


def test_the_exception_hook_reports_to_the_window(
    open_workbench: Open, engine: FakeEngine, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench = open_workbench(engine)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr("threading.excepthook", None)
    app.catch_exceptions(workbench)
    error = RuntimeError("from a slot")
    sys.excepthook(RuntimeError, error, None)
    qtbot.waitUntil(lambda: "from a slot" in workbench.messages.text)


def test_a_missing_model_is_told_and_the_window_stays(settings: Settings, qtbot: QtBot) -> None:
    def no_engine() -> FakeEngine:
        raise AssetMissingError("The head model is missing", remedy="Install it again.")

    workbench = Workbench(no_engine, settings)
    workbench.show()
    qtbot.waitUntil(lambda: workbench.messages.kind == "error")
    assert workbench.messages.text == "The head model is missing"
    assert not workbench.window.export_action.isEnabled()
    workbench.window.close()
    workbench.window.deleteLater()
    workbench.deleteLater()


def test_closing_in_the_middle_of_work_ends_everything(open_workbench: Open, engine: FakeEngine, qtbot: QtBot) -> None:
    workbench = open_workbench(engine)
    engine.gate.clear()
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(engine.started.is_set)
    workbench.window.close()
    assert engine.closed
    assert not workbench.window.viewport.running


def test_the_layout_is_remembered(open_workbench: Open, engine: FakeEngine, settings: Settings) -> None:
    first = open_workbench(engine)
    first.window.resize(1222, 777)
    first.window.close()
    second = open_workbench(FakeEngine())
    assert (second.window.width(), second.window.height()) == (1222, 777)


def test_every_action_with_a_shortcut_has_its_own(open_workbench: Open, engine: FakeEngine) -> None:
    actions = [a for menu in open_workbench(engine).window.menuBar().actions() for a in menu.menu().actions()]
    keys = [a.shortcut().toString() for a in actions if not a.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))
    for standard in ("Ctrl+O", "Ctrl+V", "Ctrl+E", "Ctrl+Q", "F1"):
        assert QKeySequence(standard).toString() in keys


def test_no_button_and_no_label_is_clipped(open_workbench: Open, engine: FakeEngine, qtbot: QtBot) -> None:
    workbench = open_workbench(engine)
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1)
    widgets = workbench.window.findChildren(QPushButton) + workbench.window.findChildren(QLabel)
    clipped = [
        w.text() for w in widgets
        if w.isVisible() and w.text() and type(w) in (QPushButton, QLabel)
        and not (isinstance(w, QLabel) and w.wordWrap())
        and w.width() < w.fontMetrics().horizontalAdvance(w.text().split("\n")[0])
    ]  # fmt: skip
    assert clipped == []


def test_everything_that_takes_the_focus_has_a_name(open_workbench: Open, engine: FakeEngine) -> None:
    window = open_workbench(engine).window
    nameless = [
        (w, w.objectName()) for w in window.findChildren(QWidget)
        if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not (w.accessibleName() or getattr(w, "text", str)())
    ]  # fmt: skip
    assert nameless == []
