"""Keeps and sends on what the live view tracks: takes and streams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fields_app.live_settings import LiveSettings, StreamChoice
from fields_app.live_view import LiveView
from fields_app.panels.message_bar import MessageBar
from fields_app.take_settings import TakeSettings
from fields_app.workers.job import Jobs
from fields_core.errors import FieldsError

if TYPE_CHECKING:
    from fields_app.controllers.live_output import LiveOutput
    from fields_core.head.model import HeadModel


class LiveSharing(QObject):
    """Starts and ends recordings and streams of one run after the other.

    Signals:
        recorded(Path): a take is complete.
    """

    recorded = Signal(object)

    def __init__(
        self,
        view: LiveView,
        messages: MessageBar,
        settings: LiveSettings,
        takes: TakeSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._view, self._messages, self._settings, self._takes = view, messages, settings, takes
        self._output: LiveOutput | None = None
        self._head: HeadModel | None = None
        self._jobs = Jobs(self)

    def begin(self, output: LiveOutput, head: HeadModel) -> None:
        """A run starts."""
        self._output, self._head = output, head

    def end(self) -> None:
        """The run is over, or about to be: finish its take, send no more."""
        self.record(False)
        self.stream(None)

    def stop(self) -> None:
        """End all threads; a take is finished first."""
        self.end()
        self._jobs.finish()
        if self._output is not None:
            self._output.send_to(None)  # a connection may have come up last
            self._output = None

    def record(self, on: bool) -> None:
        """Record a take from now on, or finish it."""
        output = self._output
        if output is None or on == (output.recorded is not None):
            return
        if on:
            self._begin_take(output)
            return
        finish = output.stop_recording()
        self._view.recording = None
        self._view.switches_changed.emit()
        if finish is not None:
            self._jobs.run(lambda report, token: finish(), self._finished, self._messages.show_error)

    def stream(self, choice: StreamChoice | None) -> None:
        """Send the head on while it is tracked; None: no more."""
        output, head = self._output, self._head
        if output is None or head is None:
            return
        if choice is None:
            output.send_to(None)
            self._view.streaming, self._view.sent = "", 0
            self._view.switches_changed.emit()
            return
        self._settings.stream = choice

        def connect(report: object, token: object) -> str:
            from fields_core.streams.stream import open_stream  # looks the host up and may fit a map: seconds

            output.send_to(open_stream(choice.address, head))
            return choice.address

        self._jobs.run(connect, self._connected, self._failed)

    def look(self) -> None:
        """See how long the recording is, how much was sent, and what went wrong."""
        output, view = self._output, self._view
        if output is None:
            return
        if output.failure is not None:
            self.record(False)
        before = (view.recording, view.sent)
        view.recording = output.recorded
        view.sent = output.stream.sender.sent if output.stream is not None else 0
        if before != (view.recording, view.sent):
            view.switches_changed.emit()

    def _begin_take(self, output: LiveOutput) -> None:
        from fields_app.controllers.live_output import new_recorder

        assert self._head is not None
        folder = self._takes.take_folder
        try:
            recorder = new_recorder(folder, self._head, self._view.source, self._settings.with_video)
        except FieldsError as error:
            self._failed(error)
            return
        output.record(recorder)
        self._messages.show_info(self.tr("Recording to %1").replace("%1", str(recorder.path)))
        self.look()

    def _finished(self, path: Path | None) -> None:
        if path is not None:
            self.recorded.emit(path)
        else:
            self._messages.show_warning(self.tr("Nothing was recorded: no frame came."))

    def _connected(self, address: str) -> None:
        if self._view.running:
            self._view.streaming = address
            self._view.switches_changed.emit()
            self._messages.show_info(self.tr("Sending to %1").replace("%1", address))

    def _failed(self, error: BaseException) -> None:
        self._messages.show_error(error)
        self._view.switches_changed.emit()
