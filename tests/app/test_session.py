"""What the session keeps, and whom it tells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from fields_app.session import Session
from fields_core.datatypes import Reconstruction
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine


@pytest.fixture
def two(session: Session) -> list[Reconstruction]:
    engine = FakeEngine(faces=2)
    photo = engine.sample_photo()
    session.set_photo(photo)
    faces = engine.reconstruct(photo, CancelToken())
    session.set_people(faces)
    return faces


def test_the_first_face_is_selected(session: Session, two: list[Reconstruction]) -> None:
    assert session.selected == 0
    assert session.code is two[0].code
    assert session.mesh is two[0].mesh


def test_an_edit_keeps_the_original(session: Session, two: list[Reconstruction], qtbot: QtBot) -> None:
    edited = two[0].code.replace(expression=two[0].code.expression * 0.5)
    with qtbot.waitSignal(session.code_changed):
        session.edit(edited)
    assert session.person is not None
    assert session.person.edited
    assert session.code is edited
    assert session.reference_code is two[0].code
    assert session.person.reconstruction.code is edited


def test_edits_stay_with_their_face(session: Session, two: list[Reconstruction]) -> None:
    edited = two[0].code.replace(expression=two[0].code.expression * 0.5)
    session.edit(edited)
    session.select(1)
    assert session.code is two[1].code
    session.select(0)
    assert session.code is edited


def test_selecting_the_same_or_a_missing_face_tells_nobody(
    session: Session, two: list[Reconstruction], qtbot: QtBot
) -> None:
    with qtbot.assertNotEmitted(session.selection_changed):
        session.select(0)
        session.select(5)
        session.select(-1)


def test_a_mesh_for_a_face_not_on_show_is_kept_but_not_announced(
    session: Session, two: list[Reconstruction], qtbot: QtBot
) -> None:
    mesh = replace(two[1].mesh)
    with qtbot.assertNotEmitted(session.mesh_changed):
        session.set_mesh(1, mesh)
    session.select(1)
    assert session.mesh is mesh


def test_a_new_photo_brings_back_the_resting_head(session: Session, two: list[Reconstruction]) -> None:
    session.set_photo(two[0].photo)
    assert session.person is None
    assert session.rest is not None
    assert session.code is session.rest.code


def test_a_refinement_replaces_original_and_edits(session: Session, two: list[Reconstruction]) -> None:
    session.edit(two[0].code.replace(expression=two[0].code.expression * 0.5))
    better = replace(two[0], landmark_error=0.001)
    session.replace_person(0, better)
    assert session.person is not None
    assert not session.person.edited
    assert session.person.original is better


def test_an_empty_session_takes_no_edit(engine: FakeEngine, qtbot: QtBot) -> None:
    session = Session()
    with qtbot.assertNotEmitted(session.code_changed):
        session.edit(engine.rest_head().neutral)
    assert session.code is None
    assert session.texture is None
