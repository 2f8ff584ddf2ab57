"""A picture as large as there is room for it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget


class FittedPicture(QLabel):
    """
    Args:
        name: what is to be seen, for those who cannot see it.
        absent: said where there is no picture.

    Signals:
        clicked(): on a picture.
    """

    clicked = Signal()

    def __init__(self, name: str, absent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole, self._absent = QPixmap(), absent
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(80, 60)
        self.setAccessibleName(name)
        self.show_file(None)

    def show_file(self, path: Path | None) -> None:
        self._whole = QPixmap() if path is None else QPixmap(str(path))
        if self._whole.isNull():
            self.setObjectName("faint")
            self.setText(self._absent)
            self.unsetCursor()
        else:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        if not self._whole.isNull():
            self._fit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._whole.isNull() and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def _fit(self) -> None:
        ratio = self.devicePixelRatioF()
        pixmap = self._whole.scaled(
            self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        pixmap.setDevicePixelRatio(ratio)
        self.setPixmap(pixmap)
