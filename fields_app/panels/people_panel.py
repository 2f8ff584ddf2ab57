"""Everybody in the document as small pictures: select, name, merge, split, delete."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QItemSelectionModel, QObject, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.document import Document, Person
from fields_app.pictures import image_of
from fields_app.session import Session

_PICTURE = 56
_PERSON = Qt.ItemDataRole.UserRole
_IDENTITY = Qt.ItemDataRole.UserRole + 1


class PeoplePanel(QFrame):
    """Shows the people of all photos; those of one identity stand together.

    Signals:
        picked(person id): show this one.
        rename_requested(identity id, name)
        merge_requested(person ids), split_requested(person ids), delete_requested(person ids)
        copy_requested(): remember the expression on show.
        paste_requested(person ids)
        rest_requested(): the face on show is this person's rest face.
        subtract_requested(): take the rest face off the face on show.
    """

    picked = Signal(str)
    rename_requested = Signal(str, str)
    merge_requested = Signal(object)
    split_requested = Signal(object)
    delete_requested = Signal(object)
    copy_requested = Signal()
    paste_requested = Signal(object)
    rest_requested = Signal()
    subtract_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._icons: dict[int, QIcon] = {}
        self._can_paste = False
        title = QLabel(self.tr("People"), self)
        title.setObjectName("title")
        self._note = QLabel(self)
        self._note.setObjectName("faint")
        self.merge_button = self._button(
            self.tr("Merge"), self.tr("The selected faces are one person: one shape from all their photos"), self.merge
        )
        self.split_button = self._button(
            self.tr("Split"), self.tr("The selected faces are somebody else after all"), self.split
        )
        self.delete_button = self._button(
            self.tr("Delete"), self.tr("Take the selected faces out; the photos stay  (Del)"), self.delete
        )
        self.list = QListWidget(self)
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.LeftToRight)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setIconSize(QSize(_PICTURE, _PICTURE))
        self.list.setGridSize(QSize(_PICTURE + 30, _PICTURE + 28))
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setFixedHeight(_PICTURE + 46)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked
        )
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.setAccessibleName(self.tr("People"))
        self.list.installEventFilter(self)
        self.menu = self._make_menu()

        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(style.SMALL)
        head.addWidget(self._note, 1)
        for button in (self.merge_button, self.split_button, self.delete_button):
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.SMALL)
        layout.setSpacing(style.SMALL)
        layout.addLayout(head)
        layout.addWidget(self.list)

        self.list.currentItemChanged.connect(self._pick)
        self.list.itemSelectionChanged.connect(self._update)
        self.list.itemChanged.connect(self._renamed)
        self.list.customContextMenuRequested.connect(self._show_menu)
        session.document_changed.connect(self._build)
        session.restored.connect(self._build)
        session.selection_changed.connect(self._follow)
        self._build()

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the selected persons, in the order shown."""
        rows = sorted(self.list.row(item) for item in self.list.selectedItems())
        return tuple(str(self.list.item(row).data(_PERSON)) for row in rows)

    def set_can_paste(self, possible: bool) -> None:
        """Whether an expression has been copied."""
        self._can_paste = possible
        self._update()

    def merge(self) -> None:
        self.merge_requested.emit(self.chosen)

    def split(self) -> None:
        self.split_requested.emit(self.chosen)

    def delete(self) -> None:
        self.delete_requested.emit(self.chosen)

    def rename(self) -> None:
        """Start to type a name."""
        if self.list.currentItem() is not None:
            self.list.editItem(self.list.currentItem())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.list and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.chosen:
                self.delete()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.rename()
                return True
        return super().eventFilter(watched, event)

    def _button(self, text: str, tip: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName("quiet")
        button.setToolTip(tip)
        button.clicked.connect(slot)
        return button

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        self.rename_action = self._action(menu, self.tr("&Rename"), self.rename)
        self.merge_action = self._action(menu, self.tr("&Merge into one person"), self.merge)
        self.split_action = self._action(menu, self.tr("&Split off"), self.split)
        menu.addSeparator()
        self.copy_action = self._action(menu, self.tr("&Copy expression"), self.copy_requested.emit)
        self.paste_action = self._action(
            menu, self.tr("&Paste expression"), lambda: self.paste_requested.emit(self.chosen)
        )
        menu.addSeparator()
        self.rest_action = self._action(menu, self.tr("This is the rest &face"), self.rest_requested.emit)
        self.subtract_action = self._action(menu, self.tr("Subtract rest f&ace"), self.subtract_requested.emit)
        menu.addSeparator()
        self.delete_action = self._action(menu, self.tr("&Delete"), self.delete)
        return menu

    def _action(self, menu: QMenu, text: str, slot: Callable[[], object]) -> QAction:
        action = menu.addAction(text)
        action.triggered.connect(lambda _=False: slot())
        return action

    def _build(self) -> None:
        document = self._session.document()
        people = in_order(document)
        chosen = set(self.chosen)
        self.list.blockSignals(True)
        self.list.clear()
        icons: dict[int, QIcon] = {}
        for person in people:
            key = id(person.original.crop)
            icons[key] = self._icons.get(key) or _icon(person)
            item = QListWidgetItem(icons[key], _name(document, person))
            item.setData(_PERSON, person.id)
            item.setData(_IDENTITY, person.identity)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setToolTip(self._tip(document, person))
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            self.list.addItem(item)
            item.setSelected(person.id in chosen)
        self._icons = icons
        self.list.blockSignals(False)
        self.setVisible(bool(people))
        identities = len(document.identities)
        faces = self.tr("1 face") if len(people) == 1 else self.tr("%1 faces").replace("%1", str(len(people)))
        self._note.setText(faces if identities == len(people) else self.tr("%1 of %2").replace("%1", faces).replace(
            "%2", self.tr("1 person") if identities == 1 else self.tr("%1 people").replace("%1", str(identities))
        ))  # fmt: skip
        self._follow()

    def _follow(self) -> None:
        """Make the session's person the current one; a selection of several that holds it stays."""
        person = self._session.person
        current = self.list.currentItem()
        if person is not None and (current is None or current.data(_PERSON) != person.id):
            self.list.blockSignals(True)
            for item in map(self.list.item, range(self.list.count())):
                if item.data(_PERSON) == person.id:
                    flags = QItemSelectionModel.SelectionFlag
                    self.list.setCurrentItem(item, flags.NoUpdate if item.isSelected() else flags.ClearAndSelect)
                    self.list.scrollToItem(item)
            self.list.blockSignals(False)
        self._update()

    def _pick(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.picked.emit(str(item.data(_PERSON)))

    def _renamed(self, item: QListWidgetItem) -> None:
        self.rename_requested.emit(str(item.data(_IDENTITY)), item.text())
        identity = self._session.document().identity(str(item.data(_IDENTITY)))
        if identity is not None and item.text() != identity.name:  # it was not taken as it is
            self.list.blockSignals(True)
            item.setText(identity.name)
            self.list.blockSignals(False)

    def _update(self) -> None:
        document, chosen = self._session.document(), self.chosen
        identities = {person.identity for key in chosen if (person := document.person(key)) is not None}
        can_split = len(identities) == 1 and len(document.of_identity(next(iter(identities)))) > 1
        for widget, possible in (
            (self.merge_button, len(identities) > 1), (self.merge_action, len(identities) > 1),
            (self.split_button, can_split), (self.split_action, can_split),
            (self.delete_button, bool(chosen)), (self.delete_action, bool(chosen)),
            (self.rename_action, len(chosen) == 1), (self.copy_action, len(chosen) == 1),
            (self.paste_action, self._can_paste and bool(chosen)), (self.rest_action, len(chosen) == 1),
            (self.subtract_action, self._session.identity is not None and self._session.identity.rest is not None),
        ):  # fmt: skip
            widget.setEnabled(possible)

    def _show_menu(self, position: QPoint) -> None:
        if self.list.itemAt(position) is not None:
            self.menu.popup(self.list.viewport().mapToGlobal(position))

    def _tip(self, document: Document, person: Person) -> str:
        photo, group = document.photo_of(person.id), document.of_identity(person.identity)
        lines = [_name(document, person), photo.file_name if photo else ""]
        if len(group) > 1 and person.alone is not None:
            lines.append(self.tr("one shape from %1 photos").replace("%1", str(len(group))))
        lines.append(self.tr("Ctrl or Shift and click: select several; double click or F2: rename"))
        return "\n".join(lines)


def in_order(document: Document) -> list[Person]:
    """All people, those of one identity together, else in the order of photos and faces."""
    groups: dict[str, list[Person]] = {}
    for person in document.people:
        groups.setdefault(person.identity or person.id, []).append(person)
    return [person for group in groups.values() for person in group]


def _name(document: Document, person: Person) -> str:
    identity = document.identity(person.identity)
    return identity.name if identity is not None else ""


def _icon(person: Person) -> QIcon:
    """The face's crop with round corners; the selected one has a frame."""
    icon = QIcon()
    face = QPixmap.fromImage(image_of(person.original.crop.image))
    size = 2 * _PICTURE
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        path = QPainterPath()
        path.addRoundedRect(QRectF(3, 3, size - 6, size - 6), 3 * style.RADIUS, 3 * style.RADIUS)
        painter.setClipPath(path)
        painter.drawPixmap(0, 0, size, size, face)
        painter.setClipping(False)
        if mode is QIcon.Mode.Selected:
            painter.setPen(QPen(QColor(style.ACCENT_BRIGHT), 6))
            painter.drawPath(path)
        painter.end()
        icon.addPixmap(pixmap, mode)
    return icon
