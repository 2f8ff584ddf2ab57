"""Pictures between Qt and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QPainter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_THUMBNAIL = QSize(128, 128)


def read_thumbnail(path: Path) -> QImage:
    """A small square picture of a photo; grey where the file cannot be read (opening it will say why)."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(_THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    image = reader.read()
    if image.isNull():
        image = QImage(_THUMBNAIL, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.darkGray)
    return _squared(image)


def thumbnail_of(pixels: NDArray[Any]) -> QImage:
    """The same of (H, W, 3) uint8 RGB."""
    step = max(min(pixels.shape[:2]) // (2 * _THUMBNAIL.width()), 1)
    image = image_of(pixels[::step, ::step])
    mode = Qt.AspectRatioMode.KeepAspectRatioByExpanding
    return _squared(image.scaled(_THUMBNAIL, mode, Qt.TransformationMode.SmoothTransformation))


def image_of(pixels: NDArray[Any]) -> QImage:
    """(H, W, 3) uint8 RGB as a Qt image of its own memory."""
    rows = np.ascontiguousarray(pixels)
    height, width = rows.shape[:2]
    return QImage(rows.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _squared(image: QImage) -> QImage:
    left, top = (image.width() - _THUMBNAIL.width()) // 2, (image.height() - _THUMBNAIL.height()) // 2
    return image.copy(left, top, _THUMBNAIL.width(), _THUMBNAIL.height())


def pixels_of(image: QImage) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a Qt image; what is transparent lies on white."""
    flat = QImage(image.size(), QImage.Format.Format_RGB888)
    flat.fill(Qt.GlobalColor.white)
    painter = QPainter(flat)
    painter.drawImage(0, 0, image)
    painter.end()
    rows = np.frombuffer(flat.constBits(), np.uint8).reshape(flat.height(), flat.bytesPerLine())
    return rows[:, : 3 * flat.width()].reshape(flat.height(), flat.width(), 3).copy()
