"""Two small pictures of an expression: a dot on the plane of valence and arousal, and a meter of its intensity."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fields_app import style

_SIDE = 132
_DOT = 5.0
_TRAIL = 24  # earlier places that fade
_FULL = 1.5  # intensity at the right end of the meter


class AffectPlane(QWidget):
    """Valence to the right, arousal upwards, both in [-1, 1]; a fading trail shows where the dot came from."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trail: list[tuple[float, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Valence and arousal of the expression"))
        self.set_place(None)

    @property
    def place(self) -> tuple[float, float] | None:
        """Valence and arousal on show."""
        return self._trail[-1] if self._trail else None

    def set_place(self, place: tuple[float, float] | None) -> None:
        """Move the dot; None takes it away."""
        if place is None:
            self._trail.clear()
            text = self.tr("Valence and arousal: unknown")
        else:
            if place != self.place:
                self._trail = [*self._trail[1 - _TRAIL :], place]
            text = self.tr("Valence %1, arousal %2").replace("%1", f"{place[0]:+.2f}").replace("%2", f"{place[1]:+.2f}")
        self.setToolTip(text)
        self.setAccessibleDescription(text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_SIDE, _SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(style.BORDER), 1))
        painter.setBrush(QColor(style.CANVAS))
        painter.drawRoundedRect(frame, style.RADIUS, style.RADIUS)
        middle = frame.center()
        painter.drawLine(QPointF(frame.left(), middle.y()), QPointF(frame.right(), middle.y()))
        painter.drawLine(QPointF(middle.x(), frame.top()), QPointF(middle.x(), frame.bottom()))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(middle, frame.width() / 2 - 8, frame.height() / 2 - 8)
        self._draw_words(painter, frame.adjusted(5, 2, -5, -2))
        points = [self._point(frame, place) for place in self._trail]
        for i, (start, end) in enumerate(itertools.pairwise(points)):
            colour = QColor(style.ACCENT)
            colour.setAlphaF(0.6 * (i + 1) / len(points))
            painter.setPen(QPen(colour, 1.5))
            painter.drawLine(start, end)
        if points:
            painter.setPen(QPen(QColor(style.CANVAS), 1.5))
            painter.setBrush(QColor(style.ACCENT_BRIGHT))
            painter.drawEllipse(points[-1], _DOT, _DOT)

    def _draw_words(self, painter: QPainter, frame: QRectF) -> None:
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.78)
        painter.setFont(font)
        painter.setPen(QColor(style.TEXT_FAINT if self.isEnabled() else style.TEXT_DISABLED))
        flags = Qt.AlignmentFlag
        painter.drawText(frame, flags.AlignTop | flags.AlignLeft, self.tr("active"))
        painter.drawText(frame, flags.AlignBottom | flags.AlignLeft, self.tr("calm"))
        painter.drawText(frame, flags.AlignBottom | flags.AlignRight, self.tr("pleasant"))

    @staticmethod
    def _point(frame: QRectF, place: tuple[float, float]) -> QPointF:
        reach = frame.width() / 2 - 8
        return QPointF(frame.center().x() + place[0] * reach, frame.center().y() - place[1] * reach)


class IntensityMeter(QWidget):
    """A bar for the intensity, a lighter part for what only the jaw adds, and a mark where expressions are strong."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole: float | None = None
        self._shut = 0.0
        self._colour = style.ACCENT
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Intensity of the expression"))

    def set_intensity(self, whole: float | None, without_jaw: float | None, colour: str) -> None:
        """1 is strong; None is unknown."""
        self._whole, self._shut, self._colour = whole, min(without_jaw or 0.0, whole or 0.0), colour
        text = self.tr("Intensity: unknown")
        if whole is not None and without_jaw is not None:
            text = self.tr("Intensity %1 %, without the jaw %2 %; 100 % is stronger than 95 of 100 expressions")
            text = text.replace("%1", f"{whole * 100:.0f}").replace("%2", f"{without_jaw * 100:.0f}")
        self.setToolTip(text)
        self.setAccessibleDescription(text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, style.ROW_HEIGHT - 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0, self.height() / 2 - 4, self.width(), 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.CANVAS))
        painter.drawRoundedRect(track, 3, 3)
        if self._whole is not None:
            lighter = QColor(self._colour)
            lighter.setAlphaF(0.45)
            for value, colour in ((self._whole, lighter), (self._shut, QColor(self._colour))):
                painter.setBrush(colour)
                width = track.width() * min(value / _FULL, 1.0)
                if width > 1.0:
                    painter.drawRoundedRect(QRectF(0, track.top(), width, track.height()), 3, 3)
        painter.setPen(QPen(QColor(style.TEXT_FAINT), 1))
        strong = track.width() / _FULL
        painter.drawLine(QPointF(strong, track.top() - 3), QPointF(strong, track.bottom() + 3))
