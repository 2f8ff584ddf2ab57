"""How strongly each unit of a live face moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.live_settings import GREATEST_GAIN
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter


class LiveGainsDialog(QDialog):
    """A slider for each unit, 1 is as measured; what is moved counts at once.

    Args:
        units: the expression's parameters and jawOpen.
        gains: by unit; what is not named is 1.

    Signals:
        changed(gains): by unit, without those at 1.
    """

    changed = Signal(object)

    def __init__(self, units: Sequence[Parameter], gains: Mapping[str, float], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Gains of the live face"))
        self.sliders: dict[str, ValueSlider] = {}
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search: smile, brow, jaw …"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search the units"))
        page = QWidget(self)
        page.setObjectName("plain")
        grid = QGridLayout(page)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        self._labels: dict[str, QLabel] = {}
        for row, unit in enumerate(units):
            gain = Parameter(
                unit.key, self.tr("Gain of %1").replace("%1", self.tr(unit.label)), unit.short, unit.group, "", 0,
                0.0, GREATEST_GAIN, description=self.tr("1 is as measured"),
            )  # fmt: skip
            slider = ValueSlider(gain, page)
            slider.set_reference(1.0)
            slider.set_value(gains.get(unit.key, 1.0))
            slider.edited.connect(self._tell)
            slider.reset_requested.connect(lambda slider=slider: slider.choose(1.0))
            label = QLabel(self.tr(unit.label), page)
            label.setObjectName("soft")
            label.setBuddy(slider)
            grid.addWidget(label, row, 0)
            grid.addWidget(slider, row, 1)
            self.sliders[unit.key], self._labels[unit.key] = slider, label
        area = QScrollArea(self)
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Close | kinds.Reset, self)
        for kind in (kinds.Close, kinds.Reset):
            buttons.button(kind).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        buttons.button(kinds.Reset).setToolTip(self.tr("All units as measured"))
        buttons.button(kinds.Reset).clicked.connect(self.reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(self.search)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        self.search.textChanged.connect(self._narrow)
        self.resize(440, 560)

    @property
    def gains(self) -> dict[str, float]:
        """By unit, without those at 1."""
        return {key: s.value for key, s in self.sliders.items() if abs(s.value - 1.0) > 1e-6}

    def reset(self) -> None:
        """All as measured."""
        for slider in self.sliders.values():
            slider.set_value(1.0)
        self._tell()

    def _tell(self) -> None:
        self.changed.emit(self.gains)

    def _narrow(self, text: str) -> None:
        words = text.lower().split()
        for key, label in self._labels.items():
            found = all(word in f"{label.text()} {key}".lower() for word in words)
            label.setVisible(found)
            self.sliders[key].setVisible(found)
