"""Export from the window: whom, for which program, what besides, and files that can be dragged out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QDrag, QDragEnterEvent, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fields_app.controllers.export import ExportController
from fields_app.controllers.people_export import target_of
from fields_app.dialogs.export_dialog import ExportDialog
from fields_app.export_settings import CUSTOM, ExportChoice
from fields_app.panels.exported_files import ExportedFiles, FileChip, together
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import Settings
from fields_app.workbench import Workbench
from fields_core.export import TARGETS, Space, custom_target
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine

Open = Callable[..., Workbench]
NOTHING_ELSE = {"overlay": False, "texture": False}


@pytest.fixture
def three_people(session: Session, engine: FakeEngine, tmp_path: Path) -> Session:
    """Two in one photo, one in another photo of the same name; the first photo's pixels may be out of memory."""
    engine.faces = 2
    for folder in ("a", "b"):
        path = tmp_path / folder / "me.png"
        path.parent.mkdir()
        Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(path)
        session.set_photo(engine.open_photo(path))
        session.set_people(engine.reconstruct(session.photo, CancelToken()))
        engine.faces = 1
    return session


def run(export: ExportController, choice: ExportChoice, qtbot: QtBot) -> list[Path]:
    with qtbot.waitSignal(export.exported, timeout=60_000) as done:
        export.export(choice)
    qtbot.waitUntil(lambda: not export.busy)
    return list(done.args[0])


