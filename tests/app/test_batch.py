"""The batch queue: its rows, its controller without a window, and its panel."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from pytestqt.qtbot import QtBot

from fields_app.batch_queue import BatchQueue, BatchRow, RowState
from fields_app.controllers.batch import BatchController
from fields_app.controllers.people_export import PersonToExport
from fields_app.panels.batch_panel import BatchPanel
from fields_app.panels.batch_table import FACES, PHOTO, PROGRESS_ROLE, RESULT, STATUS
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import ExportChoice, Settings
from fields_core.datatypes import Photo, Reconstruction
from fields_core.errors import PhotoError
from fields_core.progress import CancelToken, ProgressCallback
from tests.app.engines import FakeEngine

WAIT = 30_000


class CountingEngine(FakeEngine):
    """Keeps weak references to every photo that went through, and how many lived at once; writes one small file.

    Attributes:
        broken: names of photos that cannot be read.
    """

    def __init__(self, faces: int = 1) -> None:
        super().__init__(faces)
        self.seen: list[weakref.ref[Photo]] = []
        self.alive: list[int] = []
        self.broken: set[str] = set()

    def open_photo(self, source: object) -> Photo:
        assert isinstance(source, Path)
        if source.name in self.broken:
            raise PhotoError(f"{source.name} is no picture", remedy="Use another.")
        photo = Photo(np.zeros((60, 80, 3), np.uint8), source)
        self.seen.append(weakref.ref(photo))
        self.alive.append(sum(ref() is not None for ref in self.seen[-20:]))
        return photo

    def export(
        self, people: Sequence[PersonToExport], choice: ExportChoice, report: ProgressCallback, token: CancelToken
    ) -> list[Path]:
        paths = [choice.directory / f"{person.stem}.txt" for person in people]
        for path in paths:
            path.write_text("head")
        return paths


class TestQueue:
    def test_a_photo_is_queued_once(self, qtbot: QtBot, tmp_path: Path) -> None:
        queue = BatchQueue()
        assert queue.add([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "a.png"]) == 2
        assert queue.add([tmp_path / "b.png"]) == 0
        assert [row.path.name for row in queue.rows] == ["a.png", "b.png"]

    def test_the_row_at_work_cannot_be_taken_out(self, qtbot: QtBot, tmp_path: Path) -> None:
        queue = BatchQueue()
        queue.add([tmp_path / "a.png", tmp_path / "b.png"])
        queue.update(0, BatchRow(queue.rows[0].path, RowState.WORKING))
        queue.remove([0, 1])
        assert [row.path.name for row in queue.rows] == ["a.png"]

    def test_only_what_ended_can_be_retried(self, qtbot: QtBot, tmp_path: Path) -> None:
        queue = BatchQueue()
        queue.add([tmp_path / "a.png", tmp_path / "b.png"])
        queue.update(0, BatchRow(queue.rows[0].path, RowState.FAILED, error="no"))
        queue.update(1, BatchRow(queue.rows[1].path, RowState.WORKING, step="Reading"))
        queue.retry([0, 1])
        assert [row.state for row in queue.rows] == [RowState.WAITING, RowState.WORKING]

    def test_the_time_left_follows_from_the_time_taken(self, qtbot: QtBot, tmp_path: Path) -> None:
        queue = BatchQueue()
        queue.add([tmp_path / f"{i}.png" for i in range(4)])
        assert queue.seconds_left is None
        queue.update(0, BatchRow(queue.rows[0].path, RowState.DONE, seconds=2.0))
        assert queue.seconds_left == pytest.approx(6.0)


@pytest.fixture
def queue() -> BatchQueue:
    return BatchQueue()


@pytest.fixture
def counting() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def batch(
    queue: BatchQueue, counting: CountingEngine, messages: MessageBar, settings: Settings, qtbot: QtBot, tmp_path: Path
) -> Iterator[BatchController]:
    controller = BatchController(queue, messages, settings)
    controller.set_engine(counting)
    controller.set_choice(ExportChoice(tmp_path, ("stl",), table=True, sheet="png"))
    yield controller
    counting.gate.set()
    controller.stop()
    qtbot.waitUntil(lambda: not controller.busy)


def states(queue: BatchQueue) -> list[str]:
    return [row.state.value for row in queue.rows]


class TestController:
    def test_every_photo_becomes_files_of_its_name(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path
    ) -> None:
        counting.faces = 2
        queue.add([tmp_path / "a.png", tmp_path / "b.png"])
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            batch.start()
        assert states(queue) == ["done", "done"]
        assert [(row.faces, row.files) for row in queue.rows] == [(2, 2), (2, 2)]
        written = {path.name for path in tmp_path.glob("*.txt")}
        assert written == {"a-face-1.txt", "a-face-2.txt", "b-face-1.txt", "b-face-2.txt"}
        assert not queue.running

    def test_photos_of_one_name_do_not_overwrite_each_other(
        self, batch: BatchController, queue: BatchQueue, qtbot: QtBot, tmp_path: Path
    ) -> None:
        queue.add([tmp_path / "x" / "a.png", tmp_path / "y" / "a.png", tmp_path / "A.jpg"])
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            batch.start()
        assert {path.name for path in tmp_path.glob("*.txt")} == {"a.txt", "a-2.txt", "A-3.txt"}

    def test_a_photo_that_fails_keeps_its_error_and_costs_only_itself(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path
    ) -> None:
        counting.broken = {"b.png"}
        queue.add([tmp_path / f"{name}.png" for name in "abc"])
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            batch.start()
        assert states(queue) == ["done", "failed", "done"]
        assert queue.rows[1].error == "b.png is no picture"
        assert "Use another." in queue.rows[1].details
        counting.broken = set()
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            batch.retry([1])
        assert states(queue) == ["done", "done", "done"]
        assert queue.rows[1].error == ""

    def test_a_bug_is_an_error_of_its_row(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def broken(*_: object) -> list[Reconstruction]:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(counting, "reconstruct", broken)
        queue.add([tmp_path / "a.png"])
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            batch.start()
        assert "a bug" in queue.rows[0].error

    def test_a_pause_ends_after_the_photo_at_work_and_goes_on(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path
    ) -> None:
        queue.add([tmp_path / f"{i}.png" for i in range(3)])
        counting.gate.clear()
        batch.start()
        qtbot.waitUntil(counting.started.is_set)
        batch.pause()
        assert queue.running
        counting.gate.set()
        qtbot.waitUntil(lambda: not queue.running)
        assert states(queue) == ["done", "waiting", "waiting"]
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            batch.start()
        assert states(queue) == ["done"] * 3

    def test_going_on_before_the_pause_began_is_no_pause(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path
    ) -> None:
        queue.add([tmp_path / f"{i}.png" for i in range(3)])
        counting.gate.clear()
        batch.start()
        batch.pause()
        batch.start()
        with qtbot.waitSignal(batch.finished, timeout=WAIT):
            counting.gate.set()
        assert states(queue) == ["done"] * 3

    def test_a_stop_puts_the_photo_at_work_back(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path
    ) -> None:
        queue.add([tmp_path / f"{i}.png" for i in range(3)])
        counting.gate.clear()
        batch.start()
        qtbot.waitUntil(counting.started.is_set)
        batch.cancel()
        qtbot.waitUntil(lambda: not queue.running)
        assert states(queue) == ["waiting"] * 3
        assert list(tmp_path.glob("*.txt")) == []

    def test_folders_are_searched_and_what_is_empty_is_said(
        self, batch: BatchController, queue: BatchQueue, messages: MessageBar, qtbot: QtBot, tmp_path: Path
    ) -> None:
        folder, empty = tmp_path / "photos", tmp_path / "empty"
        folder.mkdir()
        empty.mkdir()
        for i in range(3):
            Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(folder / f"{i}.png")
        batch.add([folder])
        qtbot.waitUntil(lambda: len(queue.rows) == 3 and not batch.busy)
        batch.add([empty])
        qtbot.waitUntil(lambda: messages.kind == "error" and not batch.busy)

    def test_what_is_added_before_the_core_is_loaded_waits_for_it(
        self, queue: BatchQueue, counting: CountingEngine, messages: MessageBar, settings: Settings, qtbot: QtBot,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / folder / "x.png")
        early = BatchController(queue, messages, settings)
        early.add([tmp_path / "a"])
        early.start()
        assert not early.busy
        early.set_engine(counting)
        early.add([tmp_path / "b"])
        qtbot.waitUntil(lambda: len(queue.rows) == 2 and not early.busy)
        early.stop()

    def test_tables_of_one_photo_are_not_written_over_each_other(self, batch: BatchController) -> None:
        assert not batch.choice.table
        assert batch.choice.sheet == ""

    def test_five_hundred_photos_leave_nothing_behind(
        self, batch: BatchController, queue: BatchQueue, counting: CountingEngine, qtbot: QtBot, tmp_path: Path
    ) -> None:
        queue.add([tmp_path / f"{i:03}.png" for i in range(500)])
        with qtbot.waitSignal(batch.finished, timeout=300_000):
            batch.start()
        assert states(queue) == ["done"] * 500
        gc.collect()
        assert max(counting.alive) <= 2
        assert sum(ref() is not None for ref in counting.seen) <= 1


class TestPanel:
    @pytest.fixture
    def panel(self, queue: BatchQueue, qtbot: QtBot, tmp_path: Path) -> BatchPanel:
        panel = BatchPanel(queue)
        qtbot.addWidget(panel)
        panel.resize(860, 400)
        panel.show()
        queue.add([tmp_path / f"{name}.png" for name in "abcd"])
        queue.update(0, BatchRow(queue.rows[0].path, RowState.DONE, "", 1.0, 2, 6, 3.0))
        queue.update(1, BatchRow(queue.rows[1].path, RowState.FAILED, error="No face", details="Use another photo."))
        queue.update(2, BatchRow(queue.rows[2].path, RowState.WORKING, "Writing", 0.6))
        return panel

    def text(self, panel: BatchPanel, row: int, column: int) -> str:
        return str(panel.table.model().index(row, column).data())

    def test_rows_say_what_became_of_them(self, panel: BatchPanel) -> None:
        assert [self.text(panel, 0, column) for column in (PHOTO, STATUS, FACES)] == ["a.png", "Done", "2"]
        assert self.text(panel, 0, RESULT) == "6 files in 3.0 s"
        assert self.text(panel, 1, RESULT) == "No face"
        assert panel.table.model().index(1, RESULT).data(Qt.ItemDataRole.ToolTipRole) == "Use another photo."
        assert self.text(panel, 2, STATUS) == "Writing …"
        assert panel.table.model().index(2, STATUS).data(PROGRESS_ROLE) == 0.6
        assert panel.bar.value() == 260
        assert panel.bar.maximum() == 400
        assert not panel.grab().isNull()

    def test_buttons_are_for_what_is_possible(self, panel: BatchPanel, queue: BatchQueue) -> None:
        queue.set_running(True)
        assert not panel.start_button.isEnabled()
        assert panel.pause_button.isEnabled()
        assert panel.cancel_button.isEnabled()
        queue.set_running(True, pausing=True)
        assert panel.start_button.isEnabled()
        assert not panel.pause_button.isEnabled()
        queue.set_running(False)
        assert panel.start_button.text() == "Go on"
        assert not panel.cancel_button.isEnabled()

    def test_retry_is_for_the_selected_failures_or_all(self, panel: BatchPanel, qtbot: QtBot) -> None:
        with qtbot.waitSignal(panel.retry_requested) as asked:
            panel.retry_button.click()
        assert asked.args == [[1]]

    def test_errors_can_be_copied(self, panel: BatchPanel) -> None:
        panel.copy_button.click()
        text = QGuiApplication.clipboard().text()
        assert "b.png" in text
        assert "Use another photo." in text

    def test_delete_takes_the_selected_rows_out(self, panel: BatchPanel, qtbot: QtBot) -> None:
        panel.table.selectRow(3)
        with qtbot.waitSignal(panel.remove_requested) as asked:
            qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
        assert asked.args == [(3,)]

    def test_a_dropped_folder_is_added(self, panel: BatchPanel, qtbot: QtBot, tmp_path: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(tmp_path))])
        drop = QDropEvent(
            QPointF(9, 9), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        with qtbot.waitSignal(panel.dropped) as dropped:
            panel.dropEvent(drop)
        assert dropped.args[0].urls() == mime.urls()

    def test_a_row_can_be_looked_at(self, panel: BatchPanel, qtbot: QtBot) -> None:
        with qtbot.waitSignal(panel.open_requested) as opened:
            panel.table.doubleClicked.emit(panel.table.model().index(2, 0))
        assert opened.args == [2]
