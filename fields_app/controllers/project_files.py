"""Between the window's document and project files. Reading and writing happen on worker threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from fields_app.document import Document, Identity, Person, PhotoEntry, blank_photo
from fields_core.datatypes import Photo, Reconstruction
from fields_core.head.model import HeadModel
from fields_core.progress import Cancelled, CancelToken, Progress, ProgressCallback
from fields_core.project import (
    Project,
    ProjectFace,
    ProjectIdentity,
    ProjectPhoto,
    ProjectWriter,
    Scalar,
    locate,
    read_project,
    thumbnail,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.datatypes import HeadMesh

_MAX_PREVIEW = 12_000_000  # pixels of a missing photo that its thumbnail stands in for


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project as the window takes it."""

    document: Document
    rest_mesh: HeadMesh
    """Of the document's rest code, or of the neutral head."""
    view: Mapping[str, Scalar]
    embeds: bool
    """Whether it carries its photos."""
    missing: tuple[ProjectPhoto, ...] = ()
    """Photos that were not found."""


class ProjectFiles:
    """Reads and writes projects of one head model, and remembers what a document does not keep: how each photo is known
    again, and its thumbnail. Safe to use from several threads.
    """

    def __init__(self, head: HeadModel) -> None:
        self._head = head
        self._writer = ProjectWriter()
        self._lock = threading.Lock()
        self._known: dict[str, ProjectPhoto] = {}

    def save(
        self,
        document: Document,
        path: Path,
        view: Mapping[str, Scalar],
        token: CancelToken,
        *,
        embed: bool = False,
        light: bool = False,
    ) -> None:
        """Write a document as `ProjectWriter.write` does.

        Raises:
            ProjectError, ExportError, Cancelled: as `ProjectWriter.write`.
        """
        with self._lock:
            project = self._project_of(document, view)
            written = self._writer.write(project, path, self._head, embed=embed, light=light, token=token)
            self._known = {photo.id: photo for photo in written.photos}

    def open(self, path: Path, unpack: Path, report: ProgressCallback, token: CancelToken) -> OpenedProject:
        """Read a project; photos that it carries are unpacked into the folder ``unpack``.

        Raises:
            ProjectError, OSError: as `read_project`.
            Cancelled: the token said so.
        """
        with self._lock:
            unpack.mkdir(parents=True, exist_ok=True)
            project = read_project(path, self._head, unpack)
            document = self._document_of(project, report, token)
            self._known = {photo.id: photo for photo in project.photos}
        rest = project.rest if project.rest is not None else self._head.neutral_code()
        carried = [photo for photo in project.photos if photo.embedded]
        return OpenedProject(
            document=document,
            rest_mesh=self._head.mesh(rest),
            view=project.view,
            embeds=bool(carried) and len(carried) == len(project.photos),
            missing=tuple(photo for photo in project.photos if photo.missing),
        )

    def locate(self, document: Document, place: Path) -> Document:
        """The document with those missing photos found that ``place``, a file or folder, is or holds."""
        with self._lock:
            entries = {entry.id: entry for entry in document.photos}
            before = [p for p in self._known.values() if p.missing and p.id in entries]
            blank = Project(self._head.name, self._head.expression_names, photos=tuple(before))
            found = {photo.id: photo for photo in locate(blank, place).photos if not photo.missing}
            self._known |= found
        photos = tuple(
            replace(entry.without_pixels(), path=found[entry.id].path) if entry.id in found else entry
            for entry in document.photos
        )
        return replace(document, photos=photos)

    def missing(self, document: Document) -> tuple[ProjectPhoto, ...]:
        """The photos of the document that were not found when it was opened, nor since."""
        with self._lock:
            return tuple(
                self._known[e.id] for e in document.photos if e.id in self._known and self._known[e.id].missing
            )

    def _project_of(self, document: Document, view: Mapping[str, Scalar]) -> Project:
        identities = {identity.id: i for i, identity in enumerate(document.identities)}
        faces: list[ProjectFace] = []
        selected = -1
        for i, entry in enumerate(document.photos):
            for person in entry.people:
                if person.id == document.selected:
                    selected = len(faces)
                faces.append(_face_of(person, i, identities.get(person.identity, -1)))
        return Project(
            head_model=self._head.name,
            expression_names=self._head.expression_names,
            photos=tuple(self._photo_of(entry) for entry in document.photos),
            faces=tuple(faces),
            identities=tuple(
                ProjectIdentity(i.name, None if i.shape is None else _row(i.shape), i.rest, i.id)
                for i in document.identities
            ),
            selected_photo=next((i for i, e in enumerate(document.photos) if e.id == document.shown), -1),
            selected_face=selected,
            rest=document.rest_code,
            view=view,
        )

    def _photo_of(self, entry: PhotoEntry) -> ProjectPhoto:
        known = self._known.get(entry.id)
        if known is not None and known.missing and entry.path is not None and not entry.path.exists():
            return known
        small = known.thumbnail if known is not None else None
        if small is None and entry.photo is not None:
            small = thumbnail(entry.photo.pixels)
        shown = entry.photo or (entry.people[0].original.photo if entry.people else None)
        return ProjectPhoto(
            name=entry.file_name,
            width=shown.width if shown is not None else known.width if known is not None else 0,
            height=shown.height if shown is not None else known.height if known is not None else 0,
            path=entry.path,
            pixels=entry.photo.pixels if entry.photo is not None and entry.path is None else None,
            embedded=known is not None and known.embedded and known.path == entry.path,
            thumbnail=small,
            reconstructed=entry.reconstructed,
            id=entry.id,
        )

    def _document_of(self, project: Project, report: ProgressCallback, token: CancelToken) -> Document:
        people: dict[int, list[Person]] = {i: [] for i in range(len(project.photos))}
        blanks = [self._stand_in(photo, i == project.selected_photo) for i, photo in enumerate(project.photos)]
        for i, face in enumerate(project.faces):
            if token.cancelled:
                raise Cancelled
            report(Progress(i, len(project.faces), ""))
            identity = project.identities[face.identity].id if face.identity >= 0 else ""
            people[face.photo].append(self._person_of(face, blanks[face.photo], identity))
        photos = tuple(
            PhotoEntry(
                name=Path(photo.name).stem,
                path=blanks[i].path,
                photo=blanks[i] if photo.missing and i == project.selected_photo else None,
                people=tuple(people[i]),
                reconstructed=photo.reconstructed,
                id=photo.id,
            )
            for i, photo in enumerate(project.photos)
        )
        identities = tuple(
            Identity(i.name, i.id, None if i.shape is None else torch.from_numpy(i.shape)[None].clone(), i.rest)
            for i in project.identities
        )
        return Document(
            photos=photos,
            identities=identities,
            shown=project.photos[project.selected_photo].id if project.selected_photo >= 0 else "",
            selected=project.faces[project.selected_face].id if project.selected_face >= 0 else "",
            rest_code=project.rest,
        )

    def _stand_in(self, photo: ProjectPhoto, shown: bool) -> Photo:
        """Stands for pixels that are not in memory; the shown photo, if missing, is at least its thumbnail."""
        path = photo.path if photo.path is not None else photo.sought[-1] if photo.sought else Path(photo.name)
        size = (max(photo.width, 1), max(photo.height, 1))
        if photo.missing and shown and photo.thumbnail is not None and size[0] * size[1] <= _MAX_PREVIEW:
            image = Image.fromarray(photo.thumbnail).resize(size, Image.Resampling.BILINEAR)
            return Photo(np.asarray(image), path)
        return blank_photo(path, *size)

    def _person_of(self, face: ProjectFace, photo: Photo, identity: str) -> Person:
        mesh = self._head.mesh(face.original)
        original = Reconstruction(
            photo=photo,
            face=face.face,
            crop=face.crop,
            code=face.original,
            mesh=mesh,
            landmark_error=face.landmark_error,
            warning=face.warning,
            texture=face.texture,
        )
        edited = mesh if face.code is face.original else self._head.mesh(face.code)
        return Person(original, face.code, edited, face.id, identity)


def _face_of(person: Person, photo: int, identity: int) -> ProjectFace:
    original = person.original
    return ProjectFace(
        photo=photo,
        face=original.face,
        crop=original.crop,
        original=original.code,
        code=person.code,
        landmark_error=original.landmark_error,
        warning=original.warning,
        texture=original.texture,
        id=person.id,
        identity=identity,
    )


def _row(shape: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = shape.detach().cpu().float().numpy().reshape(-1)
    return array
