"""Lets the time of a take go on at its own pace."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, QTimer

from fields_app.take_state import TakeState

_TICK_MS = 15
_END = 1e-3  # seconds before the end that are the end


class TakePlayer(QObject):
    """Plays the trimmed part of the take by a clock: a slow computer leaves frames out and stays in time."""

    def __init__(self, state: TakeState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._go_on)
        self._clock, self._start = QElapsedTimer(), 0.0

    def toggle(self) -> None:
        if self._state.playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """From the moment on show; from the start if that is the end, or trimmed away."""
        state = self._state
        if state.take is None:
            return
        first, last = state.trim
        if not first <= state.time < last - _END:
            state.set_time(first)
        self._start = state.time
        self._clock.start()
        self._tick.start()
        state.set_playing(True)

    def pause(self) -> None:
        self._tick.stop()
        self._state.set_playing(False)

    def set_loop(self, loop: bool) -> None:
        self._state.loop = loop

    def _go_on(self) -> None:
        first, last = self._state.trim
        time = self._start + self._clock.elapsed() / 1000
        if time < last:
            self._state.set_time(time)
        elif self._state.loop:
            self._start = first
            self._clock.start()
            self._state.set_time(first)
        else:
            self._state.set_time(last)
            self.pause()
