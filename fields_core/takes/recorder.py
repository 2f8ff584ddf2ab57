"""Writes a take while it happens, on a thread of its own, so that a slow disk never slows the tracker."""

from __future__ import annotations

import queue
import threading
import time
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.errors import ExportError
from fields_core.head.model import HeadModel
from fields_core.live.tracked import Frame, TrackedFrame
from fields_core.takes.layout import TakeHeader, pack_frame
from fields_core.takes.record_file import FRAME, HEADER, PICTURE, RecordWriter

SYNC_SECONDS = 0.5
MOST_WAITING_PICTURES = 32
JPEG_QUALITY = 90


class TakeRecorder:
    """Records tracked frames to a new file (.take); a `TakeWriter`. A context manager.

    Every frame reaches the operating system as soon as the thread is through with it, and the disk twice a second, so
    a crash loses at most a second. When the disk falls behind, pictures are left out; codes never are.

    Attributes:
        path: of the file.
        dropped_pictures: how many were left out.
        failure: why the recording stopped early, or None. Frames that come afterwards are ignored.
    """

    def __init__(
        self, path: Path, head: HeadModel, *, source: str = "", pictures: bool = False, created: str = ""
    ) -> None:
        """Args:
            path: a new file.
            head: whose codes are recorded.
            source: name of the camera or file.
            pictures: whether to record the video too (JPEG).
            created: ISO 8601; now if empty.

        Raises:
            ExportError: the file exists already or cannot be made.
        """
        self.path, self.dropped_pictures = path, 0
        self.failure: ExportError | None = None
        stamp = created or datetime.now().astimezone().isoformat(timespec="seconds")
        self._header = TakeHeader.of(head, source, stamp, pictures)
        self._file = RecordWriter(path)
        self._file.append(HEADER, self._header.to_bytes())
        self._queue: queue.SimpleQueue[tuple[bytes, NDArray[np.uint8] | None] | None] = queue.SimpleQueue()
        self._waiting = threading.Semaphore(MOST_WAITING_PICTURES)
        self._last = -float("inf")
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="take recorder", daemon=True)
        self._thread.start()

    def __enter__(self) -> TakeRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, tracked: TrackedFrame, frame: Frame) -> None:
        """Append one frame; returns at once. A frame not later than the one before is ignored."""
        if self._closed:
            raise ValueError("the take is closed")
        if tracked.timestamp <= self._last or self.failure is not None:
            return
        self._last = tracked.timestamp
        picture = None
        if self._header.pictures:
            if self._waiting.acquire(blocking=False):
                picture = frame.pixels
            else:
                self.dropped_pictures += 1
        self._queue.put((pack_frame(tracked, self._header), picture))

    def close(self) -> None:
        """Write what is waiting and close the file; safe to repeat.

        Raises:
            ExportError: the recording stopped early because it could not be written.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._file.close()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        synced = time.monotonic()
        try:
            while (item := self._queue.get()) is not None:
                payload, picture = item
                if picture is not None:
                    self._file.append(PICTURE, _jpeg(picture))
                    self._waiting.release()
                self._file.append(FRAME, payload)
                if time.monotonic() - synced > SYNC_SECONDS:
                    self._file.sync()
                    synced = time.monotonic()
            self._file.sync()
        except ExportError as error:
            self.failure = error


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
