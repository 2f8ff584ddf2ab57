"""The sources a user can choose, made from the choice. Slow to import: OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fields_app.live_settings import SourceChoice, SourceKind
from fields_core.datatypes import FaceCode
from fields_core.head.model import HeadModel
from fields_core.live.camera import CameraSource
from fields_core.live.coder import FaceCoder
from fields_core.live.folder import FolderSource
from fields_core.live.networks import LiveNetworks, installed_networks
from fields_core.live.person import TrackerSettings
from fields_core.live.simulated import Player
from fields_core.live.source import FrameSource
from fields_core.live.stream import StreamSource
from fields_core.live.tracked import EmotionReading
from fields_core.live.tracker import Tracker
from fields_core.live.video import VideoSource


def make_source(choice: SourceChoice, size: tuple[int, int]) -> FrameSource:
    """A source, not opened yet; clips run at their own pace, again and again.

    Args:
        choice: the user's.
        size: width and height wished of a camera.

    Raises:
        SourceError: an address of a kind that is not supported.
    """
    match choice.kind:
        case SourceKind.CAMERA:
            return CameraSource(int(choice.place), choice.name, size)
        case SourceKind.STREAM:
            return StreamSource(choice.place)
        case SourceKind.FOLDER:
            return Player(FolderSource(Path(choice.place), loop=True), stay=True)
        case SourceKind.FILE:
            return Player(VideoSource(Path(choice.place), loop=True), stay=True)


@dataclass(frozen=True)
class TrackerParts:
    """What trackers are made of; read once, for it takes seconds."""

    networks: LiveNetworks

    @property
    def emotion(self) -> Callable[[FaceCode], EmotionReading] | None:
        return self.networks.emotion

    def coder(self, wish: str) -> FaceCoder | None:
        """The encoder for "auto" where there is one; None: the landmark fit."""
        return self.networks.coder if wish == "auto" else None

    def tracker(self, head: HeadModel, wish: str, settings: TrackerSettings) -> Tracker:
        return Tracker(head, self.coder(wish), settings, self.emotion)


def read_parts(head: HeadModel) -> TrackerParts:
    """What is installed.

    Raises:
        ModelFileError: an encoder is, but it is damaged or for another head model.
    """
    return TrackerParts(installed_networks(head))
