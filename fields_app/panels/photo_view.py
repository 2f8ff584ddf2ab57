"""The photo itself, with zoom and pan, face boxes, landmarks and the picture of the head over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsPixmapItem,
    QGraphicsScene,
    QGraphicsView,
    QStyleOptionGraphicsItem,
    QWidget,
)

from fields_app import style
from fields_app.session import Session

if TYPE_CHECKING:
    from fields_core.datatypes import DetectedFace

_LARGEST_SIDE = 4096  # pixels shown; a larger photo is thinned out for the screen only


class _FaceBox(QGraphicsItem):
    """Corner marks round one face: calm when selected, inviting when not."""

    def __init__(self, face: DetectedFace, selected: bool) -> None:
        super().__init__()
        left, top, right, bottom = face.box
        grow = 0.12 * max(right - left, bottom - top)
        self.box = QRectF(left - grow, top - grow, right - left + 2 * grow, bottom - top + 2 * grow)
        self._selected = selected

    def boundingRect(self) -> QRectF:
        margin = 0.02 * self.box.width() + 4
        return self.box.adjusted(-margin, -margin, margin, margin)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(style.ACCENT_BRIGHT if self._selected else "#ffffff")
        colour.setAlphaF(1.0 if self._selected else 0.6)
        pen = QPen(colour, 2.0 if self._selected else 1.5)
        pen.setCosmetic(True)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        reach = 0.16 * min(self.box.width(), self.box.height())
        corners = ((self.box.topLeft(), 1, 1), (self.box.topRight(), -1, 1), (self.box.bottomLeft(), 1, -1),
                   (self.box.bottomRight(), -1, -1))  # fmt: skip
        for corner, right, down in corners:
            path = QPainterPath(corner + QPointF(right * reach, 0))
            path.lineTo(corner)
            path.lineTo(corner + QPointF(0, down * reach))
            painter.drawPath(path)


class _Landmarks(QGraphicsItem):
    """The detector's points of one face."""

    def __init__(self, face: DetectedFace) -> None:
        super().__init__()
        points = face.landmarks[:, :2] + 0.5  # the centre of pixel (0, 0) lies at (.5, .5) of a Qt scene
        self._points = QPolygonF([QPointF(float(x), float(y)) for x, y in points])

    def boundingRect(self) -> QRectF:
        return self._points.boundingRect().adjusted(-4, -4, 4, 4)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in (("#a00b1f1c", 3.4), (style.ACCENT_BRIGHT, 2.0)):
            pen = QPen(QColor(colour), width)
            pen.setCosmetic(True)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawPoints(self._points)


