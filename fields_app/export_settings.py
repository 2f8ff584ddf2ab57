"""What to export, for which program, and where to: the export dialog's answer and how it is remembered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from PySide6.QtCore import QSettings

from fields_app.stored_values import stored_flag, stored_name

CUSTOM = "custom"
_KEY = "export/"


@dataclass(frozen=True)
class ExportChoice:
    """The export dialog's answer; the last one is its next suggestion."""

    directory: Path
    formats: tuple[str, ...] = ("obj", "glb")
    overlay: bool = True
    texture: bool = True
    everybody: bool = False
    """All people of all photos, not the shown head alone."""
    table: bool = False
    """A CSV of everybody that is exported."""
    sheet: str = ""
    """Picture sheet: "", "png" or "pdf"."""
    target: str = "general"
    """Key of `fields_core.export.TARGETS`, or `CUSTOM` with the next three."""
    unit: str = "m"
    up: str = "y"
    left_handed: bool = False


class ExportSettings:
    """The export part of a QSettings store.

    Args:
        store: that of `Settings`.
        folder: where to export to if nothing is remembered.
    """

    def __init__(self, store: QSettings, folder: Path) -> None:
        self._store, self._folder = store, folder

    def read(self) -> ExportChoice:
        """The last choice; what is missing or unknown is as in a new `ExportChoice`."""
        start = ExportChoice(self._folder)
        flags = {
            field.name: stored_flag(self._store, _KEY + field.name, getattr(start, field.name))
            for field in fields(ExportChoice)
            if field.type == "bool"
        }
        formats = str(self._store.value(_KEY + "formats", ",".join(start.formats)))
        return ExportChoice(
            directory=self._folder,
            formats=tuple(name for name in formats.split(",") if name),
            sheet=stored_name(self._store, _KEY + "sheet", ("", "png", "pdf"), start.sheet),
            target=str(self._store.value(_KEY + "target", start.target)),
            unit=stored_name(self._store, _KEY + "unit", ("m", "cm", "mm", "in"), start.unit),
            up=stored_name(self._store, _KEY + "up", ("y", "z"), start.up),
            **flags,
        )

    def write(self, choice: ExportChoice) -> None:
        for field in fields(ExportChoice):
            value = getattr(choice, field.name)
            if field.name == "formats":
                value = ",".join(value)
            self._store.setValue(_KEY + field.name, str(value) if isinstance(value, Path) else value)
