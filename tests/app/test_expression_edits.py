"""Emotion and expression: controllers without a window, panels with real mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from fields_app.controllers.editing import EditingController
from fields_app.controllers.emotion import EmotionController
from fields_app.controllers.expression import ExpressionController
from fields_app.panels.emotion_panel import EMOTIONS, EmotionPanel
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.sliders_panel import SlidersPanel
from fields_app.session import Session
from fields_core.encoder.emotion_head import Emotion
from fields_core.expression.reading import ExpressionReading, Naturalness
from fields_core.expression.tools import ExpressionTools
from tests.app.engines import FakeEngine
from tests.core.test_expression import trained_emotion_head

HAPPY = int(Emotion.HAPPY)


@pytest.fixture(scope="module")
def tools_with_weights() -> ExpressionTools:
    engine = FakeEngine()
    return ExpressionTools(engine.head, trained_emotion_head(engine.head), support=engine.expression.support())


@pytest.fixture
def editing(session: Session, messages: MessageBar, engine: FakeEngine) -> Iterator[EditingController]:
    controller = EditingController(session, messages)
    controller.set_engine(engine)
    yield controller
    controller.stop()


@pytest.fixture
def emotion(
    session: Session,
    editing: EditingController,
    messages: MessageBar,
    engine: FakeEngine,
    tools_with_weights: ExpressionTools,
) -> Iterator[EmotionController]:
    engine.expression = tools_with_weights
    controller = EmotionController(session, editing, messages)
    controller.set_engine(engine)
    yield controller
    controller.stop()


@pytest.fixture
def expression(
    session: Session, editing: EditingController, messages: MessageBar, engine: FakeEngine, tmp_path: Path
) -> ExpressionController:
    controller = ExpressionController(session, editing, messages, tmp_path / "presets.json")
    controller.set_engine(engine)
    return controller


@pytest.fixture
def panel(session: Session, qtbot: QtBot) -> EmotionPanel:
    panel = EmotionPanel(session)
    qtbot.addWidget(panel)
    panel.resize(400, 380)
    panel.show()
    return panel


def value_of(session: Session, key: str) -> float:
    parameter = next(parameter for parameter in session.parameters if parameter.key == key)
    return float(getattr(session.code, parameter.field)[0, parameter.column]) * parameter.scale


class TestEmotionController:
    def test_an_edit_is_read(
        self, emotion: EmotionController, editing: EditingController, session: Session, qtbot: QtBot
    ) -> None:
        with qtbot.waitSignal(
            emotion.reading_changed, timeout=20_000, check_params_cb=lambda r: r.intensity > 0.2
        ) as read:
            editing.set_value("jawOpen", 0.9)
        assert read.args[0].intensity_without_jaw == 0

    def test_a_dragged_score_is_reached_as_one_undo_step(
        self, emotion: EmotionController, editing: EditingController, session: Session, qtbot: QtBot
    ) -> None:
        before = session.code
        for probability in (0.2, 0.4, 0.6):
            with qtbot.waitSignal(emotion.steered, timeout=20_000):
                emotion.drag(HAPPY, probability)
        emotion.end_drag()
        assert value_of(session, "mouthSmileLeft") > 0.1
        assert editing.undo_stack.count() == 1
        editing.undo_stack.undo()
        assert session.code is before

    def test_the_next_drag_is_a_step_of_its_own_and_starts_from_there(
        self, emotion: EmotionController, editing: EditingController, session: Session, qtbot: QtBot
    ) -> None:
        for target in (HAPPY, int(Emotion.SURPRISE)):
            with qtbot.waitSignal(emotion.steered, timeout=20_000):
                emotion.drag(target, 0.5)
            emotion.end_drag()
        assert editing.undo_stack.count() == 2

    def test_a_bar_let_go_before_its_answer_still_gets_it(
        self, emotion: EmotionController, editing: EditingController, session: Session, qtbot: QtBot
    ) -> None:
        with qtbot.waitSignal(emotion.steered, timeout=20_000):
            emotion.drag(HAPPY, 0.3)
            emotion.drag(HAPPY, 0.6)
            emotion.end_drag()
        qtbot.waitUntil(lambda: emotion._drag is None, timeout=20_000)
        assert editing.undo_stack.count() == 1

    def test_locked_values_stay(self, emotion: EmotionController, session: Session, qtbot: QtBot) -> None:
        session.set_locked(("mouthSmileLeft",), True)
        with qtbot.waitSignal(emotion.steered, timeout=20_000):
            emotion.drag(HAPPY, 0.6)
        assert value_of(session, "mouthSmileLeft") == 0

    def test_without_weights_dragging_does_nothing(
        self, session: Session, editing: EditingController, messages: MessageBar, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        controller = EmotionController(session, editing, messages)
        with qtbot.waitSignal(controller.available_changed) as available:
            controller.set_engine(engine)
        before = session.code
        controller.drag(HAPPY, 0.6)
        assert available.args == [False]
        assert session.code is before
        controller.stop()


class TestExpressionController:
    def test_a_preset_is_one_step_and_keeps_the_pose(
        self, expression: ExpressionController, editing: EditingController, session: Session
    ) -> None:
        editing.set_value("headTurn", 20.0)
        editing.end_drag()
        pose = session.code.head_pose
        happy = next(preset for preset in expression.presets if preset.name == "Happy")
        expression.apply_preset(happy, 0.5)
        assert value_of(session, "mouthSmileLeft") == pytest.approx(0.5, abs=0.05)
        assert torch.equal(session.code.head_pose, pose)
        assert editing.undo_stack.undoText() == "Preset Happy"

    def test_kept_presets_are_there_again(
        self, expression: ExpressionController, editing: EditingController, session: Session, engine: FakeEngine
    ) -> None:
        editing.set_value("mouthSmileLeft", 0.4)
        expression.keep_preset("smirk")
        expression.set_engine(engine)
        kept = expression.presets[-1]
        assert kept.name == "smirk"
        editing.relax()
        expression.apply_preset(kept)
        assert value_of(session, "mouthSmileLeft") == pytest.approx(0.4)
        expression.forget_preset(kept)
        assert "smirk" not in [preset.name for preset in expression.presets]

    def test_a_damaged_file_of_presets_is_reported_and_the_rest_works(
        self, session: Session, editing: EditingController, messages: MessageBar, engine: FakeEngine, tmp_path: Path
    ) -> None:
        (tmp_path / "broken.json").write_text("{")
        controller = ExpressionController(session, editing, messages, tmp_path / "broken.json")
        controller.set_engine(engine)
        assert messages.kind == "error"
        assert len(controller.presets) > 10

    def test_a_name_that_is_none_is_reported(self, expression: ExpressionController, messages: MessageBar) -> None:
        expression.keep_preset("  ")
        assert messages.kind == "error"

    def test_mirror_and_symmetry(
        self, expression: ExpressionController, editing: EditingController, session: Session
    ) -> None:
        editing.set_value("mouthSmileLeft", 0.4)
        expression.mirror()
        assert value_of(session, "mouthSmileRight") == pytest.approx(0.4)
        assert value_of(session, "mouthSmileLeft") == 0
        expression.symmetrise()
        assert value_of(session, "mouthSmileLeft") == pytest.approx(0.2)

    def test_strength_scales_what_was_there_and_starts_again_after_another_edit(
        self, expression: ExpressionController, editing: EditingController, session: Session, qtbot: QtBot
    ) -> None:
        editing.set_value("mouthSmileLeft", 0.4)
        for percent in (150.0, 0.0, 50.0):
            expression.scale(percent)
        editing.end_drag()
        assert value_of(session, "mouthSmileLeft") == pytest.approx(0.2)
        assert editing.undo_stack.count() == 2
        with qtbot.waitSignal(expression.strength_changed) as strength:
            editing.undo_stack.undo()
        assert strength.args == [100.0]
        assert value_of(session, "mouthSmileLeft") == pytest.approx(0.4)

    def test_relaxing_keeps_what_is_locked(
        self, expression: ExpressionController, editing: EditingController, session: Session
    ) -> None:
        for key in ("mouthSmileLeft", "mouthSmileRight"):
            editing.set_value(key, 0.4)
        session.set_locked(("mouthSmileRight",), True)
        expression.relax()
        assert value_of(session, "mouthSmileLeft") == 0
        assert value_of(session, "mouthSmileRight") == pytest.approx(0.4)


def some_reading(**changes: object) -> ExpressionReading:
    values: dict[str, object] = {
        "scores": (0.1, 0.6, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05), "valence_arousal": (0.5, 0.2), "intensity": 0.6,
        "intensity_without_jaw": 0.4, "millimetres": 4.0, "naturalness": Naturalness.NATURAL, "share_below": 0.7,
        "beyond": (),
    }  # fmt: skip
    return ExpressionReading(**{**values, **changes})


class TestEmotionPanel:
    def test_its_classes_are_those_of_the_emotion_branch(self) -> None:
        assert [name.upper() for name in EMOTIONS] == [emotion.name for emotion in Emotion]

    def test_it_says_that_weights_are_missing(self, panel: EmotionPanel, qtbot: QtBot) -> None:
        assert panel.missing.isVisible()
        assert not panel.bars[0].isEnabled()
        with qtbot.waitSignal(panel.weights_requested):
            qtbot.mouseClick(panel.models_button, Qt.MouseButton.LeftButton)
        panel.set_available(True)
        assert not panel.missing.isVisible()
        assert panel.bars[0].isEnabled()

    def test_a_reading_fills_bars_and_plane(self, panel: EmotionPanel) -> None:
        panel.show_reading(some_reading())
        assert panel.bars[HAPPY].score == pytest.approx(0.6)
        assert panel.plane.place == (0.5, 0.2)
        assert "40 %" in panel.meter.toolTip()
        assert "70 %" in panel.hint.text()

    @pytest.mark.parametrize("kind", list(Naturalness))
    def test_the_hint_says_what_is_not_natural(self, kind: Naturalness, panel: EmotionPanel) -> None:
        panel.show_reading(some_reading(naturalness=kind, beyond=("mouthSmileLeft",)))
        warned = kind in (Naturalness.STRONG, Naturalness.UNUSUAL, Naturalness.EXAGGERATED)
        assert bool(panel.hint.styleSheet()) == warned
        if kind in (Naturalness.UNUSUAL, Naturalness.EXAGGERATED):
            assert "mouth smile l" in panel.hint.text()

    def test_a_bar_that_is_dragged_keeps_its_target_and_shows_the_truth(
        self, panel: EmotionPanel, qtbot: QtBot
    ) -> None:
        panel.set_available(True)
        panel.show_reading(some_reading())
        bar = panel.bars[HAPPY]
        at = QPoint(bar.width() - 60, bar.height() // 2)
        with qtbot.waitSignal(panel.dragged) as dragged:
            qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=at)
        assert dragged.args[0] == HAPPY
        assert dragged.args[1] > 0.7
        panel.show_reading(some_reading())
        assert bar.score == pytest.approx(0.6)
        assert bar.value() > 700
        with qtbot.waitSignal(panel.drag_ended):
            qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=at)
        assert bar.value() == 600

    def test_arrow_keys_step_a_score_and_end_when_released(self, panel: EmotionPanel, qtbot: QtBot) -> None:
        panel.set_available(True)
        panel.show_reading(some_reading())
        with qtbot.waitSignal(panel.drag_ended), qtbot.waitSignal(panel.dragged) as dragged:
            qtbot.keyClick(panel.bars[HAPPY], Qt.Key.Key_Right)
        assert dragged.args[1] == pytest.approx(0.62)

    def test_a_target_out_of_reach_is_said(self, panel: EmotionPanel) -> None:
        panel.show_reading(some_reading())
        panel.show_reached(HAPPY, False)
        assert "happy" in panel.hint.text()
        panel.show_reached(HAPPY, True)
        assert "happy" not in panel.hint.text()

    def test_it_folds(self, panel: EmotionPanel) -> None:
        panel.fold_button.click()
        assert not panel.strength.isVisible()


class TestSlidersPanel:
    def test_a_lock_rests_the_row_until_it_is_opened(
        self, sliders: SlidersPanel, session: Session, qtbot: QtBot
    ) -> None:
        sliders.lock_requested.connect(session.set_locked)
        slider = sliders.slider("mouthSmileLeft")
        qtbot.keyClick(slider.focusProxy(), Qt.Key.Key_L)
        assert session.locked == {"mouthSmileLeft", "mouthSmileRight"}
        assert not slider.isEnabled()
        qtbot.mouseClick(slider.parentWidget().lock, Qt.MouseButton.LeftButton)
        assert not session.locked
        assert slider.isEnabled()

    def test_resetting_all_leaves_locked_values(self, sliders: SlidersPanel, session: Session, qtbot: QtBot) -> None:
        session.set_locked(("jawOpen",), True)
        with qtbot.waitSignal(sliders.reset_requested) as reset:
            sliders.reset_button.click()
        assert "jawOpen" not in reset.args[0]
        assert len(reset.args[0]) == len(session.parameters) - 1

    def test_m_gives_the_other_side_the_same_value(self, sliders: SlidersPanel, qtbot: QtBot) -> None:
        left = sliders.slider("mouthSmileLeft")
        left.set_value(0.3)
        sliders.activateWindow()
        left.focusProxy().setFocus()
        qtbot.waitUntil(left.focusProxy().hasFocus)
        with qtbot.waitSignal(sliders.value_edited) as edited:
            qtbot.keyClick(left.focusProxy(), Qt.Key.Key_M)
        assert edited.args == ["mouthSmileRight", pytest.approx(0.3)]

    def test_backspace_goes_back_to_the_photo(self, sliders: SlidersPanel, qtbot: QtBot) -> None:
        bar = sliders.slider("jawOpen").focusProxy()
        sliders.activateWindow()
        bar.setFocus()
        qtbot.waitUntil(bar.hasFocus)
        with qtbot.waitSignal(sliders.reset_requested) as reset:
            qtbot.keyClick(bar, Qt.Key.Key_Backspace)
        assert reset.args[0] == ("jawOpen",)

    def test_the_menu_holds_the_presets_at_the_chosen_intensity(
        self, sliders: SlidersPanel, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        menu = sliders.presets
        for _ in range(2):  # a menu that is rebuilt holds nothing twice
            menu.set_presets(engine.expression.presets)
        named = [action for action in menu.actions() if action.text() == "Happy"]
        menu.intensity.set_value(50.0)
        with qtbot.waitSignal(menu.chosen) as chosen:
            named[0].trigger()
        assert len(named) == 1
        assert chosen.args[0].name == "Happy"
        assert chosen.args[1] == 0.5

    def test_keeping_an_expression_asks_for_a_name(self, sliders: SlidersPanel, qtbot: QtBot) -> None:
        sliders.presets._ask_name()
        dialog = next(child for child in sliders.children() if child.metaObject().className() == "QInputDialog")
        with qtbot.waitSignal(sliders.presets.keep_requested) as kept:
            dialog.setTextValue("smirk")
            dialog.accept()
        assert kept.args == ["smirk"]

    def test_the_menu_of_sides_mirrors(self, sliders: SlidersPanel, qtbot: QtBot) -> None:
        mirror, even = sliders.sides_button.menu().actions()[:2]
        with qtbot.waitSignal(sliders.mirror_requested), qtbot.waitSignal(sliders.symmetry_requested):
            mirror.trigger()
            even.trigger()
        sliders.set_sides(False)
        assert not mirror.isEnabled()
