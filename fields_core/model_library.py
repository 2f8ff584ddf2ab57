"""The model files of this computer: which there are, where from, under what licence; and more of them from files.

What users bring is checked, rewritten in our own formats and kept in the user data folder. Nothing is downloaded, and
nothing in a file is run.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from fields_core.assets import ASSETS, ENCODER, ENVIRONMENT_VARIABLE, find_asset, user_data_folder
from fields_core.errors import AssetMissingError, ExportError, ModelFileError
from fields_core.files import replacing
from fields_core.progress import CancelToken

HEAD, LANDMARKER = "open_head.npz", "face_landmarker.task"
LANDMARKER_LICENCE = "Apache-2.0 (Google MediaPipe)"
_HEADS, _ENCODERS = "heads", "encoders"  # folders below the user data folder
_LANDMARKER_LIMIT = 64 << 20  # bytes; MediaPipe's has 3.7 MB
_NAME_LIMIT = 1 << 20  # bytes of the texts at the front of a head model
_WEIGHTS = (".pt", ".pth", ".tar", ".ckpt")
_HIDDEN = (".onnx",)


class Role(enum.Enum):
    """What a model is for."""

    HEAD = "head model"
    ENCODER = "encoder"
    LANDMARKER = "face landmarker"


class LicenceClass(enum.Enum):
    """What a licence allows, as far as its text tells."""

    FREE = "free"
    """Any use, with at most the duty to name the authors."""
    NON_COMMERCIAL = "non-commercial"
    """Research and other uses that earn nothing."""
    UNKNOWN = "unknown"
    """Not written down, or different for different parts: read what is stated, or ask the authors."""


class Origin(enum.Enum):
    """Where a file comes from."""

    PROGRAM = "comes with the program"
    PACKAGE = "comes with a Python package"
    USER = "your own"
    ENVIRONMENT = "named by FIELDS_ASSETS"


@dataclass(frozen=True)
class ModelFacts:
    """One model file."""

    role: Role
    name: str
    licence: str
    """As the file states it; of an encoder the sources it was trained on, one a line."""
    origin: Origin
    path: Path
    size: int
    """Bytes."""
    sha256: str
    head_model: str
    """Of an encoder: the head model whose codes it predicts. Of a head model: its own name. Else empty."""
    standard: bool
    """Whether it is used where nothing else is chosen."""

    @property
    def licence_class(self) -> LicenceClass:
        return licence_class(self.licence)

    @property
    def removable(self) -> bool:
        """Whether it was imported by the user."""
        return self.origin is Origin.USER


@dataclass(frozen=True)
class ImportedModel:
    """What came of a file."""

    facts: ModelFacts
    left_out: tuple[str, ...] = ()
    """The parts of the file that nothing here uses."""
    note: str = ""
    """What cannot be done with it, and how that is put right."""


@dataclass(frozen=True)
class LicencePage:
    """Where models can be had, after reading and accepting their licence there."""

    what: str
    url: str
    files: str
    """Names of the files to import."""


LICENCE_PAGES = (
    LicencePage("FLAME (head model)", "https://flame.is.tue.mpg.de/", "generic_model.pkl, flame2023.pkl"),
    LicencePage("SMIRK (encoder)", "https://georgeretsi.github.io/smirk/", "SMIRK_em1.pt"),
    LicencePage("DECA (encoder)", "https://deca.is.tue.mpg.de/", "deca_model.tar"),
    LicencePage("EMOCA (encoder)", "https://emoca.is.tue.mpg.de/", "a checkpoint .ckpt"),
    LicencePage("MediaPipe (landmarker)", "https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker",
                "face_landmarker.task"),
)  # fmt: skip

_FORBIDDING = re.compile(
    r"\b(non-?commercial|by-nc|nc-(sa|nd)|flame licen[cs]e|smirk|deca|emoca|research (only|purposes))\b"
)
_UNSURE = re.compile(r"\b(rights with|unknown|unclear)\b")
_ALLOWING = re.compile(r"\b(cc0|public domain|cc[- ]by[- ][34]\.0|mit|apache|bsd)\b")


_NO_LANDMARKS = (
    "It has no landmarks, so it cannot be fitted to photos. Put FLAME's mediapipe_landmark_embedding.npz beside its "
    "file and import it again."
)


def licence_class(licence: str) -> LicenceClass:
    """The strictest class of all lines of a licence text. A text that names no licence is `LicenceClass.UNKNOWN`."""
    lines = [line.lower() for line in licence.splitlines() if line.strip()]
    if any(_FORBIDDING.search(line) for line in lines):
        return LicenceClass.NON_COMMERCIAL
    if lines and all(_ALLOWING.search(line) and not _UNSURE.search(line) for line in lines):
        return LicenceClass.FREE
    return LicenceClass.UNKNOWN


def licence_page(facts: ModelFacts) -> str:
    """Address of the page about a model's licence; "" where none is known."""
    text = f"{facts.name} {facts.licence}".lower()
    for page in LICENCE_PAGES:
        if page.what.split()[0].lower() in text:
            return page.url
    return "https://creativecommons.org/publicdomain/zero/1.0/" if "cc0" in text else ""


