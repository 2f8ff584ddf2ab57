"""Ctrl-C for work that must save itself first."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from fields_core.progress import CancelToken


@contextlib.contextmanager
def interrupts(token: CancelToken) -> Iterator[None]:
    """Ctrl-C and a polite kill cancel the token instead of ending the process."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: token.cancel()) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
