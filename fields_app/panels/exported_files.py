"""The files of the last export as chips to drag out of the window: to a folder, or straight into a 3D program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDrag, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from fields_app import style

_MOST = 7  # chips; the chip of all files has the others
_COMPANIONS = {".obj": (".mtl", ".png"), ".usda": (".png",)}  # files that a mesh is incomplete without


class FileChip(QPushButton):
    """Some files, to be dragged. A click opens their folder."""

    def __init__(self, text: str, paths: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.paths = tuple(paths)
        self._press = QPoint()
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        names = "\n".join(path.name for path in self.paths[:20])
        self.setToolTip(self.tr("Drag it to a folder or a program; a click opens its folder") + f"\n{names}")
        self.setAccessibleDescription(self.tr("Opens the folder. With the mouse it can be dragged out."))
        self.clicked.connect(self.open_folder)

    def mime_data(self) -> QMimeData:
        """What a drag carries: the files that are still there."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in self.paths if path.exists()])
        return data

    def open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.paths[0].parent)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._press = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        far = (event.position().toPoint() - self._press).manhattanLength() >= QApplication.startDragDistance()
        if not event.buttons() & Qt.MouseButton.LeftButton or not far:
            super().mouseMoveEvent(event)
            return
        self.setDown(False)  # what has become a drag is no click
        drag = QDrag(self)
        drag.setMimeData(self.mime_data())
        drag.setPixmap(self.grab())
        drag.setHotSpot(self._press)
        drag.exec(Qt.DropAction.CopyAction)


class ExportedFiles(QFrame):
    """A row of chips, hidden until something was exported."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self.setAccessibleName(self.tr("Exported files"))
        self.chips: list[FileChip] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(style.MEDIUM, style.TINY, style.MEDIUM, style.TINY)
        self._row.setSpacing(style.SMALL)
        label = QLabel(self.tr("Drag out"), self)
        label.setObjectName("faint")
        self._row.addWidget(label)
        self._row.addStretch(1)
        self.close_button = QPushButton(self.tr("Hide"), self)
        self.close_button.setToolTip(self.tr("Put this row away; the files stay"))
        self.close_button.setObjectName("quiet")
        self.close_button.clicked.connect(self.hide)
        self._row.addWidget(self.close_button)
        self.hide()

    def show_files(self, paths: Sequence[Path]) -> None:
        """Offer these files in the place of the last ones."""
        for chip in self.chips:
            self._row.removeWidget(chip)
            chip.deleteLater()
        self.chips = [FileChip(group[0].name, group, self) for group in together(paths)[:_MOST]]
        if len(paths) > 1:
            self.chips.append(FileChip(self.tr("All %1 files").replace("%1", str(len(paths))), paths, self))
        for i, chip in enumerate(self.chips):
            self._row.insertWidget(1 + i, chip)
        self.setVisible(bool(self.chips))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)


def together(paths: Sequence[Path]) -> list[list[Path]]:
    """The files in groups to drag at once: a mesh goes with its material and texture."""
    groups = [
        [
            path,
            *(
                path.with_suffix(ending)
                for ending in _COMPANIONS.get(path.suffix, ())
                if path.with_suffix(ending) in paths
            ),
        ]
        for path in paths
    ]
    carried = {path for group in groups for path in group[1:]}
    return [group for group in groups if group[0] not in carried]
