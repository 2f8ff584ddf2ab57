"""Emotion of the live face: bars of the classifier's scores, and valence and arousal over the last seconds."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from fields_app import style
from fields_app.live_view import LiveView
from fields_app.panels.affect_plane import AffectPlane
from fields_app.panels.emotion_panel import EMOTIONS

_SPAN = 20.0  # seconds that the trail looks back
_ROW = 16
_LABEL, _NUMBER = 70, 44  # pixels left and right of the bars
_EVERY = 0.1  # seconds between pictures: reading needs no more, and the head needs the processor


class LiveEmotion(QWidget):
    """Listens to the view; empty where there is no emotion branch."""

    def __init__(self, view: LiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._view = view
        self._last = 0.0
        self.bars = EmotionBars(self)
        self.plane = AffectPlane(self)
        self.trail = AffectTrail(self)
        across = QHBoxLayout()
        across.setSpacing(style.MEDIUM)
        across.addWidget(self.bars, 1)
        across.addWidget(self.plane)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SMALL)
        layout.addLayout(across)
        layout.addWidget(self.trail)
        view.shot_changed.connect(self._show)

    def _show(self) -> None:
        shot = self._view.shot
        if shot is None:
            self.bars.set_scores(None)
            self.plane.set_place(None)
            self.trail.clear()
            self._last = 0.0
            return
        now = shot.result.tracked.timestamp
        if 0.0 <= now - self._last < _EVERY:
            return
        self._last = now
        emotion = shot.face.emotion if shot.face is not None and shot.face.seen else None
        self.bars.set_scores(emotion.probabilities if emotion is not None else None)
        self.plane.set_place((emotion.valence, emotion.arousal) if emotion is not None else None)
        self.trail.add(now, (emotion.valence, emotion.arousal) if emotion is not None else None)


class EmotionBars(QWidget):
    """Eight scores, painted in one go: thirty times a second eight widgets would cost ten times as much."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scores: tuple[float, ...] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Expression classifier scores of the live face"))
        self.setToolTip(
            self.tr("How a classifier reads the shape of the face. It says nothing about what a person feels.")
        )

    @property
    def scores(self) -> tuple[float, ...] | None:
        return self._scores

    def set_scores(self, scores: Sequence[float] | None) -> None:
        """Eight in [0, 1]; None: unknown."""
        self._scores = None if scores is None else tuple(scores)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _ROW * len(EMOTIONS))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strongest = max(self._scores) if self._scores is not None else None
        flags = Qt.AlignmentFlag.AlignVCenter
        for row, name in enumerate(EMOTIONS):
            score = self._scores[row] if self._scores is not None else 0.0
            best = strongest is not None and score == strongest
            top = row * _ROW
            painter.setPen(QColor(style.TEXT if best else style.TEXT_SOFT))
            painter.drawText(QRectF(0, top, _LABEL, _ROW), flags, self.tr(name))
            track = QRectF(_LABEL, top + 4, max(self.width() - _LABEL - _NUMBER, 1), _ROW - 8)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(style.CANVAS))
            painter.drawRoundedRect(track, 3, 3)
            if self._scores is None:
                continue
            painter.setBrush(QColor(style.ACCENT if best else style.ACCENT_DEEP))
            track.setWidth(track.width() * score)
            painter.drawRoundedRect(track, 3, 3)
            painter.setPen(QColor(style.TEXT if best else style.TEXT_SOFT))
            number = QRectF(self.width() - _NUMBER, top, _NUMBER, _ROW)
            painter.drawText(number, flags | Qt.AlignmentFlag.AlignRight, f"{score * 100:.0f} %")


class AffectTrail(QWidget):
    """Valence and arousal over the last seconds; gaps where there was no face."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places: deque[tuple[float, tuple[float, float] | None]] = deque()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Valence and arousal over the last %1 seconds").replace("%1", f"{_SPAN:.0f}"))
        self.setToolTip(self.accessibleName())

    @property
    def length(self) -> int:
        """Moments that are kept."""
        return len(self._places)

    def add(self, time: float, place: tuple[float, float] | None) -> None:
        """Valence and arousal at a moment, seconds; None: no face. A time that goes back begins anew."""
        if self._places and time <= self._places[-1][0]:
            self._places.clear()
        self._places.append((time, place))
        while self._places[0][0] < time - _SPAN:
            self._places.popleft()
        self.update()

    def clear(self) -> None:
        self._places.clear()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 64)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(style.BORDER), 1))
        painter.setBrush(QColor(style.CANVAS))
        painter.drawRoundedRect(frame, style.RADIUS, style.RADIUS)
        middle = frame.center().y()
        painter.drawLine(QPointF(frame.left(), middle), QPointF(frame.right(), middle))
        lines = ((0, style.ACCENT_BRIGHT, self.tr("valence")), (1, style.WARNING, self.tr("arousal")))
        for which, colour, name in lines:
            painter.setPen(QPen(QColor(colour), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for points in self._runs(frame, which):
                painter.drawPolyline(QPolygonF(points))
            painter.drawText(QPointF(8 + 62 * which, frame.top() + 14), name)

    def _runs(self, frame: QRectF, which: int) -> list[list[QPointF]]:
        """The line in pieces, without the gaps."""
        if not self._places:
            return []
        step, height, middle = frame.width() / _SPAN, frame.height() / 2 - 4, frame.center().y()
        start = frame.right() - self._places[-1][0] * step
        runs = itertools.groupby(self._places, key=lambda entry: entry[1] is not None)
        return [
            [
                QPointF(start + time * step, middle - place[which] * height)
                for time, place in entries
                if place is not None
            ]
            for there, entries in runs
            if there
        ]
