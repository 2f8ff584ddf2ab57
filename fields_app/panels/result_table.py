"""Tables of an evaluation: one on show, all of them as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fields_app import style

if TYPE_CHECKING:
    from fields_core.evaluation.results import Result, Table

_LONGEST_STORY = 300  # characters of a tool tip's line
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ResultTable(QWidget):
    """
    Args:
        absent: said where there is no result.
    """

    def __init__(self, name: str, absent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self.result: Result | None = None
        self.which = QComboBox(self)
        self.which.setAccessibleName(self.tr("Table"))
        self.which.setMinimumWidth(180)
        self.which.currentIndexChanged.connect(self._show)
        self.note = QLabel(absent, self)
        self.note.setObjectName("soft")
        self.note.setWordWrap(True)
        self.head = QHBoxLayout()
        self.head.addWidget(self.which)
        self.head.addWidget(self.note, 1)
        self.table = QTreeWidget(self)
        self.table.setRootIsDecorated(False)
        self.table.setAccessibleName(name)
        self.table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, style.SMALL, 0, 0)
        layout.addLayout(self.head)
        layout.addWidget(self.table, 1)
        self.which.hide()

    def show_result(self, result: Result) -> None:
        self.result = result
        self.which.blockSignals(True)
        self.which.clear()
        self.which.addItems([table.title for table in result.tables])
        self.which.blockSignals(False)
        self.which.setVisible(len(result.tables) > 1)
        story = [f"{fact.name}: {fact.value}"[:_LONGEST_STORY] for fact in result.facts]
        self.table.setToolTip("\n".join(story))
        self._show(0)

    def pictures(self) -> dict[str, QPixmap]:
        """Of all tables, by their titles."""
        if self.result is None:
            return {}
        return {table.title: table_picture(table, self.fontMetrics()) for table in self.result.tables}

    def _show(self, number: int) -> None:
        if self.result is None or not 0 <= number < len(self.result.tables):
            return
        table = self.result.tables[number]
        self.note.setText(table.note)
        self.table.clear()
        self.table.setHeaderLabels([column.name for column in table.columns])
        self.table.setColumnCount(len(table.columns))
        for texts, cells in zip(table.texts(), table.rows, strict=True):
            item = QTreeWidgetItem(texts)
            for place, cell in enumerate(cells):
                if not isinstance(cell, str):
                    item.setTextAlignment(place, _RIGHT)
            self.table.addTopLevelItem(item)


def table_picture(table: Table, metrics: QFontMetrics) -> QPixmap:
    """A table as it would be printed, however many columns it has."""
    head, body = [column.name for column in table.columns], table.texts()
    widths = [max(metrics.horizontalAdvance(row[n]) for row in [head, *body]) for n in range(len(head))]
    line, gap = round(1.5 * metrics.height()), style.LARGE
    picture = QPixmap(sum(widths) + gap * (len(widths) + 1), line * (len(body) + 2) + style.SMALL)
    picture.fill(QColor(style.CANVAS))
    painter = QPainter(picture)
    painter.setPen(QColor(style.TEXT))
    painter.drawText(QRectF(gap, 0, picture.width(), line), Qt.AlignmentFlag.AlignVCenter, table.title)
    for number, row in enumerate([head, *body]):
        painter.setPen(QColor(style.TEXT if number else style.TEXT_SOFT))
        left = gap
        for place, text in enumerate(row):
            words = not body or isinstance(table.rows[max(number - 1, 0)][place], str)
            side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter if words else _RIGHT
            painter.drawText(QRectF(left, (number + 1) * line, widths[place], line), side, text)
            left += widths[place] + gap
    painter.fillRect(QRectF(gap, 2 * line, picture.width() - 2 * gap, 1), QColor(style.BORDER_STRONG))
    painter.end()
    return picture
