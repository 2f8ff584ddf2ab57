"""For which program, or in which unit and axes."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from fields_app import style
from fields_app.export_settings import CUSTOM, ExportChoice

_UNITS = (("m", "Metres"), ("cm", "Centimetres"), ("mm", "Millimetres"), ("in", "Inches"))
_UPS = (("y", "Y up"), ("z", "Z up"))
_HANDS = ((False, "Right-handed"), (True, "Left-handed"))
_SAID = ("obj", "ply", "stl", "usd")


class SpaceForm(QWidget):
    """A program to choose; unit, up axis and handedness where that is "Custom"; and what it comes to, in words."""

    def __init__(self, choice: ExportChoice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        from fields_core.export import TARGETS  # heavy, and there by the time anything can be exported

        self.program = QComboBox(self)
        self.program.setAccessibleName(self.tr("For which program"))
        for key, target in TARGETS.items():
            self.program.addItem(self.tr(target.name), key)
        self.program.addItem(self.tr("Custom"), CUSTOM)
        self.program.setCurrentIndex(max(self.program.findData(choice.target), 0))
        self._unit = self._combo(_UNITS, choice.unit, self.tr("Unit"))
        self._up = self._combo(_UPS, choice.up, self.tr("Up axis"))
        self._hand = self._combo(_HANDS, choice.left_handed, self.tr("Handedness"))
        self.note = QLabel(self)
        self.note.setObjectName("faint")
        self.note.setWordWrap(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(style.SMALL)
        for column, combo in enumerate((self.program, self._unit, self._up, self._hand)):
            combo.currentIndexChanged.connect(self._update)
            grid.addWidget(combo, 0, column)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.note, 1, 0, 1, 4)
        self.setFocusProxy(self.program)
        self._update()

    @property
    def target(self) -> str:
        return str(self.program.currentData())

    @property
    def unit(self) -> str:
        return str(self._unit.currentData())

    @property
    def up(self) -> str:
        return str(self._up.currentData())

    @property
    def left_handed(self) -> bool:
        return bool(self._hand.currentData())

    def _combo(self, entries: tuple[tuple[object, str], ...], chosen: object, name: str) -> QComboBox:
        combo = QComboBox(self)
        combo.setAccessibleName(name)
        combo.setToolTip(name)
        for key, text in entries:
            combo.addItem(self.tr(text), key)
        combo.setCurrentIndex(max(combo.findData(chosen), 0))
        return combo

    def _update(self) -> None:
        from fields_core.export import TARGETS, Space, custom_target

        custom = self.target == CUSTOM
        for combo in (self._unit, self._up, self._hand):
            combo.setVisible(custom)
        space = Space(self.unit, self.up, self.left_handed)  # type: ignore[arg-type]
        target = custom_target(space) if custom else TARGETS[self.target]
        said: dict[str, list[str]] = {}
        for name in _SAID:
            said.setdefault(str(target.space(name)), []).append(name.upper())
        lines = [f"{', '.join(names)}: {what}" for what, names in said.items()]
        self.note.setText("\n".join([*lines, self.tr("GLB: metres, +Y up, as its standard says")]))
