"""Steers the clip that the live view plays: pause, seek, step, speed, loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from fields_app.live_view import LiveView

if TYPE_CHECKING:
    from fields_core.live.simulated import Player
    from fields_core.live.source import FrameSource


class LiveClip(QObject):
    """Harmless while a camera or nothing is on show. Speed and loop are kept from clip to clip.

    Args:
        view: is told what the clip does.
    """

    def __init__(self, view: LiveView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._player: Player | None = None

    def begin(self, source: FrameSource | None) -> None:
        """Another source is on show, not opened yet; None: none."""
        from fields_core.live.simulated import Player

        self._player = source if isinstance(source, Player) else None
        if self._player is not None:
            self._player.speed, self._player.loop = self._view.speed, self._view.looping
        self._view.paused = False

    def pause(self, paused: bool) -> None:
        """Hold the clip where it is, or go on; at its end, begin again."""
        if self._player is not None:
            self._player.paused = paused
            self.look()

    def seek(self, number: int) -> None:
        """Show another frame, also while it is paused."""
        if self._player is not None:
            self._player.seek(number)

    def step(self, frames: int) -> None:
        """Pause, and show the frame that is so many frames away."""
        if self._player is not None:
            self._player.step(frames)
            self.look()

    def set_speed(self, speed: float) -> None:
        """1 is as recorded."""
        self._view.speed = speed
        if self._player is not None:
            self._player.speed = speed

    def set_looping(self, looping: bool) -> None:
        """Whether it begins again at its end, or waits there."""
        self._view.looping = looping
        if self._player is not None:
            self._player.loop = looping

    def look(self) -> None:
        """Whether it has paused, by itself at its end too."""
        paused = self._player is not None and self._player.paused
        if paused != self._view.paused:
            self._view.paused = paused
            self._view.switches_changed.emit()
