"""All trainings: their metrics, where their settings differ, and their curves over each other."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.curve_plot import CurvePlot
from fields_app.panels.training_panel import STAGE_NAMES, STATES
from fields_app.training_history import Points, amount
from fields_core.training.runs import Curve, RunFacts, differences, differs_from_default

COLUMNS = ("Run", "State", "Stage", "Step", "Loss", "Landmarks", "Vertices", "Intensity", "Accuracy", "Size", "Changed")
_METRICS = (("loss", "%.4f"), ("landmark_error", "%.2f %%"), ("vertex_millimetres", "%.2f mm"),
            ("intensity_ratio", "%.2f"), ("accuracy", "%.1f %%"))  # fmt: skip
_PERCENT = ("landmark_error", "accuracy")
CURVES = (
    ("validation/loss", "Validation loss"),
    ("total", "Training loss"),
    ("validation/landmark_error", "Landmark error"),
    ("validation/vertex_millimetres", "Vertices, mm"),
    ("validation/intensity_ratio", "Intensity ratio"),
    ("validation/accuracy", "Accuracy"),
    ("validation/macro_recall", "Mean recall"),
    ("images_per_second", "Images/s"),
)
_FOLDER_ROLE = Qt.ItemDataRole.UserRole


class RunsPanel(QWidget):
    """Lists runs and compares the selected ones.

    Signals:
        watch_requested(Path), use_requested(Path), export_requested(Path), delete_requested(list[Path]),
        board_requested(list[Path]), curves_wanted(Path), refresh_requested(), folder_requested()
    """

    watch_requested = Signal(object)
    use_requested = Signal(object)
    export_requested = Signal(object)
    delete_requested = Signal(object)
    board_requested = Signal(object)
    curves_wanted = Signal(object)
    refresh_requested = Signal()
    folder_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: dict[Path, RunFacts] = {}
        self._curves: dict[Path, list[Curve]] = {}
        self.table = self._tree(self.tr("Runs"), [self.tr(column) for column in COLUMNS])
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.itemSelectionChanged.connect(self._selected)
        self.table.itemDoubleClicked.connect(lambda item, column: self._ask(self.watch_requested))
        self.changes = self._tree(self.tr("Settings that differ"), [self.tr("Setting")])
        self.which = QComboBox(self)
        self.which.setAccessibleName(self.tr("Curve"))
        for name, text in CURVES:
            self.which.addItem(self.tr(text), name)
        self.which.currentIndexChanged.connect(self._draw)
        self.plot = CurvePlot(
            self.tr("Over each other"), "", self, tip=self.tr("Steps of the stages, one behind the other")
        )
        self.log = QCheckBox(self.tr("Log scale"), self)
        self.log.toggled.connect(self.plot.set_log)
        self.watch_button = self._button(self.tr("Watch"), lambda: self._ask(self.watch_requested))
        self.use_button = self._button(self.tr("Use these weights"), lambda: self._ask(self.use_requested))
        self.export_button = self._button(self.tr("Export …"), lambda: self._ask(self.export_requested))
        self.board_button = self._button(self.tr("TensorBoard"), lambda: self.board_requested.emit(self.selected))
        self.board_button.setToolTip(self.tr("Opens the selected runs, or all, in the browser"))
        self.delete_button = self._button(self.tr("Delete …"), lambda: self.delete_requested.emit(self.selected))
        self.folder_button = self._button(self.tr("Runs folder …"), self.folder_requested.emit)
        self.empty = QLabel(self.tr("No runs yet. Start one with New training."), self)
        self.empty.setObjectName("soft")
        self._lay_out()
        self._selected()

    @property
    def selected(self) -> list[Path]:
        """Folders of the selected runs, from top to bottom."""
        items = [self.table.topLevelItem(row) for row in range(self.table.topLevelItemCount())]
        return [Path(str(item.data(0, _FOLDER_ROLE))) for item in items if item is not None and item.isSelected()]

    def show_runs(self, runs: Sequence[RunFacts]) -> None:
        """The selection stays where the runs do."""
        before = set(self.selected)
        self._runs = {run.folder: run for run in runs}
        self._curves = {}
        self.table.blockSignals(True)
        self.table.clear()
        for run in runs:
            item = QTreeWidgetItem(self._cells(run))
            item.setData(0, _FOLDER_ROLE, str(run.folder))
            item.setToolTip(0, self._tip(run))
            if not run.learned_emotion:
                item.setToolTip(COLUMNS.index("Accuracy"), self.tr("No emotion branch has been trained yet"))
            for column in range(3, len(COLUMNS) - 1):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.addTopLevelItem(item)
            item.setSelected(run.folder in before or (not before and run is runs[0]))
        self.table.blockSignals(False)
        self.empty.setVisible(not runs)
        self._selected()

    def show_curves(self, folder: Path, curves: list[Curve]) -> None:
        """The curves that were wanted."""
        self._curves[folder] = curves
        self._draw()

    def _selected(self) -> None:
        folders = self.selected
        runs = [self._runs[folder] for folder in folders]
        one = len(runs) == 1
        self.watch_button.setEnabled(one)
        for button in (self.use_button, self.export_button):
            button.setEnabled(one and runs[0].has_weights)
        self.delete_button.setEnabled(bool(runs) and not any(run.state.active for run in runs))
        self.board_button.setEnabled(bool(self._runs))
        for folder in folders:
            if folder not in self._curves:
                self.curves_wanted.emit(folder)
        self._show_changes(runs)
        self._draw()

    def _show_changes(self, runs: Sequence[RunFacts]) -> None:
        rows: dict[str, tuple[Any, ...]]
        if len(runs) == 1 and runs[0].config is not None:
            rows = {"data": (runs[0].data,)} if runs[0].data else {}
            rows |= {name: (value,) for name, value in differs_from_default(runs[0].config).items()}
        else:
            rows = differences(runs) if runs else {}
        self.changes.clear()
        self.changes.setHeaderLabels([self.tr("Setting"), *(run.name for run in runs)])
        self.changes.setColumnCount(1 + len(runs))
        for name, values in rows.items():
            self.changes.addTopLevelItem(QTreeWidgetItem([name, *map(_setting, values)]))

    def _draw(self) -> None:
        name = str(self.which.currentData())
        curves = {}
        for folder in self.selected:
            points, offset = Points(), 0
            for curve in (curve for curve in self._curves.get(folder, []) if curve.name == name):
                for step, value in zip(curve.steps, curve.values, strict=True):
                    points.add(offset + step, value)
                offset += curve.steps[-1] if curve.steps else 0
            if points.steps:
                curves[folder.name] = points
        self.plot.show_curves(curves)

    def _cells(self, run: RunFacts) -> list[str]:
        metrics = []
        for name, form in _METRICS:
            value = run.best.get(name, math.nan) * (100.0 if name in _PERCENT else 1.0)
            none = self.tr("none") if name == "accuracy" and run.best and not run.learned_emotion else "–"
            metrics.append(form % value if math.isfinite(value) else none)
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed))
        stage = self.tr(STAGE_NAMES.get(run.stage, run.stage))
        return [run.name, self.tr(STATES[run.state]), stage, f"{run.step:,}", *metrics, amount(run.size), changed]

    def _tip(self, run: RunFacts) -> str:
        if run.config is None:
            return str(run.folder)
        changes = differs_from_default(run.config)
        return "\n".join([str(run.folder), *(f"{name} = {_setting(value)}" for name, value in changes.items())])

    def _ask(self, signal: Any) -> None:
        if self.selected:
            signal.emit(self.selected[0])

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.watch_button, self.use_button, self.export_button, self.board_button, self.delete_button):
            buttons.addWidget(button)
        buttons.addWidget(self.empty)
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        choice = QHBoxLayout()
        choice.addWidget(self.which)
        choice.addWidget(self.log)
        choice.addStretch(1)
        curves = QWidget(self)
        curves.setObjectName("plain")
        column = QVBoxLayout(curves)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(choice)
        column.addWidget(self.plot, 1)
        below = QSplitter(Qt.Orientation.Horizontal, self)
        below.addWidget(curves)
        below.addWidget(self.changes)
        below.setSizes([650, 420])
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self.table)
        split.addWidget(below)
        split.setSizes([260, 380])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.MEDIUM, style.MEDIUM, style.MEDIUM)
        layout.setSpacing(style.SMALL)
        layout.addLayout(buttons)
        layout.addWidget(split, 1)

    def _tree(self, name: str, columns: list[str]) -> QTreeWidget:
        tree = QTreeWidget(self)
        tree.setRootIsDecorated(False)
        tree.setHeaderLabels(columns)
        tree.setAccessibleName(name)
        tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        return tree

    def _button(self, text: str, slot: Any) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(slot)
        return button


def _setting(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)
