"""Network streams: RTSP cameras, MJPEG over HTTP, and whatever else FFmpeg plays from an address."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import cv2

from fields_core.errors import SourceError
from fields_core.live.capture import Capture, opened_in_time
from fields_core.live.source import rgb
from fields_core.live.tracked import Frame
from fields_core.progress import CancelToken

# No file:, concat: or the like: an address must not read the user's files.
SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "rtp")


class StreamSource:
    """A stream at an address; frames come when the other side sends them.

    Args:
        address: see `SCHEMES`.
        timeout: seconds to wait for the first picture, and for any later one.

    Raises:
        SourceError: an address of another kind.
    """

    live = True
    mirrored = False

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        scheme = urlsplit(address).scheme.lower()
        if scheme not in SCHEMES:
            raise SourceError(
                f"{scheme or 'This'} is not a kind of stream that is supported",
                expected=f"an address beginning with {', '.join(SCHEMES)}",
                found=_without_password(address),
            )
        self.address, self.timeout = address, timeout
        self.name = _without_password(address)
        self.frames_per_second = 0.0
        self.size = (0, 0)
        self._capture: Capture | None = None
        self._started, self._delivered = 0.0, 0

    def open(self, token: CancelToken | None = None) -> None:
        """Connect.

        Raises:
            SourceError: nobody answers in time, or what comes is no video.
            Cancelled: the token was cancelled meanwhile.
        """
        self.close()
        late = SourceError(
            f"{self.name} does not answer",
            expected=f"a video stream within {self.timeout:g} seconds",
            found="no answer, or nothing that can be decoded",
            remedy="Check address, network and password; does it play elsewhere?",
        )
        milliseconds = int(1e3 * self.timeout)
        parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
        # A second more than FFmpeg takes itself: its own time-outs do not cover looking up names.
        capture = opened_in_time(
            lambda: cv2.VideoCapture(self.address, cv2.CAP_FFMPEG, parameters), self.timeout + 1.0, late, token
        )
        if not capture.isOpened():
            capture.release()
            raise late
        self._capture = capture
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.frames_per_second = rate if 1.0 <= rate <= 240.0 else 0.0
        self.size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        self._started, self._delivered = time.monotonic(), 0

    def read(self) -> Frame | None:
        """The next picture that arrives.

        Raises:
            SourceError: the stream ended or broke off: the two look alike.
            RuntimeError: the source is not open.
        """
        if self._capture is None:
            raise RuntimeError("StreamSource was read before open() or after close()")
        ok, pixels = self._capture.read()
        if not ok or pixels is None:
            raise SourceError(f"{self.name} has stopped", remedy="It is tried again until you stop.")
        frame = Frame(rgb(pixels), time.monotonic() - self._started, self._delivered)
        self._delivered += 1
        return frame

    def close(self) -> None:
        """Hang up; safe to repeat."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()


def _without_password(address: str) -> str:
    """The address without user and password, for messages and logs."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
