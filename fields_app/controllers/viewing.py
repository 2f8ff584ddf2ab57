"""What the 3D view shows besides the head: its photo, another head beside it, distances; and pictures of it all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication, QImage

from fields_app.dialogs.picture_dialog import ask_picture_path
from fields_app.document import Person
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.view_tools import BACKGROUNDS, ORIGINAL, Reference
from fields_app.panels.viewport import Viewport
from fields_app.session import Session
from fields_app.view_settings import ViewSettings
from fields_app.workers.job import Jobs, JobThread
from fields_core.errors import ExportError
from fields_core.files import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.datatypes import FaceCode, HeadMesh

_STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)  # millimetres: ends of the colour bar


@dataclass(frozen=True, eq=False)
class _Other:
    """The head that the shown one is compared with."""

    name: str
    mesh: HeadMesh
    texture: NDArray[Any] | None
    code: FaceCode | None


class ViewController(QObject):
    """Keeps photo, companion and colours of the 3D view with the session, and takes pictures."""

    def __init__(
        self,
        session: Session,
        viewport: Viewport,
        messages: MessageBar,
        settings: ViewSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewport, self._messages, self._settings = session, viewport, messages, settings
        self._tools = viewport.tools
        self._rest_mesh: HeadMesh | None = None
        self._job: JobThread | None = None
        self._preparing = Jobs(self)
        self._tools.transparent.setChecked(settings.transparent)
        self._tools.photo_camera.toggled.connect(self._show_photo)
        self._tools.compare_changed.connect(self._compare)
        self._tools.compare_menu_opened.connect(self._list_references)
        self._tools.save_requested.connect(self._ask_and_save)
        self._tools.copy_requested.connect(self.copy_picture)
        self._tools.background_picked.connect(lambda key: setattr(settings, "background", key))
        self._tools.light_changed.connect(lambda *angles: setattr(settings, "light", angles))
        self._tools.transparent.toggled.connect(lambda on: setattr(settings, "transparent", on))
        viewport.started.connect(self._started)
        session.parameters_changed.connect(self._remember_rest)
        session.mesh_changed.connect(self._mesh_changed)
        for signal in (session.selection_changed, session.photo_changed):
            signal.connect(self._show_photo)
        session.document_changed.connect(self._list_references)

    def save_picture(self, path: Path) -> None:
        """Write what is on show to a file (.png, .webp, .jpg), on a thread; JPEG knows no transparency."""
        if self._job is not None:
            return
        opaque = path.suffix.lower() in (".jpg", ".jpeg")
        image = self._viewport.picture(transparent=self._tools.transparent.isChecked() and not opaque)
        if image.isNull():
            return
        self._settings.picture_folder = path.parent
        self._job = JobThread(lambda report, token: _write(image, path), self)
        self._job.succeeded.connect(
            lambda saved: self._messages.show_info(self.tr("Saved %1").replace("%1", str(saved)))
        )
        self._job.failed.connect(self._messages.show_error)
        self._job.finished.connect(self._job_ended)
        self._job.start()

    def copy_picture(self) -> None:
        """Put what is on show on the clipboard."""
        image = self._viewport.picture(transparent=self._tools.transparent.isChecked())
        if not image.isNull():
            QGuiApplication.clipboard().setImage(image)
            size = f"{image.width()} × {image.height()}"
            self._messages.show_info(self.tr("Copied a picture of %1 pixels").replace("%1", size))

    def stop(self) -> None:
        """Wait for what is at work."""
        if self._job is not None:
            self._job.stop()
        self._preparing.finish()

    def _ask_and_save(self) -> None:
        photo = self._session.photo
        stem = photo.name if photo is not None and self._session.person is not None else "head"
        path = ask_picture_path(self._viewport.window(), self._settings.picture_folder / f"{stem}.png")
        if path is not None:
            self.save_picture(path)

    def _job_ended(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None

    def _started(self) -> None:
        if self._settings.background in BACKGROUNDS:
            self._viewport.set_background(self._settings.background)
        if self._settings.light is not None:
            self._viewport.set_light(*self._settings.light)
        self._show_photo()
        self._compare()
        self._preparing.run(lambda report, token: _prepare(), self._may_sketch, self._messages.show_error)

    def _may_sketch(self, _: object) -> None:
        if self._viewport.scene is not None:
            self._viewport.scene.sketching = True

    def _remember_rest(self) -> None:
        self._rest_mesh = self._session.rest.mesh if self._session.rest is not None else None

    def _mesh_changed(self) -> None:
        """For every step of a drag: nothing is done that nobody sees."""
        if self._tools.photo_camera.isChecked():
            self._show_photo()
        if self._tools.side_by_side.isChecked() or self._tools.distances.isChecked():
            self._compare()

    def _show_photo(self) -> None:
        scene, person, photo = self._viewport.scene, self._session.person, self._session.photo
        if scene is None:
            return
        if not self._tools.photo_camera.isChecked() or person is None or photo is None:
            scene.set_photo(None)
        else:
            from fields_app.panels.photo_backdrop import photo_view

            scene.set_photo(photo_view(person.reconstruction))
            scene.set_opacity(self._tools.opacity.value() / 100)
        self._viewport.redraw()

    def _list_references(self) -> None:
        shown = self._session.person
        others = [person for person in self._session.document().people if shown is None or person.id != shown.id]
        references = [Reference(ORIGINAL, self.tr("Before the edits"))]
        self._tools.set_references(references + [Reference(person.id, self._name(person)) for person in others])

    def _compare(self) -> None:
        """Companion, colours and captions as the tools wish."""
        scene, mesh = self._viewport.scene, self._session.mesh
        if scene is None:
            return
        beside, coloured = self._tools.side_by_side.isChecked(), self._tools.distances.isChecked()
        other = self._other() if beside or coloured else None
        if other is None or mesh is None or len(other.mesh.vertices) != len(mesh.vertices):
            scene.show_companion(None, None)
            scene.set_distances(None)
            self._viewport.set_captions("", "")
            self._viewport.redraw()
            return
        left = self._name(self._session.person)
        if coloured:
            distances = self._distances(mesh, other)
            largest = float(distances.max())
            scene.set_distances(distances, next((step for step in _STEPS if step >= largest), _STEPS[-1]))
            apart = f"{distances.mean():.1f}", f"{largest:.1f}"
            text = self.tr("%1: mean %2 mm, largest %3 mm")
            if not beside:
                text = self.tr("%1 – “%4”: mean %2 mm, largest %3 mm")
            for place, words in zip(("%1", "%2", "%3", "%4"), (left, *apart, other.name), strict=True):
                text = text.replace(place, words)
            left = text
        else:
            scene.set_distances(None)
        if beside:
            scene.show_companion(other.mesh, other.texture)
        else:
            scene.show_companion(None, None)
        self._viewport.set_captions(left, other.name if beside else "")
        self._viewport.redraw()

    def _distances(self, mesh: HeadMesh, other: _Other) -> NDArray[Any]:
        from fields_core.head.comparison import rigidly_aligned, vertex_distances

        code = self._session.code
        if code is not None and other.code is not None and _same_pose(code, other.code):
            return vertex_distances(mesh.vertices, other.mesh.vertices)
        return vertex_distances(mesh.vertices, rigidly_aligned(other.mesh.vertices, mesh.vertices))

    def _other(self) -> _Other | None:
        session = self._session
        person, key = session.person, self._tools.reference
        if key != ORIGINAL:
            chosen = session.document().person(key)
            if chosen is not None and (person is None or chosen.id != person.id):
                return _Other(self._name(chosen), chosen.mesh, chosen.original.texture, chosen.code)
        before = self.tr("Before the edits")
        if person is not None:
            return _Other(before, person.original.mesh, session.texture, person.original.code)
        if session.rest is not None and self._rest_mesh is not None:
            return _Other(before, self._rest_mesh, session.texture, session.rest.neutral)
        return None

    def _name(self, person: Person | None) -> str:
        if person is None:
            return self.tr("Head")
        identity = self._session.document().identity(person.identity)
        photo = self._session.document().photo_of(person.id)
        name = identity.name if identity is not None else self.tr("Face")
        return f"{name}, {photo.name}" if photo is not None and len(self._session.photos) > 1 else name


def _prepare() -> None:
    """Seconds at the very first start, a moment later on."""
    from fields_core.render.sketch import compile_sketch

    compile_sketch()


def _same_pose(a: FaceCode, b: FaceCode) -> bool:
    """Whether the heads are turned alike, so that no alignment smears an edit over the whole head."""
    return bool((a.head_pose == b.head_pose).all() and (a.neck_pose == b.neck_pose).all())


def _write(image: QImage, path: Path) -> Path:
    with replacing(path) as temporary:
        if not image.save(str(temporary), quality=95):
            found = path.suffix or "no ending"
            raise ExportError(f"Cannot write {path}", expected="a name ending in .png, .webp or .jpg", found=found)
    return path
