"""The rows of the batch queue as a table model, and the bar in its progress column."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    Qt,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from fields_app import style
from fields_app.batch_queue import BatchQueue, BatchRow, RowState

PHOTO, STATUS, FACES, RESULT = range(4)
PROGRESS_ROLE = Qt.ItemDataRole.UserRole

_Index = QModelIndex | QPersistentModelIndex


class BatchTable(QAbstractTableModel):
    """Photo, status, faces, and what came of it."""

    def __init__(self, queue: BatchQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        queue.rows_about_to_change.connect(self.beginResetModel)
        queue.rows_changed.connect(self.endResetModel)
        queue.row_changed.connect(lambda row: self.dataChanged.emit(self.index(row, 0), self.index(row, RESULT)))

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._queue.rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else RESULT + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation is Qt.Orientation.Vertical:
            return section + 1
        return (self.tr("Photo"), self.tr("Status"), self.tr("Faces"), self.tr("Result"))[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self._queue.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (row.path.name, status_of(row), str(row.faces) if row.faces else "", _result(row))[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.details or str(row.path)
        if (
            role == Qt.ItemDataRole.ForegroundRole
            and row.state is RowState.FAILED
            and index.column() in (STATUS, RESULT)
        ):
            return QColor(style.ERROR)
        if role == PROGRESS_ROLE and row.state is RowState.WORKING:
            return row.progress
        return None


class ProgressDelegate(QStyledItemDelegate):
    """A thin bar below the status of the row at work."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        super().paint(painter, option, index)
        progress = index.data(PROGRESS_ROLE)
        if progress is not None:
            room = QRectF(option.rect).adjusted(4, 0, -4, -2)
            bar = QRectF(room.left(), room.bottom() - 2, room.width(), 2)
            painter.fillRect(bar, QColor(style.BORDER))
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * progress, 2), QColor(style.ACCENT))


def status_of(row: BatchRow) -> str:
    """What the status column says."""
    if row.state is RowState.WORKING:
        return f"{row.step} …"
    names = {
        RowState.WAITING: QCoreApplication.translate("BatchTable", "Waiting"),
        RowState.DONE: QCoreApplication.translate("BatchTable", "Done"),
        RowState.FAILED: QCoreApplication.translate("BatchTable", "Failed"),
    }
    return names[row.state]


def _result(row: BatchRow) -> str:
    if row.state is RowState.FAILED:
        return row.error
    if row.state is RowState.DONE:
        text = QCoreApplication.translate("BatchTable", "%1 files in %2 s")
        return text.replace("%1", str(row.files)).replace("%2", f"{row.seconds:.1f}")
    return ""
