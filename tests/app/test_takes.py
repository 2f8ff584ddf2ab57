"""Takes in the window: what the panel says, and what the controller makes of it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from pytestqt.qtbot import QtBot

from fields_app.controllers.takes import TakeController
from fields_app.dialogs.take_export_dialog import TakeExportDialog
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.take_panel import TakePanel
from fields_app.take_settings import TakeExportChoice, TakeSettings
from fields_app.take_state import TakeState
from fields_app.workbench import Workbench
from fields_core.head import HeadModel, save_code
from fields_core.takes.edits import Marker, TakeEdits, load_edits, save_edits
from fields_core.takes.take import load_take
from tests.app.engines import FakeEngine
from tests.heads import tiny_head
from tests.takes import record

WAIT = 30_000


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def path(head: HeadModel, tmp_path: Path) -> Path:
    return record(tmp_path / "clip.take", head, people=2, pictures=True)


@pytest.fixture
def state(qtbot: QtBot) -> TakeState:
    return TakeState()


@pytest.fixture
def take_settings(tmp_path: Path) -> TakeSettings:
    return TakeSettings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def controller(
    state: TakeState, messages: MessageBar, take_settings: TakeSettings, head: HeadModel
) -> Iterator[TakeController]:
    controller = TakeController(state, messages, take_settings)
    controller.set_head(head)
    yield controller
    controller.stop()


@pytest.fixture
def opened(controller: TakeController, state: TakeState, path: Path, qtbot: QtBot) -> TakeController:
    with qtbot.waitSignals([state.frame_changed, state.frame_changed], timeout=WAIT):  # emptied, then filled
        controller.open(path)
    qtbot.waitUntil(lambda: state.mesh is not None and not controller.busy, timeout=WAIT)
    return controller


@pytest.fixture
def panel(state: TakeState, qtbot: QtBot) -> TakePanel:
    panel = TakePanel(state)
    qtbot.addWidget(panel)
    panel.resize(1100, 220)
    panel.show()
    return panel


class TestController:
    def test_shows_head_and_picture_of_the_moment(
        self, opened: TakeController, state: TakeState, head: HeadModel, qtbot: QtBot
    ) -> None:
        assert state.clip is not None
        first = state.mesh
        assert state.picture is not None
        with qtbot.waitSignal(state.frame_changed, timeout=WAIT):
            opened.scrub(1.0)
        assert state.mesh is not first
        expected = head.mesh(state.clip.code[30])
        np.testing.assert_allclose(state.mesh.vertices, expected.vertices)

    def test_a_take_asked_for_too_early_opens_when_the_head_is_there(
        self, state: TakeState, messages: MessageBar, take_settings: TakeSettings, head: HeadModel, path: Path,
        qtbot: QtBot,
    ) -> None:  # fmt: skip
        controller = TakeController(state, messages, take_settings)
        controller.open(path)
        assert state.take is None
        with qtbot.waitSignal(state.take_changed, timeout=WAIT):
            controller.set_head(head)
        controller.stop()
        assert take_settings.take_folder == path.parent

    def test_a_bad_file_is_told_and_the_old_take_stays(
        self, opened: TakeController, state: TakeState, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        bad = tmp_path / "bad.take"
        bad.write_bytes(b"nothing")
        take = state.take
        opened.open(bad)
        qtbot.waitUntil(lambda: not opened.busy, timeout=WAIT)
        assert state.take is take
        assert "is not a take" in messages.text

    def test_plays_the_trimmed_part_in_time(self, opened: TakeController, state: TakeState, qtbot: QtBot) -> None:
        opened.set_trim(0.5, 0.8)
        opened.player.play()
        assert state.playing
        assert state.time == 0.5
        with qtbot.waitSignal(state.playing_changed, timeout=WAIT):
            pass
        assert not state.playing
        assert state.time == pytest.approx(0.8)
        opened.player.play()
        assert state.time == 0.5
        opened.player.toggle()
        assert not state.playing

    def test_a_loop_starts_over(self, opened: TakeController, state: TakeState, qtbot: QtBot) -> None:
        opened.set_trim(0.5, 0.6)
        opened.player.set_loop(True)
        opened.player.play()
        times: list[float] = []
        state.time_changed.connect(lambda: times.append(state.time))
        qtbot.waitUntil(lambda: any(b < a for a, b in pairwise(times)), timeout=WAIT)
        opened.player.pause()
        assert all(0.5 <= time <= 0.6 for time in times)

    def test_steps_frame_by_frame_and_stops_at_the_ends(self, opened: TakeController, state: TakeState) -> None:
        opened.step(1)
        assert state.time == pytest.approx(1 / 30)
        opened.step(-5)
        assert state.time == 0
        opened.step(1000)
        assert state.time == pytest.approx(state.duration)

    def test_smoothing_changes_what_is_shown(self, opened: TakeController, state: TakeState, qtbot: QtBot) -> None:
        before = state.clip
        with qtbot.waitSignal(state.clip_changed, timeout=WAIT):
            opened.set_smoothing(0.3)
        assert state.clip is not before
        assert state.edits is not None
        assert state.edits.smoothing == 0.3

    def test_edits_are_saved_beside_the_recording(
        self, opened: TakeController, state: TakeState, path: Path, qtbot: QtBot
    ) -> None:
        recording = path.read_bytes()
        opened.set_trim(0.2, 1.0)
        opened.scrub(0.5)
        opened.add_marker()
        opened.add_marker()  # there is one already
        opened.rename_marker("smile")
        qtbot.waitUntil(lambda: bool(load_edits(path).markers), timeout=WAIT)
        assert load_edits(path) == state.edits
        assert load_edits(path).markers == (Marker(0.5, "smile"),)
        opened.remove_marker()
        opened.stop()
        assert load_edits(path) == TakeEdits((0.2, 1.0))
        assert path.read_bytes() == recording

    def test_edits_come_back_with_the_take(
        self, controller: TakeController, state: TakeState, path: Path, qtbot: QtBot
    ) -> None:
        save_edits(TakeEdits((0.5, 1.0), 0.1, face_id=1), path)
        with qtbot.waitSignal(state.clip_changed, timeout=WAIT):
            controller.open(path)
        assert state.trim == (0.5, 1.0)
        assert state.time == 0.5

    @pytest.mark.parametrize(
        ("wish", "trim"), [((-1.0, 99.0), None), ((1.0, 0.5), (1.0, 1.05)), ((99.0, 99.0), (1.9167, 1.9667))]
    )
    def test_a_trim_stays_inside_and_never_empty(
        self, opened: TakeController, state: TakeState, wish: tuple[float, float], trim: tuple[float, float] | None
    ) -> None:
        opened.set_trim(*wish)
        assert state.edits is not None
        assert state.edits.trim == (None if trim is None else pytest.approx(trim, abs=1e-3))

    def test_another_person_of_the_take_can_be_chosen(
        self, opened: TakeController, state: TakeState, qtbot: QtBot
    ) -> None:
        assert state.clip is not None
        other = 1 - state.clip.take.tracks[0].face_id
        shape = state.clip.code.shape[0, 0]
        with qtbot.waitSignal(state.clip_changed, timeout=WAIT):
            opened.set_face(other)
        assert state.clip.code.shape[0, 0] != shape

    def test_a_face_code_can_play_the_take(
        self, opened: TakeController, state: TakeState, head: HeadModel, tmp_path: Path, qtbot: QtBot
    ) -> None:
        code = head.neutral_code()
        save_code(tmp_path / "ada.json", code.replace(shape=code.shape + 1), head)
        with qtbot.waitSignal(state.clip_changed, timeout=WAIT):
            opened.open_identity(tmp_path / "ada.json")
        qtbot.waitUntil(lambda: not opened.busy, timeout=WAIT)
        assert state.clip is not None
        assert (state.clip.code.shape == 1).all()
        assert state.edits is not None
        assert state.edits.identity is not None
        assert state.edits.identity.name == "ada"
        with qtbot.waitSignal(state.clip_changed, timeout=WAIT):
            opened.set_identity("", None)
        assert not (state.clip.code.shape == 1).all()

    def test_exports_the_trimmed_take_and_remembers_the_choice(
        self, opened: TakeController, take_settings: TakeSettings, tmp_path: Path, qtbot: QtBot
    ) -> None:
        opened.set_trim(0.5, 1.0)
        choice = TakeExportChoice(tmp_path, ("csv", "npz"))
        with qtbot.waitSignal(opened.exported, timeout=WAIT) as signal:
            opened.export(choice)
        assert [written.name for written in signal.args[0]] == ["clip.csv", "clip.npz"]
        with (tmp_path / "clip.csv").open(newline="") as file:
            assert len(list(csv.reader(file))) == 1 + 16
        assert take_settings.export == choice
        qtbot.waitUntil(lambda: not opened.busy, timeout=WAIT)

    def test_an_export_can_be_cancelled(
        self, opened: TakeController, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        opened.export(TakeExportChoice(tmp_path / "out", ("video",)))
        opened.cancel()
        qtbot.waitUntil(lambda: not opened.busy, timeout=WAIT)
        assert not list((tmp_path / "out").glob("*.avi"))

    def test_without_a_take_nothing_happens(self, controller: TakeController, state: TakeState, tmp_path: Path) -> None:
        controller.player.play()
        controller.step(1)
        controller.set_smoothing(0.1)
        controller.add_marker()
        controller.export(TakeExportChoice(tmp_path))
        assert not state.playing
        assert not controller.busy

    def test_closing_empties_the_state(self, opened: TakeController, state: TakeState, path: Path) -> None:
        opened.set_smoothing(0.2)
        opened.close_take()
        assert state.take is None
        assert state.mesh is None
        assert load_edits(path).smoothing == 0.2


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


class TestWindow:
    def test_a_take_is_opened_played_and_closed(
        self, open_workbench: Callable[..., Workbench], path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(FakeEngine())
        panel = workbench.take_menu.panel
        resting = workbench.session.mesh
        assert not panel.isVisible()
        workbench.open_paths([path])
        qtbot.waitUntil(lambda: workbench.session.preview is not None, timeout=WAIT)
        qtbot.waitUntil(lambda: not workbench.takes.busy, timeout=WAIT)
        assert panel.isVisible()
        assert workbench.session.mesh is workbench.take.mesh
        shown = workbench.session.mesh
        workbench.take_menu.play_action.trigger()
        qtbot.waitUntil(lambda: workbench.session.mesh is not shown, timeout=WAIT)
        panel.play_button.click()
        assert not workbench.take.playing
        panel.close_button.click()
        assert workbench.session.mesh is resting
        assert not panel.isVisible()

    def test_people_of_the_photo_can_play_the_take(
        self, open_workbench: Callable[..., Workbench], path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(FakeEngine())
        workbench.reconstruction.open_sample()
        qtbot.waitUntil(lambda: workbench.session.person is not None, timeout=WAIT)
        workbench.open_paths([path])
        qtbot.waitUntil(lambda: workbench.session.preview is not None, timeout=WAIT)
        menu = workbench.take_menu.identity_menu()
        assert menu.actions()[0].text() == "Person 1"
        menu.actions()[0].trigger()
        menu.deleteLater()
        assert workbench.take.edits is not None
        assert workbench.take.edits.identity is not None
        assert workbench.take.edits.identity.name == "Person 1"
        qtbot.waitUntil(lambda: not workbench.reconstruction.busy and not workbench.takes.busy, timeout=WAIT)

    def test_export_asks_and_writes(
        self, open_workbench: Callable[..., Workbench], path: Path, tmp_path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(FakeEngine())
        workbench.settings.takes.export = TakeExportChoice(tmp_path, ("csv",))
        workbench.open_paths([path])
        qtbot.waitUntil(lambda: workbench.session.preview is not None and not workbench.takes.busy, timeout=WAIT)
        workbench.take_menu.export_action.trigger()
        dialog = workbench.window.findChild(TakeExportDialog)
        assert dialog.isVisible()
        with qtbot.waitSignal(workbench.takes.exported, timeout=WAIT):
            dialog.export_button.click()
        assert (tmp_path / "clip.csv").exists()
        qtbot.waitUntil(lambda: not workbench.takes.busy, timeout=WAIT)


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
