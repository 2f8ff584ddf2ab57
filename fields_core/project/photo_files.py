"""Photos that a project refers to: known by their bytes, looked for where they were and beside the project."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from fields_core.project.project import Fingerprint

MAX_BYTES = 2 << 30
_MAX_SEARCHED = 5_000  # files looked at in a folder that the user names

_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}
"""Names that Windows takes for devices."""


def fingerprint(path: Path) -> Fingerprint:
    """Read a file once and say what it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Fingerprint(digest, path.stat().st_size)


def same_file(path: Path, wanted: Fingerprint) -> bool:
    """Whether ``path`` is a file with exactly these bytes. Only a file of the right size is read at all."""
    try:
        return path.is_file() and path.stat().st_size == wanted.size and fingerprint(path) == wanted
    except OSError:  # no permission, or gone in between: not the one we want
        return False


def safe_stem(name: str) -> str:
    """A file name without suffix that means the same file on every system and is in no other folder."""
    stem = PurePosixPath(PureWindowsPath(name).name).stem
    plain = "".join(c if c.isalnum() or c in " -_()" else "_" for c in stem)[:60].strip()
    return f"photo {plain}".strip() if plain.upper() in _RESERVED or not plain else plain


def places(project: Path, relative: str | None, absolute: str | None, name: str) -> list[Path]:
    """Where a photo may be: as it lay to the project, beside it, and last where it was.

    A path that names another computer (``\\\\server\\share``) is left out: a project from a stranger must not make
    this computer log in there.
    """
    folder = project.parent
    found: list[Path] = []
    if relative and not _elsewhere(relative) and not _absolute(relative):
        found.append(Path(os.path.normpath(folder / relative.replace("\\", "/"))))
    plain = PureWindowsPath(name).name  # the last part, whichever slashes it was written with
    if plain and plain not in (".", "..") and "\0" not in plain:
        found += [folder / plain, folder / "photos" / plain]
    if absolute and not _elsewhere(absolute) and "\0" not in absolute:
        found.append(Path(absolute))
    plain_paths = [path for path in found if "\0" not in str(path)]
    return list(dict.fromkeys(reversed(plain_paths)))[::-1]


def find(candidates: Iterable[Path], wanted: Fingerprint) -> Path | None:
    """The first candidate that is the photo."""
    return next((path for path in candidates if same_file(path, wanted)), None)


def find_in(folder: Path, wanted: Fingerprint) -> Path | None:
    """The photo, under whatever name, in a folder that the user pointed at or below it."""
    return find(_files_below(folder), wanted)


def _files_below(folder: Path) -> Iterator[Path]:
    for count, path in enumerate(folder.rglob("*")):
        if count >= _MAX_SEARCHED:
            return
        yield path


def _elsewhere(path: str) -> bool:
    return path.replace("\\", "/").startswith("//")


def _absolute(path: str) -> bool:
    return PureWindowsPath(path).is_absolute() or PurePosixPath(path).is_absolute()
