"""The resolutions that a camera offers. Linux says so without the camera being switched on (Video4Linux2).

The two questions and their structures are those of the kernel's `videodev2.h`: VIDIOC_ENUM_FMT numbers the pixel
formats of a device, VIDIOC_ENUM_FRAMESIZES the sizes of a format, either one by one or as a range.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

_ENUM_FORMATS, _ENUM_SIZES = 0xC0405602, 0xC02C564A
_FORMAT = struct.Struct("=III32sI16x")  # index, kind of stream, flags, name, pixel format
_SIZE = struct.Struct("=III6I8x")  # index, pixel format, kind of size, then width and height or their ranges
_CAPTURE, _DISCRETE = 1, 1
_MOST = 64  # of either list: a driver that never says "no more" must not hang the window
COMMON_SIZES = ((640, 480), (1280, 720), (1920, 1080))

Question = Callable[[int, int, bytearray], object]
"""As `fcntl.ioctl`: device, question, structure to be filled; OSError for "no more" and "cannot say"."""


def camera_sizes(
    number: int, device_folder: Path = Path("/dev"), ask: Question | None = None
) -> tuple[tuple[int, int], ...]:
    """Widths and heights that a camera can be asked for, small ones first.

    Args:
        number: of the camera.
        device_folder: where devices are.
        ask: for tests.

    Returns:
        Empty where the system does not say: not Linux, no such device, no permission.
    """
    if ask is None:
        if sys.platform != "linux":
            return ()
        from fcntl import ioctl

        ask = ioctl
    try:
        device = os.open(device_folder / f"video{number}", os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return ()
    try:
        sizes = {size for pixels in _formats(device, ask) for size in _sizes(device, pixels, ask)}
    finally:
        os.close(device)
    return tuple(sorted(size for size in sizes if min(size) > 0))


def _formats(device: int, ask: Question) -> list[int]:
    """The pixel formats of a device."""
    found = []
    for index in range(_MOST):
        answer = bytearray(_FORMAT.pack(index, _CAPTURE, 0, b"", 0))
        try:
            ask(device, _ENUM_FORMATS, answer)
        except OSError:
            break
        found.append(int(_FORMAT.unpack(answer)[4]))
    return found


def _sizes(device: int, pixels: int, ask: Question) -> list[tuple[int, int]]:
    """Sizes of one pixel format; of a range those that are common, and its largest."""
    found = []
    for index in range(_MOST):
        answer = bytearray(_SIZE.pack(index, pixels, 0, *[0] * 6))
        try:
            ask(device, _ENUM_SIZES, answer)
        except OSError:
            break
        _, _, kind, *numbers = _SIZE.unpack(answer)
        if kind != _DISCRETE:
            least_x, most_x, _, least_y, most_y, _ = numbers
            fitting = [s for s in COMMON_SIZES if least_x <= s[0] <= most_x and least_y <= s[1] <= most_y]
            return [*fitting, (most_x, most_y)]
        found.append((numbers[0], numbers[1]))
    return found
