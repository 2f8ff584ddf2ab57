"""How long work reports where it is and is told to stop. Shared by the command line, the window and the trainer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report: ``done`` of ``total`` steps (total 0 = unknown) and a sentence for the user."""

    done: int
    total: int
    message: str = ""


ProgressCallback = Callable[[Progress], None]


class Cancelled(Exception):  # noqa: N818 - a wish, not an error
    """The user asked to stop. Not an error: callers tidy up and say nothing."""


class CancelToken:
    """A flag one thread sets and another looks at. Safe to share between threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raises:
        Cancelled: if `cancel` was called.
        """
        if self._event.is_set():
            raise Cancelled
