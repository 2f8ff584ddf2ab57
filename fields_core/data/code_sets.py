"""3D code sets: pictures whose face codes are known, from 4D scans fitted elsewhere or from another renderer.

A set is an npz, or a folder of them (at most 10,000 faces each), as `fields_core.head.code_file.save_code` writes it:
``format``, ``head_model``, ``expression_names`` and the parts of the codes (N faces), with

    pictures     (N,) text: picture files, as paths beside the npz
    subjects     (N,) text, optional: who it is
    neutral      (N,) bool, optional: this picture is its subject's neutral face
    labels       (N,) text, optional: names of emotions, empty where there is none
    squares      (N, 3), optional: left, top, side in pixels of the square whose image frame the camera means; without
                 it the whole picture, which must be square
    has_eyelids  one bool, optional: False where eyelids were not measured

The intensity of a code is measured from its subject's neutral code (the head model's where there is none), in units of
the set's 95th percentile, or of what the folder's synthetic faces say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.camera import project
from fields_core.data.pictures import PictureFile
from fields_core.data.prepare import PrepareReport, write_samples
from fields_core.data.sample import NO_LABEL, STORED_SCALE, STORED_SIZE, Sample
from fields_core.data.sources import LabelError, emotion_label, key_of
from fields_core.datatypes import FaceCode
from fields_core.detection.crop import sample, square_similarity
from fields_core.errors import CodeFileError, FieldsError, SettingsError
from fields_core.files import replacing
from fields_core.head.array_archive import read_arrays
from fields_core.head.code_file import load_code
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, ProgressCallback

_STRONG = 0.95  # quantile of displacements that counts as intensity 1 (see `encoder.intensity`)
_BATCH = 256
_LIMIT_BYTES = 64 << 20
_EXTRAS = ("pictures", "subjects", "neutral", "labels", "squares", "has_eyelids")


class OutsidePictureError(FieldsError):
    """A code whose face the picture does not show."""


@dataclass(frozen=True, eq=False)
class CodeSet:
    """N faces with known codes."""

    pictures: tuple[Path, ...]
    keys: tuple[str, ...]
    code: FaceCode
    subjects: tuple[str, ...]
    """Empty where unknown."""
    neutral: NDArray[np.bool_]
    """(N,)"""
    labels: tuple[int, ...]
    squares: NDArray[np.float64] | None
    """(N, 3) left, top, side in pixels; None: the whole pictures."""
    has_eyelids: NDArray[np.bool_]
    """(N,)"""


def load_code_set(path: Path, head: HeadModel) -> CodeSet:
    """Read a set.

    Args:
        path: npz or folder of npz.
        head: the model that the codes belong to.

    Raises:
        CodeFileError: none there, one that is damaged or for another head model, or whose arrays do not fit together.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise CodeFileError(f"{path} holds no code set", expected="npz files written with their pictures' names")
    parts = [_load_file(file, path if path.is_dir() else path.parent, head) for file in files]
    if len({part.squares is None for part in parts}) > 1:
        raise CodeFileError(f"Only some files of {path} say where the camera's square is", expected="all or none")
    squares = [part.squares for part in parts if part.squares is not None]
    return CodeSet(
        pictures=tuple(picture for part in parts for picture in part.pictures),
        keys=tuple(key for part in parts for key in part.keys),
        code=FaceCode.concatenate([part.code for part in parts]),
        subjects=tuple(subject for part in parts for subject in part.subjects),
        neutral=np.concatenate([part.neutral for part in parts]),
        labels=tuple(label for part in parts for label in part.labels),
        squares=np.concatenate(squares) if squares else None,
        has_eyelids=np.concatenate([part.has_eyelids for part in parts]),
    )


def prepare_codes(
    codes: CodeSet, name: str, folder: Path, head: HeadModel, progress: ProgressCallback, token: CancelToken
) -> PrepareReport:
    """Write the shards of a code set, and ``NAME.json`` with its unit of intensity; as `fields_core.data.prepare`.

    No detector is asked: landmarks are those of the codes.

    Raises:
        Cancelled: the finished shards stay, and the next call goes on behind them.
        SettingsError: the folder holds another set of that name.
        ExportError: a shard cannot be written.
    """
    distances = displacements(codes, head)
    scale = _described(folder, name, head, len(codes.keys), distances)

    def make(number: int) -> Sample:
        return _sample(codes, number, name, head, distances[number] / scale)

    return write_samples(name, codes.keys, make, folder, progress, token)


@torch.no_grad()
def displacements(codes: CodeSet, head: HeadModel) -> NDArray[np.float64]:
    """(N,) metres: root mean square over the face's vertices of what expression, jaw and eyelids move from the
    subject's neutral face (the mean of its pictures marked as such)."""
    face = head.region("face")
    posed = torch.cat(
        [_expressions(head, codes.code[start : start + _BATCH])[:, face] for start in range(0, len(codes.code), _BATCH)]
    )
    rest = _expressions(head, head.neutral_code())[:, face]
    subjects = np.array(codes.subjects)
    found = np.zeros(len(subjects))
    for subject in sorted(set(codes.subjects)):
        own = subjects == subject
        marked = own & codes.neutral if subject else np.zeros_like(own)
        neutral = posed[torch.from_numpy(marked)].mean(dim=0, keepdim=True) if marked.any() else rest
        offsets = posed[torch.from_numpy(own)] - neutral
        found[own] = offsets.square().sum(dim=2).mean(dim=1).sqrt().numpy()
    return found


def _expressions(head: HeadModel, code: FaceCode) -> Tensor:
    still = head.neutral_code(len(code))
    moved: Tensor = head(still.replace(expression=code.expression, jaw_pose=code.jaw_pose, eyelids=code.eyelids))
    return moved


