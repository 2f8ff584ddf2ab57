"""The line at the foot of the window: what is going on, how far it is, and what went wrong. Never a modal box."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_core.errors import FieldsError
from fields_core.progress import Progress


class MessageBar(QFrame):
    """Shows one message at a time: the newest.

    Signals:
        cancel_requested(): the user pressed Cancel during progress.
    """

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._text = QLabel(self)
        self._text.setObjectName("soft")
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setMinimumWidth(80)
        self._text.setAccessibleName(self.tr("Status"))
        self._hint = QLabel(self)
        self._hint.setObjectName("faint")
        self._progress = QProgressBar(self)
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(180)
        self._progress.setAccessibleName(self.tr("Progress"))
        self.cancel_button = self._button(self.tr("Cancel"))
        self.details_button = self._button(self.tr("Details"))
        self.details_button.setCheckable(True)
        self.copy_button = self._button(self.tr("Copy"))
        self.close_button = self._button(self.tr("Dismiss"))
        self.jobs_button = self._button(self.tr("Jobs"))
        self.jobs_button.setCheckable(True)
        self.jobs_button.setAccessibleName(self.tr("Running jobs"))
        for button, tip in (
            (self.cancel_button, self.tr("Stop what is at work")),
            (self.details_button, self.tr("What was expected, what came, and what to do")),
            (self.copy_button, self.tr("Copy the message with its details")),
            (self.close_button, self.tr("Put the message away")),
            (self.jobs_button, self.tr("What is at work, with a way to stop each  (Ctrl+J)")),
        ):
            button.setToolTip(tip)
        self._details = QPlainTextEdit(self)
        self._details.setReadOnly(True)
        self._details.setFixedHeight(110)
        self._details.setAccessibleName(self.tr("Details of the message"))

        line = QHBoxLayout()
        line.setSpacing(style.SMALL)
        line.addWidget(self._text, 1)
        line.addWidget(self._hint)
        for widget in (self._progress, self.cancel_button, self.details_button, self.copy_button, self.close_button):
            line.addWidget(widget)
        line.addWidget(self.jobs_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, 3, style.SMALL, 3)
        layout.setSpacing(style.TINY)
        layout.addLayout(line)
        layout.addWidget(self._details)

        self.cancel_button.clicked.connect(self.cancel_requested)
        self.details_button.toggled.connect(self._details.setVisible)
        self.copy_button.clicked.connect(self._copy)
        self.close_button.clicked.connect(self.clear)
        self.clear()

    @property
    def text(self) -> str:
        return self._text.text()

    @property
    def details(self) -> str:
        return self._details.toPlainText()

    @property
    def kind(self) -> str:
        """ "info", "progress", "warning" or "error"."""
        return str(self.property("kind"))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 38)

    def clear(self) -> None:
        self._show("info", self.tr("Ready"))

    def show_info(self, text: str) -> None:
        self._show("info", text)

    def show_warning(self, text: str, details: str = "") -> None:
        self._show("warning", text, details)

    def show_error(self, error: BaseException, trace: str = "") -> None:
        """A `FieldsError` speaks for itself; anything else is a bug and brings its traceback."""
        if isinstance(error, FieldsError):
            self._show("error", error.title, error.details)
        else:
            text = self.tr("Something went wrong that should not have: %1")
            self._show("error", text.replace("%1", str(error) or type(error).__name__), trace or repr(error))

    def show_progress(self, progress: Progress, *, can_cancel: bool = False) -> None:
        self._show("progress", progress.message)
        self._progress.setRange(0, progress.total)
        self._progress.setValue(progress.done)
        self.cancel_button.setVisible(can_cancel)

    def show_hint(self, text: str) -> None:
        """What the thing under the mouse does; beside the message, never instead of it."""
        self._hint.setText(text)

    def _show(self, kind: str, text: str, details: str = "") -> None:
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self._text.setText(text)
        self._text.setToolTip(text)
        self._details.setPlainText(details)
        self._progress.setVisible(kind == "progress")
        self.cancel_button.setVisible(False)
        self.details_button.setVisible(bool(details))
        self.details_button.setChecked(False)
        self._details.setVisible(False)
        self.copy_button.setVisible(kind in ("warning", "error"))
        self.close_button.setVisible(kind in ("warning", "error"))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(part for part in (self.text, self.details) if part))

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName("quiet")
        return button
