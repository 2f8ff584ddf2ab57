"""One score of the classifier as a bar that can be dragged to where it should be."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from fields_app import style

_STEPS = 1000
_LABEL, _NUMBER = 74, 46  # pixels left and right of the bar
_BAR = 10.0


class ScoreBar(QSlider):
    """Name, bar and per cent. The fill is what the classifier says; during a drag a line marks what is wanted.

    Signals:
        dragged(probability): the user wants this.
        released(): the drag or the held key has ended.
    """

    dragged = Signal(float)
    released = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._name = name
        self._score = 0.0
        self._known = self._strongest = self._changing = False
        self.setRange(0, _STEPS)
        self.setSingleStep(_STEPS // 50)
        self.setPageStep(_STEPS // 10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("%1, expression classifier score").replace("%1", name))
        self.setToolTip(
            self.tr("%1: drag for the smallest change of expression that gets this score").replace("%1", name)
        )
        self.valueChanged.connect(self._moved)

    @property
    def score(self) -> float:
        """What the classifier says, in [0, 1]."""
        return self._score

    @property
    def changing(self) -> bool:
        """Whether the user is at it."""
        return self._changing

    def set_score(self, score: float | None, *, strongest: bool = False) -> None:
        """Show what the classifier says; None: nothing."""
        self._score, self._known, self._strongest = score or 0.0, score is not None, strongest
        if not self._changing:
            with QSignalBlocker(self):
                self.setValue(round(self._score * _STEPS))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_LABEL + _NUMBER + 120, style.ROW_HEIGHT - 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LABEL + _NUMBER + 50, style.ROW_HEIGHT - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bright = self.isEnabled() and (self.underMouse() or self.hasFocus())
        height, right = self.height(), self.width() - _NUMBER
        text = style.TEXT if bright or self._strongest else style.TEXT_SOFT
        painter.setPen(QColor(text if self.isEnabled() else style.TEXT_DISABLED))
        flags = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, _LABEL - 6, height), flags | Qt.AlignmentFlag.AlignLeft, self._name)
        if self._known:
            number = f"{self._score * 100:.0f} %"
            painter.drawText(QRectF(right, 0, _NUMBER, height), flags | Qt.AlignmentFlag.AlignRight, number)
        track = QRectF(_LABEL, (height - _BAR) / 2, max(right - _LABEL, 1), _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.CANVAS))
        painter.drawRoundedRect(track, 3, 3)
        if self._known and self._score > 0.002:
            colour = style.ACCENT if self._strongest else style.ACCENT_DEEP
            painter.setBrush(QColor(style.ACCENT_BRIGHT if bright and self._strongest else colour))
            painter.drawRoundedRect(QRectF(track.left(), track.top(), track.width() * self._score, _BAR), 3, 3)
        if bright:
            x = track.left() + track.width() * self.value() / _STEPS
            painter.setPen(QPen(QColor(style.TEXT), 2))
            painter.drawLine(int(x), int(track.top()) - 3, int(x), int(track.bottom()) + 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._changing = True
            self.setSliderDown(True)
            self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        self._end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        before = self.value()
        changing, self._changing = self._changing, True
        super().keyPressEvent(event)
        self._changing = changing or self.value() != before

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        super().keyReleaseEvent(event)
        if not event.isAutoRepeat():
            self._end()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # an expression must not change because the mouse passed by

    def _follow(self, event: QMouseEvent) -> None:
        fraction = (event.position().x() - _LABEL) / max(self.width() - _LABEL - _NUMBER, 1)
        self.setValue(round(min(max(fraction, 0.0), 1.0) * _STEPS))

    def _moved(self, value: int) -> None:
        self.dragged.emit(value / _STEPS)

    def _end(self) -> None:
        if self._changing:
            self._changing = False
            with QSignalBlocker(self):
                self.setValue(round(self._score * _STEPS))
            self.update()
            self.released.emit()
