"""The length of a take as a strip: where the face was seen, what is kept, markers, and the moment on show."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from fields_app import style
from fields_app.take_state import TakeState

_RULER = 20.0
_SIDE = 20.0  # room left and right, for handles and labels
_GRAB = 7.0  # pixels around a handle or marker
_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_TICK_ROOM = 60.0  # pixels between two labels


class Timeline(QWidget):
    """Scrub with the mouse or arrow keys, drag the ends to trim, click a marker to go there.

    Signals:
        scrubbed(seconds): show this moment.
        trimmed(first, last): keep this part.
        stepped(frames): the arrow keys.
        play_toggled(), marker_toggled(), marker_removed(): Space, M, Delete.
    """

    scrubbed = Signal(float)
    trimmed = Signal(float, float)
    stepped = Signal(int)
    play_toggled = Signal()
    marker_toggled = Signal()
    marker_removed = Signal()

    def __init__(self, state: TakeState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._dragged = ""  # "first", "last", "time"
        self._heights: tuple[tuple[float, float], ...] = ()  # (seconds, confidence) of the curve
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Timeline of the take"))
        self.setToolTip(
            self.tr(
                "Drag to scrub, drag the ends to trim. Arrow keys: frame by frame; Space: play; I and O: trim here; "
                "M: marker; Page up and down: from marker to marker"
            )
        )
        state.clip_changed.connect(self._measure)
        for signal in (state.take_changed, state.edits_changed, state.time_changed):
            signal.connect(self._changed)

    def sizeHint(self) -> QSize:
        return QSize(600, 84)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 84)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strip = QRectF(_SIDE, _RULER, self.width() - 2 * _SIDE, self.height() - _RULER - 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.CANVAS))
        painter.drawRoundedRect(strip, style.RADIUS, style.RADIUS)
        if self._state.take is None:
            painter.setPen(QColor(style.TEXT_FAINT))
            painter.drawText(strip, Qt.AlignmentFlag.AlignCenter, self.tr("No take. Open one, or record one live."))
            return
        self._paint_ruler(painter)
        self._paint_confidence(painter, strip)
        self._paint_trim(painter, strip)
        self._paint_markers(painter, strip)
        self._paint_time(painter, strip)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._state.take is None:
            return
        x = event.position().x()
        first, last = (self._x(time) for time in self._state.trim)
        marker = self._marker_at(event.position())
        if marker is not None:
            self.scrubbed.emit(marker)
        elif event.position().y() >= _RULER and min(abs(x - first), abs(x - last)) <= _GRAB:
            self._dragged = "first" if abs(x - first) <= abs(x - last) else "last"
        else:
            self._dragged = "time"
            self._follow(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._dragged:
            self._follow(x)
            return
        near = self._state.take is not None and any(abs(x - self._x(time)) <= _GRAB for time in self._state.trim)
        near = near and event.position().y() >= _RULER
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged = ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        state, key = self._state, Qt.Key(event.key())
        fast = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        first, last = state.trim
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stepped.emit(fast if key == Qt.Key.Key_Right else -fast)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.scrubbed.emit(first if key == Qt.Key.Key_Home else last)
        elif key == Qt.Key.Key_Space:
            self.play_toggled.emit()
        elif key == Qt.Key.Key_I:
            self.trimmed.emit(state.time, last)
        elif key == Qt.Key.Key_O:
            self.trimmed.emit(first, state.time)
        elif key == Qt.Key.Key_M:
            self.marker_toggled.emit()
        elif key == Qt.Key.Key_Delete:
            self.marker_removed.emit()
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self._jump(forward=key == Qt.Key.Key_PageDown)
        else:
            super().keyPressEvent(event)

    def _changed(self) -> None:
        self.setAccessibleDescription(f"{self._state.time:.2f} s / {self._state.duration:.2f} s")
        self.update()

    def _measure(self) -> None:
        """The confidence curve, thinned to what a screen can show."""
        clip = self._state.clip
        self._heights = ()
        if clip is not None:
            times = clip.take.timestamps[clip.frames] - clip.take.timestamps[0]
            step = max(1, len(times) // 1000)
            smallest = np.minimum.reduceat(clip.confidence, np.arange(0, len(times), step))
            self._heights = tuple(zip(times[::step].tolist(), smallest.tolist(), strict=True))
        self.update()

    def _follow(self, x: float) -> None:
        time = self._time(x)
        first, last = self._state.trim
        if self._dragged == "time":
            self.scrubbed.emit(time)
        elif self._dragged == "first":
            self.trimmed.emit(min(time, last), last)
        else:
            self.trimmed.emit(first, max(time, first))

    def _jump(self, *, forward: bool) -> None:
        times = [marker.time for marker in self._state.markers]
        now = self._state.time
        there = [t for t in times if t > now + 1e-3] if forward else [t for t in times if t < now - 1e-3]
        if there:
            self.scrubbed.emit(min(there) if forward else max(there))

    def _marker_at(self, where: QPointF) -> float | None:
        if where.y() > _RULER + 10:
            return None
        near = [marker.time for marker in self._state.markers if abs(self._x(marker.time) - where.x()) <= _GRAB]
        return near[0] if near else None

    def _x(self, time: float) -> float:
        duration = max(self._state.duration, 1e-6)
        return _SIDE + time / duration * (self.width() - 2 * _SIDE)

    def _time(self, x: float) -> float:
        fraction = (x - _SIDE) / max(self.width() - 2 * _SIDE, 1.0)
        return min(max(fraction, 0.0), 1.0) * self._state.duration

    def _paint_ruler(self, painter: QPainter) -> None:
        duration = self._state.duration
        room = max((self.width() - 2 * _SIDE) / _TICK_ROOM, 1.0)
        step = next((tick for tick in _TICKS if duration / tick <= room), _TICKS[-1])
        small = painter.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        painter.setFont(small)
        for number in range(int(duration / step) + 1):
            x = self._x(number * step)
            painter.setPen(QPen(QColor(style.BORDER_STRONG), 1))
            painter.drawLine(QPointF(x, _RULER - 4), QPointF(x, _RULER))
            painter.setPen(QColor(style.TEXT_FAINT))
            painter.drawText(
                QRectF(x - 40, 0, 80, _RULER - 4), Qt.AlignmentFlag.AlignCenter, _clock(number * step, step)
            )

    def _paint_confidence(self, painter: QPainter, strip: QRectF) -> None:
        if not self._heights:
            return
        bottom, height = strip.bottom() - 3, strip.height() - 14
        points = [QPointF(self._x(time), bottom - value * height) for time, value in self._heights]
        outline = [QPointF(points[0].x(), bottom), *points, QPointF(points[-1].x(), bottom)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.ACCENT_DEEP))
        painter.drawPolygon(QPolygonF(outline))
        painter.setPen(QPen(QColor(style.ACCENT), 1.2))
        painter.drawPolyline(QPolygonF(points))

    def _paint_trim(self, painter: QPainter, strip: QRectF) -> None:
        first, last = (self._x(time) for time in self._state.trim)
        shade = QColor(style.WINDOW)
        shade.setAlpha(190)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawRect(QRectF(strip.left(), strip.top(), first - strip.left(), strip.height()))
        painter.drawRect(QRectF(last, strip.top(), strip.right() - last, strip.height()))
        painter.setBrush(QColor(style.ACCENT_BRIGHT if self.hasFocus() else style.ACCENT))
        for x, offset in ((first, -6.0), (last, 0.0)):
            painter.drawRoundedRect(QRectF(x + offset, strip.top(), 6.0, strip.height()), 2, 2)
        painter.setPen(QPen(QColor(style.ON_ACCENT), 1))
        middle = strip.center().y()
        for x in (first - 3, last + 3):
            painter.drawLine(QPointF(x, middle - 6), QPointF(x, middle + 6))

    def _paint_markers(self, painter: QPainter, strip: QRectF) -> None:
        here = self._state.marker
        for place, marker in enumerate(self._state.markers):
            x = self._x(marker.time)
            painter.setPen(QPen(QColor(style.WARNING), 1))
            painter.drawLine(QPointF(x, _RULER - 2), QPointF(x, strip.bottom()))
            painter.setBrush(QColor(style.TEXT if place == here else style.WARNING))
            painter.setPen(Qt.PenStyle.NoPen)
            flag = [QPointF(x, _RULER - 2), QPointF(x + 9, _RULER + 2.5), QPointF(x, _RULER + 7)]
            painter.drawPolygon(QPolygonF(flag))
            painter.setPen(QColor(style.WARNING))
            end = min((self._x(m.time) for m in self._state.markers[place + 1 :]), default=strip.right())
            room = QRectF(x + 12, _RULER + 1, max(end - x - 16, 0), 14)
            text = painter.fontMetrics().elidedText(marker.text, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_time(self, painter: QPainter, strip: QRectF) -> None:
        x = self._x(self._state.time)
        painter.setPen(QPen(QColor(style.TEXT), 1.5))
        painter.drawLine(QPointF(x, _RULER - 4), QPointF(x, strip.bottom() + 2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.TEXT))
        knob = [QPointF(x - 5, _RULER - 9), QPointF(x + 5, _RULER - 9), QPointF(x, _RULER - 2)]
        painter.drawPolygon(QPolygonF(knob))


def _clock(seconds: float, step: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}" if step < 1 else f"{int(minutes)}:{round(rest):02d}"
