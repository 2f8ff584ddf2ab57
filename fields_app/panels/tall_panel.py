"""A panel that may be higher than its place: it scrolls there, and the window keeps its size."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

_LEAST = 160  # pixels of height that it asks for


class TallPanel(QScrollArea):
    """Asks for the panel's width and for little height.

    Args:
        panel: becomes its child.
    """

    def __init__(self, panel: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self._panel = panel
        self.setWidget(panel)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        panel.installEventFilter(self)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._panel.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width(), _LEAST)

    def sizeHint(self) -> QSize:
        return self._panel.sizeHint()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
