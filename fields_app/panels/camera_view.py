"""The camera's picture with a box round every face; a click picks the face that moves the head."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fields_app import style
from fields_app.live_view import LiveShot, LiveView

_STATES = {"locking": "measuring who it is", "hidden": "not seen", "fading": "lost"}


class CameraView(QWidget):
    """Paints the view's shot.

    Signals:
        face_picked(id)
        resized(size): width and height in device pixels.
    """

    face_picked = Signal(int)
    resized = Signal(object)

    def __init__(self, view: LiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._boxes: list[tuple[int, QRectF]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 135)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Camera picture"))
        for signal in (view.shot_changed, view.run_changed, view.switches_changed):
            signal.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(440, 330)

    def resizeEvent(self, event: QResizeEvent) -> None:
        size = event.size() * self.devicePixelRatioF()
        self.resized.emit((max(size.width(), 16), max(size.height(), 16)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for face, box in self._boxes:
            if box.contains(event.position()):
                self.face_picked.emit(face)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(style.CANVAS))
        self._boxes = []
        shot = self._view.shot
        if shot is not None:
            place = self._place(shot)
            height, width = shot.picture.shape[:2]
            picture = QImage(shot.picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            painter.drawImage(place, picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_faces(painter, shot, place)
        self._draw_text(painter, shot)

    def _place(self, shot: LiveShot) -> QRectF:
        """Where the picture is: as large as it fits, in the middle."""
        height, width = shot.picture.shape[:2]
        scale = min(self.width() / width, self.height() / height)
        size = QPointF(width * scale, height * scale)
        return QRectF((self.width() - size.x()) / 2, (self.height() - size.y()) / 2, size.x(), size.y())

    def _draw_faces(self, painter: QPainter, shot: LiveShot, place: QRectF) -> None:
        scale = place.width() / shot.picture.shape[1] * shot.scale
        for face in shot.result.tracked.faces:
            left, top, right, bottom = (value * scale for value in face.box)
            if shot.mirrored:
                left, right = place.width() - right, place.width() - left
            box = QRectF(place.x() + left, place.y() + top, right - left, bottom - top).adjusted(-6, -10, 6, 6)
            self._boxes.append((face.id, box))
            ours = shot.face is not None and face.id == shot.face.id
            pen = QPen(QColor(style.ACCENT_BRIGHT if ours else style.TEXT_FAINT), 1.6)
            if not face.seen:
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 4, 4)
            state = _STATES.get(face.state.value, "")
            text = self.tr("Face %1").replace("%1", str(face.id + 1)) + (f", {self.tr(state)}" if state else "")
            self._tag(painter, text, box.topLeft() + QPointF(0, -20))

    def _draw_text(self, painter: QPainter, shot: LiveShot | None) -> None:
        view = self._view
        text = view.status
        if not view.running:
            text = self.tr("Choose a source and press Start")
        elif not text and shot is not None and not shot.result.tracked.faces:
            text = self.tr("No face")
        if shot is None:
            painter.setPen(QColor(style.TEXT_FAINT))
            area = QRectF(self.rect()).adjusted(style.LARGE, 0, -style.LARGE, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
            return
        place = self._place(shot)
        if text:
            self._tag(painter, text, place.bottomLeft() + QPointF(8, -28))
        if view.frozen:
            self._tag(painter, self.tr("Frozen"), place.topLeft() + QPointF(8, 8))
        if view.recording is not None:
            seconds = int(view.recording)
            text = self.tr("● %1").replace("%1", f"{seconds // 60}:{seconds % 60:02d}")
            self._tag(painter, text, place.topRight() + QPointF(-64, 8), style.ERROR)

    def _tag(self, painter: QPainter, text: str, corner: QPointF, colour: str = "") -> None:
        """Text on a dark ground that is legible on any picture."""
        box = QRectF(painter.fontMetrics().boundingRect(text)).adjusted(-6, -2, 6, 2)
        box.moveTopLeft(QPointF(max(corner.x(), 2), max(corner.y(), 2)))
        painter.setPen(Qt.PenStyle.NoPen)
        ground = QColor(style.VIEW_BLACK)
        ground.setAlphaF(0.62)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(colour or style.VIEW_WHITE))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
