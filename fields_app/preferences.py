"""What the preferences dialog asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fields_app.units import Units


@dataclass(frozen=True)
class Preferences:
    """The user's choices."""

    photo_folder: Path
    project_folder: Path
    export_folder: Path
    theme: str = "dark"
    """ "dark" or "light"."""
    units: Units = field(default_factory=Units)
    threads: int = 1
    """Of numeric libraries, from the next start."""
    viewport: str = "auto"
    """ "auto", "opengl" or "image", from the next start."""
    autosave_seconds: int = 30
    """0: never."""
