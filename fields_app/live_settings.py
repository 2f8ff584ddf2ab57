"""What the window remembers of the live view between two runs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QSettings

from fields_app.stored_values import stored_flag, stored_name

GREATEST_GAIN = 3.0


class SourceKind(StrEnum):
    CAMERA = "camera"
    FILE = "file"
    FOLDER = "folder"
    STREAM = "stream"


@dataclass(frozen=True)
class SourceChoice:
    """Where pictures shall come from."""

    kind: SourceKind = SourceKind.CAMERA
    place: str = "0"
    """Number of the camera, path, or address."""
    name: str = ""
    """For the user."""


@dataclass(frozen=True)
class StreamChoice:
    """Where heads shall be sent."""

    kind: str = "vmc"
    """ "vmc" or "livelink"."""
    host: str = "127.0.0.1"
    port: int = 0
    """0: the protocol's own."""
    subject: str = "FIELDS"
    """Name of the face for Live Link."""

    @property
    def address(self) -> str:
        """As `fields_core.streams.stream.open_stream` reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{self.kind}://{host}" + (f":{self.port}" if self.port else "")
        return f"{place}/{self.subject}" if self.kind == "livelink" else place


OVERLAYS = ("landmarks", "head", "none")
CODERS = ("auto", "fit")
SIZES = ((640, 480), (1280, 720), (1920, 1080))


class LiveSettings:
    """Typed access to the live part of a QSettings store.

    Args:
        store: that of `Settings`.
    """

    def __init__(self, store: QSettings) -> None:
        self._store = store

    @property
    def source(self) -> SourceChoice:
        kind, place, name = (self._text(f"live/{key}") for key in ("kind", "place", "name"))
        return SourceChoice(SourceKind(kind), place, name) if kind in list(SourceKind) and place else SourceChoice()

    @source.setter
    def source(self, choice: SourceChoice) -> None:
        for key, value in (("kind", choice.kind.value), ("place", choice.place), ("name", choice.name)):
            self._store.setValue(f"live/{key}", value)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height wished of a camera."""
        width, height = self._text("live/width"), self._text("live/height")
        if width.isdigit() and height.isdigit() and 16 <= int(width) <= 16384 and 16 <= int(height) <= 16384:
            return int(width), int(height)
        return SIZES[0]

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        for key, value in zip(("width", "height"), size, strict=True):
            self._store.setValue(f"live/{key}", value)

    @property
    def calm(self) -> float:
        """0 raw to 1 calm."""
        try:
            return min(max(float(self._text("live/calm", "0.5")), 0.0), 1.0)
        except ValueError:
            return 0.5

    @calm.setter
    def calm(self, value: float) -> None:
        self._store.setValue("live/calm", value)

    @property
    def overlay(self) -> str:
        return stored_name(self._store, "live/overlay", OVERLAYS, OVERLAYS[0])

    @overlay.setter
    def overlay(self, name: str) -> None:
        self._store.setValue("live/overlay", name)

    @property
    def coder(self) -> str:
        """ "auto": the encoder where there is one; "fit": the landmark fit."""
        return stored_name(self._store, "live/coder", CODERS, CODERS[0])

    @coder.setter
    def coder(self, name: str) -> None:
        self._store.setValue("live/coder", name)

    @property
    def with_video(self) -> bool:
        """Whether takes keep the pictures."""
        return stored_flag(self._store, "live/video")

    @with_video.setter
    def with_video(self, on: bool) -> None:
        self._store.setValue("live/video", on)

    @property
    def gains(self) -> dict[str, float]:
        """By unit; what is not named is 1."""
        try:
            read = json.loads(self._text("live/gains", "{}"))
        except ValueError:
            return {}
        numbers = read.items() if isinstance(read, dict) else ()
        return {str(k): float(v) for k, v in numbers if isinstance(v, int | float) and 0.0 <= v <= GREATEST_GAIN}

    @gains.setter
    def gains(self, gains: dict[str, float]) -> None:
        self._store.setValue("live/gains", json.dumps(gains))

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Lower and upper by unit; what is not named goes as far as the head model lets it."""
        try:
            read = json.loads(self._text("live/limits", "{}"))
        except ValueError:
            return {}
        found = {}
        for key, pair in read.items() if isinstance(read, dict) else ():
            numbers = (
                [float(value) for value in pair if isinstance(value, int | float)] if isinstance(pair, list) else []
            )
            if len(numbers) == 2 and all(map(math.isfinite, numbers)) and numbers[0] <= numbers[1]:
                found[str(key)] = (numbers[0], numbers[1])
        return found

    @limits.setter
    def limits(self, limits: dict[str, tuple[float, float]]) -> None:
        self._store.setValue("live/limits", json.dumps(limits))

    @property
    def stream(self) -> StreamChoice:
        default = StreamChoice()
        port = self._text("live/stream_port")
        return StreamChoice(
            stored_name(self._store, "live/stream_kind", ("vmc", "livelink"), "vmc"),
            self._text("live/stream_host") or default.host,
            int(port) if port.isdigit() and int(port) < 65536 else 0,
            self._text("live/stream_subject") or default.subject,
        )

    @stream.setter
    def stream(self, choice: StreamChoice) -> None:
        for key in ("kind", "host", "port", "subject"):
            self._store.setValue(f"live/stream_{key}", getattr(choice, key))

    def _text(self, key: str, default: str = "") -> str:
        return str(self._store.value(key, default))
