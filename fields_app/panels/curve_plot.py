"""Curves over steps: one plot with a legend, log scale and light smoothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fields_app import style
from fields_app.training_history import Points, smoothed

MOST_POINTS = 2000  # more than pixels; a curve of a long run is thinned
_LEAST = 1e-12  # of what a logarithm is drawn


class CurvePlot(QWidget):
    """Several curves with common axes. Empty until `build`: the library that draws takes most of a second to load, and
    every plot some hundredths more.

    Args:
        title: what is drawn, for the eye and for screen readers.
        unit: of the values; "" for none.
        tip: more words.
    """

    def __init__(
        self, title: str, unit: str = "", parent: QWidget | None = None, *, tip: str = "", legend: bool = True
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self.setToolTip(tip)
        self._title, self._legend = f"{title}, {unit}" if unit else title, legend
        self._canvas: Any = None  # a pyqtgraph PlotWidget
        self._items: dict[str, Any] = {}
        self._log = False
        self._smoothing = 0.0
        self._curves: dict[str, Points] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)

    def build(self) -> None:
        """Make the plot, unless that has been done."""
        if self._canvas is not None:
            return
        import pyqtgraph as pg

        item = pg.PlotItem(viewBox=pg.ViewBox(enableMenu=False), enableMenu=False)
        canvas = self._canvas = pg.PlotWidget(self, background=style.CANVAS, plotItem=item)
        item.ctrlMenu.setParent(canvas, item.ctrlMenu.windowFlags())  # made all the same, without an owner
        canvas.setAccessibleName(self.accessibleName())
        canvas.setTitle(self._title, color=style.TEXT, size="9pt")
        item.titleLabel.setMinimumWidth(0)  # else a long title makes the plot wider than its place
        canvas.setMouseEnabled(x=True, y=False)
        canvas.showGrid(x=True, y=True, alpha=0.15)
        for side in ("left", "bottom"):
            axis = canvas.getAxis(side)
            axis.setPen(style.BORDER_STRONG)
            axis.setTextPen(style.TEXT_SOFT)
            axis.setStyle(maxTickLevel=0)  # lines between the numbers take three quarters of a plot's time to be drawn
        canvas.getAxis("left").setWidth(58)
        canvas.getAxis("left").enableAutoSIPrefix(False)
        if self._legend:
            canvas.addLegend(offset=(-8, 8), labelTextColor=style.TEXT_SOFT, labelTextSize="8pt", brush=None)
        canvas.viewport().installEventFilter(self)
        canvas.setLogMode(x=False, y=self._log)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(canvas)
        self._draw()

    def sizeHint(self) -> QSize:
        return QSize(320, 180)

    @property
    def names(self) -> list[str]:
        """Of the curves on show."""
        return list(self._curves)

    @property
    def legend_text(self) -> str:
        """Names in their colours, as rich text: a legend for beside the plot."""
        coloured = zip(self._curves, style.CURVES * 3, strict=False)
        return " &nbsp; ".join(f"<span style='color:{colour}'>━</span>&nbsp;{name}" for name, colour in coloured)

    def set_log(self, log: bool) -> None:
        """Logarithmic values; what is not above 0 is left out."""
        self._log = log
        if self._canvas is not None:
            self._canvas.setLogMode(x=False, y=log)
        self._draw()

    def set_smoothing(self, weight: float) -> None:
        """See `smoothed`."""
        self._smoothing = weight
        self._draw()

    def set_delay(self, milliseconds: int) -> None:
        """Draw so much later than asked to: several plots at once would hold up the window."""
        self._later.setInterval(milliseconds)

    def show_curves(self, curves: Mapping[str, Points]) -> None:
        """Draw these and no others; their colours stay."""
        self._curves = dict(curves)
        if not self._later.interval():
            self._draw()
        elif not self._later.isActive():
            self._later.start()

    def _draw(self) -> None:
        if self._canvas is None:
            return
        import pyqtgraph as pg

        for name in [name for name in self._items if name not in self._curves]:
            self._canvas.removeItem(self._items.pop(name))
        for number, (name, points) in enumerate(self._curves.items()):
            if name not in self._items:
                pen = pg.mkPen(style.CURVES[number % len(style.CURVES)], width=1.6)
                self._items[name] = self._canvas.plot([], [], pen=pen, name=name, connect="finite")
            values = smoothed(points.values, self._smoothing)
            if self._log:
                values = [value if value > _LEAST else float("nan") for value in values]
            skip = max(1, len(values) // MOST_POINTS)
            single = len(values) == 1
            self._items[name].setData(
                points.steps[::skip], values[::skip], symbol="o" if single else None, symbolSize=5
            )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Zooming is for Ctrl: a wheel over a plot in a scrolled page scrolls the page."""
        if isinstance(event, QWheelEvent) and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return True
        return super().eventFilter(watched, event)
