"""Everything the menus offer, found by typing."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.menu_actions import Command, rank

_WIDTH, _ROWS = 560, 12
_STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: _ROWS, Qt.Key.Key_PageUp: -_ROWS}


class CommandPalette(QDialog):
    """Type, choose with the arrow keys, Enter does it, Escape leaves.

    Args:
        commands: what to search, in the order to show while nothing is typed.
    """

    def __init__(self, commands: list[Command], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("palette")
        self.setAccessibleName(self.tr("Command palette"))
        self._commands = commands
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("What would you like to do?"))
        self.search.setAccessibleName(self.tr("Search commands"))
        self.search.installEventFilter(self)
        self.list = QTreeWidget(self)
        self.list.setColumnCount(3)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(self.tr("Commands"))
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SMALL, style.SMALL, style.SMALL, style.SMALL)
        layout.setSpacing(style.SMALL)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(self._choose)
        self.list.itemClicked.connect(self._choose)
        self.nothing = QLabel(self.tr("No command is called so. Escape leaves."), self.list)
        self.nothing.setObjectName("soft")
        self.nothing.move(style.SMALL, style.SMALL)
        self._fill("")
        height = max(self.list.sizeHintForRow(0), style.ROW_HEIGHT)
        self.setFixedSize(_WIDTH, self.search.sizeHint().height() + _ROWS * height + 4 * style.SMALL)
        window = parent.window()
        self.move(window.mapToGlobal(window.rect().center()) - self.rect().center())
        self.search.setFocus()

    @property
    def texts(self) -> list[str]:
        """The commands on show, the best first."""
        model = self.list.model()
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()))
            if step is not None:
                self._move(step)
                return True
        return super().eventFilter(watched, event)

    def _fill(self, typed: str) -> None:
        ranked = [
            (place, i) for i, command in enumerate(self._commands)
            if (place := rank(typed, f"{command.text} {' '.join(command.menu)}")) is not None
        ]  # fmt: skip
        ranked.sort(key=lambda found: (found[0], not self._commands[found[1]].action.isEnabled(), found[1]))
        self.list.clear()
        for _, i in ranked:
            command = self._commands[i]
            item = QTreeWidgetItem([command.text, command.place, command.shortcut])
            item.setData(0, Qt.ItemDataRole.UserRole, i)
            item.setToolTip(0, command.action.statusTip())
            item.setForeground(1, self.palette().placeholderText())
            item.setForeground(2, self.palette().placeholderText())
            if not command.action.isEnabled():  # grey, but still to be found
                item.setForeground(0, self.palette().placeholderText())
            if command.action.isCheckable():
                item.setText(0, f"{command.text}  ✓" if command.action.isChecked() else command.text)
            self.list.addTopLevelItem(item)
        self.list.setCurrentIndex(self.list.model().index(0, 0))
        self.nothing.setVisible(not ranked)
        self.nothing.adjustSize()

    def _move(self, step: int) -> None:
        count = self.list.topLevelItemCount()
        if count:
            row = min(max(self.list.currentIndex().row() + step, 0), count - 1)
            self.list.setCurrentIndex(self.list.model().index(row, 0))

    def _choose(self) -> None:
        index = self.list.currentIndex()
        if not index.isValid():
            return
        action = self._commands[index.siblingAtColumn(0).data(Qt.ItemDataRole.UserRole)].action
        if action.isEnabled():
            self.close()
            action.trigger()
