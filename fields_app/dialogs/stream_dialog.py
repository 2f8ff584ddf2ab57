"""Where the live head shall be sent."""

from __future__ import annotations

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.live_settings import StreamChoice

_KINDS = (("vmc", "VMC (OSC)"), ("livelink", "Live Link Face"))
_PORTS = {"vmc": 39539, "livelink": 11111}


class StreamDialog(QDialog):
    """Protocol, host and port. Read `choice` when it was accepted."""

    def __init__(self, choice: StreamChoice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Stream the live head"))
        self.kind = QComboBox(self)
        for key, name in _KINDS:
            self.kind.addItem(name, key)
        self.kind.setCurrentIndex([key for key, _ in _KINDS].index(choice.kind))
        self.host = QLineEdit(choice.host, self)
        self.host.setToolTip(self.tr("Name or address of the computer that receives; 127.0.0.1 is this one"))
        self.port = QSpinBox(self)
        self.port.setRange(0, 65535)
        self.port.setValue(choice.port)
        self.port.setToolTip(self.tr("0: the protocol's own port"))
        self.subject = QLineEdit(choice.subject, self)
        self.subject.setToolTip(self.tr("What the face is called in the other program"))
        note = QLabel(
            self.tr("Sends the face that moves the head, as 52 ARKit shapes and the turns of head and eyes."), self
        )
        note.setObjectName("faint")
        note.setWordWrap(True)
        form = QFormLayout()
        self._form = form
        for name, widget in (
            (self.tr("&Protocol"), self.kind),
            (self.tr("&Host"), self.host),
            (self.tr("P&ort"), self.port),
            (self.tr("&Subject"), self.subject),
        ):
            form.addRow(name, widget)
            widget.setAccessibleName(name.replace("&", ""))
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel, self)
        for kind in (kinds.Ok, kinds.Cancel):
            buttons.button(kind).setIcon(QIcon())
        buttons.button(kinds.Ok).setText(self.tr("Start"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(buttons)
        self._start = buttons.button(kinds.Ok)
        self.kind.currentIndexChanged.connect(self._show_kind)
        self.host.textChanged.connect(self._show_kind)
        self._show_kind()
        self.resize(380, self.sizeHint().height())

    @property
    def choice(self) -> StreamChoice:
        subject = self.subject.text().strip().replace("/", " ") or "FIELDS"
        return StreamChoice(self.kind.currentData(), self.host.text().strip(), self.port.value(), subject)

    def _show_kind(self) -> None:
        key = self.kind.currentData()
        self.port.setSpecialValueText(self.tr("Usual (%1)").replace("%1", str(_PORTS[key])))
        self._form.setRowVisible(self.subject, key == "livelink")
        self._start.setEnabled(bool(self.host.text().strip()))
