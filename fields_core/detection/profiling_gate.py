"""Keeps the profiler inside MediaPipe from ending the program.

MediaPipe (1.2) gives each thread of its tasks a timer that sends it SIGPROF every 10 ms of work, and tells the process
once to ignore that signal. Whoever sets the handlers of all signals back to what Python knows of them, as Lightning
does after a training, undoes it: the next tick ends the process ("Profiling timer expired").
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def no_profiling() -> Iterator[None]:
    """Threads that are started inside never hear SIGPROF, whatever becomes of its handler. Nothing on Windows."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
