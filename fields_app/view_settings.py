"""What the 3D view remembers between two runs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths

from fields_app.stored_values import stored_flag, stored_folder


class ViewSettings:
    """Typed access to the view's part of a QSettings store.

    Args:
        store: that of `Settings`.
    """

    def __init__(self, store: QSettings) -> None:
        self._store = store

    @property
    def background(self) -> str:
        return str(self._store.value("view/background", "studio"))

    @background.setter
    def background(self, key: str) -> None:
        self._store.setValue("view/background", key)

    @property
    def light(self) -> tuple[float, float] | None:
        """Azimuth and elevation in degrees; None: never moved."""
        try:
            return float(str(self._store.value("view/azimuth"))), float(str(self._store.value("view/elevation")))
        except ValueError:
            return None

    @light.setter
    def light(self, angles: tuple[float, float]) -> None:
        self._store.setValue("view/azimuth", angles[0])
        self._store.setValue("view/elevation", angles[1])

    @property
    def transparent(self) -> bool:
        """Whether pictures have no background."""
        return stored_flag(self._store, "view/transparent")

    @transparent.setter
    def transparent(self, on: bool) -> None:
        self._store.setValue("view/transparent", on)

    @property
    def picture_folder(self) -> Path:
        """Where the last picture was saved."""
        return stored_folder(self._store, "folders/picture", QStandardPaths.StandardLocation.PicturesLocation)

    @picture_folder.setter
    def picture_folder(self, folder: Path) -> None:
        self._store.setValue("folders/picture", str(folder))
