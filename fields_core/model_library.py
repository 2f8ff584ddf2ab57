"""The model files of this computer: which there are, where from, under what licence. `model_import` adds to them."""

from __future__ import annotations

import enum
import hashlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from fields_core.assets import ASSETS, ENCODER, ENVIRONMENT_VARIABLE, find_asset, user_data_folder
from fields_core.errors import AssetMissingError, ExportError, ModelFileError
from fields_core.model_licences import LicenceClass, licence_class, licence_page
from fields_core.progress import CancelToken

HEAD, LANDMARKER = "open_head.npz", "face_landmarker.task"
LANDMARKER_LICENCE = "Apache-2.0 (Google MediaPipe)"
_LANDMARKER_LIMIT = 64 << 20  # bytes; MediaPipe's has 3.7 MB
_NAME_LIMIT = 1 << 20  # bytes of the texts at the front of a head model
_HIDDEN = (".onnx",)


class Role(enum.Enum):
    """What a model is for."""

    HEAD = "head model"
    ENCODER = "encoder"
    LANDMARKER = "face landmarker"


_OWN = {Role.HEAD: ("heads", ".npz"), Role.ENCODER: ("encoders", ".safetensors")}
"""Where in the user data folder the user's own files are."""


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
    def licence_page(self) -> str:
        """Address of the page about its licence; "" where none is known."""
        return licence_page(self.name, self.licence)

    @property
    def removable(self) -> bool:
        """Whether it was imported by the user."""
        return self.origin is Origin.USER


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


def own_file(role: Role, name: str) -> Path:
    """Where a model that the user brings is kept. There is one landmarker only, whatever its name."""
    if role is Role.LANDMARKER:
        return user_data_folder() / LANDMARKER
    folder, suffix = _OWN[role]
    return user_data_folder() / folder / f"{_file_name(name)}{suffix}"


def _file_name(name: str) -> str:
    """A name as part of a path: nothing in it leads anywhere else."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip(".-")
    return kept[:80] or "model"


def _paths(role: Role) -> list[Path]:
    """The standard file, if there is one, then the user's own."""
    standard = _standard(role)
    own: list[Path] = []
    if role in _OWN:
        folder, suffix = _OWN[role]
        own = sorted((user_data_folder() / folder).glob(f"*{suffix}"))
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
