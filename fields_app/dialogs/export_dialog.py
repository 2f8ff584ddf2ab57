"""What to export and where to."""

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
from fields_app.settings import ExportChoice

FORMATS = (
    ("obj", "OBJ", "Mesh with material and texture, for every 3D program"),
    ("glb", "GLB", "Textured head with every expression as a morph target"),
    ("ply", "PLY", "Mesh with vertex colours"),
    ("stl", "STL", "Bare mesh, for 3D printing"),
    ("npz", "NPZ", "Vertices, landmarks and the face code as NumPy arrays"),
    ("json", "JSON", "The face code with names and units"),
)


class ExportDialog(QDialog):
    """Asks for formats and folder; starts from the last choice."""

    def __init__(self, choice: ExportChoice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export head"))
        self.setMinimumWidth(520)
        title = QLabel(self.tr("Formats"), self)
        title.setObjectName("title")
        grid = QGridLayout()
        grid.setHorizontalSpacing(style.LARGE)
        grid.setVerticalSpacing(style.TINY)
        grid.setColumnStretch(1, 1)
        self._formats: dict[str, QCheckBox] = {}
        for row, (key, name, what) in enumerate(FORMATS):
            box = QCheckBox(name, self)
            box.setChecked(key in choice.formats)
            box.setAccessibleDescription(self.tr(what))
            box.toggled.connect(self._update_button)
            note = QLabel(self.tr(what), self)
            note.setObjectName("faint")
            grid.addWidget(box, row, 0)
            grid.addWidget(note, row, 1)
            self._formats[key] = box
        extras = QLabel(self.tr("Besides"), self)
        extras.setObjectName("title")
        self.texture = QCheckBox(self.tr("Texture from the photo"), self)
        self.texture.setChecked(choice.texture)
        self.overlay = QCheckBox(self.tr("Picture of the head over the photo"), self)
        self.overlay.setChecked(choice.overlay)
        place = QLabel(self.tr("Folder"), self)
        place.setObjectName("title")
        self.folder = QLineEdit(str(choice.directory), self)
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.textChanged.connect(self._update_button)
        browse = QPushButton(self.tr("Browse …"), self)
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
        layout.setSpacing(style.SMALL)
        layout.addWidget(title)
        layout.addLayout(grid)
        layout.addSpacing(style.SMALL)
        layout.addWidget(extras)
        layout.addWidget(self.texture)
        layout.addWidget(self.overlay)
        layout.addSpacing(style.SMALL)
        layout.addWidget(place)
        layout.addLayout(line)
        layout.addSpacing(style.MEDIUM)
        layout.addWidget(self.buttons)
        self._update_button()

    @property
    def choice(self) -> ExportChoice:
        return ExportChoice(
            directory=Path(self.folder.text()).expanduser(),
            formats=tuple(key for key, box in self._formats.items() if box.isChecked()),
            overlay=self.overlay.isChecked(),
            texture=self.texture.isChecked(),
        )

    def format_box(self, key: str) -> QCheckBox:
        return self._formats[key]

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Export into"), self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _update_button(self) -> None:
        some = any(box.isChecked() for box in self._formats.values())
        self.export_button.setEnabled(some and bool(self.folder.text().strip()))
