"""Photos become people: opened, shown, read again, cancelled, refined; without a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from fields_app.controllers.editing import EditingController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from tests.app.engines import FakeEngine, values
from tests.app.photo_files import photos


class TestReconstruction:
    def test_the_sample_photo_becomes_a_person(
        self, reconstruction: ReconstructionController, session: Session, messages: MessageBar, qtbot: QtBot
    ) -> None:
        reconstruction.open_sample()
        assert messages.kind == "progress"
        qtbot.waitUntil(lambda: len(session.people) == 1)
        assert session.photo is not None
        assert messages.kind == "info"
        assert "1 face" in messages.text
        assert not reconstruction.busy

    def test_the_photo_is_shown_before_its_faces_are_known(
        self, reconstruction: ReconstructionController, session: Session, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        engine.gate.clear()
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: session.photo is not None)
        assert session.people == ()
        engine.gate.set()
        qtbot.waitUntil(lambda: len(session.people) == 1)

    def test_a_folder_becomes_a_list_and_its_first_photo(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        made = photos(tmp_path, 3)
        thumbnails: list[Path] = []
        reconstruction.thumbnail_ready.connect(lambda path, image: thumbnails.append(path))
        reconstruction.open_paths([tmp_path])
        qtbot.waitUntil(lambda: len(session.people) == 1 and len(thumbnails) == 3)
        assert [entry.path for entry in session.photos] == made
        assert session.photo is not None
        assert session.photo.path == made[0]

    def test_picking_a_photo_of_the_list_keeps_the_list(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        made = photos(tmp_path, 3)
        reconstruction.open_paths([tmp_path])
        qtbot.waitUntil(lambda: len(session.people) == 1)
        reconstruction.show_photo(session.photos[2].id)
        qtbot.waitUntil(lambda: not reconstruction.busy)
        assert session.photo is not None
        assert session.photo.path == made[2]
        assert [entry.path for entry in session.photos] == made

    def test_opening_more_photos_keeps_the_people_and_edits_of_earlier_ones(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        first, second = photos(tmp_path, 2)
        reconstruction.open_paths([first])
        qtbot.waitUntil(lambda: len(session.people) == 1 and not reconstruction.busy)
        assert session.code is not None
        edited = session.code.replace()
        session.edit(edited)
        reconstruction.open_paths([second])
        qtbot.waitUntil(lambda: len(session.document().people) == 2 and not reconstruction.busy)
        assert session.photo is not None
        assert session.photo.path == second
        reconstruction.open_paths([first])
        qtbot.waitUntil(lambda: session.code is edited)
        assert len(session.photos) == 2
        assert not reconstruction.busy

    def test_a_photo_is_reconstructed_once(
        self, reconstruction: ReconstructionController, session: Session, engine: FakeEngine, tmp_path: Path,
        qtbot: QtBot,
    ) -> None:  # fmt: skip
        engine.faces = 0
        path = photos(tmp_path, 1)[0]
        reconstruction.open_paths([path])
        qtbot.waitUntil(lambda: session.entry is not None and session.entry.reconstructed)
        engine.started.clear()
        session.set_photo(engine.sample_photo())
        reconstruction.open_paths([path])
        qtbot.waitUntil(lambda: session.photo is not None and session.photo.path == path)
        assert not reconstruction.busy
        assert not engine.started.is_set()

    def test_faces_can_be_looked_for_again_and_that_undone(
        self, reconstruction: ReconstructionController, editing: EditingController, session: Session,
        engine: FakeEngine, qtbot: QtBot,
    ) -> None:  # fmt: skip
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: len(session.people) == 1)
        before = session.people
        engine.faces = 3
        with qtbot.waitSignal(reconstruction.found_again) as found:
            reconstruction.find_faces()
        editing.change(session.with_people(found.args[0]), "Find faces again")
        assert len(session.people) == 3
        editing.undo_stack.undo()
        assert [person.id for person in session.people] == [before[0].id]

    def test_a_photo_whose_pixels_left_memory_is_read_again_when_shown(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        made = photos(tmp_path, 10)
        for i, path in enumerate(made, 1):
            reconstruction.open_paths([path])
            qtbot.waitUntil(lambda wanted=i: len(session.document().people) == wanted and not reconstruction.busy)
        assert session.photos[1].photo is None
        session.show_person(session.photos[1].people[0].id)
        assert session.photo is not None
        assert (session.photo.width, session.photo.height) == (80, 60)
        assert (session.photo.pixels == 0).all()
        qtbot.waitUntil(lambda: session.photos[1].photo is not None and not reconstruction.busy)
        assert (session.photo.pixels == 40).all()
        assert session.person is session.photos[1].people[0]

    def test_a_restored_document_is_reconstructed_where_it_never_was(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        session.add_photos(photos(tmp_path, 2))
        kept = replace(session.document(), shown=session.photos[1].id)
        session.restore(kept)
        qtbot.waitUntil(lambda: len(session.people) == 1 and not reconstruction.busy)
        assert session.photos[1].reconstructed
        assert not session.photos[0].reconstructed

    def test_only_the_latest_of_many_photos_is_shown(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        made = photos(tmp_path, 6)
        shown: list[Path | None] = []
        session.people_changed.connect(lambda: shown.extend(p.original.photo.path for p in session.people))
        for path in made:
            reconstruction.open_paths([path])
        qtbot.waitUntil(lambda: not reconstruction.busy)
        assert shown == [made[-1]]

    def test_what_is_opened_before_the_core_is_loaded_starts_afterwards(
        self, session: Session, messages: MessageBar, engine: FakeEngine, qtbot: QtBot
    ) -> None:
        controller = ReconstructionController(session, messages)
        controller.open_sample()
        assert "Loading" in messages.text
        controller.set_engine(engine)
        qtbot.waitUntil(lambda: len(session.people) == 1)
        controller.stop()

    def test_cancel_leaves_the_session_as_it_was(
        self, reconstruction: ReconstructionController, session: Session, messages: MessageBar, engine: FakeEngine,
        qtbot: QtBot,
    ) -> None:  # fmt: skip
        engine.gate.clear()
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: session.photo is not None)
        messages.cancel_requested.emit()
        assert not reconstruction.busy
        engine.gate.set()
        qtbot.wait(50)
        assert session.people == ()
        assert messages.kind == "info"

    def test_no_face_is_a_warning_and_the_photo_stays(
        self, reconstruction: ReconstructionController, session: Session, messages: MessageBar, engine: FakeEngine,
        qtbot: QtBot,
    ) -> None:  # fmt: skip
        engine.faces = 0
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: messages.kind == "warning")
        assert messages.text == "No face found"
        assert "Try another photo" in messages.details
        assert session.photo is not None

    @pytest.mark.parametrize("content", [b"", b"this is text, not a picture", b"\xff\xd8\xff\xe0 cut off"])
    def test_a_file_that_is_no_picture_is_an_error_and_the_old_photo_stays(
        self, reconstruction: ReconstructionController, session: Session, messages: MessageBar, tmp_path: Path,
        qtbot: QtBot, content: bytes,
    ) -> None:  # fmt: skip
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: len(session.people) == 1)
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(content)
        reconstruction.open_paths([broken])
        qtbot.waitUntil(lambda: messages.kind == "error")
        assert "broken.jpg" in messages.text
        assert len(session.people) == 1

    def test_a_missing_file_is_an_error(
        self, reconstruction: ReconstructionController, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        reconstruction.open_paths([tmp_path / "gone.png"])
        qtbot.waitUntil(lambda: messages.kind == "error")
        assert "gone.png" in messages.text

    def test_refine_replaces_the_code_and_can_be_undone(
        self, reconstruction: ReconstructionController, editing: EditingController, session: Session,
        engine: FakeEngine, qtbot: QtBot,
    ) -> None:  # fmt: skip
        reconstruction.open_sample()
        qtbot.waitUntil(lambda: len(session.people) == 1)
        with qtbot.waitSignal(reconstruction.refined) as refined:
            reconstruction.refine()
        editing.replace_original(*refined.args, "Refine fit")
        assert values(session, engine)["mouthSmileLeft"] == pytest.approx(0.9)
        editing.undo_stack.undo()
        assert values(session, engine)["mouthSmileLeft"] == pytest.approx(0.5)

    def test_refine_without_a_person_does_nothing(
        self, reconstruction: ReconstructionController, messages: MessageBar
    ) -> None:
        reconstruction.refine()
        assert not reconstruction.busy
        assert messages.text == "Ready"

    def test_a_dropped_file_is_opened(
        self, reconstruction: ReconstructionController, session: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(photos(tmp_path, 1)[0]))])
        reconstruction.open_mime(mime)
        qtbot.waitUntil(lambda: len(session.people) == 1)

    def test_a_pasted_picture_is_opened(
        self, reconstruction: ReconstructionController, session: Session, qtbot: QtBot
    ) -> None:
        picture = QImage(90, 70, QImage.Format.Format_ARGB32)
        picture.fill(Qt.GlobalColor.red)
        mime = QMimeData()
        mime.setImageData(picture)
        reconstruction.open_mime(mime)
        qtbot.waitUntil(lambda: len(session.people) == 1)
        assert session.photo is not None
        assert session.photo.pixels.shape == (70, 90, 3)
        assert session.photo.pixels[0, 0].tolist() == [255, 0, 0]

    @pytest.mark.parametrize("kind", ["nothing", "text", "web address"])
    def test_what_holds_no_photo_is_a_warning(
        self, reconstruction: ReconstructionController, messages: MessageBar, kind: str
    ) -> None:
        mime = QMimeData()
        if kind == "text":
            mime.setText("hello")
        if kind == "web address":
            mime.setUrls([QUrl("https://example.org/face.jpg")])
        reconstruction.open_mime(mime)
        assert messages.kind == "warning"
        assert not reconstruction.busy
