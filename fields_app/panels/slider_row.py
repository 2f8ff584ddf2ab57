"""One line of the expression panel: a lock, a name, and one slider or the two of left and right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QWidget

from fields_app import style
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter

_LABEL_WIDTH = 90


class LockButton(QAbstractButton):
    """A padlock: faint and open, or shut."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # sixty more stops for the Tab key; L on a slider does the same
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        return QSize(15, style.ROW_HEIGHT - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shut = self.isChecked()
        colour = QColor(style.WARNING if shut else style.TEXT_SOFT if self.underMouse() else style.BORDER_STRONG)
        middle = self.height() / 2
        painter.setPen(QPen(colour, 1.4))
        shackle = QRectF(3.5 if shut else 5.5, middle - 6, 5, 8)
        painter.drawArc(shackle, 0, 180 * 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(2, middle - 1, 8, 6), 1.5, 1.5)


class SliderRow(QWidget):
    """One name with one slider, or with two for the person's left and right.

    Keys on its sliders: L locks, Backspace goes back to the photo's value, M gives both sides this one's value.

    Signals:
        lock_requested(keys, locked): edits of the whole expression shall leave these values as they are.
    """

    lock_requested = Signal(object, bool)

    def __init__(self, parameters: Sequence[Parameter], parent: QWidget) -> None:
        super().__init__(parent)
        self.sliders = [ValueSlider(parameter, self) for parameter in parameters]
        self.keys = tuple(parameter.key for parameter in parameters)
        self._words = " ".join(f"{p.label} {p.key} {p.group}" for p in parameters).lower()
        name = self.tr(parameters[0].short)
        self.lock = LockButton(self)
        self.lock.setAccessibleName(self.tr("Lock %1").replace("%1", name))
        self.lock.setToolTip(self.tr("Lock: presets, strength, mirror and dragged scores leave it as it is (L)"))
        self.lock.clicked.connect(lambda locked: self.lock_requested.emit(self.keys, locked))
        label = QLabel(name, self)
        label.setObjectName("soft")
        label.setFixedWidth(_LABEL_WIDTH)
        label.setToolTip(self.sliders[0].toolTip())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.lock)
        layout.addWidget(label)
        for slider in self.sliders:
            if slider.parameter.side:
                side = QLabel(self.tr(slider.parameter.side), self)
                side.setObjectName("faint")
                side.setFixedWidth(16)
                layout.addWidget(side)
            layout.addWidget(slider, 1)
        self.setFixedHeight(style.ROW_HEIGHT)

    def matches(self, words: Sequence[str]) -> bool:
        return all(word in self._words for word in words)

    def show_locked(self, locked: Collection[str]) -> None:
        """Shut the padlock and rest the sliders where a key is locked."""
        shut = any(key in locked for key in self.keys)
        self.lock.setChecked(shut)
        for slider in self.sliders:
            slider.setEnabled(not shut)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        for slider in self.sliders:
            if slider.isEnabled():
                slider.reset_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        focused = next((slider for slider in self.sliders if slider.has_focus), None)
        if event.key() == Qt.Key.Key_L:
            self.lock_requested.emit(self.keys, not self.lock.isChecked())
        elif event.key() == Qt.Key.Key_Backspace and focused is not None:
            focused.reset_requested.emit()
        elif event.key() == Qt.Key.Key_M and focused is not None:
            for slider in self.sliders:
                if slider is not focused:
                    slider.choose(focused.value)
        else:
            super().keyPressEvent(event)
