"""What the window remembers of takes between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths

from fields_app.stored_values import stored_folder


@dataclass(frozen=True)
class TakeExportChoice:
    """The take export dialog's answer; the last one is its next suggestion."""

    directory: Path
    formats: tuple[str, ...] = ("glb", "csv")


class TakeSettings:
    """Typed access to the takes' part of a QSettings store.

    Args:
        store: that of `Settings`.
    """

    def __init__(self, store: QSettings) -> None:
        self._store = store

    @property
    def take_folder(self) -> Path:
        """Where the last take was opened or recorded."""
        return stored_folder(self._store, "folders/take", QStandardPaths.StandardLocation.MoviesLocation)

    @take_folder.setter
    def take_folder(self, folder: Path) -> None:
        self._store.setValue("folders/take", str(folder))

    @property
    def export(self) -> TakeExportChoice:
        formats = str(self._store.value("takes/formats", "glb,csv"))
        directory = stored_folder(self._store, "takes/directory", QStandardPaths.StandardLocation.DocumentsLocation)
        return TakeExportChoice(directory, tuple(name for name in formats.split(",") if name))

    @export.setter
    def export(self, choice: TakeExportChoice) -> None:
        self._store.setValue("takes/directory", str(choice.directory))
        self._store.setValue("takes/formats", ",".join(choice.formats))
