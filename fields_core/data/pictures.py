"""Where an entry's picture is stored, and how much of it to look at: small objects that can be sent to processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fields_core.datatypes import Photo
from fields_core.detection.photo_file import load_photo, photo_from_array
from fields_core.detection.pixel_array import NEUTRAL_GROUND
from fields_core.errors import PhotoError

TIGHT_MARGIN = 0.25  # of the longer side: around crops that the face fills, so that the detector sees its outline

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PictureFile:
    """A picture file, or the part of it that shows the person."""

    path: Path
    box: Box | None = None
    """left, top, right, bottom in its pixels; None: all of it."""
    margin: float = 0.0
    """Around the box, of its longer side; grey where the picture ends."""

    def __call__(self) -> Photo:
        """Raises:
        PhotoError: it cannot be read.
        """
        return surrounded(load_photo(self.path), self.box, self.margin)


@dataclass(frozen=True)
class PictureText:
    """Grey pixels written out as numbers in a line of a text file."""

    path: Path
    offset: int
    """Bytes before the line."""
    length: int
    """Bytes of the line."""
    column: int
    """Which comma-separated one holds them."""
    size: int
    """Pixels of a side."""
    margin: float = TIGHT_MARGIN

    def __call__(self) -> Photo:
        """Raises:
        PhotoError: they cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                text = file.read(self.length).split(b",")[self.column].strip(b'" \r\n')
            values = np.array(text.split(), np.uint8)
            pixels = values.reshape(self.size, self.size)
        except (OSError, ValueError, IndexError, OverflowError) as error:
            raise PhotoError(f"A picture in {self.path} cannot be read", found="damaged pixels") from error
        return surrounded(photo_from_array(pixels, self.path), None, self.margin)


def surrounded(photo: Photo, box: Box | None, margin: float) -> Photo:
    """The part of a photo inside a box, with a margin around it.

    Args:
        photo: not modified.
        box: left, top, right, bottom in pixels; None: the whole photo. It may reach outside.
        margin: of the box's longer side, at least 0. Outside the photo it is grey.

    Raises:
        PhotoError: the box is empty, or shows nothing of the photo.
    """
    if box is None and margin == 0.0:
        return photo
    left, top, right, bottom = box or (0.0, 0.0, float(photo.width), float(photo.height))
    extra = margin * max(right - left, bottom - top)
    low = [round(left - extra), round(top - extra)]
    high = [round(right + extra), round(bottom + extra)]
    seen = photo.pixels[max(0, low[1]) : max(0, high[1]), max(0, low[0]) : max(0, high[0])]
    # A box many times the photo would be a picture of nothing.
    if 0 in seen.shape or max(high[0] - low[0], high[1] - low[1]) > 4 * max(photo.width, photo.height):
        raise PhotoError(f"The face's box lies outside {photo.file_name}", found=str(box))
    around = (max(0, -low[1]), max(0, high[1] - photo.height), max(0, -low[0]), max(0, high[0] - photo.width))
    pixels = cv2.copyMakeBorder(seen, *around, cv2.BORDER_CONSTANT, value=NEUTRAL_GROUND)
    return photo_from_array(np.ascontiguousarray(pixels, np.uint8), photo.path)
