"""Clips that behave like something live: a player with its own pace, and a camera with all its vices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import cv2

from fields_core.errors import SourceError
from fields_core.live.source import SeekableSource
from fields_core.live.tracked import Frame
from fields_core.progress import CancelToken

_NAP = 0.05  # seconds between looks at the stop sign while waiting


class PlayableClip(SeekableSource, Protocol):
    """A clip that may start over after its end."""

    loop: bool


class Player:
    """A clip at its own rate, for watching: pause, seek, step, speed, loop. No frame is left out or shown twice.

    Timestamps are those of the clip, so what is tracked does not depend on the speed. Any thread may steer it.

    Args:
        clip: what to play; the player opens and closes it.
        speed: 1 = as recorded.
        stay: at the end wait, paused, for a `seek` or for ``paused = False``, which begins again, instead of ending.

    Attributes:
        paused: no frame comes but those asked for by `seek` and `step`.
    """

    live = True
    mirrored = False

    def __init__(self, clip: PlayableClip, speed: float = 1.0, stay: bool = False) -> None:
        self._clip, self._token, self._stay = clip, CancelToken(), stay
        self._speed = self._checked(speed)
        self._due = 0.0
        self._wished: int | None = None
        self._wishing = threading.Lock()  # or a wish that comes while the last one is taken would be lost
        self._shown = -1
        self.paused = False

    @property
    def name(self) -> str:
        return self._clip.name

    @property
    def frames_per_second(self) -> float:
        return self._clip.frames_per_second * self._speed

    @property
    def size(self) -> tuple[int, int]:
        return self._clip.size

    @property
    def length(self) -> int:
        return self._clip.length

    @property
    def loop(self) -> bool:
        """Whether it starts over after the last frame."""
        return self._clip.loop

    @loop.setter
    def loop(self, on: bool) -> None:
        self._clip.loop = on

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._speed = self._checked(value)

    def open(self, token: CancelToken | None = None) -> None:
        """Start at the first frame."""
        self._clip.open(token)
        self._due, self._token, self._shown = time.monotonic(), token or CancelToken(), -1

    def read(self) -> Frame | None:
        """The next frame when it is due; None at the end, or when the token was cancelled while it waited."""
        while True:
            while self._wished is None and (self.paused or time.monotonic() < self._due):
                if self._token.cancelled:
                    return None
                left = _NAP if self.paused else self._due - time.monotonic()
                time.sleep(min(max(left, 0.0), _NAP))
            with self._wishing:
                wished, self._wished = self._wished, None
            if wished is not None:
                self._clip.seek(wished)
            frame = self._clip.read()
            self._due = max(self._due + 1.0 / self.frames_per_second, time.monotonic() - 1.0 / self.frames_per_second)
            if frame is not None:
                self._shown = frame.number
                return frame
            if not self._stay:
                return None
            self.paused = True
            self._clip.seek(0)

    def seek(self, number: int) -> None:
        """Show frame ``number`` next, at once, also while paused."""
        with self._wishing:
            self._wished = number

    def step(self, frames: int) -> None:
        """Pause, and show the frame that is so many frames away; the clip's ends limit it."""
        self.paused = True
        with self._wishing:
            start = self._shown if self._wished is None else self._wished
            self._wished = min(max(start + frames, 0), max(self.length - 1, 0))

    def close(self) -> None:
        """Close the clip; safe to repeat."""
        self._clip.close()

    @staticmethod
    def _checked(speed: float) -> float:
        if not 0.01 <= speed <= 100.0:
            raise ValueError(f"speed must be from 0.01 to 100, found {speed}")
        return speed


@dataclass(frozen=True)
class Stall:
    """From ``at`` seconds on no picture comes for ``seconds``."""

    at: float
    seconds: float


@dataclass(frozen=True)
class Unplug:
    """At ``at`` seconds the camera is pulled out; it answers again ``seconds`` later."""

    at: float
    seconds: float


@dataclass(frozen=True)
class Resize:
    """From ``at`` seconds on pictures have another width and height."""

    at: float
    size: tuple[int, int]


@dataclass
class SimulatedCamera:
    """A clip played as a camera plays it: by the clock, again and again; who comes late has missed pictures.

    Attributes:
        clip: what it shows.
        faults: what befalls it, in seconds after the first `open`.
        clock, sleep: the time; tests may pass a faster one.
        missed: pictures nobody fetched.
    """

    clip: SeekableSource
    faults: tuple[Stall | Unplug | Resize, ...] = ()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    missed: int = field(default=0, init=False)
    _born: float | None = field(default=None, init=False)
    _started: float = field(default=0.0, init=False)
    _shown: int = field(default=-1, init=False)
    _token: CancelToken = field(default_factory=CancelToken, init=False)

    live = True
    mirrored = True

    @property
    def name(self) -> str:
        return f"simulated camera ({self.clip.name})"

    @property
    def frames_per_second(self) -> float:
        return self.clip.frames_per_second

    @property
    def size(self) -> tuple[int, int]:
        resized = [fault.size for fault in self.faults if isinstance(fault, Resize) and fault.at <= self._age()]
        return resized[-1] if resized else self.clip.size

    def open(self, token: CancelToken | None = None) -> None:
        """Switch it on.

        Raises:
            SourceError: it is unplugged just now.
        """
        if self._born is None:
            self._born = self.clock()
        if self._unplugged():
            raise SourceError(f"There is no {self.name}", remedy="Plug it in.")
        self.clip.open(token)
        self._started, self._shown, self._token = self.clock(), -1, token or CancelToken()

    def read(self) -> Frame | None:
        """The newest picture; waits for one that has not been shown.

        Raises:
            SourceError: it was unplugged.
        """
        while not self._token.cancelled:
            if self._unplugged():
                raise SourceError(f"The {self.name} has stopped", found="unplugged")
            number = int((self.clock() - self._started) * self.frames_per_second)
            if number > self._shown and not self._stalled():
                return self._picture(number)
            due = self._started + (self._shown + 1) / self.frames_per_second - self.clock()
            self.sleep(min(max(due, 0.001), _NAP))
        return None

    def close(self) -> None:
        """Switch it off; safe to repeat."""
        self.clip.close()

    def _picture(self, number: int) -> Frame | None:
        self.missed += number - self._shown - 1
        self._shown = number
        place = number % max(self.clip.length, 1)
        self.clip.seek(place)
        frame = self.clip.read()
        if frame is None:
            return None
        pixels = frame.pixels if frame.size == self.size else cv2.resize(frame.pixels, self.size)
        return Frame(pixels, self.clock() - self._started, number)

    def _age(self) -> float:
        return 0.0 if self._born is None else self.clock() - self._born

    def _unplugged(self) -> bool:
        return any(isinstance(f, Unplug) and f.at <= self._age() < f.at + f.seconds for f in self.faults)

    def _stalled(self) -> bool:
        return any(isinstance(f, Stall) and f.at <= self._age() < f.at + f.seconds for f in self.faults)
