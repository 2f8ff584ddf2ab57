"""The live view: runs a source through the tracker, shows the head that follows, and what the user does with it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from fields_app.controllers.engine import Engine
from fields_app.controllers.live_clip import LiveClip
from fields_app.controllers.live_holds import LiveHolds
from fields_app.controllers.live_sharing import LiveSharing
from fields_app.controllers.live_tuning import LiveTuning
from fields_app.live_settings import LiveSettings, SourceChoice
from fields_app.live_view import LiveShot, LiveView, LiveWish
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.take_settings import TakeSettings
from fields_app.workers.job import Jobs
from fields_app.workers.live_thread import LiveThread
from fields_core.errors import FieldsError
from fields_core.progress import Progress

if TYPE_CHECKING:
    from fields_app.controllers.live_painter import LivePainter
    from fields_app.controllers.live_sources import TrackerParts
    from fields_core.live.camera import CameraDevice
    from fields_core.live.person import TrackerSettings
    from fields_core.live.source import FrameSource
    from fields_core.live.tracker import Tracker

_LOOK_MS = 250  # between looks at the run: counters, trouble, the recording's length
_WINDOW = 120  # shots that rate and latency look back on


class LiveController(QObject):
    """Owns the run. All that takes longer than a moment happens on threads.

    Signals:
        cameras_listed(list of CameraDevice)

    Attributes:
        sharing: records and sends.
        clip: steers what is played.
        tuning: how faces are tracked.
        holds: what the user holds against the tracker.
        make_source: makes the source of a choice for a wished size; tests bring their own.
        make_tracker: as `Tracker`, for the coder wished and settings; None is the real one.
    """

    cameras_listed = Signal(object)

    def __init__(
        self,
        view: LiveView,
        session: Session,
        messages: MessageBar,
        settings: LiveSettings,
        takes: TakeSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.sharing = LiveSharing(view, messages, settings, takes, self)
        self.clip = LiveClip(view, self)
        self.tuning = LiveTuning(messages, settings, self)
        self.holds = LiveHolds(view, session, self)
        self.holds.changed.connect(lambda: self.set_wish(held=dict(view.held)))
        self._view, self._session, self._messages, self._settings = view, session, messages, settings
        self.make_source: Callable[[SourceChoice, tuple[int, int]], FrameSource] = _make_source
        self.make_tracker: Callable[[str, TrackerSettings], Tracker] | None = None
        self._engine: Engine | None = None
        self._thread = LiveThread(self)
        self._running = self._broken = False
        self._source: FrameSource | None = None
        self._painter: LivePainter | None = None
        self._parts: TrackerParts | None = None
        self._waiting: SourceChoice | None = None
        self._said: BaseException | None = None
        self._shown: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._wish = LiveWish(overlay=settings.overlay)
        self._thread.shown.connect(self._show)
        self._thread.failed.connect(self._failed)
        self._thread.finished.connect(self._ended)
        self._jobs = Jobs(self)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def set_engine(self, engine: Engine) -> None:
        """The core has been loaded, or another one; what was asked for meanwhile starts now."""
        if self._engine is not None:
            self.stop_run()
        self._engine, self._parts = engine, None
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self.start(waiting)

    def list_cameras(self) -> None:
        """Look for cameras; the answer comes as a signal."""

        def look(report: object, token: object) -> list[CameraDevice]:
            from fields_core.live.camera import list_cameras

            return list_cameras()

        self._jobs.run(look, self.cameras_listed.emit, self._messages.show_error)

    def start(self, choice: SourceChoice) -> None:
        """Open a source and follow the faces in it; what was running ends first."""
        if self._engine is None or self._running:
            self._waiting = choice
            self._end_run()
            return
        self._settings.source = choice
        try:
            source = self.make_source(choice, self._settings.size)
        except FieldsError as error:
            self._messages.show_error(error)
            return
        self._run(self._engine, source)

    def stop_run(self) -> None:
        """Let go of the camera; the photo's head is on show again."""
        self._waiting = None
        self._end_run()

    def restart(self) -> None:
        """Open the same source again, as after another coder or size was chosen."""
        if self._running:
            self.start(self._settings.source)

    def set_wish(self, **changes: object) -> None:
        """Show frames otherwise: fields of `LiveWish`."""
        self._wish = replace(self._wish, **changes)  # type: ignore[arg-type]
        if self._painter is not None:
            self._painter.wish = self._wish
        if self._view.frozen and self._running:
            self._thread.redraw()

    def freeze(self, frozen: bool) -> None:
        """Hold the frame on show, or go on. A recording goes on either way."""
        if self._running and frozen != self._view.frozen:
            self._view.frozen = frozen
            self._thread.freeze(frozen)
            self._view.switches_changed.emit()

    def stop(self) -> None:
        """End all threads; a take is finished first. Harmless when called twice."""
        self._waiting = None
        self._timer.stop()
        if self._running:
            self._thread.stop()
            self._ended()
        self.sharing.stop()
        self._jobs.finish()

    def _run(self, engine: Engine, source: FrameSource) -> None:
        from fields_app.controllers.live_output import LiveOutput
        from fields_app.controllers.live_painter import LivePainter
        from fields_core.live.pipeline import LivePipeline

        view = self._view
        self._painter = LivePainter(engine.head, engine.parameters)
        self._painter.wish = self._wish = replace(self._wish, followed=None, held=None)
        output = LiveOutput(self._painter.adjusted)
        self.sharing.begin(output, engine.head)
        self._source, self._said, self._broken = source, None, False
        self.clip.begin(source)
        self._shown.clear()
        self.holds.begin(engine.parameters)
        view.frozen, view.streaming, view.length, view.rate = False, "", 0, 0.0
        view.source, view.live, view.shot = source.name, source.live and not hasattr(source, "seek"), None
        settings, wish = self.tuning.tracker_settings(engine.head), self._settings.coder
        pipeline = LivePipeline(source, lambda: self._make_tracker(engine, wish, settings), output)
        self._running = True
        text = self.tr("Opening %1 …").replace("%1", source.name)
        view.set_run(True, text)
        self._messages.show_progress(Progress(0, 0, text))
        self._timer.start()
        self.tuning.begin(pipeline, engine.head)
        self._thread.begin(pipeline, self._painter)

    def _make_tracker(self, engine: Engine, wish: str, settings: TrackerSettings) -> Tracker:
        """On the tracking thread."""
        if self.make_tracker is not None:
            return self.make_tracker(wish, settings)
        from fields_app.controllers.live_sources import read_parts

        if self._parts is None:
            self._parts = read_parts(engine.head)
        self._view.coder = "fit" if self._parts.coder(wish) is None else "encoder"
        self._view.emotional = self._parts.emotion is not None
        return self._parts.tracker(engine.head, wish, settings)

    def _show(self, shot: LiveShot) -> None:
        if not self._running:
            return
        if not self._view.frozen:
            now = time.perf_counter()
            self._shown.append((now, now - shot.result.captured))
        if shot.mesh is not None:
            self._session.set_preview(shot.mesh)
        self._view.set_shot(shot)
        self.holds.look()
        self._thread.taken()

    def _failed(self, error: BaseException) -> None:
        """A frame could not be shown: the run ends, and says why."""
        self._broken = True
        self._messages.show_error(error)

    def _look(self) -> None:
        """Four times a second: what has become of the run."""
        from fields_core.live.pipeline import LiveState

        pipeline, view = self._thread.pipeline, self._view
        if not self._running or pipeline is None:
            return
        trouble = pipeline.error
        if pipeline.state is LiveState.LOST and trouble is not None:
            view.set_run(True, str(trouble))
            if self._said is None:
                self._messages.show_warning(getattr(trouble, "title", str(trouble)), getattr(trouble, "details", ""))
            self._said = trouble
        elif pipeline.state is LiveState.RUNNING and pipeline.latest is not None:
            if view.status:
                size = "{} × {}".format(*pipeline.latest.frame.size)
                view.source = self._source.name if self._source is not None else ""
                view.length = int(getattr(self._source, "length", 0))
                view.rate = self._source.frames_per_second / view.speed if self._source is not None else 0.0
                self._messages.show_info(f"{view.source}, {size}")
            self._said = None
            view.set_run(True)
        view.counters = pipeline.counters
        if len(self._shown) > 1:
            moments, delays = zip(*self._shown, strict=True)
            view.shown_rate = (len(moments) - 1) / max(moments[-1] - moments[0], 1e-6)
            view.shown_p95 = sorted(delays)[int(0.95 * (len(delays) - 1))]
        view.counters_changed.emit()
        self.clip.look()
        self.sharing.look()

    def _end_run(self) -> None:
        if self._running:
            self.sharing.end()
            self._thread.request_stop()
            self._view.set_run(True, self.tr("Stopping …"))

    def _ended(self) -> None:
        """The run's threads have ended, by themselves or because they were told to."""
        if not self._running or self._thread.isRunning():  # the signal of a run that `stop` has waited for already
            return
        self._running = False
        self._timer.stop()
        self.sharing.end()
        error = self._thread.pipeline.error if self._thread.pipeline is not None else None
        self._source = None
        self.clip.begin(None)
        self.tuning.end()
        self.holds.begin(())
        self._view.frozen = False
        self._session.set_preview(None)
        self._view.set_shot(None)
        self._view.set_run(False)
        self._view.switches_changed.emit()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.start(waiting)
        elif error is not None:
            self._messages.show_error(error)
        elif not self._broken:
            self._messages.clear()


def _make_source(choice: SourceChoice, size: tuple[int, int]) -> FrameSource:
    from fields_app.controllers.live_sources import make_source

    return make_source(choice, size)