def model_files(role: Role, token: CancelToken | None = None) -> list[ModelFacts]:
    """All files for a role, the one that is used without a choice first. Reads and hashes them: seconds.

    Files that cannot be read as what they should be are left out; `describe` says why.

    Raises:
        Cancelled: the token said so.
    """
    token = token or CancelToken()
    found = []
    for path in _paths(role):
        token.raise_if_cancelled()
        try:
            found.append(describe(path, role))
        except ModelFileError:
            continue
    return found


def describe(path: Path, role: Role, texts: tuple[str, str, str] | None = None) -> ModelFacts:
    """The facts of one file.

    Args:
        path: the file.
        role: what it is for.
        texts: its name, licence and head model, where they are known already.

    Raises:
        ModelFileError: it is damaged or of another kind.
    """
    reader = {Role.HEAD: _head_texts, Role.ENCODER: _encoder_texts, Role.LANDMARKER: _landmarker_texts}[role]
    name, licence, head_model = reader(path) if texts is None else texts
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read", found=error.strerror or str(error)) from error
    return ModelFacts(role, name, licence, _origin(path), path, size, sha256, head_model, path == _standard(role))


def import_model(path: Path, token: CancelToken | None = None) -> ImportedModel:
    """Check a file that the user has, and keep it in our own format in the user data folder.

    Head models: .npz of ours, FLAME's .pkl (with the files that lie beside it). Encoders: .safetensors of ours,
    SMIRK's, DECA's and EMOCA's files as published. The landmarker: MediaPipe's .task.

    Raises:
        ModelFileError: missing, damaged, hostile, or none of these.
        ExportError: the user data folder cannot be written.
        Cancelled: the token said so.
    """
    token = token or CancelToken()
    suffix = path.suffix.lower()
    if not path.is_file():
        raise ModelFileError(f"{path} does not exist", remedy="Check the path.")
    if suffix in (".npz", ".pkl"):
        return _import_head(path, token)
    if suffix in (".safetensors", *_WEIGHTS):
        return _import_encoder(path, token)
    if suffix == ".task":
        return _import_landmarker(path)
    raise ModelFileError(
        f"{path.name} is none of the model files that can be imported",
        expected="a head model (.npz, FLAME's .pkl), weights (.safetensors, SMIRK_em1.pt, deca_model.tar, EMOCA's"
        " .ckpt) or MediaPipe's face_landmarker.task",
        found=f"the suffix {suffix!r}",
        remedy="Unpack archives first, and choose the file inside." if suffix in (".zip", ".gz", ".7z") else "",
    )


def remove_model(facts: ModelFacts) -> None:
    """Delete a file that was imported.

    Raises:
        ModelFileError: it was not imported.
        ExportError: it cannot be deleted.
    """
    if not facts.removable:
        raise ModelFileError(f"{facts.name} is part of the program", found=str(facts.path))
    try:
        for path in (facts.path, *(facts.path.with_suffix(suffix) for suffix in _HIDDEN)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"Cannot delete {facts.path}", found=error.strerror or str(error)) from error


