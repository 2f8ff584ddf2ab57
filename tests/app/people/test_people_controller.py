"""Who is who: the edits themselves, and the controller without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from fields_app import people_edits
from fields_app.controllers.editing import EditingController
from fields_app.controllers.people import PeopleController
from fields_app.document import Difference, Document
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_core.datatypes import Photo
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine
from tests.app.people.persons import ids, merge, names


class TestDifference:
    def test_it_brings_back_what_was_there_and_leaves_what_came_since(self, three: Session) -> None:
        before = three.document()
        after = people_edits.without_photo(before, before.photos[1].id)
        change = Difference.between(before.photos, after.photos)
        three.set_photo(Photo(np.zeros((9, 9, 3), np.uint8)))
        latest = three.document().photos
        gone = change.redone(latest)
        assert [photo.id for photo in gone] == [latest[0].id, latest[2].id, latest[3].id]
        assert change.undone(gone) == latest

    def test_nothing_changed_is_nothing_to_do(self, three: Session) -> None:
        photos = three.document().photos
        assert Difference.between(photos, photos).redone(photos) == photos


class TestController:
    def test_renaming_can_be_undone(self, people: PeopleController, editing: EditingController, three: Session) -> None:
        identity = three.identities[1].id
        people.rename(identity, "  Anna   Berg ")
        assert names(three) == ["Person 1", "Anna Berg", "Person 3"]
        assert editing.undo_stack.undoText() == "Rename to Anna Berg"
        editing.undo_stack.undo()
        assert names(three) == ["Person 1", "Person 2", "Person 3"]

    def test_a_photo_that_is_removed_is_named_as_its_file_is(
        self, people: PeopleController, editing: EditingController, session: Session
    ) -> None:
        (entry,) = session.add_photos([Path("/photos/me.png")])
        people.remove_photo(entry.id)
        assert editing.undo_stack.undoText() == "Remove photo me.png"

    def test_an_empty_name_is_no_name(
        self, people: PeopleController, editing: EditingController, three: Session
    ) -> None:
        people.rename(three.identities[1].id, "   ")
        assert editing.undo_stack.count() == 0

    def test_deleting_can_be_undone_and_brings_back_edits(
        self, people: PeopleController, editing: EditingController, three: Session
    ) -> None:
        editing.set_value("jawOpen", 0.5)
        code, last = three.code, ids(three)[2]
        people.delete([last])
        assert last not in ids(three)
        assert len(three.identities) == 2
        assert len(three.photos) == 3
        editing.undo_stack.undo()
        assert ids(three)[2] == last
        assert three.show_person(last)
        assert three.code is code
        editing.undo_stack.undo()
        assert three.person is not None
        assert not three.person.edited

    def test_merged_faces_have_one_name_and_one_shape_and_keep_their_own_expression(
        self, people: PeopleController, editing: EditingController, three: Session, qtbot: QtBot
    ) -> None:
        people.rename(three.identities[2].id, "Anna")
        merge(people, [ids(three)[0], ids(three)[2]], qtbot)
        assert names(three) == ["Anna", "Person 2", "Anna"]
        first, second, third = three.document().people
        assert torch.equal(first.code.shape, third.code.shape)
        assert first.code.shape.mean() == 1.0
        assert second.code.shape.mean() == 1.0
        assert three.document().identity(first.identity).shape is first.code.shape or torch.equal(
            three.document().identity(first.identity).shape,
            first.code.shape,  # type: ignore[union-attr, arg-type]
        )
        assert first.alone is not None
        assert first.alone.shape.mean() == 0.0
        editing.undo_stack.undo()
        assert [person.code.shape.mean() for person in three.document().people] == [0.0, 1.0, 2.0]
        editing.undo_stack.redo()
        assert names(three) == ["Anna", "Person 2", "Anna"]

    def test_edits_survive_a_merge(
        self, people: PeopleController, editing: EditingController, three: Session, qtbot: QtBot
    ) -> None:
        editing.set_value("jawOpen", 0.5)
        assert three.code is not None
        edited = three.code.jaw_pose
        merge(people, ids(three), qtbot)
        last = three.document().people[2]
        assert torch.equal(last.code.jaw_pose, edited)
        assert last.edited
        assert not three.document().people[0].edited

    def test_merging_takes_everybody_of_both_identities(
        self, people: PeopleController, three: Session, qtbot: QtBot
    ) -> None:
        merge(people, ids(three)[:2], qtbot)
        merge(people, ids(three)[1:], qtbot)
        assert len(three.identities) == 1
        assert all(person.code.shape.mean() == 1.0 for person in three.document().people)

    def test_splitting_two_gives_both_their_own_shapes_again(
        self, people: PeopleController, editing: EditingController, three: Session, qtbot: QtBot
    ) -> None:
        merge(people, [ids(three)[0], ids(three)[2]], qtbot)
        people.split([ids(three)[2]])
        assert len(three.identities) == 3
        assert [person.code.shape.mean() for person in three.document().people] == [0.0, 1.0, 2.0]
        assert three.selected == 0
        editing.undo_stack.undo()
        assert len(three.identities) == 2

    def test_splitting_one_of_three_fuses_the_others_again(
        self, people: PeopleController, three: Session, qtbot: QtBot
    ) -> None:
        merge(people, ids(three), qtbot)
        people.split([ids(three)[2]])
        qtbot.waitUntil(lambda: not people.busy)
        assert [float(person.code.shape.mean()) for person in three.document().people] == [0.5, 0.5, 2.0]
        assert len(three.identities) == 2

    def test_a_photo_that_contradicts_the_others_is_named(
        self, people: PeopleController, three: Session, engine: FakeEngine, messages: MessageBar, qtbot: QtBot
    ) -> None:
        engine.weights = np.array([0.48, 0.48, 0.04])
        merge(people, ids(three), qtbot)
        assert messages.kind == "warning"
        assert "somebody else" in messages.text

    def test_cancelling_a_merge_changes_nothing(
        self, people: PeopleController, editing: EditingController, three: Session, engine: FakeEngine,
        messages: MessageBar, qtbot: QtBot,
    ) -> None:  # fmt: skip
        engine.gate.clear()
        people.merge(ids(three))
        messages.cancel_requested.emit()
        qtbot.waitUntil(lambda: not people.busy)
        assert len(three.identities) == 3
        assert editing.undo_stack.count() == 0

    def test_who_was_deleted_while_merging_stays_deleted(
        self, people: PeopleController, three: Session, engine: FakeEngine, messages: MessageBar, qtbot: QtBot
    ) -> None:
        engine.gate.clear()
        people.merge(ids(three))
        people.delete([ids(three)[0]])
        engine.gate.set()
        qtbot.waitUntil(lambda: not people.busy)
        assert len(ids(three)) == 2
        assert messages.kind == "warning"

    def test_an_expression_goes_from_one_person_to_another_with_the_jaw(
        self, people: PeopleController, editing: EditingController, three: Session
    ) -> None:
        editing.set_value("jawOpen", 0.7)
        editing.set_value("browInnerUp", 0.6)
        source = three.code
        assert source is not None
        people.copy_expression()
        three.show_person(ids(three)[0])
        before = three.code
        people.paste_expression()
        pasted = three.code
        assert pasted is not None
        assert before is not None
        assert torch.allclose(pasted.expression, source.expression, atol=1e-6)
        assert torch.allclose(pasted.jaw_pose, source.jaw_pose, atol=1e-6)
        assert torch.equal(pasted.shape, before.shape)
        assert torch.equal(pasted.head_pose, before.head_pose)
        editing.undo_stack.undo()
        assert three.code is before

    def test_an_expression_pasted_to_several_is_one_step(
        self, people: PeopleController, editing: EditingController, three: Session
    ) -> None:
        editing.set_value("jawOpen", 0.7)
        people.copy_expression()
        people.paste_expression(ids(three)[:2])
        jaws = [float(person.code.jaw_pose[0, 0]) for person in three.document().people]
        assert jaws[0] == jaws[1] == jaws[2] > 0.1
        editing.undo_stack.undo()
        assert three.document().people[0].code.jaw_pose[0, 0] == 0.0

    def test_a_rest_face_is_subtracted_from_the_same_person_only(
        self, people: PeopleController, editing: EditingController, three: Session, messages: MessageBar,
        engine: FakeEngine, qtbot: QtBot,
    ) -> None:  # fmt: skip
        merge(people, ids(three)[:2], qtbot)
        three.show_person(ids(three)[0])
        people.keep_rest()
        three.show_person(ids(three)[1])
        editing.set_value("jawOpen", 0.7)
        people.subtract_rest()
        assert three.code is not None
        smile = engine.head.expression_names.index("mouthSmileLeft")
        assert three.code.expression[0, smile] == pytest.approx(0.0, abs=1e-6)
        assert three.code.jaw_pose[0, 0] > 0.1
        three.show_person(ids(three)[2])
        untouched = three.code
        people.subtract_rest()
        assert three.code is untouched
        assert messages.kind == "warning"

    def test_removing_a_photo_can_be_undone(
        self, people: PeopleController, editing: EditingController, three: Session
    ) -> None:
        before = [photo.id for photo in three.photos]
        people.remove_photo(before[1])
        assert [photo.id for photo in three.photos] == [before[0], before[2]]
        editing.undo_stack.undo()
        assert [photo.id for photo in three.photos] == before

    def test_another_document_forgets_the_undo_steps(
        self, people: PeopleController, editing: EditingController, three: Session
    ) -> None:
        people.rename(three.identities[0].id, "Anna")
        three.restore(Document())
        assert editing.undo_stack.count() == 0
        assert not three.photos


def test_pixels_are_no_part_of_an_undo_step(
    session: Session, editing: EditingController, people: PeopleController, engine: FakeEngine, tmp_path: Path
) -> None:
    photos = [Photo(np.full((60, 80, 3), i, np.uint8), tmp_path / f"{i}.png") for i in range(12)]
    for photo in photos:
        session.set_photo(photo)
        session.set_people(engine.reconstruct(photo, CancelToken()))
        people.rename(session.identities[-1].id, f"Name {photo.name}")
    first = session.photos[0].id
    while editing.undo_stack.canUndo():
        editing.undo_stack.undo()
    assert session.photos[0].id == first
    assert sum(entry.photo is not None for entry in session.photos) == 8
    assert all(p.original.photo.pixels.strides == (0, 0, 0) for p in session.photos[0].people)
