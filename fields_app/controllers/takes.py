"""Opens takes, edits them beside the recording and exports them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.cancellable_job import CancellableJob
from fields_app.controllers.take_player import TakePlayer
from fields_app.controllers.take_saver import TakeSaver
from fields_app.panels.message_bar import MessageBar
from fields_app.take_settings import TakeExportChoice, TakeSettings
from fields_app.take_state import TakeState
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.errors import FieldsError
from fields_core.progress import CancelToken, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.datatypes import FaceCode, HeadMesh
    from fields_core.head.model import HeadModel
    from fields_core.takes.clip import Clip
    from fields_core.takes.edits import TakeEdits
    from fields_core.takes.take import Take

_LEAST_TRIM = 0.05  # seconds that always remain


@dataclass(frozen=True, eq=False)
class _ClipRequest:
    take: Take
    edits: TakeEdits


@dataclass(frozen=True, eq=False)
class _FrameRequest:
    clip: Clip
    row: int


class TakeController(QObject):
    """Changes the `TakeState`; whatever takes longer than a moment happens on threads.

    Signals:
        exported(paths): the files were written.

    Attributes:
        player: lets time go on.
    """

    exported = Signal(object)

    def __init__(
        self, state: TakeState, messages: MessageBar, settings: TakeSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._messages, self._settings = state, messages, settings
        self._head: HeadModel | None = None
        self._waiting: Path | None = None
        self._job = CancellableJob(messages, parent=self)
        self._clips: LatestOnlyThread[_ClipRequest] = LatestOnlyThread(self._make_clip, parent=self)
        self._frames: LatestOnlyThread[_FrameRequest] = LatestOnlyThread(self._make_frame, parent=self)
        self._clips.answered.connect(self._clip_made)
        self._frames.answered.connect(self._frame_made)
        for thread in (self._clips, self._frames):
            thread.failed.connect(lambda _, error: self._messages.show_error(error))
        self.player = TakePlayer(state, self)
        self._saver = TakeSaver(state, messages, self)
        state.time_changed.connect(self._request_frame)

    @property
    def busy(self) -> bool:
        """Whether a take is being read or exported."""
        return self._job.busy

    def set_head(self, head: HeadModel) -> None:
        """The head model is there; a take that waited for it is opened now."""
        self._head = head
        if self._waiting is not None:
            path, self._waiting = self._waiting, None
            self.open(path)

    def open(self, path: Path) -> None:
        """Show a take (.take)."""
        head = self._head
        if head is None:
            self._waiting = path
            return
        if self.busy:
            return

        def read(report: object, token: CancelToken) -> tuple[Take, TakeEdits]:
            from fields_core.takes.edits import load_edits
            from fields_core.takes.take import load_take

            return load_take(path, head), load_edits(path)

        self._saver.flush()
        self._settings.take_folder = path.parent
        self._job.start(read, self._opened, self.tr("Opening %1 …").replace("%1", path.name))

    def close_take(self) -> None:
        """Show no take any more."""
        self._saver.flush()
        self.player.pause()
        self._state.set_take(None, None)

    def scrub(self, time: float) -> None:
        """Show another moment; playback stops."""
        self.player.pause()
        self._state.set_time(time)

    def step(self, frames: int) -> None:
        """Show the next frame or an earlier one."""
        clip = self._state.clip
        if clip is None:
            return
        row = clip.row_at(self._state.time - self._origin(clip)) + frames
        self.scrub(float(clip.times[min(max(row, 0), len(clip) - 1)]) + self._origin(clip))

    def set_trim(self, first: float, last: float) -> None:
        """Play and export only this part."""
        duration = self._state.duration
        first = min(max(first, 0.0), max(duration - _LEAST_TRIM, 0.0))
        last = min(max(last, first + _LEAST_TRIM), duration)
        whole = first <= 0 and last >= duration
        self._change(trim=None if whole or last <= first else (first, last))

    def set_smoothing(self, seconds: float) -> None:
        self._change(smoothing=seconds)

    def set_face(self, face_id: int | None) -> None:
        self._change(face_id=face_id)

    def set_identity(self, name: str, code: FaceCode | None) -> None:
        """Play the take on the head of a face code; None: on the recorded person's."""
        from fields_core.takes.clip import identity_of

        self._change(identity=None if code is None else identity_of(name, code))

    def open_identity(self, path: Path) -> None:
        """Play the take on the head of a face code file (.npz, .json)."""
        head = self._head
        if head is None or self.busy:
            return

        def read(report: object, token: CancelToken) -> FaceCode:
            from fields_core.head import load_code

            return load_code(path, head)

        self._job.start(
            read, lambda code: self.set_identity(path.stem, code), self.tr("Opening %1 …").replace("%1", path.name)
        )

    def add_marker(self) -> None:
        """Mark the moment on show, if it has no marker yet."""
        from fields_core.takes.edits import Marker

        state = self._state
        if state.edits is not None and state.marker < 0:
            text = self.tr("Marker %1").replace("%1", str(len(state.markers) + 1))
            self._change(markers=(*state.markers, Marker(state.time, text)))

    def rename_marker(self, text: str) -> None:
        """Name the marker at the moment on show."""
        place = self._state.marker
        if place >= 0:
            markers = list(self._state.markers)
            markers[place] = replace(markers[place], text=text)
            self._change(markers=tuple(markers))

    def remove_marker(self) -> None:
        """Remove the marker at the moment on show."""
        place = self._state.marker
        if place >= 0:
            self._change(markers=(*self._state.markers[:place], *self._state.markers[place + 1 :]))

    def export(self, choice: TakeExportChoice) -> None:
        """Write the trimmed and smoothed take, and remember the choice."""
        head, take, edits = self._head, self._state.take, self._state.edits
        if head is None or take is None or edits is None or self.busy:
            return
        self._settings.export = choice
        self.player.pause()

        def write(report: Callable[[Progress], None], token: CancelToken) -> list[Path]:
            from fields_core.takes.clip import make_clip
            from fields_core.takes.exports import export_clip

            return export_clip(make_clip(take, edits, head), head, choice.directory, choice.formats, "", report, token)

        self._job.start(write, self._exported, self.tr("Exporting to %1 …").replace("%1", str(choice.directory)))

    def cancel(self) -> None:
        """Do not go on with what is being read or exported."""
        self._job.cancel()

    def stop(self) -> None:
        """End all threads; edits not yet saved are saved. Harmless when called twice."""
        self.player.pause()
        self._job.stop()
        self._saver.stop()
        for thread in (self._clips, self._frames):
            thread.stop()

    def _opened(self, answer: tuple[Take, TakeEdits]) -> None:
        take, edits = answer
        self.player.pause()
        self._state.set_take(take, edits)
        self._request_clip()
        count = len(take.tracks)
        people = self.tr("one face") if count == 1 else self.tr("%1 faces").replace("%1", str(count))
        self._messages.show_info(take.note or f"{take.name}: {take.duration:.1f} s, {people}")

    def _exported(self, paths: list[Path]) -> None:
        text = self.tr("Exported %1 to %2").replace("%1", ", ".join(path.name for path in paths))
        self._messages.show_info(text.replace("%2", str(paths[0].parent) if paths else ""))
        self.exported.emit(paths)

    def _change(self, **changes: Any) -> None:
        edits = self._state.edits
        if edits is None:
            return
        try:
            changed = replace(edits, **changes)
        except FieldsError as error:
            self._messages.show_error(error)
            return
        if changed != edits:
            self._state.set_edits(changed)
            self._saver.save_soon()
            if not changes.keys() <= {"trim", "markers"}:
                self._request_clip()

    def _request_clip(self) -> None:
        if self._state.take is not None and self._state.edits is not None:
            self._clips.submit(_ClipRequest(self._state.take, replace(self._state.edits, trim=None)))

    def _make_clip(self, request: _ClipRequest, token: CancelToken) -> Clip:
        from fields_core.takes.clip import make_clip

        assert self._head is not None
        return make_clip(request.take, request.edits, self._head)

    def _clip_made(self, request: _ClipRequest, clip: Clip) -> None:
        if request.take is self._state.take:
            self._state.set_clip(clip)
            self._request_frame()

    def _request_frame(self) -> None:
        clip = self._state.clip
        if clip is not None:
            self._frames.submit(_FrameRequest(clip, clip.row_at(self._state.time - self._origin(clip))))

    def _make_frame(self, request: _FrameRequest, token: CancelToken) -> tuple[HeadMesh, NDArray[Any] | None]:
        assert self._head is not None
        clip = request.clip
        return self._head.mesh(clip.code[request.row]), clip.take.picture(int(clip.frames[request.row]))

    def _frame_made(self, request: _FrameRequest, answer: tuple[HeadMesh, NDArray[Any] | None]) -> None:
        if self._state.clip is not None and request.clip.take is self._state.take:
            self._state.set_frame(*answer)

    def _origin(self, clip: Clip) -> float:
        """When the untrimmed clip begins: the face may come later than the take's first frame."""
        return float(clip.take.timestamps[clip.frames[0]] - clip.take.timestamps[0])
