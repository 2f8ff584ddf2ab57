"""The user's choices: looks, units, folders, how much of the computer to take."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.preferences import Preferences
from fields_app.units import Units

_Button = QDialogButtonBox.StandardButton


class PreferencesDialog(QDialog):
    """Shows choices and gives back others. What is seen at once (theme, units) is applied at once, and put back by
    Cancel.

    Signals:
        chosen(Preferences): these hold from now on.
        layout_reset_requested()
    """

    chosen = Signal(object)
    layout_reset_requested = Signal()

    def __init__(self, preferences: Preferences, data_folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Preferences"))
        self.setMinimumWidth(560)
        self._before = preferences
        self.theme = self._choices({"dark": self.tr("Dark"), "light": self.tr("Light")}, preferences.theme)
        self.angles = self._choices({False: self.tr("Degrees"), True: self.tr("Radians")}, preferences.units.radians)
        self.amounts = self._choices({False: self.tr("0 to 1"), True: self.tr("Per cent")}, preferences.units.percent)
        self.photos = _FolderField(preferences.photo_folder, self)
        self.projects = _FolderField(preferences.project_folder, self)
        self.exports = _FolderField(preferences.export_folder, self)
        self.threads = QSpinBox(self)
        self.threads.setRange(1, max(os.cpu_count() or 1, preferences.threads))
        self.threads.setValue(preferences.threads)
        self.viewport = self._choices(
            {
                "auto": self.tr("Automatic"),
                "opengl": self.tr("In the window (OpenGL)"),
                "image": self.tr("As a picture"),
            },
            preferences.viewport,
        )
        self.autosave = QSpinBox(self)
        self.autosave.setRange(0, 3600)
        self.autosave.setSingleStep(10)
        self.autosave.setSuffix(self.tr(" s"))
        self.autosave.setSpecialValueText(self.tr("Never"))
        self.autosave.setValue(preferences.autosave_seconds)
        reset = QPushButton(self.tr("Reset window layout"), self)
        reset.setAutoDefault(False)
        reset.clicked.connect(self.layout_reset_requested)
        models = QLabel(str(data_folder), self)
        models.setTextInteractionFlags(models.textInteractionFlags().TextSelectableByMouse)
        models.setObjectName("soft")

        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        for title, rows in (
            (self.tr("Appearance"), ((self.tr("&Theme"), self.theme, ""), ("", reset, ""))),
            (self.tr("Units"), (
                (self.tr("&Angles"), self.angles, ""),
                (self.tr("A&mounts of expression"), self.amounts, ""),
            )),
            (self.tr("Folders"), (
                (self.tr("&Photos"), self.photos, ""),
                (self.tr("Pro&jects"), self.projects, ""),
                (self.tr("&Exports"), self.exports, ""),
                (self.tr("Models and recovery"), models, ""),
            )),
            (self.tr("Work"), (
                (self.tr("Copy &unsaved work every"), self.autosave, self.tr("in case of a crash")),
                (self.tr("Thr&eads"), self.threads, self.tr("from the next start; one face is quickest with 1")),
                (self.tr("3D &view"), self.viewport, self.tr("from the next start")),
            )),
        ):  # fmt: skip
            layout.addLayout(self._section(title, rows))
        self.buttons = QDialogButtonBox(_Button.Ok | _Button.Cancel | _Button.RestoreDefaults, self)
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.buttons.button(_Button.RestoreDefaults).clicked.connect(self._restore_defaults)
        layout.addSpacing(style.SMALL)
        layout.addWidget(self.buttons)
        for box in (self.theme, self.angles, self.amounts):
            box.currentIndexChanged.connect(lambda _: self.chosen.emit(self.preferences))

    @property
    def preferences(self) -> Preferences:
        """What is chosen now."""
        return Preferences(
            photo_folder=self.photos.folder,
            project_folder=self.projects.folder,
            export_folder=self.exports.folder,
            theme=self.theme.currentData(),
            units=Units(radians=self.angles.currentData(), percent=self.amounts.currentData()),
            threads=self.threads.value(),
            viewport=self.viewport.currentData(),
            autosave_seconds=self.autosave.value(),
        )

    def accept(self) -> None:
        self.chosen.emit(self.preferences)
        super().accept()

    def reject(self) -> None:
        self.chosen.emit(self._before)
        super().reject()

    def _restore_defaults(self) -> None:
        """All but the folders."""
        plain = Preferences(self.photos.folder, self.projects.folder, self.exports.folder)
        for box, value in (
            (self.theme, plain.theme), (self.angles, plain.units.radians), (self.amounts, plain.units.percent),
            (self.viewport, plain.viewport),
        ):  # fmt: skip
            box.setCurrentIndex(box.findData(value))
        self.threads.setValue(plain.threads)
        self.autosave.setValue(plain.autosave_seconds)

    def _section(self, title: str, rows: tuple[tuple[str, QWidget, str], ...]) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(style.LARGE)
        form.setVerticalSpacing(style.SMALL)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        head = QLabel(title, self)
        head.setObjectName("title")
        form.addRow(head)
        for text, field, note in rows:
            label = QLabel(text, self)
            label.setBuddy(field)
            label.setObjectName("soft")
            label.setFixedWidth(190)
            field.setAccessibleName(text.replace("&", ""))
            if note:
                line = QHBoxLayout()
                line.setSpacing(style.SMALL)
                remark = QLabel(note, self)
                remark.setObjectName("faint")
                line.addWidget(field)
                line.addWidget(remark)
                line.addStretch(1)
                form.addRow(label, line)
            else:
                form.addRow(label, field)
        return form

    def _choices(self, texts: dict[str, str] | dict[bool, str], chosen: object) -> QComboBox:
        box = QComboBox(self)
        for value, text in texts.items():
            box.addItem(text, value)
        box.setCurrentIndex(box.findData(chosen))
        return box


class _FolderField(QWidget):
    """A folder, to type or to choose."""

    def __init__(self, folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self.line = QLineEdit(str(folder), self)
        choose = QPushButton(self.tr("Choose …"), self)
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SMALL)
        layout.addWidget(self.line, 1)
        layout.addWidget(choose)
        self.setFocusProxy(self.line)

    @property
    def folder(self) -> Path:
        return Path(self.line.text()).expanduser()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder"), self.line.text())
        if folder:
            self.line.setText(folder)
