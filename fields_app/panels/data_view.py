"""What is in a folder of training data: a row a data set, class balance, thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from fields_app import style
from fields_app.training_history import amount

if TYPE_CHECKING:
    from fields_core.training.data_check import DataCheck, SourceCheck

CLASSES = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt")
COLUMNS = ("Data set", "Samples", "To train on", "Held out", "3D truth", "Labelled", "People", "Dropped", "Size")
_THUMBNAIL = 64
_NAME_ROLE = Qt.ItemDataRole.UserRole


class DataView(QWidget):
    """Shows a `DataCheck`.

    Signals:
        chosen_changed(): data sets were taken in or out.
    """

    chosen_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._check: DataCheck | None = None
        self.table = QTreeWidget(self)
        self.table.setRootIsDecorated(False)
        self.table.setHeaderLabels([self.tr(column) for column in COLUMNS])
        self.table.setAccessibleName(self.tr("Data sets"))
        self.table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.header().setStretchLastSection(False)
        self.table.setMinimumHeight(130)
        self.table.itemChanged.connect(lambda item, column: self._show_chosen())
        self.table.itemChanged.connect(lambda item, column: self.chosen_changed.emit())
        self.table.currentItemChanged.connect(lambda item, before: self._show_thumbnails())
        self.balance = ClassBalance(self)
        self._thumbnails = QHBoxLayout()
        self._thumbnails.setSpacing(style.TINY)
        self.note = QLabel(self)
        self.note.setObjectName("soft")
        self.note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        layout.addLayout(self._thumbnails)
        layout.addWidget(self.balance)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the data sets with a tick."""
        items = [self.table.topLevelItem(row) for row in range(self.table.topLevelItemCount())]
        ticked = [item for item in items if item is not None and item.checkState(0) == Qt.CheckState.Checked]
        return tuple(str(item.data(0, _NAME_ROLE)) for item in ticked)

    @property
    def all_chosen(self) -> bool:
        return len(self.chosen) == self.table.topLevelItemCount()

    def show_check(self, check: DataCheck | None, chosen: tuple[str, ...] = (), note: str = "") -> None:
        """
        Args:
            chosen: data sets with a tick; none: all.
            note: instead of a check, or besides.
        """
        self._check = check
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.table.blockSignals(True)
        self.table.clear()
        for source in check.sources if check is not None else ():
            item = QTreeWidgetItem(self._cells(source))
            item.setData(0, _NAME_ROLE, source.name)
            taken = not chosen or source.name in chosen
            item.setCheckState(0, Qt.CheckState.Checked if taken else Qt.CheckState.Unchecked)
            for column in range(1, len(COLUMNS)):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            reasons = "\n".join(f"{count} × {reason}" for reason, count in source.dropped.items())
            item.setToolTip(COLUMNS.index("Dropped"), reasons)
            self.table.addTopLevelItem(item)
        self.table.blockSignals(False)
        if (first := self.table.topLevelItem(0)) is not None:
            self.table.setCurrentItem(first)
        self._show_chosen()
        self._show_thumbnails()

    def _cells(self, source: SourceCheck) -> list[str]:
        return [
            source.name,
            f"{source.samples:,}",
            f"{source.training:,}",
            f"{source.validation:,}",
            self.tr("yes") if source.with_3d else self.tr("no"),
            f"{sum(source.class_counts):,}",
            f"{source.people:,}" if source.people else "–",
            f"{sum(source.dropped.values()):,}",
            amount(source.size) if source.size else "–",
        ]

    def _show_chosen(self) -> None:
        sources = self._check.sources if self._check is not None else ()
        counts = [source.class_counts for source in sources if source.name in self.chosen]
        self.balance.set_counts([sum(column) for column in zip(*counts, strict=True)])

    def _show_thumbnails(self) -> None:
        while (taken := self._thumbnails.takeAt(0)) is not None:
            if (widget := taken.widget()) is not None:
                widget.deleteLater()
        item = self.table.currentItem()
        if item is None or self._check is None:
            return
        name = str(item.data(0, _NAME_ROLE))
        for pixels in next(source.thumbnails for source in self._check.sources if source.name == name):
            label = QLabel(self)
            label.setPixmap(_pixmap(pixels))
            label.setAccessibleName(self.tr("A sample of %1").replace("%1", name))
            self._thumbnails.addWidget(label)
        self._thumbnails.addStretch(1)


class ClassBalance(QWidget):
    """Bars: labelled samples of each emotion."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: list[int] = []
        self.set_counts([])

    def set_counts(self, counts: list[int]) -> None:
        self._counts = counts
        self.setVisible(any(counts))
        said = ", ".join(f"{self.tr(name)} {count}" for name, count in zip(CLASSES, counts, strict=False))
        self.setAccessibleName(self.tr("Class balance: %1").replace("%1", said))
        self.setToolTip(said)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 92)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 92)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        line = self.fontMetrics().height()
        room = self.height() - 2 * line - 2 * style.TINY
        width = self.width() / max(len(self._counts), 1)
        for number, count in enumerate(self._counts):
            height = room * count / max(*self._counts, 1)
            left = number * width + style.TINY
            column = QRectF(left, line + style.TINY + room - height, width - 2 * style.TINY, height)
            painter.fillRect(column, QColor(style.ACCENT_DEEP))
            painter.setPen(QColor(style.TEXT))
            above = QRectF(left, column.top() - line, column.width(), line)
            painter.drawText(above, Qt.AlignmentFlag.AlignCenter, f"{count:,}")
            painter.setPen(QColor(style.TEXT_SOFT))
            below = QRectF(left, self.height() - line, column.width(), line)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.tr(CLASSES[number]))
        painter.end()


def _pixmap(pixels: np.ndarray) -> QPixmap:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy()).scaledToHeight(_THUMBNAIL, Qt.TransformationMode.SmoothTransformation)
