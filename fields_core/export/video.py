"""Pictures in a row as a video file any player shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fields_core.files import replacing

FRAMES_PER_SECOND = 24


class _NoEncoderError(Exception):
    """This OpenCV cannot write MPEG-4."""


def write_video(frames: Sequence[NDArray[np.uint8]], path: Path) -> list[Path]:
    """Write an MPEG-4 video (.mp4), or an animated GIF of the same stem where OpenCV has no MPEG-4 encoder.

    Args:
        frames: at least one (H, W, 3) RGB picture, all of one size; H and W even.

    Returns:
        The one file written; its suffix says which it became.

    Raises:
        ExportError: the file cannot be written.
    """
    try:
        with replacing(path) as temporary:
            _encode_mpeg4(frames, temporary)
        return [path]
    except _NoEncoderError:
        return _write_gif(frames, path.with_suffix(".gif"))


def _encode_mpeg4(frames: Sequence[NDArray[np.uint8]], path: Path) -> None:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_SECOND, (width, height), True)
    try:
        if not writer.isOpened():
            raise _NoEncoderError
        for frame in frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()
    if path.stat().st_size == 0:
        raise OSError("the video encoder wrote nothing")  # `replacing` tells the user


def _write_gif(frames: Sequence[NDArray[np.uint8]], path: Path) -> list[Path]:
    pictures = [Image.fromarray(frame).quantize(128) for frame in frames]
    with replacing(path) as temporary:
        pictures[0].save(
            temporary,
            "GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / FRAMES_PER_SECOND),
            loop=0,
        )
    return [path]
