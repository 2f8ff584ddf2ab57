"""Works the batch queue off: photo after photo through the engine and into files. Nothing of a photo is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from fields_app.batch_queue import BatchQueue, BatchRow, RowState
from fields_app.controllers.engine import Engine
from fields_app.controllers.people_export import PersonToExport
from fields_app.export_settings import ExportChoice
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workers.job import JobThread
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken, Progress

_READ, _FITTED = 0.05, 0.6  # where these steps end, as a share of a photo's time


@dataclass(frozen=True, eq=False)
class _Work:
    """One photo to do."""

    engine: Engine
    path: Path
    stem: str
    choice: ExportChoice
    steps: tuple[str, str]
    """What is said while faces are found, and while files are written."""


@dataclass(frozen=True)
class _Outcome:
    """What became of one photo."""

    faces: int
    files: int
    seconds: float


class BatchController(QObject):
    """One photo at a time, on a thread of its own; a photo that fails costs only itself.

    Signals:
        finished(): no row waits any more.
        choice_changed(ExportChoice): what is written, and where.
    """

    finished = Signal()
    choice_changed = Signal(object)
    _progressed = Signal(object, object)

    def __init__(
        self, queue: BatchQueue, messages: MessageBar, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._queue, self._messages, self._settings = queue, messages, settings
        self._engine: Engine | None = None
        # One thread for all photos: libraries keep memory for every thread that ever called them.
        self._thread: LatestOnlyThread[_Work] = LatestOnlyThread(self._one, parent=self)
        self._thread.answered.connect(self._succeeded)
        self._thread.failed.connect(self._failed)
        self._progressed.connect(self._show_progress, Qt.ConnectionType.QueuedConnection)
        self._finding: JobThread | None = None
        self._wanted: list[Path] = []
        self._stems: dict[Path, str] = {}
        self.choice = _without_summaries(settings.export)

    @property
    def busy(self) -> bool:
        return self._queue.running or self._finding is not None

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine
        self._find()

    def set_choice(self, choice: ExportChoice) -> None:
        """What to write and where; photos after this one follow it."""
        self.choice = _without_summaries(choice)
        self.choice_changed.emit(self.choice)

    def add(self, paths: Sequence[Path]) -> None:
        """Files and folders; folders are searched on a thread."""
        self._wanted.extend(paths)
        self._find()

    def start(self) -> None:
        """Begin, or go on after a pause."""
        if self._queue.running:
            self._queue.set_running(True)
        else:
            self._next()

    def pause(self) -> None:
        """Finish the photo at work, then wait."""
        if self._queue.running:
            self._queue.set_running(True, pausing=True)

    def cancel(self) -> None:
        """Stop at once; the photo at work waits again, what is written stays."""
        self._thread.cancel()
        self._queue.put_back()
        self._queue.set_running(False)

    def retry(self, indices: Sequence[int]) -> None:
        """Failed photos wait again and are tried at once."""
        self._queue.retry(indices)
        self.start()

    def stop(self) -> None:
        """End all threads; call before the window goes."""
        self._wanted.clear()
        self.cancel()
        self._thread.stop()
        if self._finding is not None:
            self._finding.stop()

    def _next(self) -> None:
        index, engine = self._queue.next_waiting, self._engine
        if index < 0 or engine is None:
            self._queue.set_running(False)
            if index < 0:
                self.finished.emit()
            return
        self._queue.set_running(True)
        path = self._queue.rows[index].path
        self._queue.update(index, BatchRow(path, RowState.WORKING, self.tr("Reading")))
        steps = (self.tr("Finding faces"), self.tr("Writing"))
        self._thread.submit(_Work(engine, path, self._stem_of(path), self.choice, steps))

    def _one(self, work: _Work, token: CancelToken) -> _Outcome:
        """On the worker thread: one photo from file to files."""
        start = time.perf_counter()
        photo = work.engine.open_photo(work.path)
        self._progressed.emit(work.path, Progress(int(100 * _READ), 100, work.steps[0]))
        token.raise_if_cancelled()
        found = work.engine.reconstruct(photo, token)
        stems = [work.stem if len(found) == 1 else f"{work.stem}-face-{i}" for i in range(1, len(found) + 1)]
        people = [
            PersonToExport(face, stem, work.path.stem, i)
            for i, (face, stem) in enumerate(zip(found, stems, strict=True), 1)
        ]

        def written(progress: Progress) -> None:
            share = _FITTED + (1.0 - _FITTED) * progress.done / max(progress.total, 1)
            self._progressed.emit(work.path, Progress(int(100 * share), 100, work.steps[1]))

        written(Progress(0, 1))
        files = work.engine.export(people, work.choice, written, token)
        return _Outcome(len(found), len(files), time.perf_counter() - start)

    def _at_work(self, path: Path) -> int:
        """The row of a photo that is being worked on; -1 where it was stopped meanwhile."""
        index = self._queue.index_of(path)
        return index if index >= 0 and self._queue.rows[index].state is RowState.WORKING else -1

    def _show_progress(self, path: Path, progress: Progress) -> None:
        index = self._at_work(path)
        if index >= 0:
            row = replace(self._queue.rows[index], step=progress.message, progress=progress.done / progress.total)
            self._queue.update(index, row)

    def _succeeded(self, work: _Work, outcome: _Outcome) -> None:
        row = BatchRow(work.path, RowState.DONE, "", 1.0, outcome.faces, outcome.files, outcome.seconds)
        self._finish(row)

    def _failed(self, work: _Work, error: BaseException) -> None:
        title = error.title if isinstance(error, FieldsError) else f"{type(error).__name__}: {error}"
        details = error.details if isinstance(error, FieldsError) else repr(error)
        title = title.replace(str(work.path), work.path.name)
        self._finish(BatchRow(work.path, RowState.FAILED, error=title, details=details))

    def _finish(self, row: BatchRow) -> None:
        index = self._at_work(row.path)
        if index < 0:
            return
        self._queue.update(index, row)
        if self._queue.pausing:
            self._queue.set_running(False)
        else:
            self._next()

    def _find(self) -> None:
        """What is added while the core is being loaded, or another folder searched, waits its turn."""
        engine, paths = self._engine, list(self._wanted)
        if engine is None or self._finding is not None or not paths:
            return
        self._wanted.clear()
        self._finding = JobThread(lambda report, token: engine.photos_in(paths), self)
        self._finding.succeeded.connect(self._queue.add)
        self._finding.failed.connect(self._messages.show_error)
        self._finding.finished.connect(self._found)
        self._finding.start()

    def _found(self) -> None:
        if self._finding is not None:
            self._finding.deleteLater()
            self._finding = None
        self._find()

    def _stem_of(self, path: Path) -> str:
        """The file's name, numbered where a photo of another folder or type has it already; the same after a retry."""
        if path not in self._stems:
            taken, number, stem = {used.casefold() for used in self._stems.values()}, 1, path.stem
            while stem.casefold() in taken:
                number += 1
                stem = f"{path.stem}-{number}"
            self._stems[path] = stem
        return self._stems[path]


def _without_summaries(choice: ExportChoice) -> ExportChoice:
    """Every photo is exported by itself: a table or a sheet of one photo would replace that of the one before."""
    return replace(choice, table=False, sheet="", everybody=False)
