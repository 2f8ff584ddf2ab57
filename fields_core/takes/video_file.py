"""Videos written frame by frame: H.264 where this OpenCV has the codec, else Motion JPEG."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.detection.stderr_gate import silent_stderr
from fields_core.errors import ExportError
from fields_core.files import replacing


@dataclass(frozen=True)
class Codec:
    """How OpenCV is asked for a kind of video."""

    name: str
    fourcc: str
    suffix: str


H264 = Codec("H.264", "avc1", ".mp4")
MJPG = Codec("Motion JPEG", "MJPG", ".avi")
CODECS = (H264, MJPG)

Picture = NDArray[np.uint8]


def write_frames(
    frames: Callable[[], Iterable[Picture]],
    path: Path,
    size: tuple[int, int],
    frames_per_second: float,
    codecs: tuple[Codec, ...] = CODECS,
) -> Path:
    """Write a video with the first codec there is.

    Args:
        frames: gives the pictures (H, W, 3) RGB, one at a time; called once.
        path: its suffix is replaced by the codec's.
        size: width, height; even.
        frames_per_second: constant.

    Returns:
        The file written; its suffix says which codec it became.

    Raises:
        ExportError: no codec, or the file cannot be written.
    """
    for codec in codecs:
        target = path.with_suffix(codec.suffix)
        if not _can_write(codec, size, frames_per_second):
            continue
        with replacing(target) as temporary:
            writer = _writer(codec, temporary, size, frames_per_second)
            try:
                for frame in frames():
                    writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            finally:
                writer.release()
            if temporary.stat().st_size == 0:
                raise OSError("the video encoder wrote nothing")  # `replacing` tells the user
        return target
    raise ExportError(
        f"Cannot write {path}", expected=" or ".join(codec.name for codec in codecs), found="no such encoder in OpenCV"
    )


def _can_write(codec: Codec, size: tuple[int, int], frames_per_second: float) -> bool:
    """Whether OpenCV opens a file with this codec; only a trial tells."""
    with tempfile.TemporaryDirectory() as folder:
        writer = _writer(codec, Path(folder) / f"trial{codec.suffix}", size, frames_per_second)
        opened = bool(writer.isOpened())
        writer.release()
    return opened


def _writer(codec: Codec, path: Path, size: tuple[int, int], frames_per_second: float) -> cv2.VideoWriter:
    with silent_stderr():  # a missing codec is FFmpeg's to lament, not the user's
        return cv2.VideoWriter(
            str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec.fourcc), frames_per_second, size
        )
