"""What leaves the live view: takes and streams, and the pictures that are painted."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fields_app.controllers.live import LiveController
from fields_app.controllers.live_painter import LivePainter, fitted, followed
from fields_app.live_settings import StreamChoice
from fields_app.live_view import LiveView, LiveWish
from fields_app.panels.message_bar import MessageBar
from fields_core.head import HeadModel
from fields_core.takes.take import load_take
from tests.app.engines import FakeEngine
from tests.app.live.faces import SMILE, WAIT, shot_result


class TestSharing:
    def test_a_take_holds_what_was_shown(
        self, running: LiveController, view: LiveView, engine: FakeEngine, head: HeadModel, qtbot: QtBot
    ) -> None:
        running.holds.hold(SMILE, 0.75)
        running.sharing.record(True)
        qtbot.waitUntil(lambda: (view.recording or 0.0) > 0.2, timeout=WAIT)
        with qtbot.waitSignal(running.sharing.recorded, timeout=WAIT) as caught:
            running.sharing.record(False)
        assert view.recording is None
        take = load_take(caught.args[0], engine.head)
        track = take.tracks[0]
        assert len(take.timestamps) > 3
        place = head.expression_names.index(SMILE)
        np.testing.assert_allclose(track.code.expression[:, place].numpy(), 0.75, atol=1e-3)

    def test_closing_finishes_the_take(self, running: LiveController, tmp_path: Path, qtbot: QtBot) -> None:
        running.sharing.record(True)
        qtbot.wait(200)
        running.stop()
        takes = list(tmp_path.glob("*.take"))
        assert len(takes) == 1
        assert takes[0].stat().st_size > 0

    def test_a_folder_that_cannot_be_written_is_told(
        self, running: LiveController, view: LiveView, messages: MessageBar, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        running.sharing._takes = _Folder(tmp_path / "file")  # type: ignore[assignment]
        running.sharing.record(True)
        assert messages.kind == "error"
        assert view.recording is None

    def test_a_stream_reaches_its_receiver_and_ends(
        self, running: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(20.0)
            running.sharing.stream(StreamChoice("vmc", "127.0.0.1", receiver.getsockname()[1]))
            qtbot.waitUntil(lambda: view.streaming != "" and view.sent > 0, timeout=WAIT)
            assert b"/VMC/Ext" in receiver.recv(65536)
        running.sharing.stream(None)
        assert view.streaming == ""

    def test_a_host_that_is_none_is_told(
        self, running: LiveController, view: LiveView, messages: MessageBar, qtbot: QtBot
    ) -> None:
        no_name = "x" * 70  # too long for one: known without asking the network
        running.sharing.stream(StreamChoice("vmc", no_name, 4000))
        qtbot.waitUntil(lambda: messages.kind == "error", timeout=WAIT)
        assert view.streaming == ""


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.take_folder = folder


class TestPainter:
    @pytest.fixture
    def painter(self, engine: FakeEngine) -> LivePainter:
        return LivePainter(engine.head, engine.parameters)

    @pytest.mark.parametrize("overlay", ["landmarks", "head"])
    def test_an_overlay_is_drawn_on_a_copy(self, painter: LivePainter, head: HeadModel, overlay: str) -> None:
        painter.wish = LiveWish(overlay=overlay)
        result = shot_result(head)
        shot = painter(result)
        assert shot.picture.any()
        assert not result.frame.pixels.any()

    def test_a_mirror_turns_the_picture_and_nothing_else(self, painter: LivePainter, head: HeadModel) -> None:
        result = shot_result(head)
        painter.wish = LiveWish(overlay="landmarks")
        straight = painter(result)
        painter.wish = replace(painter.wish, mirrored=True)
        mirrored = painter(result)
        np.testing.assert_array_equal(mirrored.picture, straight.picture[:, ::-1])
        np.testing.assert_array_equal(mirrored.mesh.vertices, straight.mesh.vertices)  # type: ignore[union-attr]

    def test_pictures_are_made_no_larger_than_the_view(self) -> None:
        picture, scale = fitted(np.zeros((1080, 1920, 3), np.uint8), (480, 480))
        assert picture.shape == (270, 480, 3)
        assert scale == 0.25
        assert fitted(np.zeros((120, 160, 3), np.uint8), (480, 480))[0].shape == (120, 160, 3)

    def test_the_face_picked_moves_the_head(self, head: HeadModel) -> None:
        tracked = shot_result(head, faces=2).tracked
        chosen = [followed(tracked, wanted) for wanted in (None, 1, 7)]
        assert [face.id for face in chosen if face is not None] == [0, 1, 0]
        assert followed(replace(tracked, faces=()), None) is None

    def test_without_faces_there_is_a_picture_and_no_head(self, painter: LivePainter, head: HeadModel) -> None:
        result = shot_result(head, faces=0)
        shot = painter(result)
        assert shot.mesh is None
        assert shot.picture.shape == (120, 200, 3)
