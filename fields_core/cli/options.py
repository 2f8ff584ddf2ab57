"""Options that several commands share, and what they may be."""

from __future__ import annotations

import difflib
import os
import tempfile
from pathlib import Path

from fields_core.errors import ExportError, SettingsError


def parse_choices(text: str, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Split a comma-separated option into distinct known names, case and spaces ignored.

    Raises:
        SettingsError: an unknown name (with the nearest known one), or none at all.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if not names:
        raise SettingsError(f"No {what} given", expected=f"one or more of {', '.join(known)}", found=repr(text))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise SettingsError(
                f"Unknown {what} {name!r}",
                expected=f"one or more of {', '.join(known)}",
                remedy=f"Did you mean {near[0]}?" if near else "",
            )
    return names


def writable_folder(text: str) -> Path:
    """Make the folder if need be and try that it can be written, before any long work.

    Raises:
        ExportError: it is a file, or cannot be made or written.
    """
    folder = Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ExportError(
            f"{folder} is not a folder", expected="a folder for the results", remedy="Choose another --out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(dir=folder, prefix=".fields-")
        os.close(handle)
        Path(probe).unlink()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ExportError(f"Cannot write into {folder}", found=reason, remedy="Choose another --out.") from error
    return folder
