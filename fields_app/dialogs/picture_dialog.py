"""Where to save a picture."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

ENDINGS = (".png", ".webp", ".jpg", ".jpeg")


def ask_picture_path(parent: QWidget, suggestion: Path) -> Path | None:
    """The file the user chose, with an ending; None if they cancelled."""
    title = QCoreApplication.translate("PictureDialog", "Save picture of the view")
    kinds = QCoreApplication.translate("PictureDialog", "PNG (*.png);;WebP (*.webp);;JPEG (*.jpg *.jpeg)")
    name, _ = QFileDialog.getSaveFileName(parent, title, str(suggestion), kinds)
    return with_ending(Path(name)) if name else None


def with_ending(path: Path) -> Path:
    """The path, as .png where it has no ending of a picture."""
    return path if path.suffix.lower() in ENDINGS else path.with_name(path.name + ".png")
