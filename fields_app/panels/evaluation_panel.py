"""What a run gets right and wrong, and what the parts of the method are worth; all as pictures and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.curve_plot import CurvePlot
from fields_app.panels.data_view import CLASSES
from fields_app.panels.result_table import ResultTable
from fields_core.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fields_core.evaluation.results import Result
    from fields_core.evaluation.run_evaluation import ReliabilityBin, RunEvaluation
    from fields_core.training.runs import RunFacts


class EvaluationPanel(QWidget):
    """Shows one evaluation.

    Signals:
        evaluate_requested(Path): the run to try.
        ablation_requested(bool): show an ablation; whether from the folder of its runs, or from its table.
        save_requested(): everything into a folder of the user's choice.
    """

    evaluate_requested = Signal(object)
    ablation_requested = Signal(bool)
    save_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.evaluation: RunEvaluation | None = None
        self.run = QComboBox(self)
        self.run.setAccessibleName(self.tr("Run"))
        self.run.setMinimumWidth(240)
        self.evaluate_button = QPushButton(self.tr("Evaluate"), self)
        self.evaluate_button.setToolTip(self.tr("Tries the run's weights on the samples that it held out"))
        self.evaluate_button.clicked.connect(lambda: self.evaluate_requested.emit(self.run.currentData()))
        self.save_button = QPushButton(self.tr("Save pictures and CSV …"), self)
        self.save_button.clicked.connect(self.save_requested)
        self.note = QLabel(self)
        self.note.setObjectName("soft")
        self.confusion = ConfusionMatrix(self)
        self.reliability = ReliabilityPlot(self)
        self.worst = QListWidget(self)
        self.worst.setViewMode(QListWidget.ViewMode.IconMode)
        self.worst.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.worst.setMovement(QListWidget.Movement.Static)
        self.worst.setIconSize(QSize(200, 100))
        self.worst.setAccessibleName(self.tr("Worst photos"))
        self.ablation = ResultTable(
            self.tr("Ablation"),
            self.tr("Show what fields evaluate ablation measured: its table, or the folder of its runs"),
            self,
        )
        self.ablation_button = QPushButton(self.tr("Show an ablation"), self)
        choices = QMenu(self.ablation_button)
        choices.addAction(self.tr("Table (ablation.csv) …"), lambda: self.ablation_requested.emit(False))
        choices.addAction(self.tr("Folder of its runs …"), lambda: self.ablation_requested.emit(True))
        self.ablation_button.setMenu(choices)
        self.ablation.head.addWidget(self.ablation_button)
        self.below = QTabWidget(self)
        self.below.addTab(self.worst, self.tr("Largest landmark errors: photo, head over photo"))
        self.below.addTab(self.ablation, self.tr("Ablation"))
        head = QHBoxLayout()
        head.addWidget(self.run)
        head.addWidget(self.evaluate_button)
        head.addWidget(self.note, 1)
        head.addWidget(self.save_button)
        grid = QGridLayout()
        grid.setSpacing(style.MEDIUM)
        grid.addWidget(self.confusion, 0, 0)
        grid.addWidget(self.reliability, 0, 1)
        grid.addWidget(self.below, 1, 0, 1, 2)
        grid.setColumnStretch(0, 5)
        grid.setColumnStretch(1, 4)
        grid.setRowStretch(0, 3)
        grid.setRowStretch(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.MEDIUM, style.MEDIUM, style.MEDIUM)
        layout.addLayout(head)
        layout.addLayout(grid, 1)
        self.show_evaluation(None)
        self.show_runs([])

    def show_runs(self, runs: Sequence[RunFacts]) -> None:
        """Those that have weights can be tried."""
        before = self.run.currentData()
        self.run.clear()
        for run in runs:
            if run.has_weights:
                self.run.addItem(run.name, run.folder)
        self.run.setCurrentIndex(max(0, self.run.findData(before)))
        self.evaluate_button.setEnabled(self.run.count() > 0)
        if self.evaluation is None:
            self._invite()

    def show_busy(self, busy: bool) -> None:
        self.evaluate_button.setEnabled(not busy and self.run.count() > 0)
        if busy:
            self.note.setText(self.tr("Trying the held-out samples …"))

    def show_evaluation(self, evaluation: RunEvaluation | None) -> None:
        self.evaluation = evaluation
        self._update_save()
        self.worst.clear()
        if evaluation is None:
            self._invite()
            return
        confusion = evaluation.confusion
        known = int(confusion.sum())
        accuracy = f"{np.trace(confusion) / known:.1%}" if known else "–"
        errors = [s.landmark_error for s in evaluation.scores if np.isfinite(s.landmark_error)]
        self.note.setText(
            self.tr("%1: %2 samples, landmarks %3, accuracy %4")
            .replace("%1", evaluation.run)
            .replace("%2", str(len(evaluation.scores)))
            .replace("%3", f"{np.mean(errors):.2%}" if errors else "–")
            .replace("%4", accuracy)
        )
        self.confusion.set_counts(confusion)
        self.reliability.show_evaluation(evaluation)
        for photo in evaluation.worst:
            item = QListWidgetItem(QIcon(_pixmap(photo.picture)), f"{photo.score.landmark_error:.1%}")
            item.setToolTip(f"{photo.score.source}/{photo.score.key}")
            self.worst.addItem(item)

    def _invite(self) -> None:
        """Say what this page is for while nothing has been evaluated."""
        self.note.setText(
            self.tr("Evaluate tries a run's weights on the photos that were held out of its training.")
            if self.run.count()
            else self.tr("No run has weights yet. A training leaves them behind.")
        )

    def show_ablation(self, result: Result) -> None:
        self.ablation.show_result(result)
        self.below.setCurrentWidget(self.ablation)
        self._update_save()

    def save_pictures(self, folder: Path) -> list[Path]:
        """Everything on the page as PNG.

        Raises:
            ExportError: they cannot be written.
        """
        pictures = {f"ablation-{number}": one for number, one in enumerate(self.ablation.pictures().values(), start=1)}
        if self.evaluation is not None:
            self.reliability.build()
            pictures |= {"confusion": self.confusion.grab(), "reliability": self.reliability.grab()}
            if self.evaluation.worst:
                pictures["worst"] = _pixmap(np.concatenate([photo.picture for photo in self.evaluation.worst]))
        written = []
        for name, pixmap in pictures.items():
            path = folder / f"{name}.png"
            if not pixmap.save(str(path)):
                raise ExportError(f"Cannot write {path}", remedy="Choose another folder.")
            written.append(path)
        return written

    def _update_save(self) -> None:
        self.save_button.setEnabled(self.evaluation is not None or self.ablation.result is not None)


class ConfusionMatrix(QWidget):
    """True emotion (row) by guess (column); colours are shares of the row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
        self._measured = False
        self.setMinimumSize(360, 280)
        self.setAccessibleName(self.tr("Confusion matrix"))

    def set_counts(self, counts: np.ndarray) -> None:
        self._counts, self._measured = counts, True
        known = int(counts.sum())
        right = int(np.trace(counts))
        self.setAccessibleDescription(
            self.tr("%1 of %2 photos are recognised").replace("%1", str(right)).replace("%2", str(known))
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(style.CANVAS))
        metrics = self.fontMetrics()
        line, names = metrics.height(), [self.tr(name) for name in CLASSES]
        left = max(metrics.horizontalAdvance(name) for name in names) + 2 * style.SMALL + line
        top, count = 3 * line, len(names)
        width, height = (self.width() - left - style.SMALL) / count, (self.height() - top - style.SMALL) / count
        painter.setPen(QColor(style.TEXT_FAINT))
        centre = Qt.AlignmentFlag.AlignCenter
        title = self.tr("Emotion of the held-out photos: true by guess")
        if self._measured and not self._counts.any():
            title = self.tr("Emotion: no labelled photos were held out, or the run has no emotion branch")
        painter.drawText(QRectF(0, style.TINY, self.width(), line), centre, title)
        for number, name in enumerate(names):
            painter.setPen(QColor(style.TEXT_SOFT))
            painter.drawText(QRectF(left + number * width, top - 1.4 * line, width, line), centre, name)
            row = QRectF(style.SMALL, top + number * height, left - 2 * style.SMALL, height)
            painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, name)
            total = int(self._counts[number].sum())
            for column in range(count):
                cell = QRectF(left + column * width, top + number * height, width - 2, height - 2)
                share = self._counts[number, column] / total if total else 0.0
                colour = QColor(style.ACCENT if column == number else style.ERROR)
                colour.setAlphaF(0.08 + 0.8 * share if total else 0.03)
                painter.fillRect(cell, colour)
                painter.setPen(QColor(style.TEXT))
                painter.drawText(cell, centre, str(self._counts[number, column]) if total else "")
        painter.end()


