"""What to export, for which program and where to."""

from __future__ import annotations

import itertools
from pathlib import Path

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.dialogs.space_form import SpaceForm
from fields_app.export_settings import ExportChoice

FORMATS = (
    ("obj", "OBJ", "Mesh with material and texture, for every 3D program"),
    ("glb", "GLB", "Textured head with every expression as a morph target"),
    ("usd", "USD", "The same for USD: UsdSkel blend shapes, preview material"),
    ("ply", "PLY", "Mesh with vertex colours"),
    ("stl", "STL", "Bare mesh, for 3D printing"),
    ("npz", "NPZ", "Vertices, landmarks and the face code as NumPy arrays"),
    ("json", "JSON", "The face code with names and units"),
)
SHEETS = (("", "None"), ("png", "PNG"), ("pdf", "PDF"))


class ExportDialog(QDialog):
    """Asks for formats, program, people and folder; starts from the last choice.

    Args:
        choice: the last one.
        people: faces in the document; with none, or one, there is no question whom to export.
        licence: of the head model, as it will be written into the files.
    """

    def __init__(
        self, choice: ExportChoice, parent: QWidget | None = None, *, people: int = 1, licence: str = ""
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export head"))
        self.setMinimumWidth(560)
        self._people = people
        self._formats: dict[str, QCheckBox] = {}
        self.texture = self._box(self.tr("Texture from the photo"), choice.texture)
        self.overlay = self._box(self.tr("Picture of the head over the photo"), choice.overlay)
        self.table = self._box(self.tr("Table of codes, errors and scores (CSV)"), choice.table)
        self.sheet = QComboBox(self)
        self.sheet.setAccessibleName(self.tr("Picture sheet"))
        for key, name in SHEETS:
            self.sheet.addItem(self.tr(name), key)
        self.sheet.setCurrentIndex(max(self.sheet.findData(choice.sheet), 0))
        self.sheet.currentIndexChanged.connect(self._update_button)
        self.space = SpaceForm(choice, self)
        self.everybody = QRadioButton(self.tr("Everybody (%1 faces)").replace("%1", str(people)), self)
        self.only_this = QRadioButton(self.tr("This head"), self)
        whom = QButtonGroup(self)
        for button in (self.only_this, self.everybody):
            whom.addButton(button)
        (self.everybody if choice.everybody and people > 1 else self.only_this).setChecked(True)
        self._everybody_before = choice.everybody
        self.folder = QLineEdit(str(choice.directory), self)
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.textChanged.connect(self._update_button)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.SMALL)
        if people > 1:
            layout.addWidget(self._title(self.tr("Whom")))
            layout.addLayout(_line(self.only_this, self.everybody))
            layout.addSpacing(style.TINY)
        else:
            self.only_this.hide()
            self.everybody.hide()
        layout.addWidget(self._title(self.tr("Formats")))
        layout.addLayout(self._format_grid(choice))
        layout.addSpacing(style.TINY)
        layout.addWidget(self._title(self.tr("Unit and axes")))
        layout.addWidget(self.space)
        layout.addSpacing(style.TINY)
        layout.addWidget(self._title(self.tr("Besides")))
        besides = QGridLayout()
        besides.addWidget(self.texture, 0, 0)
        besides.addWidget(self.overlay, 0, 1)
        besides.addWidget(self.table, 1, 1)
        besides.addLayout(_line(QLabel(self.tr("Picture sheet"), self), self.sheet), 1, 0)
        layout.addLayout(besides)
        layout.addSpacing(style.TINY)
        layout.addWidget(self._title(self.tr("Folder")))
        browse = QPushButton(self.tr("Browse …"), self)
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        layout.addLayout(place)
        layout.addSpacing(style.SMALL)
        if licence:
            note = QLabel(self.tr("Head model: %1. The files carry this licence.").replace("%1", licence), self)
            note.setObjectName("faint")
            layout.addWidget(note)
        layout.addWidget(self._buttons())
        self._set_tab_order()
        self._update_button()

    @property
    def choice(self) -> ExportChoice:
        return ExportChoice(
            directory=Path(self.folder.text()).expanduser(),
            formats=tuple(key for key, box in self._formats.items() if box.isChecked()),
            overlay=self.overlay.isChecked(),
            texture=self.texture.isChecked(),
            everybody=self.everybody.isChecked() if self._people > 1 else self._everybody_before,
            table=self.table.isChecked(),
            sheet=str(self.sheet.currentData()),
            target=self.space.target,
            unit=self.space.unit,
            up=self.space.up,
            left_handed=self.space.left_handed,
        )

    def format_box(self, key: str) -> QCheckBox:
        return self._formats[key]

    def _format_grid(self, choice: ExportChoice) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(style.LARGE)
        grid.setVerticalSpacing(style.TINY)
        grid.setColumnStretch(1, 1)
        for row, (key, name, what) in enumerate(FORMATS):
            box = self._box(self.tr(name), key in choice.formats)
            box.setAccessibleDescription(self.tr(what))
            note = QLabel(self.tr(what), self)
            note.setObjectName("faint")
            grid.addWidget(box, row, 0)
            grid.addWidget(note, row, 1)
            self._formats[key] = box
        return grid

    def _buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.export_button = QPushButton(self.tr("Export"), self)
        self.export_button.setObjectName("primary")
        self.export_button.setDefault(True)
        buttons.addButton(self.export_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        return buttons

    def _box(self, text: str, checked: bool) -> QCheckBox:
        box = QCheckBox(text, self)
        box.setChecked(checked)
        box.toggled.connect(self._update_button)
        return box

    def _title(self, text: str) -> QLabel:
        title = QLabel(text, self)
        title.setObjectName("title")
        return title

    def _set_tab_order(self) -> None:
        """As the eye goes: from top to bottom."""
        chain = [self.only_this, self.everybody, *self._formats.values(), self.space, self.texture, self.overlay]
        chain += [self.sheet, self.table, self.folder, self.export_button]
        for first, second in itertools.pairwise(chain):
            QWidget.setTabOrder(first, second)
        self.export_button.setFocus()

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Export into"), self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _update_button(self) -> None:
        if not hasattr(self, "export_button"):
            return
        some = any(box.isChecked() for box in self._formats.values())
        if self._people:
            some = some or self.table.isChecked() or bool(self.sheet.currentData())
        for widget in (self.texture, self.overlay, self.table, self.sheet):
            widget.setEnabled(self._people > 0)
        self.export_button.setEnabled(some and bool(self.folder.text().strip()))


def _line(*widgets: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(style.LARGE)
    for widget in widgets:
        line.addWidget(widget)
    line.addStretch(1)
    return line
