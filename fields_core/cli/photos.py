"""Which photos the command line means, and the folder each one's files go to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fields_core.errors import FieldsError, PhotoError


@dataclass(frozen=True)
class Selection:
    """The photos that were asked for."""

    photos: tuple[Path, ...]
    """Every file once, in the order given; inside a folder by name, numbers by value."""
    errors: tuple[tuple[str, FieldsError], ...]
    """Arguments that named no photo, and why."""


def select_photos(arguments: Sequence[str]) -> Selection:
    """Resolve files, folders and globs one by one, so that a wrong one spoils nothing but itself."""
    from fields_core.detection.photo_file import photo_paths

    photos: dict[str, Path] = {}
    errors: list[tuple[str, FieldsError]] = []
    for argument in arguments:
        try:
            if not argument.strip():
                raise PhotoError("An empty photo name", expected="a photo, a folder of photos or a pattern")
            found = sorted(photo_paths([argument]), key=_natural)
        except OSError as error:
            errors.append((argument, PhotoError(f"Cannot look into {argument}", found=error.strerror or str(error))))
        except PhotoError as error:
            errors.append((argument, error))
        else:
            for path in found:
                photos.setdefault(os.path.realpath(path) if "\0" not in argument else argument, path)
    return Selection(tuple(photos.values()), tuple(errors))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key: img2 before img10."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def folder_names(photos: Iterable[Path]) -> list[str]:
    """A folder name for each photo, its stem; later photos of the same stem get -2, -3, ...

    Names differ also where the file system ignores case, and have no white space or dots at their ends.
    """
    taken: set[str] = set()
    names = []
    for photo in photos:
        stem = photo.stem.strip(" .") or "photo"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names