class ReliabilityPlot(CurvePlot):
    """Mean predicted over true intensity, with the spread; on the dotted line it is unbiased."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(QCoreApplication.translate("ReliabilityPlot", "Intensity: predicted over true"), "", parent)
        self._bins: Sequence[ReliabilityBin] = ()
        self.setMinimumWidth(300)

    def show_evaluation(self, evaluation: RunEvaluation) -> None:
        self._bins = evaluation.reliability
        self._draw()

    def _draw(self) -> None:
        if self._canvas is None:
            return
        import pyqtgraph as pg

        self._canvas.clear()
        if not self._bins:
            return
        true, predicted, spread = (
            np.array([getattr(one, name) for one in self._bins]) for name in ("true", "predicted", "spread")
        )
        end = float(max(true.max(), predicted.max()))
        line = pg.mkPen(style.TEXT_FAINT, style=Qt.PenStyle.DotLine)
        self._canvas.plot([0.0, end], [0.0, end], pen=line)
        self._canvas.addItem(
            pg.ErrorBarItem(x=true, y=predicted, height=2 * spread, beam=0.01, pen=pg.mkPen(style.ACCENT_DEEP))
        )
        self._canvas.plot(true, predicted, pen=pg.mkPen(style.ACCENT, width=1.6), symbol="o", symbolSize=6,
                          symbolBrush=style.ACCENT, symbolPen=None)  # fmt: skip


def _pixmap(pixels: np.ndarray) -> QPixmap:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    return QPixmap.fromImage(QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy())
