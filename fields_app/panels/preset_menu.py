"""The menu of expressions by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QLabel, QMenu, QWidget, QWidgetAction

from fields_app import style
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter

if TYPE_CHECKING:
    from fields_core.expression.presets import Preset

_INTENSITY = Parameter(
    "intensity", "Intensity of presets", "Intensity", "Expression", "", 0, 0.0, 150.0, unit="%",
    description="100 % is the preset as it is; more exaggerates it",
)  # fmt: skip
_USUAL = 80.0  # per cent: at 100 the action units of an emotion are as strong as they get


class PresetMenu(QMenu):
    """Neutral, emotions at the intensity that the slider says, mouth shapes of speech, and the user's own.

    Signals:
        chosen(preset, intensity): intensity 1 is the preset as it is.
        keep_requested(name): the expression on show shall become a preset.
        forget_requested(preset): one of the user's own shall go.
    """

    chosen = Signal(object, float)
    keep_requested = Signal(str)
    forget_requested = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setToolTipsVisible(True)
        self.intensity = ValueSlider(_INTENSITY, self)
        self.intensity.set_reference(_USUAL)
        self.intensity.set_value(_USUAL)
        self.intensity.reset_requested.connect(lambda: self.intensity.set_value(_USUAL))
        self._names: set[str] = set()
        self._slider = self._slider_line()
        self.set_presets(())

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Rebuild the menu."""
        for action in self.actions():
            self.removeAction(action)
            if action is not self._slider:
                action.deleteLater()
        kinds = ("neutral", "emotion", "viseme", "own")
        groups = {kind: [preset for preset in presets if preset.kind.value == kind] for kind in kinds}
        self._names = {preset.name for preset in groups["own"]}
        self.addAction(self._slider)
        self.addSeparator()
        for preset in groups["neutral"]:
            self._add(self, preset)
        if groups["emotion"]:
            for preset in groups["emotion"]:
                self._add(self, preset)
            self.addSeparator()
        if groups["viseme"]:
            speech = self.addMenu(self.tr("Speech"))
            for preset in groups["viseme"]:
                self._add(speech, preset)
        if groups["own"]:
            own = self.addMenu(self.tr("My presets"))
            for preset in groups["own"]:
                self._add(own, preset)
            own.addSeparator()
            forget = own.addMenu(self.tr("Remove"))
            for preset in groups["own"]:
                action = forget.addAction(preset.name)
                action.triggered.connect(lambda _=False, gone=preset: self.forget_requested.emit(gone))
        self.addSeparator()
        keep = self.addAction(self.tr("&Keep this expression …"))
        keep.setToolTip(self.tr("Gives the expression on show a name, to use it on any head"))
        keep.triggered.connect(self._ask_name)

    def _add(self, menu: QMenu, preset: Preset) -> None:
        text = preset.name if preset.kind.value == "own" else self.tr(preset.name)
        action = menu.addAction(text.replace("&", "&&"))
        action.triggered.connect(lambda: self.chosen.emit(preset, self.intensity.value / 100.0))

    def _slider_line(self) -> QWidgetAction:
        line = QWidget(self)
        line.setObjectName("plain")
        label = QLabel(self.tr("Intensity"), line)
        label.setObjectName("soft")
        row = QHBoxLayout(line)
        row.setContentsMargins(style.LARGE, style.TINY, style.MEDIUM, style.TINY)
        row.addWidget(label)
        row.addWidget(self.intensity)
        line.setMinimumWidth(240)
        action = QWidgetAction(self)
        action.setDefaultWidget(line)
        return action

    def _ask_name(self) -> None:
        dialog = QInputDialog(self.parentWidget())
        dialog.setWindowTitle(self.tr("Keep this expression"))
        dialog.setLabelText(self.tr("Name of the preset:"))
        names = (self.tr("My expression %1").replace("%1", str(n)) for n in range(1, len(self._names) + 2))
        dialog.setTextValue(next(name for name in names if name not in self._names))
        dialog.textValueSelected.connect(self.keep_requested)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
