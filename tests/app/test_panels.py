"""Panels: they show the session and say what the user wants; they change nothing themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QDialog, QLabel
from pytestqt.qtbot import QtBot

from fields_app.dialogs.about import AboutDialog
from fields_app.dialogs.export_dialog import ExportDialog
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.photo_panel import PhotoPanel
from fields_app.panels.sliders_panel import SlidersPanel
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter
from fields_app.session import Overlay, Session
from fields_app.settings import ExportChoice
from fields_core.errors import PhotoError
from fields_core.progress import CancelToken, Progress
from tests.app.engines import FakeEngine

TURN = Parameter("turn", "Head turn", "Turn", "Head", "head_pose", 1, -90.0, 90.0, unit="°")
SMILE = Parameter("smile", "Smile L", "Smile", "Mouth", "expression", 0, 0.0, 1.0, side="L")


@pytest.fixture
def photo_panel(session: Session, qtbot: QtBot) -> PhotoPanel:
    panel = PhotoPanel(session)
    qtbot.addWidget(panel)
    panel.resize(500, 500)
    panel.show()
    return panel


def show_faces(session: Session, count: int) -> None:
    engine = FakeEngine(count)
    photo = engine.sample_photo()
    session.set_photo(photo)
    session.set_people(engine.reconstruct(photo, CancelToken()))


class TestValueSlider:
    @pytest.fixture
    def slider(self, qtbot: QtBot) -> ValueSlider:
        slider = ValueSlider(SMILE)
        qtbot.addWidget(slider)
        slider.resize(200, 26)
        slider.show()
        return slider

    def test_showing_a_value_is_no_edit(self, slider: ValueSlider, qtbot: QtBot) -> None:
        with qtbot.assertNotEmitted(slider.edited):
            slider.set_value(0.4)
        assert slider.value == 0.4

    def test_a_click_on_the_bar_chooses_the_value_there(self, slider: ValueSlider, qtbot: QtBot) -> None:
        bar = slider.focusProxy()
        with qtbot.waitSignal(slider.edited) as edited:
            qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() // 2, bar.height() // 2))
        assert edited.args[0] == pytest.approx(0.5, abs=0.03)

    def test_arrow_keys_step(self, slider: ValueSlider, qtbot: QtBot) -> None:
        with qtbot.waitSignal(slider.edited) as edited:
            qtbot.keyClick(slider.focusProxy(), Qt.Key.Key_Right)
        assert edited.args[0] == pytest.approx(0.01)

    @pytest.mark.parametrize(("typed", "value"), [("0.35", 0.35), ("0,5", 0.5), ("7", 1.0), ("-3", 0.0)])
    def test_a_number_can_be_typed(self, slider: ValueSlider, qtbot: QtBot, typed: str, value: float) -> None:
        slider.set_value(0.2)
        with qtbot.waitSignal(slider.edited) as edited:
            slider.number.setText(typed)
            qtbot.keyClick(slider.number, Qt.Key.Key_Return)
        assert edited.args[0] == pytest.approx(value)

    @pytest.mark.parametrize("typed", ["smile", "", "nan", "1e999", "--1"])
    def test_what_is_no_number_is_put_back(self, slider: ValueSlider, qtbot: QtBot, typed: str) -> None:
        slider.set_value(0.2)
        with qtbot.assertNotEmitted(slider.edited):
            slider.number.setText(typed)
            qtbot.keyClick(slider.number, Qt.Key.Key_Return)
        assert slider.number.text() == "0.20"

    def test_a_double_click_asks_for_a_reset(self, slider: ValueSlider, qtbot: QtBot) -> None:
        with qtbot.waitSignal(slider.reset_requested):
            qtbot.mouseDClick(slider.focusProxy(), Qt.MouseButton.LeftButton)

    def test_angles_carry_their_unit(self, qtbot: QtBot) -> None:
        slider = ValueSlider(TURN)
        qtbot.addWidget(slider)
        slider.set_value(-12.34)
        assert slider.number.text() == "-12.3°"
        slider.set_value(-0.001)
        assert slider.number.text() == "0.0°"

    def test_screen_readers_hear_the_name(self, slider: ValueSlider) -> None:
        assert slider.focusProxy().accessibleName() == "Smile L"
        assert slider.number.accessibleName() == "Smile L"


class TestSlidersPanel:
    def test_every_parameter_has_a_slider_that_shows_the_code(
        self, sliders: SlidersPanel, session: Session, engine: FakeEngine
    ) -> None:
        show_faces(session, 1)
        for parameter in engine.parameters:
            assert sliders.slider(parameter.key).parameter == parameter
        assert sliders.slider("mouthSmileLeft").value == pytest.approx(0.5)

    def test_an_edit_names_its_parameter(self, sliders: SlidersPanel, qtbot: QtBot) -> None:
        with qtbot.waitSignal(sliders.value_edited) as edited:
            sliders.slider("jawOpen").edited.emit(0.25)
        assert edited.args == ["jawOpen", 0.25]

    def test_the_session_moves_sliders_without_an_edit(
        self, sliders: SlidersPanel, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        code = session.code
        assert code is not None
        jaw = next(p for p in engine.parameters if p.key == "jawOpen")
        with qtbot.assertNotEmitted(sliders.value_edited):
            session.edit(jaw.write(code, 0.75))
        assert sliders.slider("jawOpen").value == pytest.approx(0.75)

    @pytest.mark.parametrize("words", ["smile", "SMILE", "mouth smile", "mouthSmileLeft"])
    def test_search_leaves_what_matches(self, sliders: SlidersPanel, words: str) -> None:
        sliders.search.setText(words)
        assert sliders.slider("mouthSmileLeft").isVisible()
        assert sliders.slider("mouthSmileRight").isVisible()
        assert not sliders.slider("jawOpen").isVisible()
        sliders.search.clear()
        assert sliders.slider("jawOpen").isVisible()

    def test_a_search_for_nothing_says_so(self, sliders: SlidersPanel) -> None:
        sliders.search.setText("wings")
        assert not any(sliders.slider(key).isVisible() for key in ("jawOpen", "mouthSmileLeft", "headTurn"))

    def test_left_and_right_stand_in_one_row(self, sliders: SlidersPanel) -> None:
        left, right = sliders.slider("mouthSmileLeft"), sliders.slider("mouthSmileRight")
        assert left.mapTo(sliders, QPoint()).y() == right.mapTo(sliders, QPoint()).y()

    def test_without_a_head_model_nothing_can_be_moved(self, qtbot: QtBot) -> None:
        panel = SlidersPanel(Session())
        qtbot.addWidget(panel)
        assert not panel.isEnabled()


class TestPhotoPanel:
    def test_the_invitation_is_readable_in_a_narrow_column(self, photo_panel: PhotoPanel) -> None:
        photo_panel.resize(360, 500)
        labels = [label for label in photo_panel.invitation.findChildren(QLabel) if label.isVisible()]
        assert not [label.text() for label in labels if label.width() < label.minimumSizeHint().width()]

    def test_the_invitation_goes_when_a_photo_comes(self, photo_panel: PhotoPanel, session: Session) -> None:
        assert photo_panel.invitation.isVisible()
        show_faces(session, 1)
        assert not photo_panel.invitation.isVisible()

    def test_its_buttons_ask_for_photos(self, photo_panel: PhotoPanel, qtbot: QtBot) -> None:
        invitation = photo_panel.invitation
        for button, signal in (
            (invitation.open_button, photo_panel.open_requested),
            (invitation.sample_button, photo_panel.sample_requested),
            (invitation.paste_button, photo_panel.paste_requested),
        ):
            with qtbot.waitSignal(signal):
                qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def test_a_click_on_a_box_picks_that_face(self, photo_panel: PhotoPanel, session: Session, qtbot: QtBot) -> None:
        show_faces(session, 2)
        left, top, right, bottom = session.people[1].original.face.box
        view = photo_panel.view
        where = view.mapFromScene((left + right) / 2, (top + bottom) / 2)
        with qtbot.waitSignal(photo_panel.face_picked) as picked:
            qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert picked.args == [1]

    def test_a_click_beside_the_faces_picks_none(self, photo_panel: PhotoPanel, session: Session, qtbot: QtBot) -> None:
        show_faces(session, 2)
        with qtbot.assertNotEmitted(photo_panel.face_picked):
            qtbot.mouseClick(
                photo_panel.view.viewport(), Qt.MouseButton.LeftButton, pos=photo_panel.view.mapFromScene(1, 1)
            )

    def test_a_photo_fits_the_view_and_zoom_stays_within_bounds(
        self, photo_panel: PhotoPanel, session: Session, qtbot: QtBot
    ) -> None:
        show_faces(session, 1)
        view = photo_panel.view
        fitted = view.transform().m11()
        for _ in range(100):
            qtbot.keyClick(view, Qt.Key.Key_Plus)
        assert fitted < view.transform().m11() <= 40.0
        for _ in range(200):
            qtbot.keyClick(view, Qt.Key.Key_Minus)
        assert view.transform().m11() >= 0.3 * fitted
        qtbot.keyClick(view, Qt.Key.Key_Home)
        assert view.transform().m11() == pytest.approx(fitted)
        qtbot.keyClick(view, Qt.Key.Key_F)
        assert view.transform().m11() > fitted

    def test_the_overlay_is_seen_only_when_wished(self, photo_panel: PhotoPanel, session: Session) -> None:
        show_faces(session, 1)
        photo_panel.landmarks_box.setChecked(False)
        green = np.zeros((50, 50, 4), np.uint8)
        green[..., 1::2] = 255
        session.set_overlay(Overlay(green, np.array([[2.0, 0, 10], [0, 2.0, 10]])))
        photo_panel.opacity.setValue(100)
        view = photo_panel.view
        spot = view.mapFromScene(60, 60)
        assert view.grab().toImage().pixelColor(spot).green() < 200
        photo_panel.mesh_box.setChecked(True)
        assert view.grab().toImage().pixelColor(spot).getRgb()[:3] == (0, 255, 0)
        photo_panel.opacity.setValue(0)
        assert view.grab().toImage().pixelColor(spot).green() < 200

    def test_a_huge_photo_is_thinned_for_the_screen_but_keeps_its_coordinates(
        self, photo_panel: PhotoPanel, session: Session
    ) -> None:
        from fields_core.datatypes import Photo

        session.set_photo(Photo(np.zeros((3000, 9001, 3), np.uint8)))
        assert photo_panel.view.sceneRect().width() == pytest.approx(9001, abs=3)

    def test_the_strip_shows_several_photos_and_picks_one(
        self, photo_panel: PhotoPanel, session: Session, qtbot: QtBot
    ) -> None:
        entries = session.add_photos([Path(f"/somewhere/{i}.jpg") for i in range(3)])
        assert photo_panel.strip.isVisible()
        photo_panel.set_thumbnail(entries[1].id, QImage(64, 64, QImage.Format.Format_RGB32))
        photo_panel.set_thumbnail("gone", QImage(64, 64, QImage.Format.Format_RGB32))
        with qtbot.waitSignal(photo_panel.photo_picked) as picked:
            photo_panel.strip.setCurrentRow(2)
        assert picked.args == [entries[2].id]
        for entry in entries[1:]:
            session.remove_photo(entry.id)
        assert not photo_panel.strip.isVisible()


class TestMessageBar:
    def test_an_error_tells_title_and_details(self, messages: MessageBar, qtbot: QtBot) -> None:
        messages.show()
        messages.show_error(PhotoError("No picture", expected="a JPEG", remedy="Choose another."))
        assert messages.kind == "error"
        assert messages.text == "No picture"
        assert "What to do: Choose another." in messages.details
        qtbot.mouseClick(messages.copy_button, Qt.MouseButton.LeftButton)
        assert "Expected: a JPEG" in QGuiApplication.clipboard().text()
        qtbot.mouseClick(messages.close_button, Qt.MouseButton.LeftButton)
        assert messages.kind == "info"

    def test_a_bug_brings_its_traceback(self, messages: MessageBar) -> None:
        messages.show_error(ValueError("oops"), "Traceback: here")
        assert "oops" in messages.text
        assert messages.details == "Traceback: here"

    def test_progress_offers_cancel_only_where_it_helps(self, messages: MessageBar, qtbot: QtBot) -> None:
        messages.show()
        messages.show_progress(Progress(1, 3, "Working"), can_cancel=True)
        with qtbot.waitSignal(messages.cancel_requested):
            qtbot.mouseClick(messages.cancel_button, Qt.MouseButton.LeftButton)
        messages.show_progress(Progress(0, 0, "Loading"))
        assert not messages.cancel_button.isVisible()

    def test_hints_leave_the_message_alone(self, messages: MessageBar) -> None:
        messages.show_info("Ready to go")
        messages.show_hint("Opens a photo")
        assert messages.text == "Ready to go"


class TestDialogs:
    def test_the_export_dialog_starts_from_the_last_choice_and_returns_it(self, qtbot: QtBot, tmp_path: Path) -> None:
        choice = ExportChoice(tmp_path, ("glb", "json"), overlay=False, texture=True)
        dialog = ExportDialog(choice)
        qtbot.addWidget(dialog)
        assert dialog.choice == choice
        dialog.format_box("stl").setChecked(True)
        assert dialog.choice.formats == ("glb", "stl", "json")

    def test_nothing_chosen_cannot_be_exported(self, qtbot: QtBot, tmp_path: Path) -> None:
        dialog = ExportDialog(ExportChoice(tmp_path, ("obj",)))
        qtbot.addWidget(dialog)
        assert dialog.export_button.isEnabled()
        dialog.folder.clear()
        assert not dialog.export_button.isEnabled()
        dialog.folder.setText(str(tmp_path))
        dialog.format_box("obj").setChecked(False)
        assert not dialog.export_button.isEnabled()

    def test_every_format_of_the_dialog_is_known_to_the_core(self) -> None:
        from fields_app.dialogs.export_dialog import FORMATS
        from fields_core.export import FORMATS as KNOWN

        assert {key for key, _, _ in FORMATS} <= set(KNOWN)

    def test_the_about_box_opens_and_closes(self, qtbot: QtBot) -> None:
        dialog = AboutDialog()
        dialog.open()
        with qtbot.waitSignal(dialog.finished) as finished:
            qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert finished.args == [QDialog.DialogCode.Rejected.value]
