"""From slider moves to codes, and from codes to meshes and overlays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QUndoStack

from fields_app.commands import ChangeDocument, EditCode
from fields_app.controllers.engine import Engine
from fields_app.document import Document
from fields_app.panels.message_bar import MessageBar
from fields_app.parameters import Parameter, read_all
from fields_app.session import Overlay, Session
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.progress import CancelToken

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode, HeadMesh, Reconstruction

_RELAXED = ("expression", "jaw_pose", "eye_pose", "eyelids")  # what "neutral" puts back to the resting head


@dataclass(frozen=True, eq=False)
class _MeshRequest:
    person: str
    code: FaceCode


@dataclass(frozen=True, eq=False)
class _OverlayRequest:
    selection: int
    reconstruction: Reconstruction


class EditingController(QObject):
    """The one door of edits, with undo. Owns the threads that pose the head and draw it over the photo; both take only
    the latest wish.

    Attributes:
        undo_stack: every edit of every person, in order.
    """

    def __init__(self, session: Session, messages: MessageBar, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._messages = messages
        self.undo_stack = QUndoStack(self)
        self._drag = 0  # part of every merge key; grows when a drag ends, so that the next one is a step of its own
        self._engine: Engine | None = None
        self._selection = 0  # grows with every other face or photo; overlays of an older one are stale
        self._overlay_wanted = False
        self._parameters: dict[str, Parameter] = {}
        self._mesh_thread: LatestOnlyThread[_MeshRequest] = LatestOnlyThread(self._pose, parent=self)
        self._overlay_thread: LatestOnlyThread[_OverlayRequest] = LatestOnlyThread(self._draw, parent=self)
        self._mesh_thread.answered.connect(self._posed)
        self._overlay_thread.answered.connect(self._drawn)
        for thread in (self._mesh_thread, self._overlay_thread):
            thread.failed.connect(lambda _, error: self._messages.show_error(error))
        session.selection_changed.connect(self._selection_changed)
        session.restored.connect(self.undo_stack.clear)
        session.mesh_changed.connect(self._request_overlay)

    def set_engine(self, engine: Engine) -> None:
        self._engine = engine
        self._parameters = {parameter.key: parameter for parameter in engine.parameters}

    def set_value(self, key: str, value: float) -> None:
        """A slider says: this value (shown units)."""
        code = self._session.code
        if code is not None:
            parameter = self._parameters[key]
            self.apply(parameter.write(code, value), self.tr(parameter.label), merge=f"value {key}")

    def reset(self, keys: Sequence[str]) -> None:
        """These parameters back to the photo's values."""
        code, reference = self._session.code, self._session.reference_code
        if code is None or reference is None:
            return
        parameters = [self._parameters[key] for key in keys]
        if len(parameters) == len(self._parameters):
            self.apply(reference, self.tr("Reset to photo"))
            return
        for parameter, value in zip(parameters, read_all(parameters, reference), strict=True):
            code = parameter.write(code, value)
        names = ", ".join(self.tr(parameter.label) for parameter in parameters[:2])
        self.apply(code, self.tr("Reset %1").replace("%1", names))

    def relax(self) -> None:
        """A neutral face that keeps identity, pose and camera."""
        code, rest = self._session.code, self._session.rest
        if code is not None and rest is not None:
            relaxed = code.replace(**{name: getattr(rest.neutral, name).clone() for name in _RELAXED})
            self.apply(relaxed, self.tr("Neutral face"))

    def want_overlay(self, wanted: bool) -> None:
        """Whether the head over the photo is on show; while it is not, nothing is drawn."""
        self._overlay_wanted = wanted
        self._request_overlay()

    def stop(self) -> None:
        self._mesh_thread.stop()
        self._overlay_thread.stop()

    def apply(self, code: FaceCode, text: str, merge: str = "") -> None:
        """Change the shown code as one undo step. Every edit comes through here.

        Args:
            code: the new code.
            text: what the undo menu calls it.
            merge: equal non-empty keys in a row become one step, until `end_drag`.
        """
        before = self._session.code
        if before is None:
            return
        person = self._session.person
        key = f"{merge} {self._drag}" if merge else ""
        self.undo_stack.push(EditCode(self._show, person.id if person is not None else "", before, code, text, key))

    def end_drag(self) -> None:
        """The slider has been let go: its next move is a step of its own."""
        self._drag += 1

    def change(self, document: Document, text: str, person: str = "") -> None:
        """Change people, identities or photos as one undo step.

        Args:
            document: the session's document with the change in it.
            text: what the undo menu calls it.
            person: id of whom to show then, also after undo.
        """
        command = ChangeDocument(self._put, self._session.document, document, text, person)
        self.undo_stack.push(command)

    def replace_original(self, person: str, reconstruction: Reconstruction, text: str) -> None:
        """A new fit of one person, who loses the edits; undo brings them back."""
        document = self._session.document()
        known = document.person(person)
        if known is not None:
            new = replace(known, original=reconstruction, code=reconstruction.code, mesh=reconstruction.mesh)
            self.change(document.with_people({person: new}), text, person)

    def _show(self, person: str, code: FaceCode) -> None:
        """Put a code in, and show whose it is: an undo that one cannot see would be a riddle."""
        if self._session.show_person(person):
            self._session.edit(code)
            self._request_mesh()

    def _put(self, document: Document, person: str) -> None:
        self._session.change(document)
        if person and document.person(person) is not None:
            self._session.show_person(person)
        self._request_mesh()

    def _request_mesh(self) -> None:
        code, person = self._session.code, self._session.person
        if code is not None and self._engine is not None:
            self._mesh_thread.submit(_MeshRequest(person.id if person is not None else "", code))

    def _selection_changed(self) -> None:
        self._selection += 1
        person = self._session.person
        if person is not None and person.edited:
            self._request_mesh()  # the last one may have been skipped when another person was selected

    def _pose(self, request: _MeshRequest, token: CancelToken) -> HeadMesh:
        assert self._engine is not None
        return self._engine.mesh(request.code)

    def _posed(self, request: _MeshRequest, mesh: HeadMesh) -> None:
        # During a drag every answer is a little old when it comes.
        self._session.set_mesh(request.person, mesh)

    def _request_overlay(self) -> None:
        person = self._session.person
        if self._overlay_wanted and person is not None and self._engine is not None:
            self._overlay_thread.submit(_OverlayRequest(self._selection, person.reconstruction))

    def _draw(self, request: _OverlayRequest, token: CancelToken) -> Overlay:
        assert self._engine is not None
        return self._engine.overlay(request.reconstruction)

    def _drawn(self, request: _OverlayRequest, overlay: Overlay) -> None:
        if request.selection == self._selection:
            self._session.set_overlay(overlay)
