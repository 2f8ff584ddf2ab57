"""The live view: sources, head that follows, sliders that can be grabbed, stills, takes, streams, and a clean end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from pytestqt.qtbot import QtBot

from fields_app.app import Workbench
from fields_app.controllers.live import LiveController
from fields_app.controllers.live_painter import LivePainter, fitted, followed
from fields_app.dialogs.stream_dialog import StreamDialog
from fields_app.live_settings import LiveSettings, SourceChoice, SourceKind, StreamChoice
from fields_app.live_view import LiveView, LiveWish
from fields_app.panels.clip_controls import SPEEDS, ClipControls
from fields_app.panels.live_emotion import AffectTrail
from fields_app.panels.live_gains import LiveGainsDialog
from fields_app.panels.live_panel import LivePanel
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.take_settings import TakeSettings
from fields_core.errors import SourceError
from fields_core.head import HeadModel
from fields_core.live.camera import CameraDevice
from fields_core.live.clip import MemoryClip
from fields_core.live.person import TrackerSettings
from fields_core.live.pipeline import LiveResult
from fields_core.live.simulated import Player, SimulatedCamera, Unplug
from fields_core.live.source import FrameSource
from fields_core.live.tracked import EmotionReading, FaceState, Frame, TrackedFace, TrackedFrame
from fields_core.takes.take import load_take
from tests.app.engines import FakeEngine
from tests.heads import tiny_head

WAIT = 30_000
CAMERA = SourceChoice(SourceKind.CAMERA, "0", "Test camera")
SMILE = "mouthSmileLeft"


class FakeTracker:
    """Sees ``faces`` faces in every frame, smiling a little more from frame to frame."""

    def __init__(self, head: HeadModel, faces: int = 1) -> None:
        self.head, self.faces = head, faces
        self.settings = TrackerSettings()
        self.calls: list[str] = []

    def track(self, frame: Frame) -> TrackedFrame:
        faces = tuple(face(self.head, number, (frame.number % 100) / 100) for number in range(self.faces))
        return TrackedFrame(frame.timestamp, frame.number, frame.size, faces)

    def calibrate_neutral(self) -> None:
        self.calls.append("calibrate")

    def clear_calibration(self) -> None:
        self.calls.append("clear")

    def measure_identities(self) -> None:
        self.calls.append("measure")

    def __enter__(self) -> FakeTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("closed")


def face(head: HeadModel, number: int, smile: float) -> TrackedFace:
    code = head.neutral_code()
    expression = code.expression.clone()
    expression[:, head.expression_names.index(SMILE)] = smile
    left = 10.0 + 90.0 * number
    landmarks = np.random.default_rng(0).uniform((left, 20, 0), (left + 60, 100, 1), (478, 3)).astype(np.float32)
    return TrackedFace(
        id=number,
        code=code.replace(expression=expression),
        crop_to_photo=np.array([[0.3, 0.0, left], [0.0, 0.3, 20.0]]),
        box=(left, 20.0, left + 60.0, 100.0),
        landmarks=landmarks,
        confidence=1.0,
        state=FaceState.TRACKED,
        emotion=EmotionReading((0.1, 0.9, 0, 0, 0, 0, 0, 0), 0.6, 0.2),
    )


def clip(frames: int = 200, rate: float = 60.0) -> MemoryClip:
    pictures = [np.full((120, 200, 3), number % 256, np.uint8) for number in range(frames)]
    return MemoryClip(pictures, rate, loop=True, name="test clip")


def shot_result(head: HeadModel, faces: int = 1) -> LiveResult:
    tracked = FakeTracker(head, faces).track(Frame(np.zeros((120, 200, 3), np.uint8), 0.0, 30))
    return LiveResult(Frame(np.zeros((120, 200, 3), np.uint8), 0.0, 30), tracked, 0.0, 0.0)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    end = time.monotonic() + 20.0
    while left := [t.name for t in threading.enumerate() if t.name.startswith(("fields-", "take recorder"))]:
        assert time.monotonic() < end, left
        time.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "live.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def view(qtbot: QtBot) -> LiveView:
    return LiveView()


@pytest.fixture
def tracker(engine: FakeEngine) -> FakeTracker:
    return FakeTracker(engine.head)


@pytest.fixture
def live(
    view: LiveView, session: Session, messages: MessageBar, store: QSettings, engine: FakeEngine,
    tracker: FakeTracker, tmp_path: Path,
) -> Iterator[LiveController]:  # fmt: skip
    takes = TakeSettings(store)
    takes.take_folder = tmp_path
    controller = LiveController(view, session, messages, LiveSettings(store), takes)
    controller.make_source = lambda choice, size: SimulatedCamera(clip())
    controller.make_tracker = lambda coder, settings: tracker  # type: ignore[assignment,return-value]
    controller.set_engine(engine)
    yield controller
    controller.stop()


@pytest.fixture
def running(live: LiveController, view: LiveView, qtbot: QtBot) -> LiveController:
    live.start(CAMERA)
    qtbot.waitUntil(lambda: view.shot is not None, timeout=WAIT)
    return live


def smile_of(code: object, head: HeadModel) -> float:
    return float(code.expression[0, head.expression_names.index(SMILE)])  # type: ignore[attr-defined]


class TestController:
    def test_the_head_on_show_follows_the_face(
        self, running: LiveController, view: LiveView, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        first = session.preview
        assert first is not None
        qtbot.waitUntil(lambda: session.preview is not first, timeout=WAIT)
        assert view.shot is not None
        assert view.shot.face is not None
        np.testing.assert_allclose(session.mesh.vertices, engine.mesh(view.shot.face.code).vertices, atol=1e-6)  # type: ignore[union-attr]

    def test_a_window_that_is_slow_gets_later_frames_and_no_queue(
        self, running: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        shots = []
        view.shot_changed.connect(lambda: (shots.append(view.shot), time.sleep(0.1)))
        qtbot.waitUntil(lambda: len(shots) >= 6, timeout=WAIT)
        numbers = [shot.result.captured for shot in shots if shot is not None]
        ages = [time.perf_counter() - moment for moment in numbers]
        assert numbers == sorted(numbers)
        assert ages[-1] < 1.0

    def test_stopping_shows_the_photo_s_head_again_and_leaves_no_thread(
        self, running: LiveController, view: LiveView, session: Session, tracker: FakeTracker, qtbot: QtBot
    ) -> None:
        running.stop_run()
        qtbot.waitUntil(lambda: not view.running, timeout=WAIT)
        assert session.preview is None
        assert view.shot is None
        assert tracker.calls[-1] == "closed"

    def test_another_source_begins_when_the_last_has_ended(
        self, running: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        running.make_source = lambda choice, size: Player(clip())
        running.start(SourceChoice(SourceKind.FILE, "a.mp4", "a.mp4"))
        qtbot.waitUntil(lambda: view.length == 200 and view.shot is not None, timeout=WAIT)
        assert not view.live

    def test_a_source_asked_for_too_early_is_opened_when_the_core_is_there(
        self, view: LiveView, session: Session, messages: MessageBar, store: QSettings, engine: FakeEngine,
        tracker: FakeTracker, qtbot: QtBot,
    ) -> None:  # fmt: skip
        controller = LiveController(view, session, messages, LiveSettings(store), TakeSettings(store))
        controller.make_source = lambda choice, size: SimulatedCamera(clip())
        controller.make_tracker = lambda coder, settings: tracker  # type: ignore[assignment,return-value]
        controller.start(CAMERA)
        assert not view.running
        controller.set_engine(engine)
        qtbot.waitUntil(lambda: view.shot is not None, timeout=WAIT)
        controller.stop()
        controller.stop()  # harmless

    @pytest.mark.parametrize("when", ["made", "opened"])
    def test_a_camera_that_is_absent_or_busy_is_told_with_its_remedy(
        self, live: LiveController, view: LiveView, messages: MessageBar, when: str, qtbot: QtBot
    ) -> None:
        error = SourceError("The camera cannot be used", found="busy", remedy="Close other programs.")

        class Refusing(SimulatedCamera):
            def open(self, token: object = None) -> None:
                raise error

        def refuse(choice: SourceChoice, size: tuple[int, int]) -> FrameSource:
            if when == "made":
                raise error
            return Refusing(clip())

        live.make_source = refuse
        live.start(CAMERA)
        qtbot.waitUntil(lambda: not view.running, timeout=WAIT)
        assert messages.kind == "error"
        assert "cannot be used" in messages.text
        assert "Close other programs" in messages.details
        live.make_source = lambda choice, size: SimulatedCamera(clip())
        live.start(CAMERA)
        qtbot.waitUntil(lambda: view.shot is not None, timeout=WAIT)

    def test_an_unplugged_camera_is_told_and_comes_back(
        self, live: LiveController, view: LiveView, messages: MessageBar, qtbot: QtBot
    ) -> None:
        live.make_source = lambda choice, size: SimulatedCamera(clip(), (Unplug(0.8, 1.5),))
        live.start(CAMERA)
        qtbot.waitUntil(lambda: messages.kind == "warning", timeout=WAIT)
        assert view.status
        assert view.running
        before = view.shot
        qtbot.waitUntil(lambda: not view.status and view.shot is not before, timeout=WAIT)

    def test_settings_reach_the_tracker(
        self, running: LiveController, tracker: FakeTracker, store: QSettings, qtbot: QtBot
    ) -> None:
        running.set_calm(0.8)
        running.set_gains({SMILE: 2.0, "no such unit": 1.5})
        running.set_limits({SMILE: (0.1, 0.4), "no such unit": (0.0, 0.5)})
        running.calibrate()
        running.measure_identity()
        qtbot.waitUntil(lambda: tracker.calls == ["calibrate", "measure"], timeout=WAIT)
        assert tracker.settings.calm == 0.8
        assert tracker.settings.units.gains == {SMILE: 2.0}
        assert tracker.settings.units.limits == {SMILE: (0.1, 0.4)}
        assert LiveSettings(store).gains[SMILE] == 2.0
        assert LiveSettings(store).limits[SMILE] == (0.1, 0.4)

    def test_a_grabbed_value_is_held_until_it_is_let_go(
        self, running: LiveController, view: LiveView, head: HeadModel, qtbot: QtBot
    ) -> None:
        def shown() -> float:
            return smile_of(view.shot.face.code, head) if view.shot is not None and view.shot.face is not None else -1

        running.hold(SMILE, 0.777)
        qtbot.waitUntil(lambda: abs(shown() - 0.777) < 1e-5, timeout=WAIT)
        running.release()
        qtbot.waitUntil(lambda: abs(shown() - 0.777) > 1e-3, timeout=WAIT)

    def test_a_locked_value_stays_until_it_is_unlocked(
        self, running: LiveController, view: LiveView, session: Session, head: HeadModel, qtbot: QtBot
    ) -> None:
        running.hold(SMILE, 0.4)
        session.set_locked((SMILE,), True)
        running.release()
        assert view.held == {SMILE: pytest.approx(0.4)}
        session.set_locked((SMILE,), False)
        assert view.held == {}

    def test_frozen_the_frame_stays_and_what_is_held_still_shows(
        self, running: LiveController, view: LiveView, head: HeadModel, qtbot: QtBot
    ) -> None:
        running.freeze(True)
        qtbot.wait(200)  # what was on its way has come
        assert view.shot is not None
        frame = view.shot.result.frame.number
        running.hold(SMILE, 0.9)
        qtbot.waitUntil(lambda: smile_of(view.shot.face.code, head) == pytest.approx(0.9), timeout=WAIT)  # type: ignore[union-attr]
        assert view.shot.result.frame.number == frame
        running.freeze(False)
        qtbot.waitUntil(lambda: view.shot.result.frame.number != frame, timeout=WAIT)  # type: ignore[union-attr]

    def test_counters_say_how_it_goes(self, running: LiveController, view: LiveView, qtbot: QtBot) -> None:
        qtbot.waitUntil(lambda: view.counters is not None and view.counters.tracked > 20, timeout=WAIT)
        assert view.shown_rate > 0.0
        assert 0.0 < view.shown_p95 < 5.0

    def test_a_broken_tracker_ends_the_run_with_a_message(
        self, live: LiveController, view: LiveView, messages: MessageBar, tracker: FakeTracker, qtbot: QtBot
    ) -> None:
        tracker.track = lambda frame: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        live.start(CAMERA)
        qtbot.waitUntil(lambda: messages.kind == "error" and not view.running, timeout=WAIT)

    def test_a_frame_that_cannot_be_drawn_ends_the_run_and_the_reason_stays(
        self, running: LiveController, view: LiveView, messages: MessageBar, qtbot: QtBot
    ) -> None:
        assert running._painter is not None
        running._painter._head = None  # type: ignore[assignment]
        qtbot.waitUntil(lambda: not view.running, timeout=WAIT)
        assert messages.kind == "error"


class TestClip:
    @pytest.fixture
    def playing(self, live: LiveController, view: LiveView, qtbot: QtBot) -> LiveController:
        live.make_source = lambda choice, size: Player(clip(), stay=True)
        live.start(SourceChoice(SourceKind.FILE, "a.mp4", "a.mp4"))
        qtbot.waitUntil(lambda: view.length == 200 and view.shot is not None, timeout=WAIT)
        return live

    def number(self, view: LiveView) -> int:
        return view.shot.result.frame.number if view.shot is not None else -1

    def test_it_is_held_stepped_sought_and_goes_on(self, playing: LiveController, view: LiveView, qtbot: QtBot) -> None:
        playing.clip.pause(True)
        assert view.paused
        qtbot.wait(200)  # what was on its way has come
        held = self.number(view)
        qtbot.wait(150)
        assert self.number(view) == held
        playing.clip.step(1)
        qtbot.waitUntil(lambda: self.number(view) == held + 1, timeout=WAIT)
        playing.clip.step(-3)
        qtbot.waitUntil(lambda: self.number(view) == held - 2, timeout=WAIT)
        playing.clip.seek(150)
        qtbot.waitUntil(lambda: self.number(view) == 150, timeout=WAIT)
        playing.clip.pause(False)
        assert not view.paused
        qtbot.waitUntil(lambda: self.number(view) not in (-1, 150), timeout=WAIT)

    def test_without_the_loop_it_waits_at_its_end_and_begins_again(
        self, playing: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        playing.clip.set_looping(False)
        playing.clip.seek(195)
        qtbot.waitUntil(lambda: view.paused, timeout=WAIT)
        assert self.number(view) == 199
        assert view.running
        playing.clip.pause(False)
        qtbot.waitUntil(lambda: 0 <= self.number(view) < 100, timeout=WAIT)

    def test_its_speed_changes_and_is_kept_for_the_next_clip(
        self, playing: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        playing.clip.set_speed(0.25)
        source = playing._source
        assert isinstance(source, Player)
        assert source.frames_per_second == 15.0
        playing.start(SourceChoice(SourceKind.FILE, "b.mp4", "b.mp4"))
        qtbot.waitUntil(lambda: playing._source not in (None, source), timeout=WAIT)
        assert playing._source.frames_per_second == 15.0  # type: ignore[union-attr]

    def test_a_camera_cannot_be_paused(self, running: LiveController, view: LiveView) -> None:
        running.clip.pause(True)
        running.clip.step(1)
        running.clip.seek(3)
        assert not view.paused

    def test_the_controls_follow_the_clip_and_say_what_is_wished(
        self, playing: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        controls = ClipControls(view)
        qtbot.addWidget(controls)
        controls.show()
        view.run_changed.emit()
        assert controls.position.maximum() == 199
        said: list[object] = []
        for signal in (
            controls.paused, controls.sought, controls.stepped, controls.speed_picked, controls.loop_toggled
        ):  # fmt: skip
            signal.connect(said.append)
        qtbot.waitUntil(lambda: controls.position.value() > 0 and "s" in controls.time.text(), timeout=WAIT)
        assert said == []  # the clip itself moved the slider
        playing.clip.pause(True)
        assert controls.pause_button.text() == "Play"
        qtbot.wait(200)
        controls.pause_button.click()
        controls.on_button.click()
        controls.back_button.click()
        controls.position.setValue(77)
        controls.loop_box.click()
        controls.speeds.setCurrentIndex(0)
        controls.speeds.activated.emit(0)
        assert said == [False, 1, -1, 77, False, SPEEDS[0]]

    def test_they_are_hidden_for_a_camera(self, running: LiveController, view: LiveView, qtbot: QtBot) -> None:
        controls = ClipControls(view)
        qtbot.addWidget(controls)
        assert controls.isHidden()


class TestSharing:
    def test_a_take_holds_what_was_shown(
        self, running: LiveController, view: LiveView, engine: FakeEngine, head: HeadModel, qtbot: QtBot
    ) -> None:
        running.hold(SMILE, 0.75)
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


class TestPanel:
    @pytest.fixture
    def panel(self, view: LiveView, store: QSettings, qtbot: QtBot) -> LivePanel:
        panel = LivePanel(view, LiveSettings(store))
        qtbot.addWidget(panel)
        panel.resize(480, 800)
        panel.show()
        return panel

    def test_lists_cameras_by_name_and_starts_the_selected_one(self, panel: LivePanel, qtbot: QtBot) -> None:
        panel.set_cameras([CameraDevice(0, "Integrated"), CameraDevice(2, "USB")])
        panel.sources.setCurrentIndex(1)
        panel.sources.activated.emit(1)
        with qtbot.waitSignal(panel.started, timeout=WAIT) as caught:
            panel.start_button.click()
        assert caught.args == [SourceChoice(SourceKind.CAMERA, "2", "USB")]
        assert panel.sizes.isVisible()

    def test_without_a_camera_there_is_nothing_to_start(self, panel: LivePanel) -> None:
        assert not panel.start_button.isEnabled()
        assert panel.sources.currentText() == "No camera found"

    def test_asking_for_a_file_keeps_the_selection(self, panel: LivePanel, qtbot: QtBot) -> None:
        panel.set_cameras([CameraDevice(0, "Integrated")])
        place = panel.sources.findText("Video file …")
        with qtbot.waitSignal(panel.browse_requested, timeout=WAIT) as caught:
            panel.sources.setCurrentIndex(place)
            panel.sources.activated.emit(place)
        assert caught.args == [SourceKind.FILE]
        assert panel.sources.currentText() == "Integrated"
        panel.choose(SourceChoice(SourceKind.FILE, "/films/a.mp4", "a.mp4"))
        assert panel.sources.currentText() == "a.mp4"
        assert not panel.sizes.isVisible()

    def test_a_click_on_a_box_picks_the_face(
        self, panel: LivePanel, view: LiveView, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        view.set_run(True)
        view.set_shot(LivePainter(engine.head, engine.parameters)(shot_result(engine.head, faces=2)))
        camera = panel.camera
        camera.grab()
        scale = min(camera.width() / 200, camera.height() / 120)
        x, y = (camera.width() - 200 * scale) / 2, (camera.height() - 120 * scale) / 2
        with qtbot.waitSignal(panel.face_picked, timeout=WAIT) as caught:
            qtbot.mouseClick(camera, Qt.MouseButton.LeftButton, pos=QPoint(int(x + 130 * scale), int(y + 60 * scale)))
        assert caught.args == [1]

    def test_says_that_there_are_no_emotion_weights(self, panel: LivePanel, view: LiveView) -> None:
        view.emotional = False
        view.run_changed.emit()
        assert not panel.emotion.isVisible()
        assert "No emotion weights" in panel._hint.text()

    def test_bars_and_trail_follow_the_face(self, panel: LivePanel, view: LiveView, engine: FakeEngine) -> None:
        painter = LivePainter(engine.head, engine.parameters)
        for moment in (1.0, 2.0):
            result = shot_result(engine.head)
            view.set_shot(painter(replace(result, tracked=replace(result.tracked, timestamp=moment))))
        assert panel.emotion.bars.scores == (0.1, 0.9, 0, 0, 0, 0, 0, 0)
        assert panel.emotion.trail.length == 2
        panel.grab()
        view.set_shot(None)
        assert panel.emotion.bars.scores is None
        assert panel.emotion.trail.length == 0

    def test_the_trail_forgets_what_is_long_ago(self, qtbot: QtBot) -> None:
        trail = AffectTrail()
        qtbot.addWidget(trail)
        for second in range(60):
            trail.add(float(second), (0.5, 0.1) if second % 7 else None)
        assert trail.length == 21
        trail.grab()


class TestCameraSizes:
    def test_the_sizes_of_the_chosen_camera_are_offered(self, view: LiveView, store: QSettings, qtbot: QtBot) -> None:
        settings = LiveSettings(store)
        panel = LivePanel(view, settings)
        qtbot.addWidget(panel)
        panel.set_cameras([CameraDevice(0, "Small", ((320, 240), (640, 480))), CameraDevice(1, "Silent")])
        assert [panel.sources.itemText(place) for place in range(2)] == ["Small", "Silent"]

        def listed() -> list[str]:
            return [panel.sizes.itemText(place) for place in range(panel.sizes.count())]

        assert listed() == ["320 × 240", "640 × 480"]
        panel.sources.setCurrentIndex(1)
        panel.sources.activated.emit(1)
        assert listed() == ["640 × 480", "1280 × 720", "1920 × 1080"]
        panel.sources.setCurrentIndex(0)
        panel.sources.activated.emit(0)
        picked: list[object] = []
        panel.camera_size_picked.connect(picked.append)
        panel.sizes.setCurrentIndex(0)
        panel.sizes.activated.emit(0)
        assert picked == [(320, 240)]
        settings.size = (320, 240)
        assert LiveSettings(store).size == (320, 240)
        store.setValue("live/height", "x")
        assert LiveSettings(store).size == (640, 480)


class TestDialogs:
    def test_gains_are_told_without_those_at_one(self, engine: FakeEngine, qtbot: QtBot) -> None:
        units = [p for p in engine.parameters if p.field == "expression"]
        dialog = LiveGainsDialog(units, {SMILE: 2.0})
        qtbot.addWidget(dialog)
        told: list[dict[str, float]] = []
        dialog.changed.connect(told.append)
        dialog.sliders[SMILE].choose(1.5)
        dialog.reset()
        assert told == [{SMILE: 1.5}, {}]

    def test_limits_are_told_without_those_of_the_head_model(self, engine: FakeEngine, qtbot: QtBot) -> None:
        units = [p for p in engine.parameters if p.field == "expression"]
        dialog = LiveGainsDialog(units, {}, {SMILE: (0.1, 0.5)})
        qtbot.addWidget(dialog)
        assert dialog.limits == {SMILE: (0.1, 0.5)}
        told: list[dict[str, tuple[float, float]]] = []
        dialog.limits_changed.connect(told.append)
        low, high = dialog.ranges[SMILE]
        high.setValue(0.6)
        low.setValue(0.9)  # above the other: it stops there
        assert told[0] == {SMILE: (0.1, pytest.approx(0.6))}
        assert dialog.limits == {SMILE: (pytest.approx(0.6), pytest.approx(0.6))}
        dialog.reset()
        assert told[-1] == {}
        assert (low.value(), high.value()) == (0.0, 1.0)

    @pytest.mark.parametrize(
        ("choice", "address"),
        [
            (StreamChoice(), "vmc://127.0.0.1"),
            (StreamChoice("vmc", "10.0.0.2", 5000), "vmc://10.0.0.2:5000"),
            (StreamChoice("livelink", "::1", 0, "Me"), "livelink://[::1]/Me"),
        ],
    )
    def test_the_stream_dialog_keeps_a_choice(self, choice: StreamChoice, address: str, qtbot: QtBot) -> None:
        dialog = StreamDialog(choice)
        qtbot.addWidget(dialog)
        assert dialog.choice == choice
        assert dialog.choice.address == address


def test_settings_survive_a_restart_and_nonsense(store: QSettings) -> None:
    settings = LiveSettings(store)
    choice = SourceChoice(SourceKind.FILE, "/a/b.mp4", "b.mp4")
    settings.source, settings.calm, settings.overlay, settings.size = choice, 0.25, "head", (1280, 720)
    settings.coder, settings.with_video, settings.stream = "fit", True, StreamChoice("livelink", "pc", 7, "X")
    again = LiveSettings(store)
    assert (again.source, again.calm, again.overlay, again.size) == (choice, 0.25, "head", (1280, 720))
    assert (again.coder, again.with_video, again.stream) == ("fit", True, StreamChoice("livelink", "pc", 7, "X"))
    for key, value in (("calm", "x"), ("gains", "[1"), ("kind", "?"), ("overlay", "?"), ("stream_port", "-2")):
        store.setValue(f"live/{key}", value)
    assert (again.calm, again.gains, again.source, again.overlay) == (0.5, {}, SourceChoice(), "landmarks")
    assert again.stream.port == 0
    for nonsense in ("[1", "3", '{"a": [1]}', '{"a": [0.9, 0.1]}', '{"a": ["x", "y"]}', '{"a": [NaN, 1]}'):
        store.setValue("live/limits", nonsense)
        assert again.limits == {}


class TestWindow:
    @pytest.fixture
    def workbench(self, open_workbench: Callable[..., Workbench], engine: FakeEngine, tmp_path: Path) -> Workbench:
        workbench = open_workbench(engine)
        workbench.settings.takes.take_folder = tmp_path
        workbench.live.make_source = lambda choice, size: SimulatedCamera(clip())
        workbench.live.make_tracker = lambda coder, settings: FakeTracker(engine.head, 2)  # type: ignore[assignment,return-value]
        workbench.live_menu.panel_action.setChecked(True)
        workbench.live_menu.panel.set_cameras([CameraDevice(0, "Test camera")])
        return workbench

    @pytest.fixture
    def on_air(self, workbench: Workbench, qtbot: QtBot) -> Workbench:
        workbench.live_menu.panel.start_button.click()
        qtbot.waitUntil(lambda: workbench.live_view.shot is not None, timeout=WAIT)
        return workbench

    def test_sliders_move_by_themselves_and_nothing_of_the_session_is_edited(
        self, on_air: Workbench, qtbot: QtBot
    ) -> None:
        slider = on_air.window.sliders.slider(SMILE)
        first = slider.value
        qtbot.waitUntil(lambda: slider.value != first, timeout=WAIT)
        before = on_air.session.code
        slider.edited.emit(0.66)
        assert on_air.live_view.held == {SMILE: 0.66}
        assert on_air.session.code is before
        slider.finished.emit()
        assert on_air.live_view.held == {}
        assert not on_air.window.sliders.neutral_button.isEnabled()
        on_air.live_menu.close_panel()
        qtbot.waitUntil(lambda: not on_air.live_view.running, timeout=WAIT)
        assert on_air.window.sliders.neutral_button.isEnabled()
        assert slider.value == 0.0
        assert on_air.window.photo.isVisible()

    def test_a_slider_in_the_hand_stays_there_and_moves_the_head(
        self, on_air: Workbench, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        slider = on_air.window.sliders.slider(SMILE)
        bar = slider._slider
        qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() // 2, bar.height() // 2))
        grabbed = slider.value
        assert grabbed == pytest.approx(0.5, abs=0.05)
        assert slider.grabbed
        for _ in range(3):
            with qtbot.waitSignal(on_air.live_view.shot_changed, timeout=WAIT):
                pass
        shot = on_air.live_view.shot
        assert shot is not None
        assert shot.face is not None
        assert slider.value == grabbed
        assert smile_of(shot.face.code, engine.head) == pytest.approx(grabbed, abs=1e-5)
        qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: abs(slider.value - grabbed) > 0.02, timeout=WAIT)

    def test_a_snapshot_is_a_photo_with_people_that_can_be_edited_and_undone(
        self, on_air: Workbench, qtbot: QtBot
    ) -> None:
        on_air.live_menu.panel.freeze_button.click()
        with qtbot.waitSignal(on_air.snapshots.taken, timeout=WAIT):
            on_air.live_menu.panel.snapshot_button.click()
        session = on_air.session
        assert [photo.name for photo in session.photos] == ["Snapshot 1"]
        assert len(session.people) == 2
        on_air.live_menu.close_panel()
        qtbot.waitUntil(lambda: not on_air.live_view.running, timeout=WAIT)
        on_air.editing.set_value(SMILE, 0.2)
        assert session.person is not None
        assert session.person.edited
        on_air.editing.undo_stack.undo()
        on_air.editing.undo_stack.undo()
        assert session.photos == ()
        on_air.editing.undo_stack.redo()
        assert len(session.people) == 2

    def test_a_recording_goes_to_the_take_panel(self, on_air: Workbench, qtbot: QtBot) -> None:
        panel = on_air.live_menu.panel
        panel.record_button.click()
        qtbot.waitUntil(lambda: (on_air.live_view.recording or 0.0) > 0.2, timeout=WAIT)
        panel.record_button.click()
        qtbot.waitUntil(lambda: on_air.take.clip is not None, timeout=WAIT)
        assert not on_air.live_view.frozen
        on_air.takes.player.play()
        assert on_air.live_view.frozen

    def test_opening_a_photo_closes_the_live_panel(self, on_air: Workbench, qtbot: QtBot) -> None:
        on_air.reconstruction.open_sample()
        qtbot.waitUntil(lambda: not on_air.live_view.running and len(on_air.session.people) == 1, timeout=WAIT)
        assert not on_air.live_menu.panel_action.isChecked()

    def test_closing_the_window_ends_everything(self, on_air: Workbench, qtbot: QtBot) -> None:
        on_air.live_menu.panel.record_button.click()
        on_air.window.close()
        assert not on_air.live_view.running
