"""What the window says while there is nothing in it: how to begin, and where one left off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from fields_app import style

_ICON = 44
_ROW = 56
_VISIBLE = 4


@dataclass(frozen=True, eq=False)
class RecentProject:
    """One line of the list."""

    path: Path
    note: str
    """What is in it and when it was saved."""
    image: QImage | None = None


class Welcome(QWidget):
    """Three ways to begin with a photo, then the projects of late.

    Signals:
        project_requested(path): one of them was chosen.
    """

    project_requested = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        title = QLabel(self.tr("Drop a photo here"), self)
        title.setObjectName("invitation")
        text = QLabel(self.tr("A file, a whole folder, or a picture from the clipboard.\nOne face or many."), self)
        text.setObjectName("soft")
        text.setWordWrap(True)  # the column is narrow on a laptop
        self.open_button = QPushButton(self.tr("Open photo …"), self)
        self.open_button.setObjectName("primary")
        self.paste_button = QPushButton(self.tr("Paste"), self)
        self.sample_button = QPushButton(self.tr("Try the sample photo"), self)
        self.sample_button.setObjectName("quiet")
        self.open_button.setToolTip(self.tr("One photo, several, or a project  (Ctrl+O)"))
        self.paste_button.setToolTip(self.tr("A copied picture or file  (Ctrl+V)"))
        self.sample_button.setToolTip(self.tr("An astronaut, to try things out"))
        for label in (title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._heading = QLabel(self.tr("Recent projects"), self)
        self._heading.setObjectName("title")
        self.recent = _Cards(self)
        self.recent.setAccessibleName(self.tr("Recent projects"))
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SMALL)
        buttons.addStretch(1)
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.paste_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(title)
        layout.addWidget(text)
        layout.addSpacing(style.SMALL)
        layout.addLayout(buttons)
        layout.addWidget(self.sample_button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(style.SMALL)
        layout.addWidget(self._heading)
        layout.addWidget(self.recent)
        self.recent.chosen.connect(self.project_requested)
        self.set_recent(())

    def set_recent(self, projects: Sequence[RecentProject]) -> None:
        """Fill the list; without projects there is none."""
        self.recent.clear()
        for project in projects:
            self.recent.add(project)
        self._heading.setVisible(bool(projects))
        self.recent.setVisible(bool(projects))
        self.recent.setFixedHeight(min(len(projects), _VISIBLE) * _ROW + style.TINY)
        self.adjustSize()


class _Cards(QListWidget):
    """Projects with their pictures; a click or Enter chooses one.

    Signals:
        chosen(path)
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("cards")
        self.setIconSize(QSize(_ICON, _ICON))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemClicked.connect(self._choose)

    def add(self, project: RecentProject) -> None:
        picture = QPixmap(_ICON, _ICON)
        picture.fill(style.RAISED)
        if project.image is not None:
            fitted = QPixmap.fromImage(project.image).scaled(
                _ICON, _ICON, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
            )
            left, top = (fitted.width() - _ICON) // 2, (fitted.height() - _ICON) // 2
            picture = fitted.copy(left, top, _ICON, _ICON)
        icon = QIcon(picture)
        icon.addPixmap(picture, QIcon.Mode.Selected)  # not tinted by the style
        item = QListWidgetItem(icon, f"{project.path.stem}\n{project.note}")
        item.setToolTip(str(project.path))
        item.setData(Qt.ItemDataRole.UserRole, project.path)
        item.setSizeHint(QSize(0, _ROW))
        self.addItem(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self._choose(self.currentItem())
        else:
            super().keyPressEvent(event)

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
