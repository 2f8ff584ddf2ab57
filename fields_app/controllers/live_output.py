"""What happens with every tracked frame besides being shown: it is recorded and sent on. On the tracking thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.errors import ExportError

if TYPE_CHECKING:
    from fields_core.head.model import HeadModel
    from fields_core.live.pipeline import LiveResult
    from fields_core.live.tracked import TrackedFrame
    from fields_core.streams.stream import Stream
    from fields_core.takes.recorder import TakeRecorder


class LiveOutput:
    """A listener of the pipeline; everything else is called on the window's thread.

    Args:
        adjusted: the frame as it is shown.
    """

    def __init__(self, adjusted: Callable[[TrackedFrame], TrackedFrame]) -> None:
        self._adjusted = adjusted
        self._lock = threading.Lock()
        self._recorder: TakeRecorder | None = None
        self._stream: Stream | None = None
        self._first: float | None = None
        self._last = 0.0

    def __call__(self, result: LiveResult) -> None:
        with self._lock:
            if self._recorder is None and self._stream is None:
                return
            tracked = self._adjusted(result.tracked)
            if self._recorder is not None:
                self._recorder.write(tracked, result.frame)
                self._first = tracked.timestamp if self._first is None else self._first
                self._last = tracked.timestamp
            if self._stream is not None:
                self._stream.send(tracked)

    @property
    def recorded(self) -> float | None:
        """Seconds; None while nothing is recorded."""
        if self._recorder is None:
            return None
        return 0.0 if self._first is None else self._last - self._first

    @property
    def failure(self) -> ExportError | None:
        """Why the recording cannot go on; None while all is well."""
        return self._recorder.failure if self._recorder is not None else None

    @property
    def stream(self) -> Stream | None:
        return self._stream

    def record(self, recorder: TakeRecorder) -> None:
        with self._lock:
            self._recorder, self._first = recorder, None

    def stop_recording(self) -> Callable[[], Path | None] | None:
        """Record no more.

        Returns:
            Closes the take, which may take a moment, and returns its path, or None where no frame came and so no take
            is left. None if nothing was recorded.
        """
        with self._lock:
            recorder, self._recorder = self._recorder, None
        return None if recorder is None else partial(_finish, recorder, self._first is None)

    def send_to(self, stream: Stream | None) -> None:
        """Send to another address, or to none."""
        with self._lock:
            old, self._stream = self._stream, stream
        if old is not None:
            old.close()


def new_recorder(folder: Path, head: HeadModel, source: str, pictures: bool) -> TakeRecorder:
    """A new take in a folder, named after the moment.

    Raises:
        ExportError: it cannot be made there.
    """
    from fields_core.takes.recorder import TakeRecorder

    stem = f"take {datetime.now():%Y-%m-%d %H-%M-%S}"
    names = (f"{stem}{'' if n == 1 else f' {n}'}.take" for n in range(1, 1000))
    path = next(folder / name for name in names if not (folder / name).exists())
    return TakeRecorder(path, head, source=source, pictures=pictures)


def _finish(recorder: TakeRecorder, empty: bool) -> Path | None:
    recorder.close()
    if empty:
        recorder.path.unlink(missing_ok=True)
        return None
    return recorder.path
