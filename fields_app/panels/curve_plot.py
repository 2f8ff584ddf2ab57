"""Curves over steps: one plot with a legend, log scale and light smoothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QWidget

from fields_app import style
from fields_app.training_history import Points, smoothed

MOST_POINTS = 2000  # more than pixels; a curve of a long run is thinned
_LEAST = 1e-12  # of what a logarithm is drawn


class CurvePlot(pg.PlotWidget):
    """Several curves with common axes.

    Args:
        title: what is drawn, for the eye and for screen readers.
        unit: of the values; "" for none.
        tip: more words.
    """

    def __init__(
        self, title: str, unit: str = "", parent: QWidget | None = None, *, tip: str = "", legend: bool = True
    ) -> None:
        item = pg.PlotItem(viewBox=pg.ViewBox(enableMenu=False), enableMenu=False)
        super().__init__(parent, background=style.CANVAS, plotItem=item)
        item.ctrlMenu.setParent(self, item.ctrlMenu.windowFlags())  # made all the same, without an owner
        self.setAccessibleName(title)
        self.setToolTip(tip)
        self.setTitle(f"{title}, {unit}" if unit else title, color=style.TEXT, size="9pt")
        self.getPlotItem().titleLabel.setMinimumWidth(0)  # else a long title makes the plot wider than its place
        self.setMouseEnabled(x=True, y=False)
        self.showGrid(x=True, y=True, alpha=0.15)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(style.BORDER_STRONG)
            axis.setTextPen(style.TEXT_SOFT)
        self.getAxis("left").setWidth(58)
        self.getAxis("left").enableAutoSIPrefix(False)
        if legend:
            self.addLegend(offset=(-8, 8), labelTextColor=style.TEXT_SOFT, labelTextSize="8pt", brush=None)
        self._items: dict[str, Any] = {}
        self._log = False
        self._smoothing = 0.0
        self._curves: dict[str, Points] = {}

    def sizeHint(self) -> QSize:
        return QSize(320, 180)

    @property
    def names(self) -> list[str]:
        """Of the curves on show."""
        return list(self._items)

    @property
    def legend_text(self) -> str:
        """Names in their colours, as rich text: a legend for beside the plot."""
        coloured = zip(self._items, style.CURVES * 3, strict=False)
        return " &nbsp; ".join(f"<span style='color:{colour}'>━</span>&nbsp;{name}" for name, colour in coloured)

    def set_log(self, log: bool) -> None:
        """Logarithmic values; what is not above 0 is left out."""
        self._log = log
        self.setLogMode(x=False, y=log)
        self.show_curves(self._curves)

    def set_smoothing(self, weight: float) -> None:
        """See `smoothed`."""
        self._smoothing = weight
        self.show_curves(self._curves)

    def show_curves(self, curves: Mapping[str, Points]) -> None:
        """Draw these and no others; their colours stay."""
        self._curves = dict(curves)
        for name in [name for name in self._items if name not in curves]:
            self.removeItem(self._items.pop(name))
        for number, (name, points) in enumerate(curves.items()):
            if name not in self._items:
                pen = pg.mkPen(style.CURVES[number % len(style.CURVES)], width=1.6)
                self._items[name] = self.plot([], [], pen=pen, name=name, connect="finite")
            values = smoothed(points.values, self._smoothing)
            if self._log:
                values = [value if value > _LEAST else float("nan") for value in values]
            skip = max(1, len(values) // MOST_POINTS)
            single = len(values) == 1
            self._items[name].setData(
                points.steps[::skip], values[::skip], symbol="o" if single else None, symbolSize=5
            )

    def wheelEvent(self, event: Any) -> None:
        """Zooming is for Ctrl: a wheel over a plot in a scrolled page scrolls the page."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
        else:
            event.ignore()
