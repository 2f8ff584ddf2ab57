"""A training as it goes: curves, numbers, validation pictures, and the buttons that steer it."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.curve_plot import CurvePlot
from fields_app.panels.fitted_picture import FittedPicture
from fields_app.panels.number_tiles import NumberTiles
from fields_app.training_history import TrainingHistory, amount, duration
from fields_core.training.config import TrainConfig
from fields_core.training.journal import Note
from fields_core.training.run_status import RunState, RunStatus

STATES = {
    RunState.STARTING: "Starting",
    RunState.TRAINING: "Training",
    RunState.STOPPING: "Stopping early",
    RunState.PAUSING: "Pausing",
    RunState.PAUSED: "Paused",
    RunState.FINISHED: "Finished",
    RunState.FAILED: "Failed",
    RunState.KILLED: "Ended without a word",
    RunState.GONE: "Deleted",
}
STAGE_NAMES = {"pretrain": "Pretraining", "a": "Step A", "b": "Step B"}
_BETWEEN_PLOTS = 40  # milliseconds: more than one takes to be drawn
_ACCURACY = {"accuracy": "accuracy", "macro_recall": "mean recall", "intensity_ratio": "intensity ratio"}


class TrainingPanel(QWidget):
    """Shows one run.

    Signals:
        stop_early_requested(), pause_requested(), resume_requested(), discard_requested(), new_requested(),
        use_requested(), pictures_requested()
    """

    stop_early_requested = Signal()
    pause_requested = Signal()
    resume_requested = Signal()
    discard_requested = Signal()
    new_requested = Signal()
    use_requested = Signal()
    pictures_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._active = False
        self.history = TrainingHistory(None)
        self.title = self._label("title", self.tr("Nothing is being trained"))
        self.state = self._label("soft", "")
        titles = {"loss": self.tr("Loss"), "validation": self.tr("Validation loss"), "rate": self.tr("Learning rate"),
                  "speed": self.tr("Images/s"), "memory": self.tr("Memory"), "left": self.tr("Time left")}  # fmt: skip
        self.numbers = NumberTiles(titles, self)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress of the training"))
        self.losses = CurvePlot(
            self.tr("Loss"), "", self, tip=self.tr("Weighted terms of the training samples"), legend=False
        )
        self.validation = CurvePlot(
            self.tr("Validation loss"),
            "",
            self,
            tip=self.tr("Averaged weights, held-out samples"),
            legend=False,
        )
        self.emotion = CurvePlot(
            self.tr("Emotion and naturalness"),
            "",
            self,
            tip=self.tr("1 is best: all emotions recognised, expressions as strong as they are"),
            legend=False,
        )
        self.loss_legend, self.emotion_legend = (self._label("faint", "") for _ in range(2))
        self.loss_legend.setWordWrap(True)
        self.geometry_plot = CurvePlot(
            self.tr("Vertices"), self.tr("mm"), self, tip=self.tr("Mean distance from the 3D truth"), legend=False
        )
        self.rate = CurvePlot(self.tr("Learning rate"), "", self, legend=False)
        self.speed = CurvePlot(self.tr("Speed"), self.tr("images/s"), self, legend=False)
        self.memory = CurvePlot(self.tr("Memory"), self.tr("GB"), self)
        self.picture = FittedPicture(
            self.tr("Validation pictures: photo, head, head over photo, expression"),
            self.tr("Validation pictures come with the first validation"),
            self,
        )
        self.picture.setToolTip(self.tr("Click for all of them in full size"))
        self.picture.clicked.connect(self.pictures_requested)
        self.log = QCheckBox(self.tr("Log scale"), self)
        self.log.toggled.connect(self.losses.set_log)
        self.terms = QCheckBox(self.tr("Terms"), self)
        self.terms.setToolTip(self.tr("Every term of the loss, not only the total"))
        self.terms.setChecked(True)
        self.terms.toggled.connect(self._draw)
        self.smoothing = QSlider(Qt.Orientation.Horizontal, self)
        self.smoothing.setRange(0, 99)
        self.smoothing.setValue(60)
        self.smoothing.setFixedWidth(120)
        self.smoothing.setAccessibleName(self.tr("Smoothing"))
        self.smoothing.setToolTip(self.tr("How much of the noise of the training loss is taken out"))
        self.smoothing.valueChanged.connect(lambda value: self.losses.set_smoothing(value / 100.0))
        self.losses.set_smoothing(0.6)
        self.trouble = QPlainTextEdit(self)
        self.trouble.setReadOnly(True)
        self.trouble.setMaximumHeight(120)
        # What ended the training is said last. Queued: the text's own layout puts the bar somewhere first.
        self.trouble.verticalScrollBar().rangeChanged.connect(self._show_end, Qt.ConnectionType.QueuedConnection)
        self.trouble.setAccessibleName(self.tr("Last lines of the training"))
        self._make_buttons()
        self._lay_out()
        self.log.setChecked(True)
        for number, plot in enumerate(self.plots):
            plot.set_delay((number + 1) * _BETWEEN_PLOTS)
        self.show_status(None)

    def open(self, folder: Path, config: TrainConfig | None) -> None:
        """Another run; its notes follow from the first."""
        self._folder = folder
        self.history = TrainingHistory(config)
        self.title.setText(folder.name)
        self.title.setToolTip(str(folder))
        self.picture.show_file(None)
        self._draw()

    @property
    def plots(self) -> tuple[CurvePlot, ...]:
        """To be built, the most important first."""
        return (self.losses, self.validation, self.emotion, self.geometry_plot, self.rate, self.speed, self.memory)

    @property
    def pictures(self) -> list[Path]:
        """Of all validations, the first one first."""
        return [self._folder / name for name in self.history.pictures] if self._folder is not None else []

    def add(self, notes: list[Note]) -> None:
        """What has happened since."""
        before = self.history.picture
        self.history.add(notes)
        if self.isVisible():
            self._draw()
        if self.history.picture != before and self._folder is not None:
            self.picture.show_file(self._folder / self.history.picture)

    def showEvent(self, event: object) -> None:
        self._draw()

    def show_status(self, status: RunStatus | None) -> None:
        """Where the run is; None: there is none."""
        state = status.state if status is not None else None
        active = self._active = state is not None and state.active
        self.state.setText(self._sentence(status) if status is not None else "")
        self.stop_button.setEnabled(state is RunState.TRAINING)
        self.pause_button.setVisible(state is None or active)
        self.pause_button.setEnabled(state is RunState.TRAINING)
        self.resume_button.setVisible(state in (RunState.PAUSED, RunState.FAILED, RunState.KILLED))
        self.discard_button.setEnabled(active or state in (RunState.PAUSED, RunState.FAILED, RunState.KILLED))
        self.use_button.setEnabled(state is RunState.FINISHED)
        trouble = status is not None and state in (RunState.FAILED, RunState.KILLED, RunState.GONE)
        self.trouble.setVisible(trouble)
        if trouble and status is not None:
            text = f"{status.text}\n\n{status.last_lines}".strip()
            if text != self.trouble.toPlainText():  # nobody's place in it is lost
                self.trouble.setPlainText(text)
        self.progress.setVisible(active)
        self._write_numbers()

    def _show_end(self) -> None:
        bar = self.trouble.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _sentence(self, status: RunStatus) -> str:
        text = self.tr(STATES[status.state])
        if status.stage and status.state is not RunState.FINISHED:
            stage = self.tr(STAGE_NAMES.get(status.stage, status.stage))
            text += f" – {stage}, {status.step} / {status.steps}"
        return text

    def _draw(self) -> None:
        history = self.history
        total = {"total": history.losses["total"]} if "total" in history.losses else {}
        some = {name: points for name, points in history.losses.items() if any(points.values)}
        self.losses.show_curves({**total, **some} if self.terms.isChecked() else total)
        validation = history.validation
        self.validation.show_curves({name: validation[name] for name in ("loss",) if name in validation})
        self.emotion.show_curves({text: validation[name] for name, text in _ACCURACY.items() if name in validation})
        self.loss_legend.setText(self.losses.legend_text)
        self.emotion_legend.setText(self.emotion.legend_text)
        vertices = "vertex_millimetres"
        self.geometry_plot.show_curves({vertices: validation[vertices]} if vertices in validation else {})
        for plot, name in ((self.rate, "learning_rate"), (self.speed, "images_per_second")):
            plot.show_curves({name: history.gauges[name]} if name in history.gauges else {})
        self.memory.show_curves(history.gigabytes())
        self._write_numbers()

    def _write_numbers(self) -> None:
        history = self.history
        texts = {
            "loss": _number(history.latest(history.losses, "total"), 4),
            "validation": _number(history.latest(history.validation, "loss"), 4),
            "rate": _number(history.latest(history.gauges, "learning_rate"), 3),
            "speed": _number(history.latest(history.gauges, "images_per_second"), 3),
            "memory": amount(history.latest(history.gauges, "memory")),
            "left": duration(history.seconds_left if self._active else math.nan),
        }
        self.numbers.show_numbers(texts)
        self.progress.setRange(0, max(history.total_steps, 1))
        self.progress.setValue(history.step)

    def _make_buttons(self) -> None:
        self.new_button = self._button(self.tr("New training …"), self.new_requested)
        self.stop_button = self._button(self.tr("Stop early …"), self.stop_early_requested)
        self.stop_button.setToolTip(self.tr("Ends now with the best weights so far"))
        self.pause_button = self._button(self.tr("Pause"), self.pause_requested)
        self.pause_button.setToolTip(self.tr("Saves and frees processor and memory; goes on exactly there"))
        self.resume_button = self._button(self.tr("Resume"), self.resume_requested)
        self.discard_button = self._button(self.tr("Cancel …"), self.discard_requested)
        self.discard_button.setToolTip(self.tr("Ends the training and deletes what it made"))
        self.use_button = self._button(self.tr("Use these weights"), self.use_requested)
        self.use_button.setToolTip(self.tr("Reconstruct with them from now on"))
        self.use_button.setObjectName("primary")

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addWidget(self.state, 1)
        for button in (self.new_button, self.discard_button, self.stop_button, self.pause_button, self.resume_button):
            head.addWidget(button)
        head.addWidget(self.use_button)
        options = QHBoxLayout()
        options.setSpacing(style.MEDIUM)
        for widget in (self.terms, self.log, self._label("soft", self.tr("Smoothing")), self.smoothing):
            options.addWidget(widget)
        options.addStretch(1)
        left = QWidget(self)
        left.setObjectName("plain")
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.losses, 3)
        column.addWidget(self.loss_legend)
        column.addLayout(options)
        column.addWidget(self.picture, 2)
        right = QWidget(self)
        right.setObjectName("plain")
        grid = QGridLayout(right)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(style.SMALL)
        for number, plot in enumerate(
            (self.validation, self.emotion, self.geometry_plot, self.rate, self.speed, self.memory)
        ):
            grid.addWidget(plot, number // 2 * 2, number % 2)
            grid.setRowStretch(number // 2 * 2, 1)
        grid.addWidget(self.emotion_legend, 1, 1)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([520, 600])
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.MEDIUM, style.MEDIUM, style.MEDIUM)
        layout.setSpacing(style.SMALL)
        layout.addLayout(head)
        layout.addWidget(self.numbers)
        layout.addWidget(self.progress)
        layout.addWidget(self.trouble)
        layout.addWidget(split, 1)

    def _label(self, kind: str, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setObjectName(kind)
        return label

    def _button(self, text: str, signal: object) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(signal)
        return button


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if math.isfinite(value) else "–"
