"""Controllers without a window: a session, a message bar and an engine that does what the test wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from fields_app.controllers.editing import EditingController
from fields_app.controllers.export import ExportController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.panels.message_bar import MessageBar
from fields_app.parameters import read_all
from fields_app.pictures import pixels_of, read_thumbnail
from fields_app.session import Session
from fields_app.settings import ExportChoice, Settings
from fields_core.datatypes import Photo
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine


@pytest.fixture
def reconstruction(session: Session, messages: MessageBar, engine: FakeEngine) -> Iterator[ReconstructionController]:
    controller = ReconstructionController(session, messages)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()


@pytest.fixture
def editing(session: Session, messages: MessageBar, engine: FakeEngine) -> Iterator[EditingController]:
    controller = EditingController(session, messages)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()


@pytest.fixture
def export(
    session: Session, messages: MessageBar, settings: Settings, engine: FakeEngine, qtbot: QtBot
) -> Iterator[ExportController]:
    controller = ExportController(session, messages, settings)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()
    qtbot.waitUntil(lambda: not controller.busy)


def photos(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"photo_{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full((60, 80, 3), 40 * i % 256, np.uint8)).save(path)
    return paths


def values(session: Session, engine: FakeEngine) -> dict[str, float]:
    code = session.code
    assert code is not None
    return dict(zip([p.key for p in engine.parameters], read_all(engine.parameters, code), strict=True))


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


class TestPictures:
    def test_transparent_pixels_lie_on_white(self, qtbot: QtBot) -> None:
        picture = QImage(3, 2, QImage.Format.Format_ARGB32)
        picture.fill(Qt.GlobalColor.transparent)
        assert (pixels_of(picture) == 255).all()

    def test_a_thumbnail_is_square_whatever_the_file(self, qtbot: QtBot, tmp_path: Path) -> None:
        path = photos(tmp_path, 1)[0]
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"no")
        for file in (path, broken):
            image = read_thumbnail(file)
            assert image.width() == image.height() == 128


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


class TestExport:
    def test_files_are_written_and_the_choice_remembered(
        self, export: ExportController, session: Session, settings: Settings, messages: MessageBar, tmp_path: Path,
        qtbot: QtBot,
    ) -> None:  # fmt: skip
        choice = ExportChoice(tmp_path / "out", ("obj", "stl"), overlay=False, texture=False)
        with qtbot.waitSignal(export.exported, timeout=20_000) as exported:
            export.export(choice)
        qtbot.waitUntil(lambda: not export.busy)
        assert all(path.is_file() for path in exported.args[0])
        assert {path.suffix for path in exported.args[0]} >= {".obj", ".stl"}
        assert settings.export == choice
        assert "Exported" in messages.text

    def test_a_folder_that_cannot_be_written_is_an_error(
        self, export: ExportController, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        export.export(ExportChoice(blocked / "out", ("stl",)))
        qtbot.waitUntil(lambda: messages.kind == "error" and not export.busy)
        assert "Cannot write" in messages.text

    def test_cancel_is_no_error(
        self, export: ExportController, messages: MessageBar, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
    ) -> None:
        engine.gate.clear()
        export.export(ExportChoice(tmp_path, ("stl",)))
        messages.cancel_requested.emit()
        qtbot.waitUntil(lambda: not export.busy)
        assert messages.text == "Export cancelled."
        assert list(tmp_path.glob("*.stl")) == []


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
