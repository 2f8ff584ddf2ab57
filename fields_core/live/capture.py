"""OpenCV's VideoCapture, opened beside the caller so that a device that does not answer cannot hang the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import SourceError
from fields_core.progress import CancelToken

_NAP = 0.02  # seconds between looks at the token


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool: ...

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]: ...

    def get(self, property_id: int) -> float: ...

    def set(self, property_id: int, value: float) -> bool: ...

    def release(self) -> None: ...


def opened_in_time(
    opener: Callable[[], Capture], seconds: float, late: SourceError, token: CancelToken | None = None
) -> Capture:
    """Run ``opener`` on a thread of its own and wait for it.

    Args:
        opener: makes the capture; may take for ever.
        seconds: how long to wait. A capture that comes later is released by that thread.
        late: what to raise then.
        token: cancelled, it ends the wait.

    Raises:
        SourceError: ``late``, or what ``opener`` raises.
        Cancelled: the token was cancelled.
    """
    attempt = _Attempt(opener)
    return attempt.wait(seconds, late, token or CancelToken())


class _Attempt:
    """One try to open; either side may come first."""

    def __init__(self, opener: Callable[[], Capture]) -> None:
        self._opener, self._lock, self._done = opener, threading.Lock(), threading.Event()
        self._capture: Capture | None = None
        self._error: BaseException | None = None
        self._abandoned = False
        # A daemon: a driver that never returns must not keep the program from ending.
        threading.Thread(target=self._run, name="fields-open-source", daemon=True).start()

    def wait(self, seconds: float, late: SourceError, token: CancelToken) -> Capture:
        end = time.monotonic() + seconds
        while not token.cancelled and time.monotonic() < end and not self._done.wait(_NAP):
            pass
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._capture is None:
                self._abandoned = True
                token.raise_if_cancelled()
                raise late
            return self._capture

    def _run(self) -> None:
        capture: Capture | None = None
        error: BaseException | None = None
        try:
            capture = self._opener()
        except Exception as failure:  # noqa: BLE001 - handed to the thread that waits
            error = failure
        with self._lock:
            self._error = error
            if self._abandoned and capture is not None:
                capture.release()
            else:
                self._capture = capture
            self._done.set()
