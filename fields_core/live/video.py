"""Video files, frame by frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.detection.stderr_gate import silent_stderr
from fields_core.errors import SourceError
from fields_core.live.clip import FRAMES_PER_SECOND
from fields_core.live.source import rgb
from fields_core.live.tracked import Frame
from fields_core.progress import CancelToken

_SANE_RATES = (1.0, 1000.0)  # files without a rate say 0, 90000 or NaN


class VideoSource:
    """A `SeekableSource` that decodes a video file with OpenCV (FFmpeg inside), as fast as it is read.

    Seeking is frame-exact: where the file's index leads elsewhere, the frames are counted from the beginning.

    Args:
        path: of the file.
        loop: start over after the last frame.
    """

    live = False
    mirrored = False

    def __init__(self, path: Path, loop: bool = False) -> None:
        self.path, self.loop = path, loop
        self.name = path.name
        self.frames_per_second = FRAMES_PER_SECOND
        self.size = (0, 0)
        self.length = 0
        self._capture: cv2.VideoCapture | None = None
        self._next = self._delivered = 0

    def open(self, token: CancelToken | None = None) -> None:
        """Start at the first frame.

        Raises:
            SourceError: no such file, or not a video that can be decoded.
        """
        self.close()
        if not self.path.is_file():
            raise SourceError(f"There is no video file {self.path}", remedy="Check the spelling.")
        with silent_stderr():
            # As a number-free path of its own backend: OpenCV would read "frame_%d.png" as a row of pictures.
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
            readable = capture.isOpened() and capture.grab()
        if not readable:
            capture.release()
            raise SourceError(
                f"{self.path} cannot be played",
                expected="a video file: MP4, MOV, AVI, MKV or WebM",
                found="no picture that can be decoded",
                remedy="Convert it to MP4 (H.264), or check that it plays elsewhere.",
            )
        self._capture = capture
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.frames_per_second = rate if _SANE_RATES[0] <= rate <= _SANE_RATES[1] else FRAMES_PER_SECOND
        self.size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        self.length = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 1)
        self._delivered = 0
        self._move(0)

    def read(self) -> Frame | None:
        """The next frame at once; None after the last one (never when looping).

        Raises:
            RuntimeError: the source is not open.
        """
        pixels = self._decode()
        if pixels is None:
            self.length = self._next or self.length  # the header's count is often an estimate
            if not self.loop or not self._delivered:
                return None
            self._move(0)
            pixels = self._decode()
            if pixels is None:
                return None
        frame = Frame(pixels, self._delivered / self.frames_per_second, self._next)
        self._next += 1
        self._delivered += 1
        return frame

    def seek(self, number: int) -> None:
        """Make frame ``number`` the next one; the clip's ends limit it.

        Raises:
            RuntimeError: the source is not open.
        """
        self._move(min(max(number, 0), self.length - 1))

    def close(self) -> None:
        """Let go of the file; safe to repeat."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _decode(self) -> NDArray[np.uint8] | None:
        """The next picture, or None at the end."""
        ok, pixels = self._opened().read()
        return rgb(pixels) if ok and pixels is not None else None

    def _move(self, number: int) -> None:
        capture = self._opened()
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        reached = round(capture.get(cv2.CAP_PROP_POS_FRAMES))
        if reached != number:
            if reached > number:
                capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
                reached = 0
            while reached < number and capture.grab():
                reached += 1
        self._next = reached

    def _opened(self) -> cv2.VideoCapture:
        if self._capture is None:
            raise RuntimeError("VideoSource was read before open() or after close()")
        return self._capture