def _import_head(path: Path, token: CancelToken) -> ImportedModel:
    from fields_core.head.flame_pickle import read_flame
    from fields_core.head.model_file import read_head_file, write_head_file

    file = read_flame(path) if path.suffix.lower() == ".pkl" else read_head_file(path)
    token.raise_if_cancelled()
    to = user_data_folder() / _HEADS / f"{_file_name(file.name)}.npz"
    write_head_file(file, to)
    bare = "" if len(file.landmark_ids) else _NO_LANDMARKS
    return ImportedModel(describe(to, Role.HEAD), note=bare)


def _import_encoder(path: Path, token: CancelToken) -> ImportedModel:
    from fields_core.encoder.checkpoint import load_checkpoint, save_checkpoint
    from fields_core.encoder.importers import import_checkpoint
    from fields_core.encoder.onnx_graph import export_onnx

    left_out: tuple[str, ...] = ()
    if path.suffix.lower() == ".safetensors":
        checkpoint, name = load_checkpoint(path), path.stem
    else:
        imported = import_checkpoint(path)
        checkpoint, left_out, name = imported.checkpoint, imported.left_out, f"{imported.source}-{path.stem}"
    token.raise_if_cancelled()
    to = user_data_folder() / _ENCODERS / f"{_file_name(name)}.safetensors"
    save_checkpoint(to, checkpoint)
    token.raise_if_cancelled()
    export_onnx(checkpoint, to.with_suffix(".onnx"))  # what makes it fast
    return ImportedModel(describe(to, Role.ENCODER), left_out)


def _import_landmarker(path: Path) -> ImportedModel:
    _landmarker_texts(path)
    to = user_data_folder() / LANDMARKER
    with replacing(to) as temporary:
        shutil.copyfile(path, temporary)
    return ImportedModel(describe(to, Role.LANDMARKER))


def _file_name(name: str) -> str:
    """A name as part of a path: nothing in it leads anywhere else."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip(".-")
    return kept[:80] or "model"


def _paths(role: Role) -> list[Path]:
    """The standard file, if there is one, then the user's own."""
    standard = _standard(role)
    folder, pattern = {Role.HEAD: (_HEADS, "*.npz"), Role.ENCODER: (_ENCODERS, "*.safetensors")}.get(role, ("", ""))
    own = sorted((user_data_folder() / folder).glob(pattern)) if folder else []
    return [*([standard] if standard is not None else []), *(path for path in own if path != standard)]


def _standard(role: Role) -> Path | None:
    try:
        return find_asset({Role.HEAD: HEAD, Role.ENCODER: ENCODER, Role.LANDMARKER: LANDMARKER}[role])
    except AssetMissingError:
        return None


def _origin(path: Path) -> Origin:
    folder = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if folder and path.is_relative_to(Path(folder).expanduser()):
        return Origin.ENVIRONMENT
    if path.is_relative_to(user_data_folder()):
        return Origin.USER
    packaged = {Path(asset.package_path).name for asset in ASSETS.values() if asset.package}
    return Origin.PACKAGE if path.name in packaged else Origin.PROGRAM


def _head_texts(path: Path) -> tuple[str, str, str]:
    from fields_core.head.array_archive import read_arrays
    from fields_core.head.model_file import FORMAT

    texts = read_arrays(path, limit_bytes=_NAME_LIMIT, only=("format", "name", "licence"))
    if str(texts.get("format", "")) != FORMAT or "name" not in texts or "licence" not in texts:
        raise ModelFileError(f"{path} is not a head model", expected=f"format {FORMAT}")
    return str(texts["name"]), str(texts["licence"]), str(texts["name"])


def _encoder_texts(path: Path) -> tuple[str, str, str]:
    from fields_core.encoder.checkpoint import read_info

    info = read_info(path)
    return path.stem, "\n".join(info.data), info.head_model


def _landmarker_texts(path: Path) -> tuple[str, str, str]:
    """MediaPipe's bundle is a zip of its networks."""
    names: list[str] = []
    try:
        if zipfile.is_zipfile(path) and path.stat().st_size <= _LANDMARKER_LIMIT:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} cannot be read", found=str(error)) from error
    if not any(name.endswith(".tflite") for name in names):
        raise ModelFileError(
            f"{path.name} is not MediaPipe's face landmarker",
            expected="face_landmarker.task, a bundle of networks (.tflite)",
            remedy="Take face_landmarker.task from MediaPipe's page.",
        )
    return "MediaPipe face landmarker", LANDMARKER_LICENCE, ""
