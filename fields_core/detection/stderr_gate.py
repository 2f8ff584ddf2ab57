"""Keeps the native log lines of MediaPipe, TensorFlow Lite and GL out of the user's terminal.

They are written to file descriptor 2 past Python, and no setting of those libraries stops all of them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

STDERR = 2


class _Gate:
    """Counts who wants silence, so that overlapping threads restore the descriptor exactly once."""

    def __init__(self) -> None:
        # Re-entrant: a collected task is closed, and so silenced, in the middle of any line of Python.
        self._lock = threading.RLock()
        self._depth = 0
        self._saved: int | None = None

    def shut(self) -> None:
        with self._lock:
            self._depth += 1
            if self._saved is not None:
                return
            # A windowed program on Windows has no standard error at all: nothing to silence then.
            with contextlib.suppress(OSError):
                self._saved = os.dup(STDERR)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, STDERR)
                os.close(nowhere)

    def open(self) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._saved is not None:
                saved, self._saved = self._saved, None
                os.dup2(saved, STDERR)
                os.close(saved)


_gate = _Gate()  # one for the process, because descriptor 2 is one for the process


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send descriptor 2 to nowhere inside the block. Keep the block short: other threads are silenced with it."""
    _gate.shut()
    try:
        yield
    finally:
        _gate.open()
