"""The live panel, its dialogs and its settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from pytestqt.qtbot import QtBot

from fields_app.controllers.live_painter import LivePainter
from fields_app.dialogs.stream_dialog import StreamDialog
from fields_app.live_settings import LiveSettings, SourceChoice, SourceKind, StreamChoice
from fields_app.live_view import LiveView
from fields_app.panels.live_emotion import AffectTrail
from fields_app.panels.live_gains import LiveGainsDialog
from fields_app.panels.live_panel import LivePanel
from fields_core.live.camera import CameraDevice
from tests.app.engines import FakeEngine
from tests.app.live.faces import SMILE, WAIT, shot_result


class TestPanel:
    @pytest.fixture
    def panel(self, view: LiveView, store: QSettings, qtbot: QtBot) -> LivePanel:
        panel = LivePanel(view, LiveSettings(store))
        qtbot.addWidget(panel)
        panel.resize(480, 800)
        panel.show()
        return panel

    def test_lists_cameras_by_name_and_starts_the_selected_one(self, panel: LivePanel, qtbot: QtBot) -> None:
        panel.source.set_cameras([CameraDevice(0, "Integrated"), CameraDevice(2, "USB")])
        panel.source.sources.setCurrentIndex(1)
        panel.source.sources.activated.emit(1)
        with qtbot.waitSignal(panel.source.started, timeout=WAIT) as caught:
            panel.source.start_button.click()
        assert caught.args == [SourceChoice(SourceKind.CAMERA, "2", "USB")]
        assert panel.source.sizes.isVisible()

    def test_without_a_camera_there_is_nothing_to_start(self, panel: LivePanel) -> None:
        assert not panel.source.start_button.isEnabled()
        assert panel.source.sources.currentText() == "No camera found"

    def test_asking_for_a_file_keeps_the_selection(self, panel: LivePanel, qtbot: QtBot) -> None:
        panel.source.set_cameras([CameraDevice(0, "Integrated")])
        place = panel.source.sources.findText("Video file …")
        with qtbot.waitSignal(panel.source.browse_requested, timeout=WAIT) as caught:
            panel.source.sources.setCurrentIndex(place)
            panel.source.sources.activated.emit(place)
        assert caught.args == [SourceKind.FILE]
        assert panel.source.sources.currentText() == "Integrated"
        panel.source.choose(SourceChoice(SourceKind.FILE, "/films/a.mp4", "a.mp4"))
        assert panel.source.sources.currentText() == "a.mp4"
        assert not panel.source.sizes.isVisible()

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
        panel.source.set_cameras([CameraDevice(0, "Small", ((320, 240), (640, 480))), CameraDevice(1, "Silent")])
        assert [panel.source.sources.itemText(place) for place in range(2)] == ["Small", "Silent"]

        def listed() -> list[str]:
            return [panel.source.sizes.itemText(place) for place in range(panel.source.sizes.count())]

        assert listed() == ["320 × 240", "640 × 480"]
        panel.source.sources.setCurrentIndex(1)
        panel.source.sources.activated.emit(1)
        assert listed() == ["640 × 480", "1280 × 720", "1920 × 1080"]
        panel.source.sources.setCurrentIndex(0)
        panel.source.sources.activated.emit(0)
        picked: list[object] = []
        panel.source.size_picked.connect(picked.append)
        panel.source.sizes.setCurrentIndex(0)
        panel.source.sizes.activated.emit(0)
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
