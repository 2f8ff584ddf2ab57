"""Export without a window."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from fields_app.controllers.export import ExportController
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import ExportChoice, Settings
from tests.app.engines import FakeEngine


class TestExport:
    def test_files_are_written_and_the_choice_remembered(
        self, export: ExportController, session: Session, settings: Settings, messages: MessageBar, tmp_path: Path,
        qtbot: QtBot,
    ) -> None:  # fmt: skip
        choice = ExportChoice(tmp_path / "out", ("obj", "stl"), overlay=False, texture=False)
        with qtbot.waitSignal(export.exported, timeout=20_000) as exported:
            export.export(choice)
        qtbot.waitUntil(lambda: not export.busy)
        assert all(path.is_file() for path in exported.args[0])
        assert {path.suffix for path in exported.args[0]} >= {".obj", ".stl"}
        assert settings.export == choice
        assert "Exported" in messages.text

    def test_a_folder_that_cannot_be_written_is_an_error(
        self, export: ExportController, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        export.export(ExportChoice(blocked / "out", ("stl",)))
        qtbot.waitUntil(lambda: messages.kind == "error" and not export.busy)
        assert "Cannot write" in messages.text

    def test_cancel_is_no_error(
        self, export: ExportController, messages: MessageBar, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
    ) -> None:
        engine.gate.clear()
        export.export(ExportChoice(tmp_path, ("stl",)))
        messages.cancel_requested.emit()
        qtbot.waitUntil(lambda: not export.busy)
        assert messages.text == "Export cancelled."
        assert list(tmp_path.glob("*.stl")) == []
