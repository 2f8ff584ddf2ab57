"""Runs the live pipeline beside the window and prepares its frames for showing, never faster than they are shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal

from fields_app.live_view import LiveShot

if TYPE_CHECKING:
    from fields_core.live.pipeline import LivePipeline, LiveResult

_NAP = 0.1  # seconds between looks at the stop sign


class LiveThread(QThread):
    """Runs one pipeline after the other: makes a shot of its latest result, and again when the window has taken that.

    A window that is slow gets fewer frames, later ones, and no queue of them.

    Signals:
        shown(LiveShot): the receiver calls `taken`.
        failed(error): ``draw`` failed; the run ends.
    """

    shown = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pipeline: LivePipeline | None = None
        self._draw: Callable[[LiveResult], LiveShot] | None = None
        self._taken, self._again = threading.Event(), threading.Event()
        self._frozen = self._stopping = False

    @property
    def pipeline(self) -> LivePipeline | None:
        """Of the run, or of the last one."""
        return self._pipeline

    def begin(self, pipeline: LivePipeline, draw: Callable[[LiveResult], LiveShot]) -> None:
        """Start a run; the last one has ended.

        Args:
            pipeline: not started yet; stopped at the end.
            draw: makes a shot of a result; called on this thread.
        """
        self._pipeline, self._draw = pipeline, draw
        self._frozen = self._stopping = False
        self._taken.set()
        self._again.clear()
        self.start()

    def taken(self) -> None:
        """The window has taken the last shot; it may have the next."""
        self._taken.set()

    def freeze(self, frozen: bool) -> None:
        """Stay at the present result, or go on."""
        self._frozen = frozen

    def redraw(self) -> None:
        """Make another shot of the present result, as when what is held has changed while frozen."""
        self._again.set()

    def request_stop(self) -> None:
        """End soon; `finished` tells when."""
        self._stopping = True
        self._taken.set()
        self._again.set()

    def stop(self) -> None:
        """End, and wait for it."""
        self.request_stop()
        self.wait()

    def run(self) -> None:
        pipeline, draw = self._pipeline, self._draw
        assert pipeline is not None
        assert draw is not None
        pipeline.start()
        last: LiveResult | None = None
        try:
            while not self._stopping:
                self._taken.wait()
                result = self._next(pipeline, last)
                if result is None:
                    if not pipeline.running and not self._frozen:
                        break
                    continue
                last = result
                shot = draw(result)
                self._taken.clear()
                if not self._stopping:
                    self.shown.emit(shot)
        except Exception as error:  # noqa: BLE001 - shown to the user
            self.failed.emit(error)
        finally:
            pipeline.stop()

    def _next(self, pipeline: LivePipeline, last: LiveResult | None) -> LiveResult | None:
        """What to show next; None: nothing yet."""
        if self._frozen and last is not None:
            if not self._again.wait(_NAP):
                return None
            self._again.clear()
            return last
        return pipeline.wait(last, _NAP)
