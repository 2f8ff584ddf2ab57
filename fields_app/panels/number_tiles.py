"""Numbers that matter most, large and beside each other."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from fields_app import style


class NumberTiles(QWidget):
    """
    Args:
        titles: what is told, by names for `show_numbers`.
    """

    def __init__(self, titles: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._numbers: dict[str, QLabel] = {}
        tiles = QHBoxLayout(self)
        tiles.setContentsMargins(0, 0, 0, 0)
        tiles.setSpacing(style.SMALL)
        for name, text in titles.items():
            tile = QFrame(self)
            tile.setObjectName("card")
            column = QVBoxLayout(tile)
            column.setContentsMargins(style.MEDIUM, style.TINY, style.MEDIUM, style.TINY)
            column.setSpacing(0)
            title, number = QLabel(text, tile), QLabel("–", tile)
            title.setObjectName("faint")
            number.setObjectName("title")
            number.setAccessibleName(text)
            column.addWidget(title)
            column.addWidget(number)
            tiles.addWidget(tile, 1)
            self._numbers[name] = number

    def show_numbers(self, texts: Mapping[str, str]) -> None:
        """By name; the others stay."""
        for name, text in texts.items():
            self._numbers[name].setText(text)
