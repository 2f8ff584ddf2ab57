"""What the session keeps, and whom it tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fields_app.document import Document
from fields_app.session import Session
from fields_core.datatypes import Photo, Reconstruction
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine

ANOTHER = Photo(np.zeros((60, 80, 3), np.uint8))


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
        session.set_mesh(session.people[1].id, mesh)
    session.select(1)
    assert session.mesh is mesh


def test_a_new_photo_brings_back_the_resting_head(session: Session, two: list[Reconstruction]) -> None:
    session.set_photo(ANOTHER)
    assert session.person is None
    assert session.rest is not None
    assert session.code is session.rest.code


def test_the_people_and_edits_of_earlier_photos_stay(session: Session, two: list[Reconstruction]) -> None:
    edited = two[1].code.replace(expression=two[1].code.expression * 0.5)
    session.select(1)
    session.edit(edited)
    first, person = session.photos[0].id, session.people[1].id
    session.set_photo(ANOTHER)
    session.show(first)
    assert [p.original.code for p in session.people] == [face.code for face in two]
    assert session.show_person(person)
    assert session.code is edited


def test_opening_a_file_twice_makes_no_second_photo(session: Session, tmp_path: Path) -> None:
    _, b = session.add_photos([tmp_path / "a.png", tmp_path / "b.png"])
    again = session.add_photos([tmp_path / "b.png", tmp_path / "c.png"])
    assert again[0] is b
    assert [entry.name for entry in session.photos] == ["a", "b", "c"]


def test_everybody_found_is_somebody_new_with_a_name_of_their_own(session: Session, two: list[Reconstruction]) -> None:
    session.set_photo(ANOTHER)
    session.set_people(two)
    assert [identity.name for identity in session.identities] == ["Person 1", "Person 2", "Person 3", "Person 4"]
    assert session.identity is session.identities[2]


def test_a_document_put_back_is_the_same_document(session: Session, two: list[Reconstruction], qtbot: QtBot) -> None:
    session.select(1)
    session.edit(two[1].code.replace(expression=two[1].code.expression * 0.5))
    kept = session.document()
    session.set_photo(ANOTHER)
    with qtbot.waitSignals([session.restored, session.people_changed, session.photos_changed]):
        session.restore(kept)
    assert session.document().structure == kept.structure
    assert session.selected == 1
    assert session.code is kept.people[1].code


def test_a_document_of_another_session_can_be_restored(session: Session, two: list[Reconstruction]) -> None:
    other = Session()
    other.restore(session.document())
    assert other.people == session.people
    other.restore(Document())
    assert other.photo is None
    assert other.people == ()


def test_an_edited_rest_head_is_part_of_the_document(session: Session) -> None:
    assert session.document().rest_code is None
    assert session.code is not None
    edited = session.code.replace()
    session.edit(edited)
    kept = session.document()
    assert kept.rest_code is edited
    session.restore(Document())
    assert session.code is not edited
    session.restore(kept)
    assert session.code is edited


def test_only_the_photos_shown_last_keep_their_pixels(session: Session, tmp_path: Path) -> None:
    pictures = [Photo(np.full((40, 50, 3), i, np.uint8), tmp_path / f"{i}.png") for i in range(20)]
    for picture in pictures:
        session.set_photo(picture)
        session.set_people(FakeEngine().reconstruct(picture, CancelToken()))
    in_memory = [entry.photo is not None for entry in session.photos]
    assert in_memory == [False] * 12 + [True] * 8
    gone = session.photos[0].people[0].original.photo
    assert (gone.width, gone.height) == (50, 40)
    assert gone.pixels.strides == (0, 0, 0)


def test_edits_alone_are_no_change_of_structure(session: Session, two: list[Reconstruction], qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(session.document_changed):
        session.edit(two[0].code.replace())
        session.select(1)
    with qtbot.waitSignal(session.document_changed):
        session.set_people(two[:1])


def test_an_empty_session_takes_no_edit(engine: FakeEngine, qtbot: QtBot) -> None:
    session = Session()
    with qtbot.assertNotEmitted(session.code_changed):
        session.edit(engine.rest_head().neutral)
    assert session.code is None
    assert session.texture is None


def test_a_preview_is_shown_until_somebody_is_selected(
    session: Session, two: list[Reconstruction], qtbot: QtBot
) -> None:
    mesh = replace(two[0].mesh)
    with qtbot.waitSignal(session.mesh_changed):
        session.set_preview(mesh)
    assert session.mesh is mesh
    assert session.code is two[0].code
    session.select(1)
    assert session.mesh is two[1].mesh
    with qtbot.assertNotEmitted(session.mesh_changed):
        session.set_preview(None)
