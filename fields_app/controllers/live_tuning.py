"""How faces are tracked: smoothing, gains and limits of units, what is neutral, whose head it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from fields_app.live_settings import LiveSettings
from fields_app.panels.message_bar import MessageBar

if TYPE_CHECKING:
    from fields_core.head.model import HeadModel
    from fields_core.live.person import TrackerSettings
    from fields_core.live.pipeline import LivePipeline
    from fields_core.live.tracker import Tracker


class LiveTuning(QObject):
    """Keeps settings for the next run, and tells the tracker of the present one.

    Args:
        messages: where the user is told what to do.
        settings: where they are kept.
    """

    def __init__(self, messages: MessageBar, settings: LiveSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages, self._settings = messages, settings
        self._pipeline: LivePipeline | None = None
        self._head: HeadModel | None = None

    def begin(self, pipeline: LivePipeline, head: HeadModel) -> None:
        """A run begins, with a tracker of `tracker_settings`."""
        self._pipeline, self._head = pipeline, head

    def end(self) -> None:
        """It has ended."""
        self._pipeline = self._head = None

    def tracker_settings(self, head: HeadModel) -> TrackerSettings:
        """What the tracker of a head model is to be told; units that it does not have are left out."""
        from fields_core.live.adjustment import UnitSettings
        from fields_core.live.person import TrackerSettings

        known = {*head.expression_names, "jawOpen"}
        gains = {name: gain for name, gain in self._settings.gains.items() if name in known}
        limits = {name: pair for name, pair in self._settings.limits.items() if name in known}
        return TrackerSettings(calm=self._settings.calm, units=UnitSettings(gains, limits))

    def set_calm(self, calm: float) -> None:
        """Smoothing from 0, raw, to 1, calm."""
        self._settings.calm = calm
        self._configure()

    def set_gains(self, gains: Mapping[str, float]) -> None:
        """How strongly each unit moves; what is not named moves as measured."""
        self._settings.gains = dict(gains)
        self._configure()

    def set_limits(self, limits: Mapping[str, tuple[float, float]]) -> None:
        """Between what each unit may move; what is not named goes as far as the head model lets it."""
        self._settings.limits = dict(limits)
        self._configure()

    def calibrate(self) -> None:
        """The faces seen are said to be neutral."""
        if self._tell(lambda tracker: tracker.calibrate_neutral()):
            self._messages.show_info(self.tr("Look relaxed for a second: that will be neutral."))

    def clear_calibration(self) -> None:
        """Neutral is what the head model says."""
        if self._tell(lambda tracker: tracker.clear_calibration()):
            self._messages.show_info(self.tr("Neutral is that of the head model again."))

    def measure_identity(self) -> None:
        """Measure anew who it is."""
        self._tell(lambda tracker: tracker.measure_identities())

    def _configure(self) -> None:
        if self._head is not None:
            settings = self.tracker_settings(self._head)
            self._tell(lambda tracker: setattr(tracker, "settings", settings))

    def _tell(self, request: Callable[[Tracker], None]) -> bool:
        """Whether there is somebody to be told."""
        if self._pipeline is not None:
            self._pipeline.tell(request)
        return self._pipeline is not None
