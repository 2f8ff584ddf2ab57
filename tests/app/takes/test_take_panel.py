"""What the panel and the dialog say of a take."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from fields_app.dialogs.take_export_dialog import TakeExportDialog
from fields_app.panels.take_panel import TakePanel
from fields_app.take_settings import TakeExportChoice
from fields_app.take_state import TakeState
from fields_core.takes.edits import Marker, TakeEdits
from fields_core.takes.take import load_take

WAIT = 30_000


class TestPanel:
    @pytest.fixture
    def shown(self, state: TakeState, panel: TakePanel, path: Path) -> TakePanel:
        state.set_take(load_take(path), TakeEdits())
        return panel

    def test_without_a_take_only_opening_is_possible(self, panel: TakePanel, qtbot: QtBot) -> None:
        assert panel.open_button.isEnabled()
        assert not panel.play_button.isEnabled()
        assert not panel.export_button.isEnabled()
        with qtbot.waitSignal(panel.open_requested):
            panel.open_button.click()

    def test_names_people_and_length(self, shown: TakePanel) -> None:
        assert shown.faces.count() == 2
        assert shown.faces.isVisible()
        assert "2.0 s" in shown._about.text()

    def test_mouse_scrubs(self, shown: TakePanel, state: TakeState, qtbot: QtBot) -> None:
        line = shown.timeline
        with qtbot.waitSignal(shown.scrubbed) as signal:
            qtbot.mousePress(line, Qt.MouseButton.LeftButton, pos=QPoint(line.width() // 2, 8))
        qtbot.mouseRelease(line, Qt.MouseButton.LeftButton)
        assert signal.args[0] == pytest.approx(state.duration / 2, abs=0.02)

    def test_handles_trim(self, shown: TakePanel, state: TakeState, qtbot: QtBot) -> None:
        line = shown.timeline
        with qtbot.waitSignal(shown.trimmed) as signal:
            qtbot.mousePress(line, Qt.MouseButton.LeftButton, pos=QPoint(21, 50))
            qtbot.mouseMove(line, QPoint(line.width() // 2, 50))
        qtbot.mouseRelease(line, Qt.MouseButton.LeftButton)
        first, last = signal.args
        assert first == pytest.approx(state.duration / 2, abs=0.02)
        assert last == state.duration

    @pytest.mark.parametrize(
        ("key", "signal", "arguments"),
        [
            (Qt.Key.Key_Right, "stepped", [1]),
            (Qt.Key.Key_Left, "stepped", [-1]),
            (Qt.Key.Key_Space, "play_toggled", []),
            (Qt.Key.Key_M, "marker_added", []),
            (Qt.Key.Key_Delete, "marker_removed", []),
            (Qt.Key.Key_Home, "scrubbed", [0.0]),
            (Qt.Key.Key_PageDown, "scrubbed", [1.5]),
        ],
    )
    def test_keys(
        self, shown: TakePanel, state: TakeState, qtbot: QtBot, key: Qt.Key, signal: str, arguments: list[float]
    ) -> None:
        state.set_edits(TakeEdits(markers=(Marker(1.5, "a"),)))
        with qtbot.waitSignal(getattr(shown, signal)) as caught:
            qtbot.keyClick(shown.timeline, key)
        assert caught.args == arguments

    def test_keys_trim_here(self, shown: TakePanel, state: TakeState, qtbot: QtBot) -> None:
        state.set_time(0.7)
        with qtbot.waitSignal(shown.trimmed) as signal:
            qtbot.keyClick(shown.timeline, Qt.Key.Key_I)
        assert signal.args == [0.7, state.duration]
        with qtbot.waitSignal(shown.trimmed) as signal:
            qtbot.keyClick(shown.timeline, Qt.Key.Key_O)
        assert signal.args == [0.0, 0.7]

    def test_a_marker_here_can_be_named(self, shown: TakePanel, state: TakeState, qtbot: QtBot) -> None:
        assert not shown.marker_field.isVisible()
        state.set_edits(TakeEdits(markers=(Marker(0.5, "a"),)))
        state.set_time(0.5)
        assert shown.marker_field.isVisible()
        assert not shown.marker_button.isVisible()
        shown.marker_field.setText("smile")
        with qtbot.waitSignal(shown.marker_renamed) as signal:
            qtbot.keyClick(shown.marker_field, Qt.Key.Key_Return)
        assert signal.args == ["smile"]

    def test_a_click_on_a_flag_goes_there(self, shown: TakePanel, state: TakeState, qtbot: QtBot) -> None:
        state.set_edits(TakeEdits(markers=(Marker(state.duration / 2, "a"),)))
        line = shown.timeline
        with qtbot.waitSignal(shown.scrubbed) as signal:
            qtbot.mousePress(line, Qt.MouseButton.LeftButton, pos=QPoint(line.width() // 2 + 3, 22))
        assert signal.args == [state.duration / 2]

    def test_playing_and_identity_show(self, shown: TakePanel, state: TakeState) -> None:
        from fields_core.takes.edits import Identity

        state.set_playing(True)
        assert shown.play_button.text() == "Pause"
        state.set_edits(TakeEdits(identity=Identity("Ada", (0.0,), ())))
        assert "Ada" in shown._identity.text()
        assert shown.own_button.isVisible()

    def test_everything_has_a_name_for_screen_readers(self, shown: TakePanel) -> None:
        widgets = (shown.play_button, shown.back_button, shown.next_button, shown.timeline, shown.faces)
        assert all(len(widget.accessibleName()) > 3 for widget in widgets)


class TestDialog:
    def test_gives_the_choice(self, qtbot: QtBot, tmp_path: Path) -> None:
        dialog = TakeExportDialog(TakeExportChoice(tmp_path, ("glb", "video")), has_pictures=True)
        qtbot.addWidget(dialog)
        assert dialog.choice == TakeExportChoice(tmp_path, ("glb", "video"))
        dialog.set_format("glb", False)
        dialog.set_format("video", False)
        assert not dialog.export_button.isEnabled()

    def test_no_video_without_pictures(self, qtbot: QtBot, tmp_path: Path) -> None:
        dialog = TakeExportDialog(TakeExportChoice(tmp_path, ("glb", "video")), has_pictures=False)
        qtbot.addWidget(dialog)
        assert dialog.choice.formats == ("glb",)
