"""The take on show: recording, edits, moment, and the head and picture of that moment. No widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.datatypes import HeadMesh
    from fields_core.takes.clip import Clip
    from fields_core.takes.edits import Marker, TakeEdits
    from fields_core.takes.take import Take


class TakeState(QObject):
    """Panels listen; `TakeController` changes it. All times are seconds after the take's first frame.

    Signals:
        take_changed: another take, or none.
        edits_changed: trim, smoothing, markers, identity or person.
        clip_changed: what is played was computed anew.
        time_changed: the moment on show.
        playing_changed: playback started or stopped.
        frame_changed: head and picture of the moment are there.

    Attributes:
        take, edits, clip: None without a take; ``clip`` also until it has been computed. It is not trimmed.
        time: the moment on show.
        playing, loop: whether time goes on by itself, and starts over at the end.
        mesh, picture: of the moment, or of one a little before; None if there are none.
    """

    take_changed = Signal()
    edits_changed = Signal()
    clip_changed = Signal()
    time_changed = Signal()
    playing_changed = Signal()
    frame_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.take: Take | None = None
        self.edits: TakeEdits | None = None
        self.clip: Clip | None = None
        self.time = 0.0
        self.playing = False
        self.loop = False
        self.mesh: HeadMesh | None = None
        self.picture: NDArray[Any] | None = None

    @property
    def duration(self) -> float:
        return self.take.duration if self.take is not None else 0.0

    @property
    def trim(self) -> tuple[float, float]:
        """First and last moment that is played and exported."""
        if self.edits is None or self.edits.trim is None:
            return 0.0, self.duration
        first, last = self.edits.trim
        return min(first, self.duration), min(last, self.duration)

    @property
    def markers(self) -> tuple[Marker, ...]:
        return self.edits.markers if self.edits is not None else ()

    @property
    def marker(self) -> int:
        """Place in `markers` of the one at the moment on show, -1: none."""
        if self.take is None:
            return -1
        near = 0.5 / self.take.frames_per_second + 1e-6
        return next((i for i, marker in enumerate(self.markers) if abs(marker.time - self.time) < near), -1)

    def set_take(self, take: Take | None, edits: TakeEdits | None) -> None:
        self.take, self.edits, self.clip = take, edits, None
        self.mesh = self.picture = None
        self.set_playing(False)
        self.take_changed.emit()
        self.edits_changed.emit()
        self.clip_changed.emit()
        self.time = self.trim[0]
        self.time_changed.emit()
        self.frame_changed.emit()

    def set_edits(self, edits: TakeEdits) -> None:
        self.edits = edits
        self.edits_changed.emit()

    def set_clip(self, clip: Clip | None) -> None:
        self.clip = clip
        self.clip_changed.emit()

    def set_time(self, time: float) -> None:
        time = min(max(time, 0.0), self.duration)
        if time != self.time:
            self.time = time
            self.time_changed.emit()

    def set_playing(self, playing: bool) -> None:
        if playing != self.playing:
            self.playing = playing
            self.playing_changed.emit()

    def set_frame(self, mesh: HeadMesh | None, picture: NDArray[Any] | None) -> None:
        self.mesh, self.picture = mesh, picture
        self.frame_changed.emit()
