"""What the controller makes of a take: played, edited, put on somebody else, exported."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fields_app.controllers.takes import TakeController
from fields_app.panels.message_bar import MessageBar
from fields_app.take_settings import TakeExportChoice, TakeSettings
from fields_app.take_state import TakeState
from fields_core.head import HeadModel, save_code
from fields_core.takes.edits import Marker, TakeEdits, load_edits, save_edits

WAIT = 30_000


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
