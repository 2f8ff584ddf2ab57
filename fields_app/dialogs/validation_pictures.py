"""The pictures of all validations of a run, in full size: what it learned, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from fields_app import style
from fields_app.panels.fitted_picture import FittedPicture


class ValidationPictures(QDialog):
    """
    Args:
        pictures: the first validation's first; the last one is shown.
    """

    def __init__(self, pictures: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Validation pictures"))
        self.resize(1240, 720)
        self._pictures = pictures
        self.picture = FittedPicture(
            self.tr("Photo, head, head over photo, expression"), self.tr("This picture is not there any more"), self
        )
        self.picture.unsetCursor()
        self.place = QSlider(Qt.Orientation.Horizontal, self)
        self.place.setAccessibleName(self.tr("Validation"))
        self.place.setToolTip(self.tr("The same faces at every validation"))
        self.place.setRange(0, len(pictures) - 1)
        self.name = QLabel(self)
        self.name.setObjectName("soft")
        self.name.setMinimumWidth(220)
        foot = QHBoxLayout()
        foot.addWidget(self.place, 1)
        foot.addWidget(self.name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.MEDIUM, style.MEDIUM, style.MEDIUM)
        layout.addWidget(self.picture, 1)
        layout.addLayout(foot)
        self.place.valueChanged.connect(self._show)
        self.place.setValue(len(pictures) - 1)
        self._show(self.place.value())

    def _show(self, number: int) -> None:
        path = self._pictures[number]
        self.picture.show_file(path)
        self.name.setText(f"{path.parent.parent.name}, {path.stem.replace('-', ' ')}")
