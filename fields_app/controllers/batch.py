"""Works the batch queue off: photo after photo through the engine and into files. Nothing of a photo is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fields_app.batch_queue import BatchQueue, BatchRow, RowState
from fields_app.controllers.engine import Engine
from fields_app.controllers.people_export import PersonToExport
from fields_app.export_settings import ExportChoice
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workers.job import JobThread
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken, Progress, ProgressCallback

_READ, _FITTED = 0.05, 0.6  # where these steps end, as a share of a photo's time


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

    def __init__(
        self, queue: BatchQueue, messages: MessageBar, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._queue, self._messages, self._settings = queue, messages, settings
        self._engine: Engine | None = None
        self._job: JobThread | None = None
        self._finding: JobThread | None = None
        self._stems: dict[Path, str] = {}
        self.choice = _without_summaries(settings.export)

    @property
    def busy(self) -> bool:
        return self._job is not None or self._finding is not None

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine

    def set_choice(self, choice: ExportChoice) -> None:
        """What to write and where; photos after this one follow it."""
        self.choice = _without_summaries(choice)
        self.choice_changed.emit(self.choice)

    def add(self, paths: Sequence[Path]) -> None:
        """Files and folders; folders are searched on a thread."""
        engine = self._engine
        if engine is None or self._finding is not None or not paths:
            return
        self._finding = JobThread(lambda report, token: engine.photos_in(list(paths)), self)
        self._finding.succeeded.connect(self._queue.add)
        self._finding.failed.connect(self._messages.show_error)
        self._finding.finished.connect(self._found)
        self._finding.start()

    def start(self) -> None:
        """Begin, or go on after a pause."""
        if self._queue.pausing and self._job is not None:
            self._queue.set_running(True)
        elif self._job is None:
            self._next()

    def pause(self) -> None:
        """Finish the photo at work, then wait."""
        if self._job is not None:
            self._queue.set_running(True, pausing=True)

    def cancel(self) -> None:
        """Stop at once; the photo at work waits again, what is written stays."""
        if self._job is not None:
            self._queue.set_running(True, pausing=True)
            self._job.cancel()

    def retry(self, indices: Sequence[int]) -> None:
        """Failed photos wait again and are tried at once."""
        self._queue.retry(indices)
        self.start()

    def stop(self) -> None:
        """End all threads; call before the window goes."""
        self._queue.set_running(self._queue.running, pausing=True)
        for job in (self._job, self._finding):
            if job is not None:
                job.stop()

    def _next(self) -> None:
        index, engine = self._queue.next_waiting, self._engine
        if index < 0 or engine is None:
            self._queue.set_running(False)
            if index < 0:
                self.finished.emit()
            return
        self._queue.set_running(True)
        path = self._queue.rows[index].path
        choice, stem = self.choice, self._stem_of(path)
        self._queue.update(index, BatchRow(path, RowState.WORKING, self.tr("Reading")))
        steps = (self.tr("Finding faces"), self.tr("Writing"))
        self._job = JobThread(lambda report, token: _one(engine, path, stem, choice, steps, report, token), self)
        self._job.progressed.connect(lambda progress: self._progressed(path, progress))
        self._job.succeeded.connect(lambda outcome: self._succeeded(path, outcome))
        self._job.failed.connect(lambda error: self._failed(path, error))
        self._job.cancelled.connect(self._queue.put_back)
        self._job.finished.connect(self._ended)
        self._job.start()

    def _progressed(self, path: Path, progress: Progress) -> None:
        index = self._queue.index_of(path)
        if index >= 0:
            row = replace(self._queue.rows[index], step=progress.message, progress=progress.done / progress.total)
            self._queue.update(index, row)

    def _succeeded(self, path: Path, outcome: _Outcome) -> None:
        index = self._queue.index_of(path)
        if index >= 0:
            row = BatchRow(path, RowState.DONE, "", 1.0, outcome.faces, outcome.files, outcome.seconds)
            self._queue.update(index, row)

    def _failed(self, path: Path, error: BaseException) -> None:
        index = self._queue.index_of(path)
        if index >= 0:
            title = error.title if isinstance(error, FieldsError) else f"{type(error).__name__}: {error}"
            details = error.details if isinstance(error, FieldsError) else repr(error)
            self._queue.update(index, BatchRow(path, RowState.FAILED, error=title, details=details))

    def _ended(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        if self._queue.pausing:
            self._queue.set_running(False)
        else:
            self._next()

    def _found(self) -> None:
        if self._finding is not None:
            self._finding.deleteLater()
            self._finding = None

    def _stem_of(self, path: Path) -> str:
        """The file's name, numbered where a photo of another folder or type has it already; the same after a retry."""
        if path not in self._stems:
            taken, number, stem = {used.casefold() for used in self._stems.values()}, 1, path.stem
            while stem.casefold() in taken:
                number += 1
                stem = f"{path.stem}-{number}"
            self._stems[path] = stem
        return self._stems[path]


def _one(
    engine: Engine,
    path: Path,
    stem: str,
    choice: ExportChoice,
    steps: tuple[str, str],
    report: ProgressCallback,
    token: CancelToken,
) -> _Outcome:
    """On the worker thread: one photo from file to files."""
    start = time.perf_counter()
    photo = engine.open_photo(path)
    report(Progress(int(100 * _READ), 100, steps[0]))
    token.raise_if_cancelled()
    found = engine.reconstruct(photo, token)
    report(Progress(int(100 * _FITTED), 100, steps[1]))
    people = [
        PersonToExport(face, stem if len(found) == 1 else f"{stem}-face-{i}", path.stem, i)
        for i, face in enumerate(found, 1)
    ]

    def written(progress: Progress) -> None:
        share = progress.done / max(progress.total, 1)
        report(Progress(int(100 * (_FITTED + (1.0 - _FITTED) * share)), 100, steps[1]))

    files = engine.export(people, choice, written, token)
    return _Outcome(len(found), len(files), time.perf_counter() - start)


def _without_summaries(choice: ExportChoice) -> ExportChoice:
    """Every photo is exported by itself: a table or a sheet of one photo would replace that of the one before."""
    return replace(choice, table=False, sheet="", everybody=False)
