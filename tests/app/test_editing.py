"""Edits without a window: code at once, mesh and overlay soon, and every one undone."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fields_app.controllers.editing import EditingController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_core.datatypes import Photo
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine, values


class TestEditing:
    def test_a_slider_moves_code_at_once_and_mesh_soon(
        self, editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        assert session.mesh is not None
        before = session.mesh.vertices.copy()
        with qtbot.waitSignal(session.mesh_changed):
            editing.set_value("jawOpen", 0.8)
            assert values(session, engine)["jawOpen"] == pytest.approx(0.8)
        assert np.abs(session.mesh.vertices - before).max() > 1e-3

    def test_the_last_mesh_is_that_of_the_last_edit(
        self, editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        engine.gate.clear()
        for step in range(30):
            editing.set_value("mouthPucker", step / 29)
        engine.gate.set()
        code = session.code
        assert code is not None
        wanted = engine.head.mesh(code).vertices
        qtbot.waitUntil(lambda: session.mesh is not None and np.array_equal(session.mesh.vertices, wanted))

    def test_a_mesh_that_comes_after_another_photo_goes_where_it_belongs(
        self, editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        session.set_photo(engine.sample_photo())
        faces = engine.reconstruct(engine.sample_photo(), CancelToken())
        session.set_people(faces)
        first = session.photos[0]
        engine.gate.clear()
        engine.started.clear()
        editing.set_value("jawOpen", 1.0)
        qtbot.waitUntil(engine.started.is_set)
        session.set_photo(Photo(np.zeros((60, 80, 3), np.uint8)))
        shown = session.mesh
        engine.gate.set()
        qtbot.waitUntil(lambda: session.photos[0].people[0].mesh is not faces[0].mesh)
        assert session.mesh is shown
        session.show(first.id)
        assert session.mesh is not None
        assert np.abs(session.mesh.vertices - faces[0].mesh.vertices).max() > 1e-3

    def test_reset_brings_back_the_photos_value_only_for_the_given_keys(
        self, editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        with qtbot.waitSignal(session.mesh_changed):
            editing.set_value("jawOpen", 0.8)
            editing.set_value("browInnerUp", 0.6)
            editing.reset(("jawOpen",))
        assert values(session, engine)["jawOpen"] == pytest.approx(0.0)
        assert values(session, engine)["browInnerUp"] == pytest.approx(0.6)

    def test_reset_of_everything_is_the_reference_itself(
        self, editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        with qtbot.waitSignal(session.mesh_changed):
            editing.set_value("headTurn", 33.0)
            editing.reset(tuple(p.key for p in engine.parameters))
        assert session.code is session.reference_code

    def test_neutral_relaxes_the_face_and_keeps_the_pose(
        self, editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        with qtbot.waitSignal(session.mesh_changed):
            editing.set_value("headTurn", 20.0)
            editing.set_value("mouthSmileLeft", 0.9)
            editing.set_value("jawOpen", 0.5)
            editing.relax()
        after = values(session, engine)
        assert after["mouthSmileLeft"] == 0.0
        assert after["jawOpen"] == 0.0
        assert after["headTurn"] == pytest.approx(20.0, abs=1e-3)

    def test_the_overlay_is_drawn_only_when_wanted_and_follows_edits(
        self, editing: EditingController, reconstruction: ReconstructionController, session: Session, qtbot: QtBot
    ) -> None:
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: len(session.people) == 1)
        assert session.overlay is None
        with qtbot.waitSignal(session.overlay_changed):
            editing.want_overlay(True)
        first = session.overlay
        assert first is not None
        assert first.image[..., 3].any()
        editing.set_value("jawOpen", 1.0)
        qtbot.waitUntil(lambda: session.overlay is not None and session.overlay is not first)

    def test_the_overlay_lies_on_the_landmarks(
        self, editing: EditingController, reconstruction: ReconstructionController, session: Session, qtbot: QtBot
    ) -> None:
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: len(session.people) == 1)
        editing.want_overlay(True)
        qtbot.waitUntil(lambda: session.overlay is not None)
        overlay, person = session.overlay, session.person
        assert overlay is not None
        assert person is not None
        inverse = np.linalg.inv(np.vstack([overlay.image_to_photo, [0, 0, 1]]))
        points = person.original.face.landmarks[:, :2] @ inverse[:2, :2].T + inverse[:2, 2]
        columns, rows = np.round(points).astype(int).T
        assert (overlay.image[rows, columns, 3] == 255).mean() > 0.97
        alpha = overlay.image[..., 3] > 0
        assert not alpha[0].any()
        assert not alpha[:, 0].any()


def test_a_bug_in_the_engine_is_shown_and_not_lost(
    session: Session, messages: MessageBar, engine: FakeEngine, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(engine, "mesh", broken)
    controller = EditingController(session, messages)
    controller.set_engine(engine)
    controller.set_value("jawOpen", 0.5)
    qtbot.waitUntil(lambda: messages.kind == "error")
    controller.stop()
    assert "a bug" in messages.text
    assert not isinstance(ZeroDivisionError, FieldsError)
