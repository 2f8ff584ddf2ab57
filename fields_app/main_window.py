"""The window: where things are and what the menus are called. What they do is in `menus` and `workbench`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QStatusTipEvent,
    QUndoStack,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.emotion_panel import EmotionPanel
from fields_app.panels.exported_files import ExportedFiles
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.people_panel import PeoplePanel
from fields_app.panels.photo_panel import PhotoPanel
from fields_app.panels.sliders_panel import SlidersPanel
from fields_app.panels.tall_panel import TallPanel
from fields_app.panels.viewport import Viewport
from fields_app.session import Session
from fields_app.settings import Settings

_ROOMY = 880  # height of a screen on which nothing has to be folded
_FIRST_SIZES = (470, 580, style.SLIDERS_WIDTH)


class MainWindow(QMainWindow):
    """Photo on the left, head in the middle, sliders on the right, messages below.

    Signals:
        dropped(QMimeData): something was dropped anywhere on the window.
        closing(): the window is about to go; threads must end now.
    """

    dropped = Signal(object)
    closing = Signal()

    def __init__(self, session: Session, settings: Settings) -> None:
        super().__init__()
        self.may_close: Callable[[], bool] = lambda: True
        """Asked before the window closes; it stays open on False."""
        self._project = ""
        self.setAcceptDrops(True)
        self._session = session
        self._settings = settings
        self.messages = MessageBar(self)
        self.exported = ExportedFiles(self)
        self.photo = PhotoPanel(session, self)
        self.people = PeoplePanel(session, self)
        self.viewport = Viewport(session, self)
        self.sliders = SlidersPanel(session, self)
        self.emotion = EmotionPanel(session, self)
        self._make_actions()
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        for panel, stretch in ((self._photo_column(), 4), (self.viewport, 5), (self._expression_column(), 0)):
            self._splitter.addWidget(panel)
            self._splitter.setStretchFactor(self._splitter.count() - 1, stretch)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(style.SMALL)
        middle = QVBoxLayout()
        middle.setContentsMargins(style.SMALL, 0, style.SMALL, style.SMALL)
        middle.addWidget(self._splitter)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._header())
        layout.addLayout(middle, 1)
        layout.addWidget(self.exported)
        layout.addWidget(self.messages)
        self._rows = layout
        centre = QWidget(self)
        centre.setObjectName("plain")
        centre.setLayout(layout)
        self.setCentralWidget(centre)
        self._drop_hint = QLabel(self.tr("Drop to open"), self)
        self._drop_hint.setObjectName("dropHint")
        self._drop_hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop_hint.hide()
        self._restore()
        for signal in (session.code_changed, session.people_changed):
            signal.connect(self._update_actions)
        self._update_actions()

    def sizeHint(self) -> QSize:
        return QSize(1480, 900)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QStatusTipEvent):
            self.messages.show_hint(event.tip())
            return True
        return super().event(event)

    @property
    def project_name(self) -> str:
        """The project's name, or that of the photo on show; "" if there is neither."""
        photo = self._session.photo
        return self._project or (photo.name if photo is not None else "")

    def show_project(self, name: str, modified: bool) -> None:
        """Title and modified mark. ``name`` is "" while the project has no file."""
        self._project = name
        self.setWindowModified(modified)
        self._show_title()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.may_close():
            event.ignore()
            return
        self._settings.geometry = self.saveGeometry()
        self._settings.splitter = self._splitter.saveState()
        self._settings.emotion_open = self.emotion.fold_button.isChecked()
        self.closing.emit()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        ours = event.source() is not None  # a file on its way out of the window
        if not ours and (event.mimeData().hasUrls() or event.mimeData().hasImage()):
            event.acceptProposedAction()
            self._drop_hint.setGeometry(self.rect().adjusted(20, 20, -20, -20))
            self._drop_hint.raise_()
            self._drop_hint.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_hint.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_hint.hide()
        event.acceptProposedAction()
        self.dropped.emit(event.mimeData())

    def _make_actions(self) -> None:
        keys = QKeySequence.StandardKey
        file = self.menuBar().addMenu(self.tr("&File"))
        self.file_menu = file
        self.open_action = self._action(
            file, self.tr("&Open …"), keys.Open, self.tr("One photo, several, or a project")
        )
        self.open_folder_action = self._action(
            file, self.tr("Open &folder …"), "Ctrl+Shift+O", self.tr("All photos of a folder, to pick from")
        )
        self.sample_action = self._action(
            file, self.tr("Open &sample photo"), "", self.tr("An astronaut, to try things out")
        )
        self.paste_action = self._action(file, self.tr("&Paste photo"), keys.Paste, self.tr("A copied picture or file"))
        file.addSeparator()
        self.export_action = self._action(
            file, self.tr("&Export head …"), "Ctrl+E", self.tr("OBJ, GLB, PLY, STL and face codes")
        )
        file.addSeparator()
        self.quit_action = self._action(file, self.tr("&Quit"), "Ctrl+Q", "", self.close)

        edit = self.menuBar().addMenu(self.tr("&Edit"))
        self.edit_menu = edit
        self.refine_action = self._action(
            edit, self.tr("&Refine fit"), "Ctrl+R", self.tr("Fits the head to the photo again, from where it is")
        )
        self.relax_action = self._action(
            edit, self.tr("&Neutral face"), "Ctrl+0", self.tr("Relaxes the face; keeps identity and pose"),
            self.sliders.neutral_button.click,
        )  # fmt: skip
        self.reset_action = self._action(
            edit, self.tr("Reset to &photo"), "Ctrl+Backspace", self.tr("Everything back to the photo's values"),
            self.sliders.reset_button.click,
        )  # fmt: skip
        self._action(edit, self.tr("&Find slider"), keys.Find, self.tr("Search by name"), self.sliders.search.setFocus)

        view = self.menuBar().addMenu(self.tr("&View"))
        self.view_menu = view
        for i, name in enumerate((self.tr("&Shaded"), self.tr("&Textured"), self.tr("&Wireframe"))):
            self._action(view, name, f"Ctrl+{i + 1}", "", lambda _=False, mode=i: self.viewport.set_mode(mode))
        self._action(view, self.tr("&Reset view"), "Ctrl+Home", self.tr("From the front"), self.viewport.reset_view)
        view.addSeparator()
        self._action(view, self.tr("&Landmarks"), "Ctrl+L", "", self.photo.landmarks_box.toggle)
        self._action(view, self.tr("&Mesh over photo"), "Ctrl+M", "", self.photo.mesh_box.toggle)
        self.viewport.tools.fill(view)

        self.help_menu = self.menuBar().addMenu(self.tr("&Help"))
        self.about_action = self._action(self.help_menu, self.tr("&About FIELDS"), "", self.tr("Version and licences"))

    def add_above_messages(self, panel: QWidget) -> None:
        """A panel as wide as the window, above the line of messages."""
        self._rows.insertWidget(self._rows.indexOf(self.messages), panel)

    def add_undo(self, stack: QUndoStack) -> None:
        """Undo and redo at the top of the Edit menu, with the name of the step."""
        first = self.edit_menu.actions()[0]
        self.undo_action = stack.createUndoAction(self, self.tr("&Undo"))
        self.redo_action = stack.createRedoAction(self, self.tr("&Redo"))
        for action, keys in (
            (self.undo_action, QKeySequence.StandardKey.Undo),
            (self.redo_action, QKeySequence.StandardKey.Redo),
        ):
            action.setShortcuts(QKeySequence.keyBindings(keys))
            self.edit_menu.insertAction(first, action)
        self.edit_menu.insertSeparator(first)

    def _action(
        self,
        menu: QMenu,
        text: str,
        shortcut: QKeySequence.StandardKey | str,
        tip: str = "",
        slot: Callable[..., object] | None = None,
    ) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(shortcut))
        action.setStatusTip(tip)
        if slot is not None:
            action.triggered.connect(slot)
        menu.addAction(action)
        return action

    def show_left(self, panel: QWidget | None) -> None:
        """Show a panel in the place of photo and people; None: these again."""
        if panel is not None and panel not in self._instead:
            self._instead[panel] = TallPanel(panel, self)
            self._left.addWidget(self._instead[panel])
        self._left.setCurrentIndex(0 if panel is None else self._left.indexOf(self._instead[panel]))

    def _photo_column(self) -> QWidget:
        self._instead: dict[QWidget, TallPanel] = {}
        self._left = QStackedWidget(self)
        self._left.setObjectName("plain")
        self._left.addWidget(self._column((self.photo, 1), (self.people, 0)))
        return self._left

    def _expression_column(self) -> QWidget:
        return self._column((self.emotion, 0), (self.sliders, 1))

    def _column(self, *panels: tuple[QWidget, int]) -> QWidget:
        """Panels above one another, with their stretch."""
        column = QWidget(self)
        column.setObjectName("plain")
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SMALL)
        for panel, stretch in panels:
            layout.addWidget(panel, stretch)
        return column

    def _header(self) -> QHBoxLayout:
        """The four things one does all the time, as buttons."""
        header = QHBoxLayout()
        header.setContentsMargins(style.MEDIUM, style.TINY, style.SMALL, style.SMALL)
        header.setSpacing(style.SMALL)
        places = (
            (self.tr("Open photo"), self.open_action),
            (self.tr("Sample"), self.sample_action),
            ("", None),
            (self.tr("Refine fit"), self.refine_action),
            (self.tr("Export …"), self.export_action),
        )
        for text, action in places:
            if action is None:
                header.addStretch(1)
            else:
                header.addWidget(self._button(text, action))
        return header

    def _button(self, text: str, action: QAction) -> QPushButton:
        button = QPushButton(text, self)
        if action is self.export_action:
            button.setObjectName("primary")
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        button.setToolTip(f"{action.statusTip()}  ({key})" if key else action.statusTip())
        button.setEnabled(action.isEnabled())
        button.clicked.connect(action.trigger)
        action.enabledChanged.connect(button.setEnabled)
        return button

    def _update_actions(self) -> None:
        self.export_action.setEnabled(self._session.code is not None)
        self.refine_action.setEnabled(self._session.person is not None)
        for action in (self.relax_action, self.reset_action):
            action.setEnabled(self._session.code is not None)
        self._show_title()

    def _show_title(self) -> None:
        name = self.project_name
        self.setWindowTitle(f"{name}[*] – FIELDS" if name else "FIELDS[*]")

    def reset_layout(self) -> None:
        """Window and panels as at the very first start."""
        self.showNormal()
        self.resize(self.sizeHint().boundedTo(self.screen().availableSize() * 0.96))
        self._splitter.setSizes(list(_FIRST_SIZES))
        self.emotion.fold_button.setChecked(self._has_room())

    def _has_room(self) -> bool:
        """Whether the screen is high enough to show the emotion panel without taking it from the sliders."""
        return self.screen().availableSize().height() >= _ROOMY

    def _restore(self) -> None:
        if self._settings.geometry.isEmpty() or not self.restoreGeometry(self._settings.geometry):
            room = self.screen().availableSize()
            self.resize(self.sizeHint().boundedTo(room * 0.96))
        if self._settings.splitter.isEmpty() or not self._splitter.restoreState(self._settings.splitter):
            self._splitter.setSizes(list(_FIRST_SIZES))
        remembered = self._settings.emotion_open
        self.emotion.fold_button.setChecked(self._has_room() if remembered is None else remembered)
