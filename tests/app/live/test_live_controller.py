"""The live view: sources, head that follows, values that are held, clips, and a clean end."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from fields_app.controllers.live import LiveController
from fields_app.live_settings import LiveSettings, SourceChoice, SourceKind
from fields_app.live_view import LiveView
from fields_app.panels.clip_controls import SPEEDS, ClipControls
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.take_settings import TakeSettings
from fields_core.errors import SourceError
from fields_core.head import HeadModel
from fields_core.live.simulated import Player, SimulatedCamera, Unplug
from fields_core.live.source import FrameSource
from tests.app.engines import FakeEngine
from tests.app.live.faces import CAMERA, SMILE, WAIT, FakeTracker, clip, smile_of


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

    def test_what_was_wished_before_the_start_holds_from_the_first_frame(
        self, live: LiveController, view: LiveView, qtbot: QtBot
    ) -> None:
        live.set_wish(mirrored=True, size=(64, 48), followed=7, held={SMILE: 0.5})
        with qtbot.waitSignal(view.shot_changed, timeout=WAIT):
            live.start(CAMERA)
        assert view.shot is not None
        assert view.shot.mirrored
        assert view.shot.picture.shape[1] <= 64
        assert view.held == {}  # of the run before

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
        running.tuning.set_calm(0.8)
        running.tuning.set_gains({SMILE: 2.0, "no such unit": 1.5})
        running.tuning.set_limits({SMILE: (0.1, 0.4), "no such unit": (0.0, 0.5)})
        running.tuning.calibrate()
        running.tuning.measure_identity()
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

        running.holds.hold(SMILE, 0.777)
        qtbot.waitUntil(lambda: abs(shown() - 0.777) < 1e-5, timeout=WAIT)
        running.holds.release()
        qtbot.waitUntil(lambda: abs(shown() - 0.777) > 1e-3, timeout=WAIT)

    def test_a_locked_value_stays_until_it_is_unlocked(
        self, running: LiveController, view: LiveView, session: Session, head: HeadModel, qtbot: QtBot
    ) -> None:
        running.holds.hold(SMILE, 0.4)
        session.set_locked((SMILE,), True)
        running.holds.release()
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
        running.holds.hold(SMILE, 0.9)
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
