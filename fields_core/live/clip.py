"""Clips whose pictures are numbered and can be had in any order: what folders and recorded pictures have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fields_core.live.tracked import Frame
from fields_core.progress import CancelToken

FRAMES_PER_SECOND = 30.0  # where nothing says otherwise


class Clip(ABC):
    """A `SeekableSource` of numbered pictures.

    Args:
        name: for the user.
        frames_per_second: how fast the pictures follow each other.
        loop: start over after the last one.
    """

    live = False
    mirrored = False

    def __init__(self, name: str, frames_per_second: float = FRAMES_PER_SECOND, loop: bool = False) -> None:
        if not frames_per_second > 0.0:
            raise ValueError(f"frames_per_second must be positive, found {frames_per_second}")
        self.name, self.frames_per_second, self.loop = name, frames_per_second, loop
        self.size = (0, 0)
        self._next = self._delivered = 0

    @property
    @abstractmethod
    def length(self) -> int:
        """Number of frames; 0 before `open`."""

    @abstractmethod
    def picture(self, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB of one frame, ``0 <= number < length``."""

    def open(self, token: CancelToken | None = None) -> None:
        """Start at the first frame."""
        self._next = self._delivered = 0
        if self.length:
            first = self.picture(0)
            self.size = (int(first.shape[1]), int(first.shape[0]))

    def read(self) -> Frame | None:
        """The next frame at once; None after the last one (never when looping)."""
        if self._next >= self.length:
            if not self.loop or not self.length:
                return None
            self._next = 0
        frame = Frame(self.picture(self._next), self._delivered / self.frames_per_second, self._next)
        self._next += 1
        self._delivered += 1
        return frame

    def seek(self, number: int) -> None:
        """Make frame ``number`` the next one; the clip's ends limit it."""
        self._next = min(max(number, 0), max(self.length - 1, 0))

    def close(self) -> None:
        """Forget the place."""
        self._next = self._delivered = 0


class MemoryClip(Clip):
    """Pictures that are in memory already: (H, W, 3) uint8 RGB, of any sizes."""

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        frames_per_second: float = FRAMES_PER_SECOND,
        loop: bool = False,
        name: str = "pictures",
    ) -> None:
        super().__init__(name, frames_per_second, loop)
        self._pictures = list(pictures)

    @property
    def length(self) -> int:
        return len(self._pictures)

    def picture(self, number: int) -> NDArray[np.uint8]:
        return self._pictures[number]
