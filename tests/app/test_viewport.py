"""The 3D view on both backends: it shows the head, in place, in three looks, and turns it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fields_app.panels.head_scene import smooth_normals
from fields_app.panels.viewport import Viewport
from fields_app.session import Session
from fields_core.render.sketch import compile_sketch
from tests.app.engines import FakeEngine


@pytest.fixture(params=["opengl", "image"])
def viewport(request: pytest.FixtureRequest, session: Session, qtbot: QtBot) -> Iterator[Viewport]:
    viewport = Viewport(session)
    qtbot.addWidget(viewport)
    viewport.resize(420, 420)
    viewport.show()
    viewport.start(request.param)
    qtbot.waitExposed(viewport)
    yield viewport
    viewport.stop()


def picture(viewport: Viewport) -> np.ndarray:
    return np.array(viewport.backend.image(), dtype=np.int32)


def differ(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that are clearly different."""
    assert a.shape == b.shape
    return float((np.abs(a - b).max(axis=2) > 12).mean())


def grimace(session: Session, engine: FakeEngine) -> None:
    """Move the points of the head on show."""
    code = session.code
    assert code is not None
    for parameter in engine.parameters:
        if parameter.key in ("jawOpen", "mouthPucker", "cheekPuff"):
            code = parameter.write(code, 1.0)
    session.set_mesh("", engine.head.mesh(code))