def _load_file(file: Path, root: Path, head: HeadModel) -> CodeSet:
    code = load_code(file, head)
    extras = read_arrays(file, limit_bytes=_LIMIT_BYTES, only=_EXTRAS, error=CodeFileError)
    count = len(code)
    shapes = {
        "pictures": (count,),
        "subjects": (count,),
        "neutral": (count,),
        "labels": (count,),
        "squares": (count, 3),
    }
    for name, shape in shapes.items():
        if name in extras and extras[name].shape != shape:
            raise CodeFileError(
                f"{file}: {name} do not fit the codes", expected=f"{shape}", found=f"{extras[name].shape}"
            )
    if "pictures" not in extras:
        raise CodeFileError(f"{file} is no code set", expected="an array pictures with a file for each code")
    names = [Path(str(name)) for name in extras["pictures"]]
    if wrong := [name for name in names if not name.parts or name.is_absolute() or ".." in name.parts]:
        raise CodeFileError(f"{file} names pictures that are not beside it", found=str(wrong[0]))
    squares = extras.get("squares")
    if squares is not None and not (np.isfinite(squares).all() and (squares[:, 2] > 0).all()):
        raise CodeFileError(f"{file}: a square has no size", expected="left, top and a positive side in pixels")
    try:
        labels = tuple(emotion_label(str(label)) for label in extras["labels"]) if "labels" in extras else ()
    except LabelError as error:
        raise CodeFileError(f"{file}: a label is not understood", found=error.title) from error
    return CodeSet(
        pictures=tuple(file.parent / name for name in names),
        keys=tuple(f"{key_of(file.relative_to(root).with_suffix(''))}/{number:05d}" for number in range(count)),
        code=code,
        subjects=tuple(str(subject) for subject in extras.get("subjects", np.full(count, ""))),
        neutral=extras.get("neutral", np.zeros(count)).astype(bool),
        labels=labels or (NO_LABEL,) * count,
        squares=None if squares is None else squares.astype(np.float64),
        has_eyelids=np.full(count, bool(np.all(extras.get("has_eyelids", True)))),
    )


def _described(folder: Path, name: str, head: HeadModel, count: int, distances: NDArray[np.float64]) -> float:
    """The unit of intensity in metres, kept in ``NAME.json``; that of the folder's synthetic faces where there are."""
    notes = folder / f"{name}.json"
    made = folder / "synthetic.json"
    scale = float(np.quantile(distances, _STRONG))
    if made.exists():
        scale = float(json.loads(made.read_text("utf-8"))["intensity_scale"])
    if not scale > 0:
        raise SettingsError(f"{name} holds no expressions", expected="codes that differ from the neutral face")
    if notes.exists():
        stored = json.loads(notes.read_text("utf-8"))
        if (stored["head"], stored["codes"]) != (head.name, count):
            raise SettingsError(
                f"{folder} holds another set named {name}",
                expected=f"{count} codes of {head.name}",
                found=f"{stored['codes']} codes of {stored['head']}",
                remedy="Choose another folder or --name.",
            )
        return float(stored["intensity_scale"])
    with replacing(notes) as temporary:
        text = json.dumps({"head": head.name, "codes": count, "intensity_scale": scale}, indent=1)
        temporary.write_text(text + "\n", "utf-8")
    return scale


@torch.no_grad()
def _sample(codes: CodeSet, number: int, source: str, head: HeadModel, intensity: float) -> Sample:
    photo = PictureFile(codes.pictures[number])()
    if codes.squares is not None:
        left, top, side = codes.squares[number]
    elif photo.width == photo.height:
        left, top, side = 0.0, 0.0, float(photo.width)
    else:
        raise CodeFileError(
            f"{photo.file_name} is not square",
            found=f"{photo.width} x {photo.height} pixels and no squares in the code set",
        )
    code = FaceCode(**{item.name: getattr(codes.code, item.name)[number : number + 1] for item in fields(FaceCode)})
    points = project(head.landmarks(head(code)), code.camera)[0, :, :2].double().numpy()
    low, high = points.min(axis=0), points.max(axis=0)
    centre, extent = (low + high) / 2.0, float((high - low).max())
    pixels = np.array([left, top]) + (points + 1.0) / 2.0 * side
    if not (np.isfinite(points).all() and extent > 0) or _share_inside(pixels, photo.width, photo.height) < 0.5:
        raise OutsidePictureError("The code's face lies outside its picture", found="face outside the picture")
    crop_to_photo = square_similarity(
        np.array([left, top]) + (centre + 1.0) / 2.0 * side - 0.5, STORED_SCALE * extent * side / 2.0, STORED_SIZE, 0.0
    )
    zoom = 2.0 / (STORED_SCALE * extent)
    scale, tx, ty = (float(value) for value in code.camera[0])
    camera = torch.tensor([[scale * zoom, tx - centre[0] / scale, ty + centre[1] / scale]], dtype=code.camera.dtype)
    return Sample(
        key=codes.keys[number],
        source=source,
        image=sample(photo.pixels, crop_to_photo, STORED_SIZE),
        landmarks=(zoom * (points - centre)).astype(np.float32),
        label=codes.labels[number],
        intensity=intensity,
        confidence=1.0,
        code=code.replace(camera=camera),
        has_eyelids=bool(codes.has_eyelids[number]),
        person=codes.subjects[number],
    )


def _share_inside(pixels: NDArray[np.float64], width: int, height: int) -> float:
    return float(((pixels >= 0) & (pixels <= [width, height])).all(axis=1).mean())
