"""A form for every setting of a training, made of the settings' own descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QStyle,
    QStyleOptionFrame,
    QWidget,
)

from fields_app import style
from fields_core.errors import SettingsError
from fields_core.training.config import TrainConfig
from fields_core.training.descriptions import Setting, settings, value_of
from fields_core.training.remarks import Remark
from fields_core.training.runs import with_values

_WIDTH, _MOST_WIDTH = 150, 260  # pixels; a name that is longer gets more

Editor = QLineEdit | QCheckBox | QComboBox


class ConfigForm(QWidget):
    """Some settings below one another: name, value, unit, and what it is for.

    Args:
        chosen: the settings to show.

    Signals:
        edited(): a value is another now, or no value at all.
    """

    edited = Signal()

    def __init__(self, chosen: Sequence[Setting], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._settings = {setting.name: setting for setting in chosen}
        self._editors: dict[str, Editor] = {}
        self._remarks: dict[str, QLabel] = {}
        self._filling = False
        grid = QGridLayout(self)
        grid.setContentsMargins(style.SMALL, style.SMALL, style.SMALL, style.SMALL)
        grid.setHorizontalSpacing(style.MEDIUM)
        grid.setVerticalSpacing(style.TINY)
        grid.setColumnStretch(3, 1)
        table = ""
        for setting in chosen:
            if (head := setting.name.rpartition(".")[0]) != table:
                table = head
                self._add_heading(grid, head)
            self._add_row(grid, setting)
        grid.setRowStretch(grid.rowCount(), 1)

    def editor(self, name: str) -> Editor:
        return self._editors[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._settings)

    def show_config(self, config: TrainConfig) -> None:
        """All values of a configuration; `edited` is not emitted."""
        self._filling = True
        for name, editor in self._editors.items():
            _fill(editor, value_of(config, name))
            if isinstance(editor, QLineEdit) and self._settings[name].hint is str:
                _make_room(editor)
        self._filling = False

    def values(self) -> dict[str, Any]:
        """By name.

        Raises:
            SettingsError: one is no number.
        """
        return {name: _value(setting, self._editors[name]) for name, setting in self._settings.items()}

    def show_remarks(self, remarks: Iterable[Remark]) -> None:
        """Below the settings that they are about."""
        texts: dict[str, list[Remark]] = {}
        for remark in remarks:
            texts.setdefault(remark.setting, []).append(remark)
        for name, label in self._remarks.items():
            found = texts.get(name, [])
            if not found and label.isHidden():
                continue  # as most of them are, always
            label.setVisible(bool(found))
            label.setText("\n".join(remark.text for remark in found))
            colour = style.ERROR if any(remark.fatal for remark in found) else style.WARNING
            label.setStyleSheet(f"color: {colour};")

    def _add_heading(self, grid: QGridLayout, table: str) -> None:
        names = {"pretrain": self.tr("Pretraining"), "a": self.tr("Step A"), "b": self.tr("Step B")}
        if table in names:
            label = QLabel(names[table], self)
            label.setObjectName("title")
            grid.addWidget(label, grid.rowCount(), 0, 1, 4)

    def _add_row(self, grid: QGridLayout, setting: Setting) -> None:
        row, description = grid.rowCount(), setting.description
        editor = self._editors[setting.name] = self._make_editor(setting)
        editor.setAccessibleName(self.tr(description.label))
        editor.setAccessibleDescription(self.tr(description.sentence))
        editor.setToolTip(setting.name)
        editor.setMinimumWidth(_WIDTH)
        editor.setMaximumWidth(_MOST_WIDTH)
        name = QLabel(self.tr(description.label), self)
        name.setBuddy(editor)
        unit = QLabel(self.tr(description.unit), self)
        unit.setObjectName("faint")
        sentence = QLabel(
            self.tr("%1 Default: %2.")
            .replace("%1", self.tr(description.sentence))
            .replace("%2", _text(setting.default) or self.tr("none")),
            self,
        )
        sentence.setObjectName("faint")
        sentence.setWordWrap(True)
        remark = self._remarks[setting.name] = QLabel(self)
        remark.setWordWrap(True)
        remark.hide()
        for column, widget in enumerate((name, editor, unit, sentence)):
            grid.addWidget(widget, row, column)
        grid.addWidget(remark, row + 1, 1, 1, 3)

    def _make_editor(self, setting: Setting) -> Editor:
        options = get_args(setting.hint)
        if setting.hint is bool:
            box = QCheckBox(self)
            box.toggled.connect(self._edited)
            return box
        if options and type(None) not in options and setting.hint != tuple[str, ...]:
            combo = QComboBox(self)
            combo.addItems([str(option) for option in options])
            combo.currentIndexChanged.connect(self._edited)
            return combo
        line = QLineEdit(self)
        line.textChanged.connect(self._edited)
        return line

    def _edited(self) -> None:
        if not self._filling:
            self.edited.emit()


def config_of(forms: Sequence[ConfigForm]) -> TrainConfig:
    """What several forms say together.

    Raises:
        SettingsError: a value that makes no sense.
    """
    values: dict[str, Any] = {}
    for form in forms:
        values |= form.values()
    return with_values(TrainConfig(), values)


def remark_of(error: SettingsError) -> Remark:
    """An error of a configuration at the setting it is about; at the first setting if it is about none."""
    title = error.title.replace("The setting ", "")
    names = [setting.name for setting in settings()]
    named = next((name for name in names if title.startswith(f"{name} ")), None)
    short = next((name for name in names if title.startswith(f"{name.rpartition('.')[2]} ")), None)
    text = (
        f"{error.found} makes no sense here; expected: {error.expected}."
        if error.expected and error.found
        else str(error)
    )
    fallback = "pretrain.steps" if "0 steps" in error.title else names[0]
    return Remark(named or short or fallback, text, fatal=True)


def _fill(editor: Editor, value: Any) -> None:
    if isinstance(editor, QCheckBox):
        editor.setChecked(bool(value))
    elif isinstance(editor, QComboBox):
        editor.setCurrentText(str(value))
    else:
        editor.setText("" if value is None else _text(value))
        editor.setCursorPosition(0)


def _make_room(editor: QLineEdit) -> None:
    """Wide enough for a name: the end tells those of one family apart."""
    editor.ensurePolished()  # fonts and borders are those of the style sheet from then on
    option = QStyleOptionFrame()
    editor.initStyleOption(option)
    inside = QSize(editor.fontMetrics().horizontalAdvance(editor.text()) + style.SMALL, 0)
    whole = editor.style().sizeFromContents(QStyle.ContentsType.CT_LineEdit, option, inside, editor).width()
    editor.setMinimumWidth(max(_WIDTH, whole))
    editor.setMaximumWidth(max(_MOST_WIDTH, whole))


def _value(setting: Setting, editor: Editor) -> Any:
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    if isinstance(editor, QComboBox):
        return editor.currentText()
    text = editor.text().strip()
    if setting.hint == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if setting.hint is str:
        return text
    options = get_args(setting.hint)
    if not text and type(None) in options:
        return None
    try:
        return int(text) if int in (setting.hint, *options) else float(text)
    except ValueError as error:
        expected = "a whole number" if int in (setting.hint, *options) else "a number"
        title = f"The setting {setting.name} makes no sense"
        raise SettingsError(title, expected=expected, found=repr(text)) from error


def _text(value: Any) -> str:
    if value is None or value == ():
        return "–" if value is None else ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