def test_the_head_stands_in_the_middle(viewport: Viewport) -> None:
    image = picture(viewport)
    height, width = image.shape[:2]
    assert differ(image[height // 2 :, width // 4 :], np.zeros_like(image[height // 2 :, width // 4 :])) > 0.3
    corner, middle = image[5, 5], image[height // 2, width // 2]
    assert np.abs(corner - middle).max() > 40


def test_the_head_is_smooth_to_the_eye_on_screen(viewport: Viewport, qtbot: QtBot) -> None:
    qtbot.wait(300)
    grabbed = viewport.grab().toImage()
    colours = {grabbed.pixelColor(x, grabbed.height() // 2).rgb() for x in range(grabbed.width())}
    assert len(colours) > 20


def test_three_looks_differ(viewport: Viewport) -> None:
    looks = []
    for mode in range(3):
        viewport.set_mode(mode)
        looks.append(picture(viewport))
    assert differ(looks[0], looks[1]) > 0.05
    assert differ(looks[0], looks[2]) > 0.05
    viewport.set_mode(0)
    assert differ(looks[0], picture(viewport)) < 0.001


def test_new_points_move_the_head_in_place(viewport: Viewport, session: Session, engine: FakeEngine) -> None:
    before, actor = picture(viewport), viewport.scene.actor
    grimace(session, engine)
    assert viewport.scene.actor is actor
    assert differ(before, picture(viewport)) > 0.005


def test_dragging_turns_and_a_double_click_brings_back_the_front(viewport: Viewport, qtbot: QtBot) -> None:
    front, target = picture(viewport), viewport.backend.widget
    if target.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents):
        target = viewport
    centre = target.rect().center()
    qtbot.mousePress(target, Qt.MouseButton.LeftButton, pos=centre)
    qtbot.mouseMove(target, centre + QPoint(90, 30))
    viewport.scene.orbit(40, 10)
    qtbot.mouseRelease(target, Qt.MouseButton.LeftButton)
    viewport.backend.draw()
    assert differ(front, picture(viewport)) > 0.01
    qtbot.mouseDClick(target, Qt.MouseButton.LeftButton, pos=centre)
    assert differ(front, picture(viewport)) < 0.001


def test_the_wheel_zooms_and_keys_turn(viewport: Viewport, qtbot: QtBot) -> None:
    front = picture(viewport)
    where = QPointF(viewport.rect().center())
    wheel = QWheelEvent(
        where, viewport.mapToGlobal(where), QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(viewport, wheel)
    near = picture(viewport)
    assert differ(front, near) > 0.02
    qtbot.keyClick(viewport, Qt.Key.Key_Left)
    assert differ(near, picture(viewport)) > 0.005
    qtbot.keyClick(viewport, Qt.Key.Key_Home)
    assert differ(front, picture(viewport)) < 0.001


def test_the_texture_is_the_right_way_up(viewport: Viewport, session: Session) -> None:
    rest = session.rest
    assert rest is not None
    striped = np.zeros((64, 64, 3), np.uint8)
    striped[:32, :, 0] = 255  # the first row is v = 1: the crown
    striped[32:, :, 2] = 255
    session.rest = type(rest)(rest.neutral, rest.code, rest.mesh, striped)
    session.mesh_changed.emit()
    image = picture(viewport)
    height, width = image.shape[:2]
    above, below = image[int(height * 0.25), width // 2], image[int(height * 0.75), width // 2]
    assert above[0] > above[2]
    assert below[2] > below[0]


def test_stopping_twice_is_harmless(viewport: Viewport) -> None:
    viewport.stop()
    viewport.stop()
    assert not viewport.running


def test_normals_of_a_ball_point_outwards() -> None:
    import trimesh

    ball = trimesh.creation.icosphere(3)
    normals = smooth_normals(np.asarray(ball.vertices), np.asarray(ball.faces))
    assert (normals * ball.vertices).sum(axis=1).min() > 0.99


def test_a_loose_vertex_has_no_normal_and_no_nan() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], float)
    normals = smooth_normals(vertices, np.array([[0, 1, 2]]))
    assert normals[0].tolist() == [0, 0, 1]
    assert normals[3].tolist() == [0, 0, 0]


def test_the_image_backend_works_without_any_display() -> None:
    script = (
        "from fields_app import bootstrap; bootstrap.prepare()\n"
        "from PySide6.QtWidgets import QApplication\n"
        "application = QApplication([])\n"
        "from fields_app.panels.viewport import Viewport\n"
        "from fields_app.session import Session\n"
        "from tests.app.engines import FakeEngine\n"
        "engine, session = FakeEngine(), Session()\n"
        "viewport = Viewport(session); viewport.resize(300, 300); viewport.show(); viewport.start()\n"
        "session.set_parameters(engine.parameters, engine.rest_head())\n"
        "application.processEvents()\n"
        "assert type(viewport.backend).__name__ == 'ImageBackend'\n"
        "assert viewport.backend.image().std() > 10\n"
        "viewport.stop()\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["QT_QPA_PLATFORM"] = "offscreen"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


class TestSketch:
    """While it moves, the image backend draws without VTK; nobody shall see that."""

    @pytest.fixture
    def moving(self, session: Session, qtbot: QtBot) -> Iterator[Viewport]:
        viewport = Viewport(session)
        qtbot.addWidget(viewport)
        viewport.resize(420, 420)
        viewport.show()
        viewport.start("image")
        qtbot.waitExposed(viewport)
        compile_sketch()
        viewport.scene.sketching = True
        yield viewport
        viewport.stop()

    def both(self, viewport: Viewport) -> tuple[np.ndarray, np.ndarray]:
        """The same moment drawn by VTK and by the sketch, same size."""
        scene, backend = viewport.scene, viewport.backend
        scene.set_smooth(False)
        backend.set_rough(True)
        vtk = np.array(backend._rendered()[..., :3], np.int32)
        sketched = scene.sketched(vtk.shape[1], vtk.shape[0])
        assert sketched is not None
        return vtk, np.array(sketched[..., :3], np.int32)

    @pytest.mark.parametrize("mode", [0, 1])
    @pytest.mark.parametrize("yaw", [0.0, 50.0, 180.0])
    def test_it_looks_as_vtk_does(self, moving: Viewport, mode: int, yaw: float) -> None:
        moving.set_mode(mode)
        moving.set_light(30.0, 20.0)
        moving.look(yaw, 15.0)
        vtk, sketched = self.both(moving)
        assert differ(vtk, sketched) < 0.01
        assert np.abs(vtk - sketched).mean() < 1.5
        assert np.ptp(sketched) > 60  # there is something to see

    def test_new_points_show_in_both(self, moving: Viewport, session: Session, engine: FakeEngine) -> None:
        _, before = self.both(moving)
        grimace(session, engine)
        vtk, after = self.both(moving)
        assert differ(before, after) > 0.005
        assert differ(vtk, after) < 0.01

    def test_while_it_moves_vtk_is_not_asked(
        self, moving: Viewport, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rendered = []
        original = moving.backend._rendered
        monkeypatch.setattr(moving.backend, "_rendered", lambda: rendered.append(0) or original())
        for _ in range(5):
            moving.scene.orbit(5.0, 0.0)
            moving._draw()
            moving.backend._upside_down()
        assert rendered == []
        qtbot.waitUntil(lambda: bool(rendered), timeout=3000)  # at rest it is drawn in full

    def test_a_live_head_that_comes_seldom_is_not_drawn_in_full_between(
        self, moving: Viewport, session: Session, engine: FakeEngine, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mesh = session.mesh
        assert mesh is not None
        qtbot.wait(300)  # the rest of before
        rendered = []
        original = moving.backend._rendered
        monkeypatch.setattr(moving.backend, "_rendered", lambda: rendered.append(0) or original())
        for _ in range(3):
            session.set_preview(mesh)
            qtbot.wait(350)
        assert rendered == []
        session.set_preview(None)
        qtbot.waitUntil(lambda: bool(rendered), timeout=3000)

    def test_what_only_vtk_can_draw_is_left_to_it(self, moving: Viewport) -> None:
        scene = moving.scene
        moving.set_mode(2)
        assert scene.sketched(64, 64) is None
        moving.set_mode(0)
        assert scene.sketched(64, 64) is not None
        scene.set_landmarks(True)
        assert scene.sketched(64, 64) is None
        scene.set_landmarks(False)
        mesh = moving._session.mesh
        assert mesh is not None
        scene.set_distances(np.zeros(len(mesh.vertices)), 1.0)
        assert scene.sketched(64, 64) is None
        scene.set_distances(None)
        scene.show_companion(mesh, None)
        assert scene.sketched(64, 64) is None
        scene.show_companion(None, None)
        assert scene.sketched(64, 64) is not None

    def test_a_picture_to_keep_is_vtk_s(self, moving: Viewport) -> None:
        moving.scene.orbit(20.0, 0.0)
        moving._draw()
        assert moving.picture(transparent=False).width() == moving.backend.widget.width()
