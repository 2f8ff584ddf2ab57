"""Projects from files that anybody may have made: every size, number and name is checked, nothing is unpickled."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fields_core.datatypes import CROP_SIZE, LANDMARK_COUNT, DetectedFace, FaceCode, FaceCrop
from fields_core.errors import CodeFileError, ProjectError
from fields_core.head.array_archive import Array, read_arrays
from fields_core.head.code_file import check_magnitudes
from fields_core.head.model import HeadModel
from fields_core.project import photo_files, pictures
from fields_core.project.container import Container, open_container
from fields_core.project.project import Fingerprint, Project, ProjectFace, ProjectIdentity, ProjectPhoto
from fields_core.project.schema import Record, parse, unusable
from fields_core.project.writing import CODE_PARTS

MAX_FACES = 10_000
JSON_BYTES = 32 << 20
PICTURE_BYTES = 64 << 20
_BYTES_A_FACE = 64 << 10  # landmarks and two codes take a third of it
_MAX_TEXTURE = 4096  # pixels
_MAX_SIDE = 1_000_000  # pixels; only a number here, the photo itself is measured when it is opened
_PHOTO_MEMBER = re.compile(r"photos/\d{1,6}(\.[a-z0-9]{1,5})?")


def read_project(path: Path, head: HeadModel, unpack: Path) -> Project:
    """Read a project and find its photos.

    Args:
        path: the file.
        head: the model its codes must belong to.
        unpack: an existing folder for the photos that the project carries; they are written there, each
            into a folder of its own, and never anywhere else.

    Returns:
        The project. Photos that were not found are `ProjectPhoto.missing` and say where they were sought.

    Raises:
        ProjectError: missing, damaged, hostile, for another head model, or written by a newer program.
        OSError: ``unpack`` cannot be written.
    """
    path = path.absolute()
    with open_container(path) as container:
        record = parse(path, container.read("project.json", JSON_BYTES))
        _check_head(path, record, head)
        photo_records = record.records("photos", MAX_FACES)
        face_records = record.records("faces", MAX_FACES)
        identity_records = record.records("identities", MAX_FACES)
        arrays = _arrays(path, container, len(face_records) + len(identity_records))
        photos = tuple(_photo(path, container, i, entry, unpack) for i, entry in enumerate(photo_records))
        identities = _identities(path, identity_records, arrays, head)
        faces = _faces(path, container, face_records, arrays, head, len(photos), len(identities))
        rest = _codes(path, arrays, "rest", 1, head)[0] if record.flag("rest") else None
    for items in (photos, identities, faces):
        _check_ids(path, [item.id for item in items])
    return Project(
        head_model=head.name,
        expression_names=head.expression_names,
        photos=photos,
        faces=faces,
        identities=identities,
        selected_photo=record.integer("selected_photo", -1, len(photos) - 1),
        selected_face=record.integer("selected_face", -1, len(faces) - 1),
        rest=rest,
        view=record.scalars("view"),
    )


def locate(project: Project, place: Path) -> Project:
    """The project with those missing photos found that ``place`` - a file or a folder - is or holds."""

    def found(photo: ProjectPhoto) -> ProjectPhoto:
        if not photo.missing or photo.fingerprint is None:
            return photo
        if place.is_dir():
            here = photo_files.find_in(place, photo.fingerprint)
        else:
            here = photo_files.find([place], photo.fingerprint)
        return replace(photo, path=here, sought=()) if here is not None else photo

    return replace(project, photos=tuple(found(photo) for photo in project.photos))


def _check_head(path: Path, record: Record, head: HeadModel) -> None:
    name, names = record.text("head_model"), record.texts("expression_names")
    if name != head.name:
        raise ProjectError(
            f"{path} belongs to another head model",
            expected=head.name,
            found=name[:80],
            remedy="Choose that head model, then open the project again.",
        )
    if names != head.expression_names:
        different = next((n for n in names if n not in head.expression_names), "another order or number")
        raise unusable(path, f"the expression names of {head.name}", different[:80])


def _check_ids(path: Path, names: list[str]) -> None:
    if "" in names or len(set(names)) != len(names):
        raise unusable(path, "an id of its own for every photo, face and identity", "none, or one id twice")


def _arrays(path: Path, container: Container, rows: int) -> dict[str, Array]:
    limit = (1 + rows) * _BYTES_A_FACE
    data = container.read("arrays.npz", limit + _BYTES_A_FACE)
    return read_arrays(path, limit_bytes=limit, error=ProjectError, stream=io.BytesIO(data))


def _array(path: Path, arrays: dict[str, Array], name: str, shape: tuple[int, ...], limit: float) -> Array:
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype.kind != "f":
        found = "nothing" if array is None else f"{array.shape} of {array.dtype}"
        raise unusable(path, f"{name} of shape {shape}", found)
    if array.size and not np.abs(array).max() <= limit:  # NaN is not below anything
        raise unusable(path, f"finite numbers within {limit:g} of 0 in {name}", f"{np.abs(array).max()}")
    return array


def _codes(path: Path, arrays: dict[str, Array], group: str, count: int, head: HeadModel) -> list[FaceCode]:
    """``count`` codes of one face each."""
    if not count:
        return []
    values = {name: arrays.get(f"{group}/{name}") for name in CODE_PARTS}
    present = {name: value for name, value in values.items() if value is not None}
    if len(present) != len(values):
        raise unusable(path, "all parts of a face code", f"no {group}/{next(n for n in values if n not in present)}")
    if len(present["shape"]) != count if present["shape"].ndim else True:
        raise unusable(path, f"{count} rows in {group}/shape", f"the shape {present['shape'].shape}")
    try:
        check_magnitudes(path, present, head)
    except CodeFileError as cause:
        raise unusable(path, cause.expected, cause.found) from cause
    code = FaceCode(**{name: torch.tensor(value, dtype=torch.float32) for name, value in present.items()})
    return [code[i] for i in range(count)]


def _photo(path: Path, container: Container, index: int, record: Record, unpack: Path) -> ProjectPhoto:
    name = record.text("name")
    wanted = _fingerprint(path, record)
    small = None
    if record.flag("thumbnail"):
        member = f"thumbnails/{index}.png"
        data = container.read(member, PICTURE_BYTES)
        small = pictures.decode(path, member, data, least=1, greatest=pictures.THUMBNAIL_SIDE)
    photo = ProjectPhoto(
        name=name,
        width=record.integer("width", 0, _MAX_SIDE),
        height=record.integer("height", 0, _MAX_SIDE),
        reconstructed=record.flag("reconstructed"),
        embedded=record.flag("embedded"),
        id=record.text("id"),
        fingerprint=wanted,
        thumbnail=small,
    )
    carried = record.optional_text("member")
    if carried is not None:
        if not _PHOTO_MEMBER.fullmatch(carried):
            raise unusable(path, "a member photos/NUMBER.SUFFIX", carried[:80])
        target = unpack / str(index) / (photo_files.safe_stem(name) + Path(carried).suffix)
        target.parent.mkdir()
        container.extract(carried, target, photo_files.MAX_BYTES)
        return replace(photo, path=target)
    candidates = photo_files.places(path, record.optional_text("relative"), record.optional_text("path"), name)
    found = photo_files.find(candidates, wanted) if wanted is not None else None
    return replace(photo, path=found, sought=() if found is not None else tuple(candidates))


def _fingerprint(path: Path, record: Record) -> Fingerprint | None:
    digest = record.optional_text("sha256")
    if digest is None:
        return None
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise unusable(path, "64 hexadecimal digits as sha256", digest[:80])
    return Fingerprint(digest, record.integer("size", 0, photo_files.MAX_BYTES))


def _identities(
    path: Path, records: list[Record], arrays: dict[str, Array], head: HeadModel
) -> tuple[ProjectIdentity, ...]:
    fused = [record.flag("fused") for record in records]
    count = sum(fused)
    shapes = iter(_array(path, arrays, "identity_shapes", (count, head.n_shape), 20.0) if count else ())
    resting = [record.flag("rest") for record in records]
    codes = iter(_codes(path, arrays, "resting", sum(resting), head))
    return tuple(
        ProjectIdentity(
            name=record.text("name"),
            shape=next(shapes).astype(np.float32) if has_shape else None,
            rest=next(codes) if has_rest else None,
            id=record.text("id"),
        )
        for record, has_shape, has_rest in zip(records, fused, resting, strict=True)
    )


def _faces(
    path: Path,
    container: Container,
    records: list[Record],
    arrays: dict[str, Array],
    head: HeadModel,
    photos: int,
    identities: int,
) -> tuple[ProjectFace, ...]:
    count = len(records)
    landmarks = _array(path, arrays, "face_landmarks", (count, LANDMARK_COUNT, 3), 1e7)
    places = _array(path, arrays, "crop_to_photo", (count, 2, 3), 1e7)
    in_crop = _array(path, arrays, "crop_landmarks", (count, LANDMARK_COUNT, 2), 1e4)
    originals = _codes(path, arrays, "original", count, head)
    codes = _codes(path, arrays, "code", count, head)
    faces: list[ProjectFace] = []
    for i, record in enumerate(records):
        member = f"crops/{i}.png"
        image = pictures.decode(
            path, member, container.read(member, PICTURE_BYTES), least=CROP_SIZE, greatest=CROP_SIZE
        )
        texture = None
        if record.flag("texture"):
            member = f"textures/{i}.png"
            data = container.read(member, PICTURE_BYTES)
            texture = pictures.decode(path, member, data, least=1, greatest=_MAX_TEXTURE)
        left, top, right, bottom = record.numbers("box", 4)
        rotation = record.integer("rotation_degrees", 0, 270)
        found = DetectedFace((left, top, right, bottom), landmarks[i], record.scores("scores"), rotation)
        faces.append(
            ProjectFace(
                photo=record.integer("photo", 0, photos - 1),
                face=found,
                crop=FaceCrop(image, places[i].astype(np.float64), in_crop[i]),
                original=originals[i],
                code=originals[i] if _equal(originals[i], codes[i]) else codes[i],
                landmark_error=record.number("landmark_error"),
                warning=record.text("warning"),
                texture=texture,
                id=record.text("id"),
                name=record.text("name"),
                identity=record.integer("identity", -1, identities - 1),
            )
        )
    return tuple(faces)


def _equal(one: FaceCode, other: FaceCode) -> bool:
    """Whether nothing was edited; the face then has one code, not two alike."""
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in CODE_PARTS)
