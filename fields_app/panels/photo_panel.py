"""The photo side: drop, open or paste a picture; click a face; see landmarks and the fitted head on it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.photo_view import PhotoView
from fields_app.panels.welcome import Welcome
from fields_app.session import Session

_THUMBNAIL = 64


class PhotoPanel(QFrame):
    """Shows the session's photo, its faces, and the other photos to pick from.

    Signals:
        open_requested(), sample_requested(), paste_requested(): the buttons of the invitation.
        photo_picked(id): another photo of the document.
        face_picked(index): a face box was clicked.
    """

    open_requested = Signal()
    sample_requested = Signal()
    paste_requested = Signal()
    photo_picked = Signal(str)
    face_picked = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._icons: dict[str, QIcon] = {}
        self._title = QLabel(self.tr("Photo"), self)
        self._title.setObjectName("title")
        self._note = _ElidedLabel(self)
        self._note.setObjectName("faint")
        self.fit_button = QPushButton(self.tr("Fit"), self)
        self.fit_button.setObjectName("quiet")
        self.fit_button.setToolTip(self.tr("The whole photo (Home)"))
        self.face_button = QPushButton(self.tr("Face"), self)
        self.face_button.setObjectName("quiet")
        self.face_button.setToolTip(self.tr("Close up on the selected face (F)"))
        self.view = PhotoView(session, self)
        self.invitation = Welcome(self.view)
        self.landmarks_box = QCheckBox(self.tr("Landmarks"), self)
        self.landmarks_box.setChecked(True)
        self.landmarks_box.setToolTip(self.tr("The 478 points that the detector found"))
        self.mesh_box = QCheckBox(self.tr("Mesh"), self)
        self.mesh_box.setToolTip(self.tr("The fitted head over the photo; follows the sliders"))
        self.opacity = QSlider(Qt.Orientation.Horizontal, self)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(70)
        self.opacity.setMinimumWidth(70)
        self.opacity.setMaximumWidth(140)
        self.opacity.setAccessibleName(self.tr("Opacity of landmarks and mesh"))
        self.opacity.setToolTip(self.tr("Opacity of landmarks and mesh"))
        self.strip = QListWidget(self)
        self.strip.setViewMode(QListView.ViewMode.IconMode)
        self.strip.setFlow(QListView.Flow.LeftToRight)
        self.strip.setWrapping(False)
        self.strip.setMovement(QListView.Movement.Static)
        self.strip.setUniformItemSizes(True)
        self.strip.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
        self.strip.setGridSize(QSize(_THUMBNAIL + 20, _THUMBNAIL + 26))
        self.strip.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.strip.setFixedHeight(_THUMBNAIL + 44)
        self.strip.setAccessibleName(self.tr("Photos"))

        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addSpacing(style.SMALL)
        head.addWidget(self._note, 1)
        head.addWidget(self.face_button)
        head.addWidget(self.fit_button)
        foot = QHBoxLayout()
        foot.setSpacing(style.MEDIUM)
        foot.addWidget(self.landmarks_box)
        foot.addWidget(self.mesh_box)
        foot.addStretch(1)
        foot.addWidget(QLabel(self.tr("Opacity"), self))
        foot.addWidget(self.opacity)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.SMALL)
        layout.setSpacing(style.SMALL)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.strip)
        layout.addLayout(foot)
        self.setMinimumWidth(330)

        self.fit_button.clicked.connect(self.view.fit)
        self.face_button.clicked.connect(self.view.show_face)
        self.landmarks_box.toggled.connect(self.view.show_landmarks)
        self.mesh_box.toggled.connect(self.view.show_overlay)
        self.opacity.valueChanged.connect(lambda value: self.view.set_opacity(value / 100))
        self.view.set_opacity(self.opacity.value() / 100)
        self.view.face_picked.connect(self.face_picked)
        self.view.resized.connect(self._place_invitation)
        self.strip.currentRowChanged.connect(self._pick)
        self.invitation.open_button.clicked.connect(self.open_requested)
        self.invitation.sample_button.clicked.connect(self.sample_requested)
        self.invitation.paste_button.clicked.connect(self.paste_requested)
        session.photo_changed.connect(self._show_photo)
        session.people_changed.connect(self._show_note)
        session.selection_changed.connect(self._show_note)
        session.photos_changed.connect(self._show_strip)
        self._show_photo()
        self._show_strip()

    @property
    def wants_overlay(self) -> bool:
        """Whether the picture of the head over the photo is on show (it costs time to make)."""
        return self.mesh_box.isChecked()

    def set_thumbnail(self, photo: str, image: QImage) -> None:
        """A thumbnail of one of the document's photos (by id) has been made."""
        pixmap = QPixmap.fromImage(image)
        icon = QIcon(pixmap)
        icon.addPixmap(pixmap, QIcon.Mode.Selected)  # not tinted by the style
        self._icons[photo] = icon
        for row, entry in enumerate(self._session.photos):
            if entry.id == photo:
                self.strip.item(row).setIcon(icon)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_invitation()

    def _show_photo(self) -> None:
        photo = self._session.photo
        self.invitation.setVisible(photo is None)
        for widget in (self.fit_button, self.landmarks_box, self.mesh_box, self.opacity):
            widget.setEnabled(photo is not None)
        self._show_place()
        self._show_note()
        self._place_invitation()

    def _show_note(self) -> None:
        photo, people = self._session.photo, self._session.people
        self.face_button.setEnabled(self._session.person is not None)
        if photo is None:
            self._note.setText("")
            return
        name = photo.path.name if photo.path is not None else self.tr("picture")
        parts = [name, f"{photo.width} × {photo.height}"]
        if len(people) > 1:
            count = self.tr("face %1 of %2").replace("%1", str(self._session.selected + 1))
            parts.append(count.replace("%2", str(len(people))))
        if self._session.person is not None:
            error = 100 * self._session.person.original.landmark_error
            parts.append(self.tr("fit %1 %").replace("%1", f"{error:.1f}"))
        self._note.setText("  ·  ".join(parts))
        self._note.setToolTip(self.tr("Fit: mean landmark distance in per cent of the distance between the eyes"))

    def _show_strip(self) -> None:
        self.strip.blockSignals(True)
        self.strip.clear()
        blank = QPixmap(_THUMBNAIL, _THUMBNAIL)
        blank.fill(style.RAISED)
        for entry in self._session.photos:
            item = QListWidgetItem(self._icons.get(entry.id, QIcon(blank)), entry.name)
            item.setToolTip(str(entry.path or entry.name))
            self.strip.addItem(item)
        self.strip.blockSignals(False)
        self._show_place()
        self.strip.setVisible(len(self._session.photos) > 1)

    def _show_place(self) -> None:
        shown = self._session.entry
        self.strip.blockSignals(True)
        self.strip.setCurrentRow(self._session.photos.index(shown) if shown is not None else -1)
        self.strip.blockSignals(False)

    def _pick(self, row: int) -> None:
        if 0 <= row < len(self._session.photos):
            self.photo_picked.emit(self._session.photos[row].id)

    def _place_invitation(self) -> None:
        self.invitation.adjustSize()
        room = self.view.rect()
        self.invitation.setFixedWidth(max(room.width() - 2 * style.MEDIUM, 1))
        self.invitation.move(style.MEDIUM, max((room.height() - self.invitation.height()) // 2, 0))


class _ElidedLabel(QLabel):
    """A label that shortens its text rather than pushing its neighbours out."""

    def minimumSizeHint(self) -> QSize:
        return QSize(30, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
