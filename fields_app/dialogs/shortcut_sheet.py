"""All shortcuts on one page, made from the menus so that it cannot be out of date."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.menu_actions import Command, rank

_COLUMNS = 2
_ELSEWHERE = (
    ("3D view", (("Drag", "Turn"), ("Shift+Drag", "Move"), ("Wheel", "Zoom"), ("Home", "From the front"))),
    ("Photo", (("Click a box", "Select the face"), ("F", "Close up on it"), ("Home", "The whole photo"),
               ("Drag", "Move"), ("Wheel", "Zoom"))),
    ("Sliders", (("← →", "Step"), ("Page ↑ ↓", "Large step"), ("Double click", "Back to the photo’s value"))),
)  # fmt: skip
"""What is no menu entry: group, then keys and what they do."""


class ShortcutSheet(QDialog):
    """Shortcuts by menu, then what mouse and keys do in the panels; with a search."""

    def __init__(self, commands: list[Command], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard and mouse"))
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search shortcuts"))
        groups: dict[str, list[tuple[str, str]]] = {}
        for command in commands:
            if command.shortcut:
                groups.setdefault(command.menu[0], []).append((command.shortcut, command.text))
        for title, entries in _ELSEWHERE:
            groups[self.tr(title)] = [(self.tr(keys), self.tr(what)) for keys, what in entries]
        self._rows: list[tuple[str, list[QWidget]]] = []
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        heights = [0] * _COLUMNS
        for title, rows in groups.items():
            shortest = heights.index(min(heights))
            columns[shortest].addWidget(self._group(title, rows))
            heights[shortest] += len(rows) + 2
        page = QWidget(self)
        page.setObjectName("plain")
        across = QHBoxLayout(page)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(2 * style.LARGE)
        for column in columns:
            column.addStretch(1)
            across.addLayout(column, 1)
        area = QScrollArea(self)
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(self.search)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        self.search.textChanged.connect(self._narrow)
        room = self.screen().availableSize()
        self.resize(min(860, room.width() * 9 // 10), min(720, room.height() * 8 // 10))

    @property
    def visible_texts(self) -> list[str]:
        """What the rows that match the search say."""
        return [text for text, widgets in self._rows if not widgets[0].isHidden()]

    def _group(self, title: str, rows: list[tuple[str, str]]) -> QWidget:
        box = QWidget(self)
        box.setObjectName("plain")
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, style.MEDIUM)
        grid.setHorizontalSpacing(style.MEDIUM)
        grid.setVerticalSpacing(style.TINY)
        grid.setColumnStretch(0, 1)
        head = QLabel(title, box)
        head.setObjectName("title")
        grid.addWidget(head, 0, 0, 1, 2)
        for i, (keys, what) in enumerate(rows, 1):
            text, key = QLabel(what, box), QLabel(keys, box)
            text.setObjectName("soft")
            key.setObjectName("key")
            grid.addWidget(text, i, 0)
            grid.addWidget(key, i, 1, Qt.AlignmentFlag.AlignRight)
            self._rows.append((f"{what} {keys} {title}", [text, key]))
        return box

    def _narrow(self, typed: str) -> None:
        for text, widgets in self._rows:
            found = rank(typed, text)
            for widget in widgets:
                widget.setVisible(found is not None and found < 3)
