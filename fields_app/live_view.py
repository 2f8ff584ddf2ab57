"""What the live view shows: run, picture, counters, and what the user has switched on. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.datatypes import HeadMesh
    from fields_core.live.counters import LiveCounters
    from fields_core.live.pipeline import LiveResult
    from fields_core.live.tracked import TrackedFace


@dataclass(frozen=True)
class LiveWish:
    """How frames shall be shown. Frozen: the worker reads it while the window replaces it."""

    size: tuple[int, int] = (640, 480)
    """Width and height of the view in device pixels; pictures are made no larger."""
    overlay: str = "landmarks"
    """ "landmarks", "head" or "none"."""
    mirrored: bool = False
    followed: int | None = None
    """Id of the face that moves the head; None: the first."""
    held: Mapping[str, float] | None = None
    """Values (shown units) by parameter key that the user holds against the tracker."""


@dataclass(frozen=True, eq=False)
class LiveShot:
    """One frame, ready to be shown."""

    result: LiveResult
    picture: NDArray[Any]
    """(h, w, 3) uint8 RGB with the overlay, mirrored if wished."""
    scale: float
    """Picture pixels for each frame pixel."""
    mirrored: bool
    face: TrackedFace | None
    """The one that moves the head, with the values that are held; None when there is no face."""
    mesh: HeadMesh | None


class LiveView(QObject):
    """Panels listen; `LiveController` changes it.

    Signals:
        run_changed: started, opened, lost, ended.
        shot_changed: another frame is on show.
        counters_changed: a few times a second.
        switches_changed: frozen, paused, recording or streaming; or what is held.

    Attributes:
        running: from start until the last thread has ended.
        status: what is going on, for the user; "" while frames come.
        source: name and size of what is open.
        live: whether the source is a camera or a stream, not a clip.
        length: frames of a clip; 0 of what has no end.
        rate: frames a second of a clip as it was recorded; 0 of what is no clip.
        paused, speed, looping: what the clip does.
        coder: what makes the codes: "", "encoder" or "fit".
        shot: None before the first frame.
        shown_rate, shown_p95: frames a second on show, and seconds from camera to head (95 of 100 are quicker).
        held: values (shown units) by parameter key that the user holds.
        recording: seconds recorded; None while nothing is.
        streaming: address; "" while nothing is sent.
        emotional: whether there is an emotion branch.
    """

    run_changed = Signal()
    shot_changed = Signal()
    counters_changed = Signal()
    switches_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.running = False
        self.status = ""
        self.source = ""
        self.live = True
        self.length, self.rate = 0, 0.0
        self.paused, self.speed, self.looping = False, 1.0, True
        self.coder = ""
        self.shot: LiveShot | None = None
        self.counters: LiveCounters | None = None
        self.shown_rate = self.shown_p95 = 0.0
        self.frozen = False
        self.calibrating = False
        self.recording: float | None = None
        self.streaming = ""
        self.sent = 0
        self.held: dict[str, float] = {}
        self.emotional = True

    def set_run(self, running: bool, status: str = "") -> None:
        if (running, status) != (self.running, self.status):
            self.running, self.status = running, status
            self.run_changed.emit()

    def set_shot(self, shot: LiveShot | None) -> None:
        self.shot = shot
        self.shot_changed.emit()
