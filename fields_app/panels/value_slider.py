"""One editable number: a slim slider that fills from zero, and a field to type the number into."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QSlider, QWidget

from fields_app import style
from fields_app.parameters import Parameter
from fields_app.units import Units

_STEPS = 1000
_HANDLE = 5.0  # radius


class _FillSlider(QSlider):
    """A horizontal slider whose bar starts at zero, wherever zero is, and that shows where "reset" goes."""

    reset_requested = Signal()
    released = Signal()

    def __init__(self, zero: float, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._zero = zero  # fraction of the range
        self.reference = zero
        self.setRange(0, _STEPS)
        self.setSingleStep(_STEPS // 100)
        self.setPageStep(_STEPS // 10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        return QSize(70, style.ROW_HEIGHT - 6)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, style.ROW_HEIGHT - 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        bright = self.isEnabled() and (self.underMouse() or self.hasFocus())
        colour = QColor(style.ACCENT_BRIGHT if bright else style.ACCENT)
        if not self.isEnabled():
            colour = QColor(style.TEXT_DISABLED)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.CANVAS))
        painter.drawRoundedRect(QRectF(self._x(0), middle - 2, self._x(1) - self._x(0), 4), 2, 2)
        value, zero = self._x(self.value() / _STEPS), self._x(self._zero)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(min(value, zero), middle - 2, abs(value - zero), 4), 2, 2)
        painter.setPen(QPen(QColor(style.BORDER_STRONG), 1))
        for fraction in {self._zero, self.reference} - {0.0}:
            painter.drawLine(QPointF(self._x(fraction), middle - 5), QPointF(self._x(fraction), middle + 5))
        painter.setPen(QPen(QColor(style.PANEL), 1.5))
        painter.setBrush(QColor(style.TEXT) if bright else colour)
        painter.drawEllipse(QPointF(value, middle), _HANDLE, _HANDLE)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        self.released.emit()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        super().keyReleaseEvent(event)
        if not event.isAutoRepeat():
            self.released.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        self.reset_requested.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the list scrolls; a value must not change because the mouse passed by

    def _follow(self, event: QMouseEvent) -> None:
        fraction = (event.position().x() - self._x(0)) / max(self._x(1) - self._x(0), 1.0)
        self.setValue(round(min(max(fraction, 0.0), 1.0) * _STEPS))

    def _x(self, fraction: float) -> float:
        return _HANDLE + 1 + fraction * (self.width() - 2 * _HANDLE - 2)


class _NumberField(QLineEdit):
    """A number with its unit; what is no number is put back.

    Signals:
        entered(value)
    """

    entered = Signal(float)

    def __init__(self, unit: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._unit = unit
        self._format = Units().format_of(unit)
        self._value = 0.0
        self.setObjectName("value")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(48 if unit else 40)
        self.setAcceptDrops(False)
        self.editingFinished.connect(self._finish)

    def set_value(self, value: float) -> None:
        self._value = value
        self.setText(self._format.write(value))

    def set_units(self, units: Units) -> None:
        self._format = units.format_of(self._unit)
        self.set_value(self._value)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        QTimer.singleShot(0, self.selectAll)  # after the click that gave the focus has placed its cursor

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.set_value(self._value)
            self.selectAll()
        else:
            super().keyPressEvent(event)

    def _finish(self) -> None:
        if self.text() == self._format.write(self._value):
            return
        value = self._format.read(self.text())
        if value is not None:
            self.entered.emit(value)
        else:
            self.set_value(self._value)


class ValueSlider(QWidget):
    """Slider and number of one parameter.

    Signals:
        edited(value): the user chose another value (shown units).
        finished(): the drag, the held key or the typing has ended.
        reset_requested(): the user double-clicked.
    """

    edited = Signal(float)
    finished = Signal()
    reset_requested = Signal()

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self._value = min(max(0.0, parameter.minimum), parameter.maximum)
        self._slider = _FillSlider(self._fraction(self._value), self)
        self.number = _NumberField(parameter.unit, self)
        name = self.tr("%1, %2").replace("%1", self.tr(parameter.label)).replace("%2", self._range())
        for widget in (self._slider, self.number):
            widget.setAccessibleName(self.tr(parameter.label))
            widget.setAccessibleDescription(parameter.description)
        lines = [name, parameter.description, parameter.key, self.tr("Double click: back to the photo's value")]
        self.setToolTip("\n".join(line for line in lines if line))

        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self.number)
        self.setFocusProxy(self._slider)

        self._slider.valueChanged.connect(self._slider_moved)
        self._slider.reset_requested.connect(self.reset_requested)
        self._slider.released.connect(self.finished)
        self.number.entered.connect(self._number_entered)
        self.set_value(self._value)

    @property
    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        """Show a value without emitting `edited`."""
        self._value = value
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(self._fraction(value) * _STEPS))
        self.number.set_value(value)

    @property
    def grabbed(self) -> bool:
        """Whether the mouse holds it."""
        return self._slider.isSliderDown()

    @property
    def has_focus(self) -> bool:
        """Whether the keyboard moves this slider (not its number)."""
        return self._slider.hasFocus()

    def choose(self, value: float) -> None:
        """As if the user had typed it."""
        self._number_entered(value)

    def set_reference(self, value: float) -> None:
        """Mark the value that "reset" goes back to."""
        self._slider.reference = min(max(self._fraction(value), 0.0), 1.0)
        self._slider.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.EnabledChange:
            self.update()
        super().changeEvent(event)

    def _slider_moved(self, position: int) -> None:
        parameter = self.parameter
        value = parameter.minimum + position / _STEPS * (parameter.maximum - parameter.minimum)
        self._take(value)

    def _number_entered(self, value: float) -> None:
        self._take(min(max(value, self.parameter.minimum), self.parameter.maximum))
        self.finished.emit()

    def _take(self, value: float) -> None:
        self.set_value(value)
        self.edited.emit(value)

    def _fraction(self, value: float) -> float:
        return (value - self.parameter.minimum) / (self.parameter.maximum - self.parameter.minimum)

    def _range(self) -> str:
        unit = self.parameter.unit
        return f"{self.parameter.minimum:g}{unit} … {self.parameter.maximum:g}{unit}"
