"""Projects to files. The old file stays until the new one is complete and on the disk.

A ``.fields`` file is a zip: ``project.json`` (all that is text and small), ``arrays.npz`` (codes, landmarks, crops'
places), ``crops/N.png``, ``textures/N.png``, ``thumbnails/N.png`` and, of embedded photos, ``photos/N.suffix``.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.errors import CodeFileError, ProjectError
from fields_core.files import replacing
from fields_core.head.array_archive import Array, pack_arrays
from fields_core.head.code_file import check_magnitudes
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken
from fields_core.project.container import copy_file
from fields_core.project.photo_files import fingerprint
from fields_core.project.pictures import Pictures
from fields_core.project.project import Fingerprint, Project, ProjectFace, ProjectPhoto
from fields_core.project.schema import FORMAT, SCHEMA

CODE_PARTS = tuple(part.name for part in fields(FaceCode))
SUFFIX = ".fields"


class ProjectWriter:
    """Writes one project again and again; what did not change between two times is not computed anew.

    One thread at a time.
    """

    def __init__(self) -> None:
        self._pictures = Pictures()
        self._fingerprints: dict[tuple[Path, int, int], Fingerprint] = {}

    def write(
        self,
        project: Project,
        path: Path,
        head: HeadModel,
        *,
        embed: bool = False,
        light: bool = False,
        token: CancelToken | None = None,
    ) -> Project:
        """Write a project; on any failure a file that was there before is untouched.

        Args:
            project: what to write.
            path: the file; by habit its suffix is `SUFFIX`.
            head: the model the codes belong to.
            embed: put all photos themselves into the file, not only those that are `ProjectPhoto.embedded`.
            light: copy no file in, only refer to it, also of embedded photos: for an autosave on this computer.
            token: cancels the writing between two photos.

        Returns:
            The project with the fingerprints of its photos.

        Raises:
            ProjectError: the project itself is faulty (codes that are not finite, or belong to another model), or a
                photo that should be embedded cannot be read.
            ExportError: the file cannot be written.
            Cancelled: the token said so.
        """
        token = token or CancelToken()
        check_project(project, path, head)
        photos = tuple(self._identified(photo, embed, token) for photo in project.photos)
        project = replace(project, photos=photos)
        with replacing(path) as temporary:
            with temporary.open("w+b") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    self._fill(archive, project, path, light, token)
                file.flush()
                os.fsync(file.fileno())
            token.raise_if_cancelled()
        self._pictures.forget_unused()
        return project

    def _identified(self, photo: ProjectPhoto, embed: bool, token: CancelToken) -> ProjectPhoto:
        token.raise_if_cancelled()
        if photo.path is None:
            return replace(photo, embedded=photo.pixels is not None)
        try:
            status = photo.path.stat()
            key = (photo.path, status.st_size, status.st_mtime_ns)
            if key not in self._fingerprints:
                self._fingerprints[key] = fingerprint(photo.path)
            return replace(photo, embedded=embed or photo.embedded, fingerprint=self._fingerprints[key])
        except OSError as cause:
            if not (embed or photo.embedded):
                return photo  # gone since it was opened: still worth a reference
            raise ProjectError(
                f"{photo.path} cannot be put into the project",
                found=cause.strerror or str(cause),
                remedy="Bring the photo back, or save without embedding the photos.",
            ) from cause

    def _fill(self, archive: zipfile.ZipFile, project: Project, path: Path, light: bool, token: CancelToken) -> None:
        photos = [self._put_photo(archive, i, photo, path, light, token) for i, photo in enumerate(project.photos)]
        faces = [self._put_face(archive, i, face, token) for i, face in enumerate(project.faces)]
        arrays = io.BytesIO()
        pack_arrays(arrays_of(project), arrays, level=1)
        _put(archive, "arrays.npz", arrays.getvalue())
        content = {
            "format": FORMAT,
            "schema": SCHEMA,
            "written_by": metadata.version("fields-head"),
            "head_model": project.head_model,
            "expression_names": project.expression_names,
            "selected_photo": project.selected_photo,
            "selected_face": project.selected_face,
            "rest": project.rest is not None,
            "photos": photos,
            "faces": faces,
            "identities": [
                {"id": i.id, "name": i.name, "fused": i.shape is not None, "rest": i.rest is not None}
                for i in project.identities
            ],
            "view": dict(project.view),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        _put(archive, "project.json", text.encode("utf-8", "surrogatepass"), zipfile.ZIP_DEFLATED)

    def _put_photo(
        self,
        archive: zipfile.ZipFile,
        index: int,
        photo: ProjectPhoto,
        project: Path,
        light: bool,
        token: CancelToken,
    ) -> dict[str, Any]:
        token.raise_if_cancelled()
        member = None
        if photo.pixels is not None and photo.path is None:
            member = f"photos/{index}.png"
            _put(archive, member, self._pictures.encode(photo.pixels))
        elif photo.path is not None and photo.embedded and not light:
            member = f"photos/{index}{_plain_suffix(photo.path)}"
            copy_file(photo.path, archive, member)
        if photo.thumbnail is not None:
            _put(archive, f"thumbnails/{index}.png", self._pictures.encode(photo.thumbnail))
        place = photo.path if photo.path is not None else (photo.sought[-1] if photo.sought else None)
        if member is not None:
            place = None  # whoever is given the file learns no folder names
        return {
            "id": photo.id,
            "name": photo.name,
            "reconstructed": photo.reconstructed,
            "width": photo.width,
            "height": photo.height,
            "member": member,
            "embedded": photo.embedded,
            "path": str(place) if place is not None else None,
            "relative": _relative(place, project.parent) if place is not None else None,
            "sha256": photo.fingerprint.sha256 if photo.fingerprint is not None else None,
            "size": photo.fingerprint.size if photo.fingerprint is not None else 0,
            "thumbnail": photo.thumbnail is not None,
        }

    def _put_face(self, archive: zipfile.ZipFile, index: int, face: ProjectFace, token: CancelToken) -> dict[str, Any]:
        token.raise_if_cancelled()
        _put(archive, f"crops/{index}.png", self._pictures.encode(face.crop.image))
        if face.texture is not None:
            _put(archive, f"textures/{index}.png", self._pictures.encode(face.texture))
        return {
            "id": face.id,
            "photo": face.photo,
            "name": face.name,
            "identity": face.identity,
            "box": [float(value) for value in face.face.box],
            "rotation_degrees": face.face.rotation_degrees,
            "scores": {name: float(score) for name, score in face.face.scores.items()},
            "landmark_error": float(face.landmark_error),
            "warning": face.warning,
            "texture": face.texture is not None,
        }


def arrays_of(project: Project) -> dict[str, Array]:
    """The arrays of a project by the names they have in the file; one row a face (or fused identity)."""
    faces = project.faces
    arrays: dict[str, Array] = {
        "face_landmarks": _stack([f.face.landmarks for f in faces], (478, 3), np.float32),
        "crop_to_photo": _stack([f.crop.crop_to_photo for f in faces], (2, 3), np.float64),
        "crop_landmarks": _stack([f.crop.landmarks for f in faces], (478, 2), np.float32),
    }
    if faces:
        arrays |= {f"original/{name}": value for name, value in _rows([f.original for f in faces]).items()}
        arrays |= {f"code/{name}": value for name, value in _rows([f.code for f in faces]).items()}
    if project.rest is not None:
        arrays |= {f"rest/{name}": value for name, value in _rows([project.rest]).items()}
    fused = [identity.shape for identity in project.identities if identity.shape is not None]
    if fused:
        arrays["identity_shapes"] = np.stack(fused).astype(np.float32)
    resting = [identity.rest for identity in project.identities if identity.rest is not None]
    if resting:
        arrays |= {f"resting/{name}": value for name, value in _rows(resting).items()}
    return arrays


def check_project(project: Project, path: Path, head: HeadModel) -> None:
    """Refuse to write what could not be read again.

    Raises:
        ProjectError: the codes are not finite, or belong to another head model.
    """
    if (project.head_model, project.expression_names) != (head.name, head.expression_names):
        raise ProjectError(
            "The heads belong to another head model", expected=head.name, found=project.head_model, remedy="Load it."
        )
    codes = [code for face in project.faces for code in (face.original, face.code)]
    codes += [project.rest] if project.rest is not None else []
    codes += [identity.rest for identity in project.identities if identity.rest is not None]
    try:
        if codes:
            check_magnitudes(path, _rows(codes), head)
    except CodeFileError as cause:
        raise ProjectError(
            f"{path} was not written: a face has values that mean nothing",
            expected=cause.expected,
            found=cause.found,
            remedy="Undo the last edit, or reset the face to the photo, and save again.",
        ) from cause


def _rows(codes: Sequence[FaceCode]) -> dict[str, Array]:
    def row(code: FaceCode, name: str) -> NDArray[np.float32]:
        array: NDArray[np.float32] = getattr(code, name).detach().cpu().float().numpy()
        return array

    return {name: np.concatenate([row(code, name) for code in codes]) for name in CODE_PARTS}


def _stack(arrays: Sequence[Array], shape: tuple[int, ...], dtype: type) -> Array:
    return np.stack(arrays).astype(dtype) if arrays else np.zeros((0, *shape), dtype)


def _put(archive: zipfile.ZipFile, name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> None:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    archive.writestr(info, data, method)


def _plain_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 6 else ""


def _relative(path: Path, folder: Path) -> str | None:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return None