class TestController:
    def test_only_the_selected_person_is_written(
        self, export: ExportController, three_people: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        written = run(export, ExportChoice(tmp_path / "out", ("stl",), **NOTHING_ELSE), qtbot)
        assert [path.name for path in written] == ["me.stl"]

    def test_everybody_has_files_of_their_own(
        self, export: ExportController, three_people: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        choice = ExportChoice(tmp_path / "out", ("stl",), everybody=True, **NOTHING_ELSE)
        assert [path.name for path in run(export, choice, qtbot)] == ["me-face-1.stl", "me-face-2.stl", "me.stl"]

    def test_photos_of_one_name_do_not_overwrite_each_other(
        self, export: ExportController, session: Session, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
    ) -> None:
        for folder in ("a", "b"):
            path = tmp_path / folder / "me.png"
            path.parent.mkdir()
            Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(path)
            session.set_photo(engine.open_photo(path))
            session.set_people(engine.reconstruct(session.photo, CancelToken()))
        choice = ExportChoice(tmp_path / "out", ("json",), everybody=True, **NOTHING_ELSE)
        assert [path.name for path in run(export, choice, qtbot)] == ["me.json", "me-2.json"]

    def test_table_and_sheet_hold_everybody(
        self, export: ExportController, three_people: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        choice = ExportChoice(tmp_path / "out", (), everybody=True, table=True, sheet="png", **NOTHING_ELSE)
        written = run(export, choice, qtbot)
        assert [path.name for path in written] == ["people.csv", "people.png"]
        with written[0].open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["photo"], row["face"]) for row in rows] == [("me", "1"), ("me", "2"), ("me", "1")]
        assert len({row["person"] for row in rows}) == 3
        assert rows[0]["score_happy"] == ""  # no weights are installed

    def test_photos_that_are_out_of_memory_are_read_again(
        self, export: ExportController, three_people: Session, tmp_path: Path, qtbot: QtBot
    ) -> None:
        document = three_people.document()
        blank = tuple(entry.without_pixels() for entry in document.photos)
        three_people.restore(replace(document, photos=blank))
        choice = ExportChoice(tmp_path / "out", (), everybody=True, overlay=True, texture=False)
        for path in run(export, choice, qtbot):
            assert abs(int(np.asarray(Image.open(path))[5, 5, 0]) - 90) < 4

    def test_a_photo_that_is_gone_is_told(
        self, export: ExportController, three_people: Session, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        document = three_people.document()
        three_people.restore(replace(document, photos=tuple(entry.without_pixels() for entry in document.photos)))
        (tmp_path / "a" / "me.png").unlink()
        export.export(ExportChoice(tmp_path / "out", (), everybody=True, overlay=True))
        qtbot.waitUntil(lambda: messages.kind == "error" and not export.busy)

    def test_the_program_decides_unit_and_axes(
        self, export: ExportController, tmp_path: Path, qtbot: QtBot, engine: FakeEngine
    ) -> None:
        choice = ExportChoice(tmp_path / "out", ("obj", "usd"), target="maya", **NOTHING_ELSE)
        written = run(export, choice, qtbot)
        high = np.ptp(trimesh.load_mesh(written[0], process=False).vertices[:, 1])
        assert high == pytest.approx(100 * np.ptp(engine.rest_head().mesh.vertices[:, 1]), rel=1e-3)
        assert any("metersPerUnit = 0.01" in path.read_text() for path in written if path.suffix == ".usda")

    def test_cancel_stops_between_people(
        self, export: ExportController, three_people: Session, messages: MessageBar, engine: FakeEngine,
        tmp_path: Path, qtbot: QtBot,
    ) -> None:  # fmt: skip
        engine.gate.clear()
        export.export(ExportChoice(tmp_path / "out", ("stl",), everybody=True, **NOTHING_ELSE))
        messages.cancel_requested.emit()
        engine.gate.set()
        qtbot.waitUntil(lambda: not export.busy)
        assert not list((tmp_path / "out").glob("*.stl"))


class TestChoice:
    @pytest.mark.parametrize(
        "choice",
        [
            ExportChoice(Path(), ("usd", "ply"), everybody=True, table=True, sheet="pdf", target="unity"),
            ExportChoice(Path(), (), False, False, target=CUSTOM, unit="in", up="z", left_handed=True),
        ],
    )
    def test_the_last_choice_survives_the_program(self, choice: ExportChoice, tmp_path: Path) -> None:
        choice = replace(choice, directory=tmp_path)
        file = str(tmp_path / "settings.ini")
        store = QSettings(file, QSettings.Format.IniFormat)
        Settings(store).export = choice
        store.sync()
        assert Settings(QSettings(file, QSettings.Format.IniFormat)).export == choice

    def test_settings_of_another_version_do_no_harm(self, tmp_path: Path) -> None:
        store = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
        for key, value in (("unit", "furlong"), ("up", "w"), ("sheet", "tiff"), ("target", "paint"), ("table", "?")):
            store.setValue(f"export/{key}", value)
        choice = Settings(store).export
        assert (choice.unit, choice.up, choice.sheet, choice.table) == ("m", "y", "", False)
        assert target_of(choice) == TARGETS["general"]

    def test_custom_is_what_was_chosen(self, tmp_path: Path) -> None:
        choice = ExportChoice(tmp_path, target=CUSTOM, unit="mm", up="z", left_handed=True)
        assert target_of(choice) == custom_target(Space("mm", "z", True))


class TestDialog:
    def test_it_starts_from_the_last_choice_and_returns_it(self, qtbot: QtBot, tmp_path: Path) -> None:
        choice = ExportChoice(tmp_path, ("usd",), False, False, True, True, "pdf", CUSTOM, "in", "z", True)
        dialog = ExportDialog(choice, people=3)
        qtbot.addWidget(dialog)
        assert dialog.choice == choice

    def test_axes_are_asked_for_only_where_no_program_sets_them(self, qtbot: QtBot, tmp_path: Path) -> None:
        dialog = ExportDialog(ExportChoice(tmp_path))
        qtbot.addWidget(dialog)
        form = dialog.space
        assert form._unit.isHidden()
        form.program.setCurrentIndex(form.program.findData(CUSTOM))
        assert not form._unit.isHidden()
        form.program.setCurrentIndex(form.program.findData("unreal"))
        assert "centimetres, +Z up, +X out of the face, left-handed" in form.note.text()

    def test_the_licence_is_shown(self, qtbot: QtBot, tmp_path: Path) -> None:
        from PySide6.QtWidgets import QLabel

        dialog = ExportDialog(ExportChoice(tmp_path), licence="open-head-1, CC0-1.0")
        qtbot.addWidget(dialog)
        assert any("CC0-1.0" in label.text() for label in dialog.findChildren(QLabel))

    def test_a_table_alone_can_be_exported_but_not_of_nobody(self, qtbot: QtBot, tmp_path: Path) -> None:
        choice = ExportChoice(tmp_path, (), table=True)
        for people, possible in ((1, True), (0, False)):
            dialog = ExportDialog(choice, people=people)
            qtbot.addWidget(dialog)
            assert dialog.export_button.isEnabled() is possible

    def test_one_person_is_never_asked_whom_and_the_answer_is_kept(self, qtbot: QtBot, tmp_path: Path) -> None:
        dialog = ExportDialog(ExportChoice(tmp_path, everybody=True), people=1)
        qtbot.addWidget(dialog)
        assert dialog.everybody.isHidden()
        assert dialog.choice.everybody


class TestChips:
    def files(self, folder: Path, count: int) -> list[Path]:
        paths = [folder / f"head {i}.obj" for i in range(count)]
        for path in paths:
            path.write_text("v 0 0 0")
        return paths

    def test_a_chip_carries_file_urls_of_what_is_still_there(self, qtbot: QtBot, tmp_path: Path) -> None:
        row, paths = ExportedFiles(), self.files(tmp_path, 3)
        qtbot.addWidget(row)
        assert row.isHidden()
        row.show_files(paths)
        assert [chip.text() for chip in row.chips] == [*(path.name for path in paths), "All 3 files"]
        paths[1].unlink()
        urls = row.chips[-1].mime_data().urls()
        assert [Path(url.toLocalFile()) for url in urls] == [paths[0], paths[2]]

    def test_many_files_are_one_drag(self, qtbot: QtBot, tmp_path: Path) -> None:
        row, paths = ExportedFiles(), self.files(tmp_path, 30)
        qtbot.addWidget(row)
        row.show_files(paths)
        assert len(row.chips) == 8
        assert len(row.chips[-1].mime_data().urls()) == 30
        row.show_files(paths[:1])
        assert len(row.chips) == 1

    def test_a_mesh_goes_with_its_material_and_texture(self, tmp_path: Path) -> None:
        names = ("a.obj", "a.mtl", "a.png", "a.usda", "a.glb", "people.png")
        groups = together([tmp_path / name for name in names])
        assert [[path.name for path in group] for group in groups] == [
            ["a.obj", "a.mtl", "a.png"], ["a.usda", "a.png"], ["a.glb"], ["people.png"]
        ]  # fmt: skip

    def test_dragging_starts_a_copy_and_is_no_click(
        self, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chip = FileChip("head.obj", self.files(tmp_path, 1))
        qtbot.addWidget(chip)
        chip.show()
        dragged: list[tuple[list[str], Qt.DropAction]] = []
        monkeypatch.setattr(
            QDrag,
            "exec",
            lambda drag, action: dragged.append(([u.toLocalFile() for u in drag.mimeData().urls()], action)),
        )
        opened: list[None] = []
        monkeypatch.setattr(FileChip, "open_folder", lambda self: opened.append(None))
        qtbot.mousePress(chip, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
        for where in (QPointF(7, 6), QPointF(60, 40)):
            move = QMouseEvent(
                QEvent.Type.MouseMove, where, chip.mapToGlobal(where), Qt.MouseButton.NoButton,
                Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
            )  # fmt: skip
            QApplication.sendEvent(chip, move)
        qtbot.mouseRelease(chip, Qt.MouseButton.LeftButton, pos=QPoint(60, 40))
        assert dragged == [([str(tmp_path / "head 0.obj")], Qt.DropAction.CopyAction)]
        assert not opened

    def test_a_file_on_its_way_out_is_not_opened(self, open_workbench: Open, engine: FakeEngine) -> None:
        workbench = open_workbench(engine)
        chip = FileChip("x", [Path(__file__)], workbench.window)

        class FromUs(QDragEnterEvent):
            def source(self) -> FileChip:
                return chip

        event = FromUs(
            QPoint(5, 5), Qt.DropAction.CopyAction, chip.mime_data(), Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        event.ignore()
        workbench.window.dragEnterEvent(event)
        assert not event.isAccepted()


def test_the_window_offers_what_it_exported(
    open_workbench: Open, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    with qtbot.waitSignal(workbench.export.exported, timeout=60_000):
        workbench.export.export(ExportChoice(tmp_path / "out", ("stl", "json"), **NOTHING_ELSE))
    assert [chip.text() for chip in workbench.window.exported.chips] == ["head.stl", "head.json", "All 2 files"]
    assert workbench.window.exported.isVisible()
