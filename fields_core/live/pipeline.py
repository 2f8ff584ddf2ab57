"""A source and a tracker on two threads: the latest frame wins, and nothing piles up.

The capture thread reads the source into a place for one frame; the tracking thread takes what lies there. A frame that
is replaced before it was taken counts as dropped. Who shows results looks at `LivePipeline.latest`, again the latest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from fields_core.errors import SourceError
from fields_core.live.counters import LiveCounters, LiveMeter
from fields_core.live.source import FrameSource
from fields_core.live.tracked import Frame, TrackedFrame
from fields_core.live.tracker import Tracker
from fields_core.progress import Cancelled, CancelToken

_NAP = 0.1  # seconds between looks at the stop sign


class LiveState(StrEnum):
    """What the pipeline is doing."""

    IDLE = "idle"
    OPENING = "opening"
    RUNNING = "running"
    LOST = "lost"
    """The camera or stream broke off; it is tried again."""
    FINISHED = "finished"
    """The clip is over."""
    FAILED = "failed"
    """See `LivePipeline.error`."""
    STOPPED = "stopped"


@dataclass(frozen=True, eq=False)
class LiveResult:
    """One tracked frame with its picture."""

    frame: Frame
    tracked: TrackedFrame
    captured: float
    """`time.perf_counter` when the frame had been read."""
    finished: float
    """`time.perf_counter` when it had been tracked."""


class LivePipeline:
    """Runs a tracker on a source until it is stopped. Start it once.

    Args:
        source: opened, read and closed on the capture thread.
        make_tracker: called on the tracking thread, for it takes a second; the pipeline closes what it makes.
        listener: gets every result on the tracking thread: a recorder, say. What it raises ends the run. Keep it short.
        lossless: let the source wait instead of dropping frames (files without a window); a live source cannot.
        patience: seconds between attempts to open a live source again that broke off.
    """

    def __init__(
        self,
        source: FrameSource,
        make_tracker: Callable[[], Tracker],
        listener: Callable[[LiveResult], None] | None = None,
        lossless: bool = False,
        patience: float = 1.0,
    ) -> None:
        self.source = source
        self._make_tracker, self._listener = make_tracker, listener
        self._lossless = lossless and not source.live
        self._patience = patience
        self._token = CancelToken()
        self._changed = threading.Condition()
        self._waiting: tuple[Frame, float] | None = None
        self._ended = False
        self._state = LiveState.IDLE
        self._error: Exception | None = None
        self._result: LiveResult | None = None
        self._requests: list[Callable[[Tracker], None]] = []
        self._meter = LiveMeter()
        self._offset = self._latest_time = 0.0
        self._threads = (
            threading.Thread(target=self._guarded, args=(self._capture,), name="fields-capture", daemon=True),
            threading.Thread(target=self._guarded, args=(self._track,), name="fields-track", daemon=True),
        )

    @property
    def state(self) -> LiveState:
        return self._state

    @property
    def error(self) -> Exception | None:
        """Why it failed, or what the source said when it was lost; None while all is well."""
        return self._error

    @property
    def counters(self) -> LiveCounters:
        with self._changed:
            return self._meter.counters()

    @property
    def latest(self) -> LiveResult | None:
        """The latest result; None before the first."""
        return self._result

    @property
    def running(self) -> bool:
        """Whether a thread is at work."""
        return any(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begin; returns at once. What goes wrong is found in `state` and `error`."""
        self._state = LiveState.OPENING
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 5.0) -> bool:
        """End it and wait; safe to repeat.

        Args:
            seconds: to wait. A driver that does not return is left behind on its thread, which ends with the program.

        Returns:
            Whether both threads have ended.
        """
        self._token.cancel()
        with self._changed:
            self._changed.notify_all()
        end = time.monotonic() + seconds
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        return not self.running

    def tell(self, request: Callable[[Tracker], None]) -> None:
        """Have ``request`` called on the tracking thread before the next frame: settings, calibration and the like."""
        with self._changed:
            self._requests.append(request)

    def wait(self, after: LiveResult | None = None, seconds: float | None = None) -> LiveResult | None:
        """Wait for a later result than ``after``; None when the run or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._result is not after or not self._threads[1].is_alive(), seconds)
            return self._result if self._result is not after else None

    def join(self) -> None:
        """Wait for the end of the clip.

        Raises:
            FieldsError: the run failed.
        """
        while self.running:
            for thread in self._threads:
                thread.join(_NAP)
        if self._state is LiveState.FAILED and self._error is not None:
            raise self._error

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run one thread's work; whatever ends it ends the other thread too."""
        try:
            work()
        except Cancelled:
            pass
        except Exception as error:  # noqa: BLE001 - shown to the user by whoever looks at `error`
            if self._state is not LiveState.FAILED:
                self._error, self._state = error, LiveState.FAILED
            self._token.cancel()
        finally:
            with self._changed:
                self._changed.notify_all()

    def _capture(self) -> None:
        try:
            self._open()
            while not self._token.cancelled:
                try:
                    frame = self.source.read()
                except SourceError as error:
                    self._reopen(error)
                    continue
                if frame is None:
                    break
                self._offer(frame)
        finally:
            self.source.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _open(self) -> None:
        self.source.open(self._token)
        self._state = LiveState.RUNNING

    def _reopen(self, error: SourceError) -> None:
        """A live source that broke off is tried again until it comes back or the run is stopped."""
        if not self.source.live:
            raise error
        self._error, self._state = error, LiveState.LOST
        lost = time.monotonic()
        self.source.close()
        while not self._cancelled_within(self._patience):
            try:
                self._open()
            except SourceError as still:
                self._error = still
            else:
                # A source counts from its opening, the run from its own: time goes on.
                self._offset = self._latest_time + time.monotonic() - lost
                self._error = None
                return

    def _cancelled_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._token.cancelled, seconds)

    def _offer(self, frame: Frame) -> None:
        if self._offset:
            frame = replace(frame, timestamp=frame.timestamp + self._offset)
        self._latest_time = frame.timestamp
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._waiting is None or self._token.cancelled)
            now = time.perf_counter()
            self._meter.captured(now, dropped=self._waiting is not None)
            self._waiting = (frame, now)
            self._changed.notify_all()

    def _take(self) -> tuple[Frame, float] | None:
        """The frame that waits; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._ended or self._token.cancelled)
            if self._token.cancelled or self._waiting is None:
                return None
            taken, self._waiting = self._waiting, None
            self._changed.notify_all()
            return taken

    def _track(self) -> None:
        with self._make_tracker() as tracker:
            while (taken := self._take()) is not None:
                frame, captured = taken
                begun = time.perf_counter()
                for request in self._asked():
                    request(tracker)
                tracked = tracker.track(frame)
                result = LiveResult(frame, tracked, captured, time.perf_counter())
                if self._listener is not None:
                    self._listener(result)
                with self._changed:
                    self._meter.tracked(captured, begun, result.finished, tracked.times)
                    self._result = result
                    self._changed.notify_all()
        if self._state is not LiveState.FAILED:
            self._state = LiveState.STOPPED if self._token.cancelled else LiveState.FINISHED

    def _asked(self) -> list[Callable[[Tracker], None]]:
        with self._changed:
            requests, self._requests = self._requests, []
            return requests