class PhotoView(QGraphicsView):
    """Zoom with the wheel, pan by dragging, click a face to select it.

    Signals:
        face_picked(index)
        resized()
    """

    face_picked = Signal(int)
    resized = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._show_points, self._show_head, self._opacity = True, False, 1.0
        self._fitted = True
        self._press = QPointF()
        self.setScene(QGraphicsScene(self))
        self._picture = QGraphicsPixmapItem()
        self._head = QGraphicsPixmapItem()
        for item in (self._picture, self._head):
            item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
            self.scene().addItem(item)
        self._boxes: list[_FaceBox] = []
        self._points: _Landmarks | None = None
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAcceptDrops(False)  # the window takes drops, anywhere
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Photo"))
        self.viewport().setAccessibleName(self.tr("Photo"))
        session.photo_changed.connect(self._show_photo)
        session.people_changed.connect(self._show_faces)
        session.selection_changed.connect(self._show_faces)
        session.overlay_changed.connect(self._show_overlay)

    def show_landmarks(self, on: bool) -> None:
        self._show_points = on
        self._show_faces()

    def show_overlay(self, on: bool) -> None:
        self._show_head = on
        self._show_overlay()

    def set_opacity(self, opacity: float) -> None:
        """Of landmarks and head, 0 to 1."""
        self._opacity = opacity
        self._head.setOpacity(opacity)
        if self._points is not None:
            self._points.setOpacity(opacity)

    def fit(self) -> None:
        """The whole photo."""
        self._fitted = True
        if not self._picture.pixmap().isNull():
            self.fitInView(self._picture, Qt.AspectRatioMode.KeepAspectRatio)

    def show_face(self) -> None:
        """Close up on the selected face."""
        if 0 <= self._session.selected < len(self._boxes):
            box = self._boxes[self._session.selected].box
            self._fitted = False
            margin = 0.35 * box.width()
            self.fitInView(box.adjusted(-margin, -margin, margin, margin), Qt.AspectRatioMode.KeepAspectRatio)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()
        self.resized.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom(1.0015 ** event.angleDelta().y())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._zoom(1.2)
        elif event.key() == Qt.Key.Key_Minus:
            self._zoom(1 / 1.2)
        elif event.key() == Qt.Key.Key_Home:
            self.fit()
        elif event.key() == Qt.Key.Key_F:
            self.show_face()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space) and self._session.people:
            self.face_picked.emit((self._session.selected + 1) % len(self._session.people))
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._press = event.position()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if not event.buttons():
            over = self._face_at(event.position())
            shape = Qt.CursorShape.PointingHandCursor if over is not None else Qt.CursorShape.OpenHandCursor
            self.viewport().setCursor(shape if self._session.photo is not None else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        face = self._face_at(event.position())
        if (event.position() - self._press).manhattanLength() < 4 and face is not None:
            self.face_picked.emit(face)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()

    def _face_at(self, position: QPointF) -> int | None:
        point = self.mapToScene(position.toPoint())
        inside = [i for i, box in enumerate(self._boxes) if box.box.contains(point)]
        return min(inside, key=lambda i: self._boxes[i].box.width()) if inside else None

    def _zoom(self, factor: float) -> None:
        if self._session.photo is None:
            return
        whole = min(self.width() / self._session.photo.width, self.height() / self._session.photo.height)
        scale = self.transform().m11()
        wanted = min(max(scale * factor, 0.5 * whole), 40.0)
        self.scale(wanted / scale, wanted / scale)
        self._fitted = False

    def _show_photo(self) -> None:
        photo = self._session.photo
        if photo is None:
            self._picture.setPixmap(QPixmap())
            return
        step = -(-max(photo.width, photo.height) // _LARGEST_SIDE)
        pixels = np.ascontiguousarray(photo.pixels[::step, ::step])
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._picture.setPixmap(QPixmap.fromImage(image))
        self._picture.setScale(step)
        self.setSceneRect(self._picture.sceneBoundingRect())
        self.fit()

    def _show_faces(self) -> None:
        for box in self._boxes:
            self.scene().removeItem(box)
        if self._points is not None:
            self.scene().removeItem(self._points)
        people = self._session.people
        self._boxes = [_FaceBox(p.original.face, i == self._session.selected) for i, p in enumerate(people)]
        person = self._session.person
        self._points = _Landmarks(person.original.face) if person is not None and self._show_points else None
        if self._points is not None:
            self._points.setOpacity(self._opacity)
            self.scene().addItem(self._points)
        for box in self._boxes:
            self.scene().addItem(box)

    def _show_overlay(self) -> None:
        overlay = self._session.overlay
        self._head.setVisible(self._show_head and overlay is not None)
        if overlay is None or not self._show_head:
            return
        pixels = np.ascontiguousarray(overlay.image)
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
        self._head.setPixmap(QPixmap.fromImage(image))
        (a, b, c), (d, e, f) = overlay.image_to_photo.tolist()
        # Pixel centres are whole numbers there and halves in a Qt scene.
        middle = QTransform.fromTranslate(0.5, 0.5)
        self._head.setTransform(QTransform.fromTranslate(-0.5, -0.5) * QTransform(a, d, b, e, c, f) * middle)
