"""Looks at what is to be trained on: photos are made into shards first. Every source has a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from fields_app.settings import Settings
from fields_app.workers.job import Jobs
from fields_core.progress import CancelToken, Progress, ProgressCallback

_TELL_EVERY = 0.1  # seconds: finding faces in small photos is faster than a table needs to know


class TrainingDataController(QObject):
    """
    Signals:
        progressed(str, Progress): a source is being prepared.
        checked(str, DataCheck, tuple[str, ...]): it can be trained on; files of labels that it leaves out.
        refused(str, error): it cannot.
    """

    progressed = Signal(str, object)
    checked = Signal(str, object, object)
    refused = Signal(str, object)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._jobs = Jobs(self)
        self._wishes: dict[str, CancelToken] = {}
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def look(self, address: str, holdout_every: int) -> None:
        """Look at a source; an earlier look at it that is not done is given up."""
        self.give_up(address)
        wish = self._wishes[address] = CancelToken()
        turn = self._turns[address]  # what was given up may still be writing

        def work(report: ProgressCallback, token: CancelToken) -> tuple[object, tuple[str, ...]]:
            from fields_core.data.raw_data import as_shards
            from fields_core.training.data_check import check_data

            with turn:
                wish.raise_if_cancelled()
                shards = as_shards(address, self._settings.prepared_folder, self._reporting(address, wish), wish)
                return check_data(shards.folder, holdout_every, report, wish), shards.unused

        self._jobs.run(
            work,
            lambda found: self._unless(wish, lambda: self.checked.emit(address, *found)),
            lambda error: self._unless(wish, lambda: self.refused.emit(address, error)),
        )

    def give_up(self, address: str) -> None:
        """What has been prepared of a source so far stays for the next time."""
        if (wish := self._wishes.pop(address, None)) is not None:
            wish.cancel()

    def give_up_all(self) -> None:
        for address in list(self._wishes):
            self.give_up(address)

    def stop(self) -> None:
        """End all threads."""
        self.give_up_all()
        self._jobs.finish()

    def _reporting(self, address: str, wish: CancelToken) -> ProgressCallback:
        """Called on the thread that works."""
        told = 0.0

        def report(progress: Progress) -> None:
            nonlocal told
            now = time.monotonic()
            if not wish.cancelled and (now - told > _TELL_EVERY or progress.done == progress.total):
                told = now
                self.progressed.emit(address, progress)

        return report

    def _unless(self, wish: CancelToken, tell: Callable[[], None]) -> None:
        if not wish.cancelled:
            tell()
