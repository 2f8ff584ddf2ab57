"""As what a take leaves, and where to."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.take_settings import TakeExportChoice

FORMATS = (
    ("glb", "GLB", "Animated head: named morph targets, joints for head, jaw and eyes"),
    ("usd", "USD", "The same for USD: blend shapes and joints"),
    ("csv", "CSV", "All curves, one row a frame"),
    ("livelink", "Live Link CSV", "ARKit's 52 shapes as Epic's Live Link Face app records them"),
    ("json", "JSON", "All curves with names and units"),
    ("npz", "NPZ", "Codes as NumPy arrays"),
    ("video", "Video", "Picture and head side by side"),
)


class TakeExportDialog(QDialog):
    """Asks for formats and folder; starts from the last choice.

    Args:
        has_pictures: whether the take was recorded with video.
    """

    def __init__(self, choice: TakeExportChoice, *, has_pictures: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export take"))
        self.setMinimumWidth(540)
        grid = QGridLayout()
        grid.setHorizontalSpacing(style.LARGE)
        grid.setVerticalSpacing(style.TINY)
        grid.setColumnStretch(1, 1)
        self._formats: dict[str, QCheckBox] = {}
        for row, (key, name, what) in enumerate(FORMATS):
            possible = key != "video" or has_pictures
            box = QCheckBox(self.tr(name), self)
            box.setEnabled(possible)
            box.setChecked(possible and key in choice.formats)
            box.setAccessibleDescription(self.tr(what))
            box.toggled.connect(self._update_button)
            note = QLabel(self.tr(what) if possible else self.tr("The take was recorded without video"), self)
            note.setObjectName("faint")
            grid.addWidget(box, row, 0)
            grid.addWidget(note, row, 1)
            self._formats[key] = box
        self.folder = QLineEdit(str(choice.directory), self)
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.textChanged.connect(self._update_button)
        browse = QPushButton(self.tr("Choose …"), self)
        browse.clicked.connect(self._browse)
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.export_button = QPushButton(self.tr("Export"), self)
        self.export_button.setObjectName("primary")
        self.export_button.setDefault(True)
        self.buttons.addButton(self.export_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(self._heading(self.tr("Formats")))
        layout.addLayout(grid)
        layout.addWidget(self._heading(self.tr("Folder")))
        layout.addLayout(line)
        layout.addWidget(self.buttons)
        self._update_button()

    @property
    def choice(self) -> TakeExportChoice:
        formats = tuple(key for key, _, _ in FORMATS if self._formats[key].isChecked())
        return TakeExportChoice(Path(self.folder.text()).expanduser(), formats)

    def set_format(self, key: str, on: bool) -> None:
        self._formats[key].setChecked(on)

    def _heading(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setObjectName("title")
        return label

    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Export to"), self.folder.text())
        if name:
            self.folder.setText(name)

    def _update_button(self) -> None:
        self.export_button.setEnabled(bool(self.choice.formats) and bool(self.folder.text().strip()))
