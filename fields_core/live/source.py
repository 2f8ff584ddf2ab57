"""Where frames come from: one interface for cameras, clips, folders and streams."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import SourceError
from fields_core.live.tracked import Frame
from fields_core.progress import CancelToken


class FrameSource(Protocol):
    """Delivers frames one by one. One thread at a time uses it; `open` may take seconds, so never the window's.

    Attributes:
        name: for the user.
        live: whether frames come at their own pace and are lost when nobody reads them (cameras and streams). A source
            that is not live waits for its reader.
        mirrored: whether a view should show it as a mirror would. Pixels are never mirrored: left would become right.
        frames_per_second: what it promises; 0 where it does not say.
        size: width and height, pixels; (0, 0) before `open`. Single frames may differ (see `Frame.size`).
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool: ...

    @property
    def mirrored(self) -> bool: ...

    @property
    def frames_per_second(self) -> float: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def open(self, token: CancelToken | None = None) -> None:
        """Get ready to read; a source that was closed may be opened again.

        Args:
            token: cancelled from another thread, it ends whatever `open` and `read` are waiting for.

        Raises:
            SourceError: it is absent, busy, forbidden, unreadable, or does not answer in time.
            Cancelled: the token was cancelled meanwhile.
        """
        ...

    def read(self) -> Frame | None:
        """The next frame, or None at the end, and when the token was cancelled while it waited.

        Raises:
            SourceError: it broke off (unplugged, damaged).
        """
        ...

    def close(self) -> None:
        """Let go of it; safe to repeat. On the thread that reads: OpenCV crashes when a capture in use is released."""
        ...


class SeekableSource(FrameSource, Protocol):
    """A source whose frames are known beforehand."""

    @property
    def length(self) -> int:
        """Number of frames."""
        ...

    def seek(self, number: int) -> None:
        """Make frame ``number`` the next one that `read` returns; the clip's ends limit it."""
        ...


def find_source(text: str, *, loop: bool = False) -> FrameSource:
    """The source that a user means by one line of text.

    Args:
        text: a camera ("0", "camera:0"), an address ("rtsp://..."), a folder of pictures, or a video file.
        loop: play clips and folders again and again.

    Raises:
        SourceError: there is no such file, or the address is of a kind that is not supported. Nothing is opened yet.
    """
    camera = re.fullmatch(r"(?:camera:)?(\d{1,3})", text.strip())
    if camera and not Path(text).exists():
        from fields_core.live.camera import CameraSource

        return CameraSource(int(camera[1]))
    if "://" in text:
        from fields_core.live.stream import StreamSource

        return StreamSource(text.strip())
    path = Path(text).expanduser()
    if path.is_dir():
        from fields_core.live.folder import FolderSource

        return FolderSource(path, loop=loop)
    if not path.exists():
        raise SourceError(
            f"There is no {text}",
            expected="a video file, a folder of pictures, the number of a camera, or the address of a stream",
            remedy="Check the spelling. Cameras are numbered from 0.",
        )
    from fields_core.live.video import VideoSource

    return VideoSource(path, loop=loop)


def rgb(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """OpenCV's picture (grey, BGR or BGRA) as contiguous (H, W, 3) RGB."""
    import cv2

    if bgr.ndim == 2 or bgr.shape[2] == 1:
        return cv2.cvtColor(bgr, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(bgr, cv2.COLOR_BGRA2RGB if bgr.shape[2] == 4 else cv2.COLOR_BGR2RGB)
