"""A folder of pictures played as a clip, in the order a person would count them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.detection.photo_file import load_photo
from fields_core.errors import SourceError
from fields_core.live.clip import FRAMES_PER_SECOND, Clip
from fields_core.progress import CancelToken

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


class FolderSource(Clip):
    """The pictures of one folder; frame2 comes before frame10.

    Args:
        folder: with pictures; what lies in folders inside is left out.
        frames_per_second: how fast they follow each other.
        loop: start over after the last one.
    """

    def __init__(self, folder: Path, frames_per_second: float = FRAMES_PER_SECOND, loop: bool = False) -> None:
        super().__init__(folder.name, frames_per_second, loop)
        self.folder = folder
        self._paths: list[Path] = []

    @property
    def length(self) -> int:
        return len(self._paths)

    def open(self, token: CancelToken | None = None) -> None:
        """List the pictures and start at the first.

        Raises:
            SourceError: the folder cannot be read or holds no picture.
            PhotoError: the first picture is damaged.
        """
        try:
            files = [path for path in self.folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        except OSError as error:
            raise SourceError(f"Cannot read the folder {self.folder}", found=error.strerror or str(error)) from error
        if not files:
            raise SourceError(
                f"There is no picture in {self.folder}",
                expected=f"files ending in {', '.join(sorted(SUFFIXES))}",
                remedy="Choose the folder that holds the pictures themselves.",
            )
        self._paths = sorted(files, key=lambda path: _counting(path.name))
        super().open(token)

    def picture(self, number: int) -> NDArray[np.uint8]:
        """One picture, upright.

        Raises:
            PhotoError: it is damaged; it is named.
        """
        return load_photo(self._paths[number]).pixels


def _counting(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts numbers inside names by value."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
