"""What the window remembers between two runs, as typed values over QSettings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths


@dataclass(frozen=True)
class ExportChoice:
    """The export dialog's answer; the last one is its next suggestion."""

    directory: Path
    formats: tuple[str, ...] = ("obj", "glb")
    overlay: bool = True
    texture: bool = True


class Settings:
    """Typed access to one QSettings store.

    Args:
        store: where the values live; the user's own store by default, a temporary file in tests.
    """

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store if store is not None else QSettings("FIELDS", "fields-app")

    @property
    def photo_folder(self) -> Path:
        """Where the last photo was opened."""
        return self._folder("folders/photo", QStandardPaths.StandardLocation.PicturesLocation)

    @photo_folder.setter
    def photo_folder(self, folder: Path) -> None:
        self._store.setValue("folders/photo", str(folder))

    @property
    def export(self) -> ExportChoice:
        formats = str(self._store.value("export/formats", "obj,glb"))
        return ExportChoice(
            directory=self._folder("export/directory", QStandardPaths.StandardLocation.DocumentsLocation),
            formats=tuple(name for name in formats.split(",") if name),
            overlay=self._flag("export/overlay", True),
            texture=self._flag("export/texture", True),
        )

    @export.setter
    def export(self, choice: ExportChoice) -> None:
        self._store.setValue("export/directory", str(choice.directory))
        self._store.setValue("export/formats", ",".join(choice.formats))
        self._store.setValue("export/overlay", choice.overlay)
        self._store.setValue("export/texture", choice.texture)

    @property
    def geometry(self) -> QByteArray:
        return QByteArray(self._bytes("window/geometry"))

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("window/geometry", value)

    @property
    def splitter(self) -> QByteArray:
        return QByteArray(self._bytes("window/splitter"))

    @splitter.setter
    def splitter(self, value: QByteArray) -> None:
        self._store.setValue("window/splitter", value)

    @property
    def viewport(self) -> str:
        """ "auto", "opengl" or "image": which viewport backend to use."""
        value = str(self._store.value("viewport/backend", "auto"))
        return value if value in ("auto", "opengl", "image") else "auto"

    def _folder(self, key: str, fallback: QStandardPaths.StandardLocation) -> Path:
        remembered = str(self._store.value(key, ""))
        if remembered and Path(remembered).is_dir():
            return Path(remembered)
        return Path(QStandardPaths.writableLocation(fallback) or Path.home())

    def _flag(self, key: str, default: bool) -> bool:
        return str(self._store.value(key, default)).lower() in ("true", "1")

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
