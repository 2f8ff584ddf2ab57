"""The end of the log file, to read and to send to whoever helps."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from fields_app import style

_SHOWN_BYTES = 256 << 10


def log_file() -> Path:
    """Where the program writes its log."""
    import platformdirs

    return platformdirs.user_log_path("fields", appauthor=False) / "fields-app.log"


class LogViewer(QDialog):
    """Shows the last part of a log."""

    def __init__(self, path: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Log"))
        self._path = path
        place = QLabel(str(path), self)
        place.setObjectName("faint")
        place.setTextInteractionFlags(place.textInteractionFlags().TextSelectableByMouse)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(self.tr("Log"))
        self.refresh_button = QPushButton(self.tr("Refresh"), self)
        self.copy_button = QPushButton(self.tr("Copy all"), self)
        self.folder_button = QPushButton(self.tr("Open folder"), self)
        close = QPushButton(self.tr("Close"), self)
        line = QHBoxLayout()
        line.setSpacing(style.SMALL)
        for button in (self.refresh_button, self.copy_button, self.folder_button):
            button.setAutoDefault(False)
            line.addWidget(button)
        line.addStretch(1)
        line.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.SMALL)
        layout.addWidget(place)
        layout.addWidget(self.text, 1)
        layout.addLayout(line)
        self.refresh_button.clicked.connect(self.refresh)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        self.folder_button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))))
        close.clicked.connect(self.close)
        self.resize(900, 560)
        self.refresh()

    def refresh(self) -> None:
        """Read the file again."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(size - _SHOWN_BYTES, 0))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            text = self.tr("Nothing has been written yet.")
        except OSError as error:
            text = self.tr("The log cannot be read: %1").replace("%1", error.strerror or str(error))
        self.text.setPlainText(text)
        self.text.moveCursor(QTextCursor.MoveOperation.End)
