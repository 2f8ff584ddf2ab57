"""The live view in the window: sliders that can be grabbed, stills, recordings, and a clean end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from fields_app.panels.live_rates import LiveRates
from fields_app.workbench import Workbench
from fields_core.live.camera import CameraDevice
from fields_core.live.simulated import SimulatedCamera
from tests.app.engines import FakeEngine
from tests.app.live.faces import SMILE, WAIT, FakeTracker, clip, smile_of


class TestWindow:
    @pytest.fixture
    def workbench(
        self, open_workbench: Callable[..., Workbench], engine: FakeEngine, tmp_path: Path, qtbot: QtBot
    ) -> Workbench:
        workbench = open_workbench(engine)
        workbench.settings.takes.take_folder = tmp_path
        workbench.live.make_source = lambda choice, size: SimulatedCamera(clip())
        workbench.live.make_tracker = lambda coder, settings: FakeTracker(engine.head, 2)  # type: ignore[assignment,return-value]
        with qtbot.waitSignal(workbench.live.cameras_listed, timeout=WAIT):  # later it would put away the one below
            workbench.live_menu.panel_action.setChecked(True)
        workbench.live_menu.panel.source.set_cameras([CameraDevice(0, "Test camera")])
        return workbench

    @pytest.fixture
    def on_air(self, workbench: Workbench, qtbot: QtBot) -> Workbench:
        workbench.live_menu.panel.source.start_button.click()
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

    def test_on_a_small_laptop_the_window_keeps_its_size_and_no_button_its_text_half(
        self, workbench: Workbench, qtbot: QtBot
    ) -> None:
        window, panel = workbench.window, workbench.live_menu.panel
        window.resize(1280, 760)
        panel.source.start_button.click()
        rates = panel.findChildren(LiveRates)[0]
        qtbot.waitUntil(lambda: any("95 %" in line.text() for line in rates.findChildren(QLabel)), timeout=WAIT)
        workbench.take_menu.panel.show()
        qtbot.waitUntil(lambda: panel.record_button.width() >= panel.record_button.sizeHint().width(), timeout=WAIT)
        assert (window.width(), window.height()) == (1280, 760)
        assert window.minimumSizeHint().width() <= 1280
        assert window.minimumSizeHint().height() <= 760
        buttons = [panel.freeze_button, panel.snapshot_button, panel.stream_button, panel.neutral_button,
                   panel.identity_button, panel.gains_button]  # fmt: skip
        cut = [button.text() for button in buttons if button.width() < button.sizeHint().width()]
        assert not cut

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
