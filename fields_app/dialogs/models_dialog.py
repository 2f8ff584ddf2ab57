"""Which models are in use, where they come from and under what licence; how to get others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFont, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QTreeWidgetItemIterator,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.model_choice import ModelChoice
from fields_core.model_library import ModelFacts, Origin, Role
from fields_core.model_licences import LICENCE_PAGES, LicenceClass

_FACTS = Qt.ItemDataRole.UserRole
_ROLES = {Role.HEAD: "Head model", Role.ENCODER: "Encoder", Role.LANDMARKER: "Face landmarker"}
_CLASSES = {
    LicenceClass.FREE: "Free to use",
    LicenceClass.NON_COMMERCIAL: "Non-commercial only",
    LicenceClass.UNKNOWN: "Mixed or not stated",
}
_ORIGINS = {
    Origin.PROGRAM: "Comes with FIELDS",
    Origin.PACKAGE: "Python package",
    Origin.USER: "Imported",
    Origin.ENVIRONMENT: "FIELDS_ASSETS",
}
_NOTHING = {Role.ENCODER: "none: every face is fitted"}


class ModelsDialog(QDialog):
    """Lists models by what they are for. Not modal: the window goes on working.

    Signals:
        import_requested(): a file of the user's.
        chosen(ModelFacts): use this one from now on.
        remove_requested(ModelFacts): delete this imported file.
        closed()
    """

    import_requested = Signal()
    chosen = Signal(object)
    remove_requested = Signal(object)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Models"))
        self.setModal(False)
        self._choice = ModelChoice()
        self.tree = QTreeWidget(self)
        self.tree.setHeaderLabels([self.tr("Model"), self.tr("In use"), self.tr("Licence"), self.tr("From")])
        self.tree.setAccessibleName(self.tr("Models by what they are for"))
        self.tree.setToolTip(self.tr("Double click: use this model"))
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.name, self.licence, self.file, self.hash = (self._value() for _ in range(4))
        self.licence.setWordWrap(True)
        facts = QFormLayout()
        facts.setHorizontalSpacing(style.MEDIUM)
        facts.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for label, value in (
            (self.tr("Name"), self.name), (self.tr("Licence"), self.licence),
            (self.tr("File"), self.file), (self.tr("SHA-256"), self.hash),
        ):  # fmt: skip
            title = QLabel(label, self)
            title.setObjectName("faint")
            value.setAccessibleName(label)
            facts.addRow(title, value)
        self.use_button = self._button(self.tr("Use this"), self.tr("Load it in the place of the one in use"))
        self.page_button = self._button(
            self.tr("Licence page"), self.tr("Open the page about its licence in the browser")
        )
        self.folder_button = self._button(self.tr("Show folder"), self.tr("Open the folder that the file is in"))
        self.copy_button = self._button(self.tr("Copy facts"), self.tr("Name, licence, file and hash as text"))
        self.remove_button = self._button(self.tr("Remove"), self.tr("Delete this imported file"))
        of_one = QHBoxLayout()
        of_one.setSpacing(style.SMALL)
        for button in (self.use_button, self.page_button, self.folder_button, self.copy_button, self.remove_button):
            of_one.addWidget(button)
        of_one.addStretch(1)
        note = QLabel(
            self.tr(
                "FIELDS works without any file but its own. FLAME, SMIRK, DECA and EMOCA can be imported from files "
                "that you have from their authors, after accepting their licence there. FIELDS downloads nothing and "
                "never asks for a password. Exported files name the head model and its licence."
            ),
            self,
        )
        note.setObjectName("faint")
        note.setWordWrap(True)
        self.status = QLabel(self)
        self.status.setObjectName("soft")
        self.status.setWordWrap(True)
        self.status.setAccessibleName(self.tr("Status"))
        self.progress = QProgressBar(self)
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(120)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.progress.hide()
        self.import_button = self._button(
            self.tr("Import from file …"), self.tr("A head model, weights or a landmarker that you have; offline")
        )
        self.import_button.setObjectName("primary")
        self.get_button = self._button(self.tr("Get others"), self.tr("Pages of the authors, in the browser"))
        self.get_button.setMenu(self._pages())
        close = self._button(self.tr("Close"), self.tr("Close this window  (Esc)"))
        foot = QHBoxLayout()
        foot.setSpacing(style.SMALL)
        for button in (self.import_button, self.get_button):
            foot.addWidget(button)
        foot.addWidget(self.progress)
        foot.addWidget(self.status, 1)
        foot.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(self.tree, 1)
        layout.addLayout(facts)
        layout.addLayout(of_one)
        layout.addWidget(note)
        layout.addLayout(foot)
        self.resize(760, 560)

        self.tree.currentItemChanged.connect(lambda *_: self._show_facts())
        self.tree.itemDoubleClicked.connect(lambda *_: self._use())
        self.use_button.clicked.connect(self._use)
        self.page_button.clicked.connect(self._open_page)
        self.folder_button.clicked.connect(self._open_folder)
        self.copy_button.clicked.connect(self._copy)
        self.remove_button.clicked.connect(lambda: self.remove_requested.emit(self.current))
        self.import_button.clicked.connect(self.import_requested)
        close.clicked.connect(self.close)
        self.finished.connect(self.closed)
        self._show_facts()

    @property
    def current(self) -> ModelFacts | None:
        """The selected model."""
        item = self.tree.currentItem()
        facts = item.data(0, _FACTS) if item is not None else None
        return facts if isinstance(facts, ModelFacts) else None

    def show_models(self, models: Sequence[ModelFacts], choice: ModelChoice) -> None:
        """All models of this computer, and which are chosen."""
        selected = self.current
        self._choice = choice
        self.tree.clear()
        head = next((model.head_model for model in models if model.role is Role.HEAD and choice.uses(model)), "")
        for role, title in _ROLES.items():
            group = QTreeWidgetItem([self.tr(title)])
            font = QFont(group.font(0))
            font.setBold(True)
            group.setFont(0, font)
            group.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.tree.addTopLevelItem(group)
            of_role = [model for model in models if model.role is role]
            for model in of_role:
                group.addChild(self._row(model, choice, head))
            if not of_role:
                empty = QTreeWidgetItem([self.tr(_NOTHING.get(role, "none found"))])
                empty.setFlags(Qt.ItemFlag.NoItemFlags)
                group.addChild(empty)
        self.tree.expandAll()
        for column in range(4):
            self.tree.resizeColumnToContents(column)
        self.select(selected.path if selected is not None else None)

    def select(self, path: object) -> None:
        """Select the model with this file; the head model in use where there is none."""
        rows = list(self._rows())
        in_use = [item for item, facts in rows if self._choice.uses(facts)]
        for item in [*(item for item, facts in rows if facts.path == path), *in_use][:1]:
            self.tree.setCurrentItem(item)

    def _rows(self) -> Iterator[tuple[QTreeWidgetItem, ModelFacts]]:
        iterator = QTreeWidgetItemIterator(self.tree)
        while (item := iterator.value()) is not None:
            facts = item.data(0, _FACTS)
            if isinstance(facts, ModelFacts):
                yield item, facts
            iterator += 1

    def show_status(self, text: str, *, busy: bool = False) -> None:
        """What is going on; while ``busy`` nothing else can be begun."""
        self.status.setText(text)
        self.progress.setVisible(busy)
        self.import_button.setEnabled(not busy)
        self._show_facts()

    def _row(self, model: ModelFacts, choice: ModelChoice, head: str) -> QTreeWidgetItem:
        used = choice.uses(model)
        text = self.tr("●  in use") if used else ""
        if model.role is Role.ENCODER and model.head_model != head:
            text = self.tr("for %1 only").replace("%1", model.head_model)
        item = QTreeWidgetItem(
            [model.name, text, self.tr(_CLASSES[model.licence_class]), self.tr(_ORIGINS[model.origin])]
        )
        item.setData(0, _FACTS, model)
        item.setToolTip(0, str(model.path))
        item.setToolTip(2, model.licence)
        return item

    def _show_facts(self) -> None:
        facts = self.current
        idle = self.progress.isHidden()
        for button in (self.folder_button, self.copy_button):
            button.setEnabled(facts is not None)
        self.page_button.setEnabled(facts is not None and bool(facts.licence_page))
        choosable = facts is not None and facts.role is not Role.LANDMARKER and not self._choice.uses(facts)
        self.use_button.setEnabled(choosable and idle)
        removable = facts is not None and facts.removable and not self._choice.uses(facts)
        self.remove_button.setEnabled((removable or (facts is not None and facts.role is Role.LANDMARKER
                                                     and facts.removable)) and idle)  # fmt: skip
        if facts is None:
            for label in (self.name, self.licence, self.file, self.hash):
                label.setText("–")
            return
        size = f"{facts.size / 1e6:.1f} MB"
        self.name.setText(f"{facts.name}  ·  {size}")
        told = "; ".join(facts.licence.splitlines()) or self.tr("not stated")
        encoder = facts.role is Role.ENCODER
        self.licence.setText(
            f"{self.tr(_CLASSES[facts.licence_class])}: "
            + (self.tr("trained on %1").replace("%1", told) if encoder else told)
        )
        self.file.setText(str(facts.path))
        self.hash.setText(facts.sha256)
        for label in (self.file, self.hash, self.licence):
            label.setToolTip(label.text())

    def _use(self) -> None:
        if self.use_button.isEnabled():
            self.chosen.emit(self.current)

    def _open_page(self) -> None:
        if self.current is not None:
            QDesktopServices.openUrl(QUrl(self.current.licence_page))

    def _open_folder(self) -> None:
        if self.current is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.current.path.parent)))

    def _copy(self) -> None:
        facts = self.current
        if facts is not None:
            QGuiApplication.clipboard().setText(f"{facts.name}\n{facts.licence}\n{facts.path}\nsha256 {facts.sha256}")

    def _pages(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for page in LICENCE_PAGES:
            action = menu.addAction(page.what)
            action.setToolTip(self.tr("%1 – then import %2").replace("%1", page.url).replace("%2", page.files))
            action.triggered.connect(lambda _=False, url=page.url: QDesktopServices.openUrl(QUrl(url)))
        return menu

    def _value(self) -> QLabel:
        label = _ShortLabel(self)
        label.setObjectName("soft")
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        return button


class _ShortLabel(QLabel):
    """A path or hash never widens the window; it is cut at the edge and whole in the tool tip."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        policy = self.sizePolicy()
        policy.setHorizontalPolicy(policy.Policy.Ignored)
        self.setSizePolicy(policy)
        self.setMinimumWidth(200)
