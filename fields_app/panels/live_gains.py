"""How strongly each unit of a live face moves, and between which limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
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

_LEAST = 0.005  # below the last digit that the boxes show


class LiveGainsDialog(QDialog):
    """A slider for each unit's gain, 1 is as measured, and its two limits; what is moved counts at once.

    Args:
        units: the expression's parameters and jawOpen.
        gains: by unit; what is not named is 1.
        limits: by unit, lower and upper; what is not named goes as far as the head model lets it.

    Signals:
        changed(gains): by unit, without those at 1.
        limits_changed(limits): by unit, without those that are the head model's.
    """

    changed = Signal(object)
    limits_changed = Signal(object)

    def __init__(
        self,
        units: Sequence[Parameter],
        gains: Mapping[str, float],
        limits: Mapping[str, tuple[float, float]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Units of the live face"))
        self._units = {unit.key: unit for unit in units}
        self.ranges: dict[str, tuple[QDoubleSpinBox, QDoubleSpinBox]] = {}
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
        for column, text in enumerate((self.tr("Unit"), self.tr("Gain"), self.tr("From"), self.tr("To"))):
            heading = QLabel(text, page)
            heading.setObjectName("faint")
            grid.addWidget(heading, 0, column)
        for row, unit in enumerate(units, start=1):
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
            chosen = (limits or {}).get(unit.key, (unit.minimum, unit.maximum))
            names = self.tr("Least %1").replace("%1", label.text()), self.tr("Most %1").replace("%1", label.text())
            low, high = (self._limit(unit, value, name, page) for value, name in zip(chosen, names, strict=True))
            low.valueChanged.connect(high.setMinimum)
            high.valueChanged.connect(low.setMaximum)
            low.setMaximum(high.value())
            high.setMinimum(low.value())
            for column, box in enumerate((low, high), start=2):
                box.valueChanged.connect(self._tell_limits)
                grid.addWidget(box, row, column)
            self.ranges[unit.key] = (low, high)
        area = QScrollArea(self)
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Close | kinds.Reset, self)
        for kind in (kinds.Close, kinds.Reset):
            buttons.button(kind).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        buttons.button(kinds.Reset).setToolTip(self.tr("All units as measured, without limits of your own"))
        buttons.button(kinds.Reset).clicked.connect(self.reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(self.search)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        self.search.textChanged.connect(self._narrow)
        self.resize(620, 560)

    @property
    def gains(self) -> dict[str, float]:
        """By unit, without those at 1."""
        return {key: s.value for key, s in self.sliders.items() if abs(s.value - 1.0) > 1e-6}

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """By unit, without those that are the head model's."""
        chosen = {key: (low.value(), high.value()) for key, (low, high) in self.ranges.items()}
        return {key: pair for key, pair in chosen.items() if not _same(pair, self._units[key])}

    def reset(self) -> None:
        """All as measured, as far as the head model lets it."""
        for slider in self.sliders.values():
            slider.set_value(1.0)
        for key, (low, high) in self.ranges.items():
            unit = self._units[key]
            with QSignalBlocker(low), QSignalBlocker(high):
                low.setRange(unit.minimum, unit.maximum)
                high.setRange(unit.minimum, unit.maximum)
                low.setValue(unit.minimum)
                high.setValue(unit.maximum)
        self._tell()
        self._tell_limits()

    def _limit(self, unit: Parameter, value: float, name: str, page: QWidget) -> QDoubleSpinBox:
        box = QDoubleSpinBox(page)
        box.setDecimals(2)
        box.setSingleStep(0.05)
        box.setRange(unit.minimum, unit.maximum)
        box.setValue(value)
        box.setAccessibleName(name)
        box.setToolTip(name)
        return box

    def _tell(self) -> None:
        self.changed.emit(self.gains)

    def _tell_limits(self) -> None:
        self.limits_changed.emit(self.limits)

    def _narrow(self, text: str) -> None:
        words = text.lower().split()
        for key, label in self._labels.items():
            found = all(word in f"{label.text()} {key}".lower() for word in words)
            label.setVisible(found)
            for widget in (self.sliders[key], *self.ranges[key]):
                widget.setVisible(found)


def _same(limits: tuple[float, float], unit: Parameter) -> bool:
    return abs(limits[0] - unit.minimum) < _LEAST and abs(limits[1] - unit.maximum) < _LEAST
