"""Webcams: which there are, and their frames."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from fields_core.errors import SourceError
from fields_core.live.camera_sizes import camera_sizes
from fields_core.live.capture import Capture, opened_in_time
from fields_core.live.source import rgb
from fields_core.live.tracked import Frame
from fields_core.progress import CancelToken

_LINUX_CLASS = Path("/sys/class/video4linux")
_PROBED = 4  # cameras looked for where the system does not list them
_PLAIN_WIDTH = 640  # up to here USB 2 carries 30 uncompressed pictures a second
_MOST_MISSES = 30  # pictures a camera may fail to deliver in a row before it counts as gone


@dataclass(frozen=True)
class CameraDevice:
    """One camera of this machine."""

    number: int
    """What OpenCV knows it by."""
    name: str
    sizes: tuple[tuple[int, int], ...] = ()
    """Widths and heights it can be asked for, small ones first; empty where the system does not say."""


def list_cameras(folder: Path = _LINUX_CLASS, device_folder: Path = Path("/dev")) -> list[CameraDevice]:
    """The cameras of this machine, by number.

    On Linux from the system's own list, without touching any. Elsewhere the first few numbers are tried, which may
    take seconds and switches their lights on: call it from a worker.
    """
    if not sys.platform.startswith("linux"):
        return [CameraDevice(number, f"Camera {number + 1}") for number in range(_PROBED) if _answers(number)]
    cameras = []
    for entry in folder.glob("video*"):
        number = entry.name.removeprefix("video")
        # A webcam has a second node for metadata, with index 1.
        if number.isdigit() and _text(entry / "index") in ("0", "") and (device_folder / entry.name).exists():
            name = _text(entry / "name") or f"Camera {int(number) + 1}"
            cameras.append(CameraDevice(int(number), name, camera_sizes(int(number), device_folder)))
    return sorted(cameras, key=lambda camera: camera.number)


Opener = Callable[[int, list[int]], Capture]


def open_camera(number: int, parameters: list[int]) -> Capture:
    """OpenCV's capture of one camera, by the system's own interface.

    Args:
        number: of the camera.
        parameters: pairs of ``CAP_PROP_*`` and value.
    """
    backends = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_MSMF}
    capture: Capture = cv2.VideoCapture(number, backends.get(sys.platform, cv2.CAP_ANY), parameters)
    return capture


class CameraSource:
    """One webcam. Its pictures are never mirrored (left would become right); ``mirrored`` is for the view.

    Args:
        number: of the device, see `list_cameras`.
        name: for the user.
        size: width and height wished for; the camera takes the nearest it has.
        frames_per_second: wished for.
        timeout: seconds until the first picture must have come.
        opener: what opens it; tests pass their own.
    """

    live = True
    mirrored = True

    def __init__(
        self,
        number: int = 0,
        name: str = "",
        size: tuple[int, int] = (640, 480),
        frames_per_second: float = 30.0,
        timeout: float = 8.0,
        opener: Opener = open_camera,
    ) -> None:
        self.number, self.name = number, name or f"camera {number}"
        self.wished, self.size = size, (0, 0)
        self.frames_per_second, self.timeout = frames_per_second, timeout
        self._opener = opener
        self._capture: Capture | None = None
        self._started, self._delivered = 0.0, 0

    def open(self, token: CancelToken | None = None) -> None:
        """Switch it on and wait for its first picture.

        Raises:
            SourceError: it is absent, forbidden, busy, or does not answer in time.
            Cancelled: the token was cancelled meanwhile.
        """
        self.close()
        if sys.platform.startswith("linux") and self._opener is open_camera:
            require_device(self.number, self.name)
        late = SourceError(
            f"The {self.name} does not answer",
            expected=f"a first picture within {self.timeout:g} seconds",
            remedy="Unplug it and plug it in again, or choose another camera.",
        )
        self._capture = opened_in_time(self._start, self.timeout, late, token)
        self._started, self._delivered = time.monotonic(), 0

    def read(self) -> Frame | None:
        """The next picture; waits for it.

        Raises:
            SourceError: it was unplugged.
            RuntimeError: the source is not open.
        """
        for _ in range(_MOST_MISSES):
            capture = self._capture
            if capture is None:
                raise RuntimeError("CameraSource was read before open() or after close()")
            ok, pixels = capture.read()
            if ok and pixels is not None and pixels.size:
                frame = Frame(rgb(pixels), time.monotonic() - self._started, self._delivered)
                self.size = frame.size
                self._delivered += 1
                return frame
            time.sleep(0.01)  # a hiccup of the bus; a camera that is gone answers at once, so do not spin
        raise SourceError(
            f"The {self.name} has stopped",
            found="no more pictures",
            remedy="Plug it in again: it is tried again until you stop.",
        )

    def close(self) -> None:
        """Switch it off; safe to repeat."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _start(self) -> Capture:
        """Open and read once: a camera in use by another program opens all the same, and then shows nothing."""
        width, height = self.wished
        parameters = [cv2.CAP_PROP_FRAME_WIDTH, width, cv2.CAP_PROP_FRAME_HEIGHT, height]
        parameters += [cv2.CAP_PROP_FPS, round(self.frames_per_second)]
        capture = self._opener(self.number, parameters)
        if not capture.isOpened():
            capture.release()
            raise self._refused()
        if width > _PLAIN_WIDTH:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the latest picture, not the oldest
        ok, pixels = capture.read()
        if not ok or pixels is None:
            capture.release()
            raise self._refused()
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.frames_per_second = rate if 1.0 <= rate <= 240.0 else self.frames_per_second
        self.size = (int(pixels.shape[1]), int(pixels.shape[0]))
        return capture

    def _refused(self) -> SourceError:
        remedy = "Close other programs that use the camera (video calls, browsers), then try again."
        if sys.platform == "darwin":
            remedy += " Allow it in System Settings, Privacy and Security, Camera."
        elif sys.platform == "win32":
            remedy += " Allow it in Settings, Privacy, Camera."
        # Linux has told the others apart before.
        linux = sys.platform.startswith("linux")
        found = "most likely busy: another program uses it" if linux else "absent, busy or forbidden"
        return SourceError(f"The {self.name} cannot be used", found=found, remedy=remedy)


def require_device(number: int, name: str, device_folder: Path = Path("/dev")) -> None:
    """Tell an absent camera and a forbidden one apart before trying, where the system shows it (Linux).

    Raises:
        SourceError: absent, or forbidden.
    """
    device = device_folder / f"video{number}"
    if not device.exists():
        known = ", ".join(f"{camera.number} ({camera.name})" for camera in list_cameras())
        raise SourceError(
            f"There is no camera {number}",
            expected=f"one of: {known}" if known else "a camera plugged in",
            found=f"no {device}",
            remedy="Plug in the camera, or choose a video file.",
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise SourceError(
            f"The {name} is forbidden",
            found=f"no permission to use {device}",
            remedy="Add your user to the group 'video', then log in again.",
        )


def _answers(number: int) -> bool:
    capture = open_camera(number, [])
    try:
        return capture.isOpened()
    finally:
        capture.release()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
