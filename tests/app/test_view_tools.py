"""Look, light, background, comparison, photo camera, turntable and pictures of the 3D view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fields_app.controllers.viewing import ViewController
from fields_app.dialogs.picture_dialog import with_ending
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.photo_backdrop import photo_view
from fields_app.panels.view_picture import cut_out
from fields_app.panels.view_tools import ORIGINAL, PRESETS
from fields_app.panels.viewport import Viewport
from fields_app.session import Session
from fields_app.settings import Settings
from fields_core.camera import image_to_pixels, project
from fields_core.datatypes import CROP_SIZE
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine

ON_BOTH = pytest.mark.parametrize("viewport", ["opengl", "image"], indirect=True)


@pytest.fixture
def viewport(request: pytest.FixtureRequest, session: Session, qtbot: QtBot) -> Iterator[Viewport]:
    viewport = Viewport(session)
    qtbot.addWidget(viewport)
    viewport.resize(460, 460)
    viewport.show()
    viewport.start(getattr(request, "param", "image"))
    qtbot.waitExposed(viewport)
    yield viewport
    viewport.stop()


@pytest.fixture
def controller(
    viewport: Viewport, session: Session, messages: MessageBar, settings: Settings
) -> Iterator[ViewController]:
    controller = ViewController(session, viewport, messages, settings.view)
    controller._remember_rest()
    yield controller
    controller.stop()


@pytest.fixture
def two_people(session: Session, engine: FakeEngine) -> Session:
    engine.faces = 2
    photo = engine.sample_photo()
    session.set_photo(photo)
    session.set_people(engine.reconstruct(photo, CancelToken()))
    return session


def picture(viewport: Viewport) -> np.ndarray:
    viewport.backend.draw()
    return np.array(viewport.backend.image(), dtype=np.int32)


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()


def differ(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float((np.abs(a - b).max(axis=2) > 12).mean())


def edit(session: Session, engine: FakeEngine, **values: float) -> None:
    code = session.code
    assert code is not None
    for parameter in engine.parameters:
        if parameter.key in values:
            code = parameter.write(code, values[parameter.key])
    session.edit(code)
    session.set_mesh(session.person.id if session.person else "", engine.head.mesh(code))


@ON_BOTH
def test_every_preset_shows_another_side(viewport: Viewport) -> None:
    seen = []
    for i, (_, yaw, _) in enumerate(PRESETS):
        viewport.tools._look.actions()[i].trigger()
        assert viewport.scene.angles[0] == yaw
        seen.append(picture(viewport))
    for i in range(len(seen)):
        for j in range(i):
            if abs(PRESETS[i][1]) != abs(PRESETS[j][1]):  # the test's head has no sides
                assert differ(seen[i], seen[j]) > 0.01, (PRESETS[i], PRESETS[j])


def test_left_and_right_light_fall_on_different_cheeks(viewport: Viewport) -> None:
    viewport.set_mode(0)
    sides = []
    for azimuth in (-80, 80):
        viewport.tools._azimuth.setValue(azimuth)
        image = picture(viewport).sum(axis=2)
        middle = image.shape[1] // 2
        rows = slice(image.shape[0] // 3, image.shape[0] // 2)
        sides.append(image[rows, middle - 60 : middle].mean() - image[rows, middle : middle + 60].mean())
    assert sides[0] > 0 > sides[1]


@ON_BOTH
def test_dragging_with_ctrl_moves_the_light_not_the_head(viewport: Viewport, qtbot: QtBot) -> None:
    target = viewport.backend.widget
    if target.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents):
        target = viewport
    before, centre = viewport.scene.light, target.rect().center()
    qtbot.mousePress(target, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, centre)
    where = QPointF(centre + QPoint(60, -20))
    move = QMouseEvent(
        QEvent.Type.MouseMove, where, target.mapToGlobal(where), Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ControlModifier,
    )  # fmt: skip
    QApplication.sendEvent(target, move)
    assert viewport.scene.angles == (0.0, 0.0)
    assert viewport.scene.light[0] > before[0] + 10
    assert viewport.tools.light == pytest.approx(viewport.scene.light, abs=0.6)


@ON_BOTH
def test_backgrounds_are_plain_where_they_say_so(viewport: Viewport, controller: ViewController) -> None:
    for key, colour in (("black", 0), ("white", 255), ("grey", 127)):
        viewport.tools.background_picked.emit(key)
        corner = picture(viewport)[4, 4]
        assert np.abs(corner - colour).max() <= 1, key
    assert controller._settings.background == "grey"


def test_light_and_background_are_remembered(
    viewport: Viewport, controller: ViewController, settings: Settings
) -> None:
    viewport.tools.background_picked.emit("white")
    viewport.tools._azimuth.setValue(55)
    viewport.tools.transparent.setChecked(True)
    view = settings.view
    assert (view.background, view.light, view.transparent) == ("white", (55.0, 34.0), True)


def test_landmarks_are_dots_on_the_skin(viewport: Viewport) -> None:
    without = picture(viewport)
    viewport.tools.landmarks.setChecked(True)
    with_dots = picture(viewport)
    assert 0.005 < differ(without, with_dots) < 0.4
    viewport.tools.landmarks.setChecked(False)
    assert differ(without, picture(viewport)) < 0.001


def test_the_turntable_turns_and_stops(viewport: Viewport, qtbot: QtBot) -> None:
    viewport.tools.turntable.setChecked(True)
    qtbot.waitUntil(lambda: abs(viewport.scene.angles[0]) > 3)
    viewport.tools.turntable.setChecked(False)
    there = viewport.scene.angles
    qtbot.wait(120)
    assert viewport.scene.angles == there


def test_a_hidden_view_does_not_turn(viewport: Viewport) -> None:
    viewport.tools.turntable.setChecked(True)
    viewport.hide()
    assert not viewport.tools.turntable.isChecked()


@ON_BOTH
def test_before_and_after_stand_side_by_side_under_one_camera(
    viewport: Viewport, controller: ViewController, session: Session, engine: FakeEngine
) -> None:
    viewport.tools.side_by_side.setChecked(True)
    same = picture(viewport)
    half = same.shape[1] // 2
    assert differ(same[:, :half], same[:, -half:]) < 0.03
    edit(session, engine, jawOpen=1.0, mouthPucker=1.0)
    edited = picture(viewport)
    assert differ(edited[:, -half:], same[:, -half:]) < 0.001
    assert differ(edited[:, :half], same[:, :half]) > 0.003
    viewport.look(40, 10)
    turned = picture(viewport)
    assert differ(turned[:, -half:], same[:, -half:]) > 0.02
    viewport.tools.side_by_side.setChecked(False)
    viewport.look(0, 0)
    assert differ(picture(viewport), same) > 0.05


def test_two_people_can_be_compared_by_name(
    viewport: Viewport, controller: ViewController, two_people: Session
) -> None:
    controller._list_references()
    names = [action.text() for action in viewport.tools._references.actions()]
    other = two_people.people[1]
    assert len(names) == 2
    viewport.tools.pick_reference(other.id)
    assert viewport.tools.side_by_side.isChecked()
    assert viewport._captions[1].text() == names[1]
    two_people.select(1)
    controller._list_references()
    assert viewport.tools.reference == ORIGINAL


@ON_BOTH
def test_distances_are_the_edit_in_millimetres(
    viewport: Viewport, controller: ViewController, session: Session, engine: FakeEngine
) -> None:
    rest = session.mesh
    assert rest is not None
    viewport.tools.distances.setChecked(True)
    flat = picture(viewport)
    edit(session, engine, mouthPucker=1.0)
    assert session.mesh is not None
    largest = 1000 * np.linalg.norm(session.mesh.vertices - rest.vertices, axis=1).max()
    assert f"largest {largest:.1f} mm" in viewport._captions[0].text()
    assert differ(flat, picture(viewport)) > 0.005
    viewport.tools.distances.setChecked(False)
    assert viewport._captions[0].text() == ""


def test_distances_ignore_how_the_heads_are_turned(
    viewport: Viewport, controller: ViewController, session: Session, engine: FakeEngine
) -> None:
    viewport.tools.distances.setChecked(True)
    code = session.code
    assert code is not None
    turned = code.replace(head_pose=torch.tensor([[0.1, 0.5, 0.0]]))
    session.edit(turned)
    session.set_mesh("", engine.head.mesh(turned))
    assert "largest 0.0 mm" in viewport._captions[0].text()


def test_the_photo_view_is_the_camera_of_the_fit(two_people: Session, engine: FakeEngine) -> None:
    person = two_people.people[1]
    view = photo_view(person.reconstruction)
    points = person.mesh.landmarks[::40]
    image = project(torch.from_numpy(points)[None], person.code.camera)[0]
    crop = np.column_stack([image_to_pixels(image[:, :2], CROP_SIZE).numpy(), np.ones(len(points))])
    expected = crop @ person.original.crop.crop_to_photo.T
    ours = (np.column_stack([points[:, :2], np.ones(len(points))]) @ view.model_to_photo.T)[:, :2]
    np.testing.assert_allclose(ours, expected, atol=1e-3)
    top_left, _, bottom_right, _ = view.corners
    for corner, pixel in ((top_left, (-0.5, -0.5)), (bottom_right, (299.5, 199.5))):
        np.testing.assert_allclose((view.model_to_photo @ [corner[0], corner[1], 1])[:2], pixel, atol=1e-3)
    np.testing.assert_allclose(view.up, [0, 1, 0], atol=1e-6)


@ON_BOTH
def test_the_head_lies_on_its_photo_and_turning_it_leaves_the_photo(
    viewport: Viewport, controller: ViewController, two_people: Session, qtbot: QtBot
) -> None:
    studio = picture(viewport)
    viewport.tools.photo_camera.setChecked(True)
    on_photo = picture(viewport)
    assert differ(studio, on_photo) > 0.2
    viewport.tools.opacity.setValue(0)
    only_photo = picture(viewport)
    assert np.abs(only_photo[200:230, 200:230] - 120).max() <= 3  # the sample photo is plain
    viewport.tools.opacity.setValue(100)
    assert differ(on_photo, picture(viewport)) < 0.001
    qtbot.keyClick(viewport, Qt.Key.Key_Right)
    assert not viewport.tools.photo_camera.isChecked()


@ON_BOTH
def test_a_transparent_picture_has_the_head_and_nothing_else(viewport: Viewport) -> None:
    opaque = pixels(viewport.picture(transparent=False))
    image = pixels(viewport.picture(transparent=True))
    height, width = image.shape[:2]
    assert opaque[..., 3].min() == 255
    assert image[3, 3, 3] == 0
    assert image[height // 2, width // 2, 3] == 255
    inside = image[..., 3] == 255
    assert np.abs(image[inside][:, :3].astype(int) - opaque[inside][:, :3]).max() <= 2
    assert differ(pixels(viewport.picture(transparent=False)).astype(int), opaque.astype(int)) == 0


def test_cutting_out_finds_colour_and_coverage() -> None:
    rng = np.random.default_rng(0)
    colour, alpha = rng.uniform(0, 255, (4, 5, 3)), rng.uniform(0.2, 1, (4, 5, 1))
    black, white = colour * alpha, colour * alpha + 255 * (1 - alpha)
    out = cut_out(black.round().astype(np.uint8), white.round().astype(np.uint8)).astype(float)
    np.testing.assert_allclose(out[..., 3], 255 * alpha[..., 0], atol=2)
    np.testing.assert_allclose(out[..., :3], colour, atol=8)


@pytest.mark.parametrize(("name", "alpha"), [("a.png", True), ("a.webp", True), ("a.jpg", False)])
def test_a_picture_is_saved(
    viewport: Viewport, controller: ViewController, tmp_path: Path, qtbot: QtBot, name: str, alpha: bool
) -> None:
    viewport.tools.transparent.setChecked(True)
    controller.save_picture(tmp_path / name)
    qtbot.waitUntil(lambda: controller._job is None)
    image = QImage(str(tmp_path / name))
    assert not image.isNull()
    assert (image.pixelColor(2, 2).alpha() == 0) is alpha
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".ini"] == [name]


def test_a_folder_that_is_none_is_told(
    viewport: Viewport, controller: ViewController, messages: MessageBar, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "file").write_text("")
    controller.save_picture(tmp_path / "file" / "a.png")
    qtbot.waitUntil(lambda: controller._job is None)
    assert "Cannot write" in messages.text


def test_a_picture_is_copied(viewport: Viewport, controller: ViewController) -> None:
    controller.copy_picture()
    copied = QGuiApplication.clipboard().image()
    assert (copied.width(), copied.height()) == (picture(viewport).shape[1], picture(viewport).shape[0])
    QGuiApplication.clipboard().clear()


def test_before_the_renderer_stands_nothing_breaks(
    session: Session, messages: MessageBar, settings: Settings, qtbot: QtBot, tmp_path: Path
) -> None:
    viewport = Viewport(session)
    qtbot.addWidget(viewport)
    controller = ViewController(session, viewport, messages, settings.view)
    tools = viewport.tools
    for action in (tools.photo_camera, tools.side_by_side, tools.distances, tools.landmarks, tools.turntable):
        action.setChecked(True)
    tools.preset_picked.emit(40, 0)
    tools.light_changed.emit(10, 10)
    controller.copy_picture()
    controller.save_picture(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(("name", "expected"), [("a", "a.png"), ("a.JPG", "a.JPG"), ("my.head", "my.head.png")])
def test_names_without_a_pictures_ending_become_png(name: str, expected: str) -> None:
    assert with_ending(Path(name)) == Path(expected)


def test_the_view_menu_has_all_of_it(open_workbench: Callable[..., object], engine: FakeEngine) -> None:
    window = open_workbench(engine).window  # type: ignore[attr-defined]
    view = next(a.menu() for a in window.menuBar().actions() if "View" in a.text())
    titles = [action.text().replace("&", "") for action in view.actions()]
    assert {"Look", "Light and background", "Compare", "Picture of the view", "Turntable"} <= set(titles)
