"""What the expression looks like to a classifier, how strong it is, and bars to steer it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from fields_app import style
from fields_app.panels.affect_plane import AffectPlane, IntensityMeter
from fields_app.panels.score_bar import ScoreBar
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import Parameter
from fields_app.session import Session

if TYPE_CHECKING:
    from fields_core.expression.reading import ExpressionReading

EMOTIONS = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt")  # AffectNet's order
_STRENGTH = Parameter(
    "strength", "Strength of the expression", "Strength", "Expression", "", 0, 0.0, 200.0, unit="%",
    description="0 % is neutral, 100 % the expression as it is, more exaggerates it",
)  # fmt: skip
_LABEL_WIDTH = 74
_COLOURS = {"strong": style.WARNING, "unusual": style.WARNING, "exaggerated": style.ERROR}
_NAMED = 3  # units that a hint names at most


class EmotionPanel(QFrame):
    """Scores of the expression classifier, valence and arousal, intensity and naturalness.

    Signals:
        dragged(emotion, probability): the smallest change of expression that gets this score is wanted.
        drag_ended(): the bar was let go.
        strength_edited(per cent): the present expression this many times as strong.
        strength_ended(): the slider was let go.
        weights_requested(): the user wants to know where weights come from.
    """

    dragged = Signal(int, float)
    drag_ended = Signal()
    strength_edited = Signal(float)
    strength_ended = Signal()
    weights_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._reading: ExpressionReading | None = None
        self._missed = ""

        self.fold_button = QPushButton(self)
        self.fold_button.setObjectName("section")
        self.fold_button.setCheckable(True)
        self.fold_button.setChecked(True)
        self.fold_button.setAccessibleName(self.tr("Emotion panel"))
        subtitle = self._faint(self.tr("expression classifier scores"))
        subtitle.setToolTip(
            self.tr("How a classifier reads the shape of the face. It says nothing about what a person feels.")
        )
        self.bars = [ScoreBar(self.tr(name), self) for name in EMOTIONS]
        self.plane = AffectPlane(self)
        self.meter = IntensityMeter(self)
        self._percent = self._faint("")
        self.strength = ValueSlider(_STRENGTH, self)
        self.strength.set_reference(100.0)
        self.strength.set_value(100.0)
        self.hint = QLabel(self)
        self.hint.setObjectName("faint")
        self.hint.setWordWrap(True)
        self.hint.setAccessibleName(self.tr("Naturalness"))
        self.missing = QWidget(self)
        self.missing.setObjectName("plain")
        self.models_button = QPushButton(self.tr("Models …"), self.missing)
        self.models_button.setObjectName("quiet")
        self.models_button.setToolTip(self.tr("Which weights are in use, and how to get others"))
        self._lay_out(subtitle)

        for index, bar in enumerate(self.bars):
            bar.dragged.connect(lambda probability, emotion=index: self.dragged.emit(emotion, probability))
            bar.released.connect(self.drag_ended)
        self.strength.edited.connect(self.strength_edited)
        self.strength.finished.connect(self.strength_ended)
        self.strength.reset_requested.connect(self._reset_strength)
        self.models_button.clicked.connect(self.weights_requested)
        self.fold_button.toggled.connect(self._fold)
        session.code_changed.connect(self._code_changed)
        session.selection_changed.connect(self._forget)
        self._fold(True)
        self.set_available(False)
        self._code_changed()

    def set_available(self, available: bool) -> None:
        """Whether there is an emotion branch."""
        self._scores.setEnabled(available)
        self._scores.setVisible(available)
        self.missing.setVisible(not available)

    def show_reading(self, reading: ExpressionReading | None) -> None:
        """What is known about the expression on show; None: nothing yet."""
        self._reading = reading
        scores = reading.scores if reading is not None else None
        strongest = max(scores) if scores is not None else None
        for index, bar in enumerate(self.bars):
            score = scores[index] if scores is not None else None
            bar.set_score(score, strongest=score is not None and score == strongest)
        self.plane.set_place(reading.valence_arousal if reading is not None else None)
        self._show_intensity()

    def show_reached(self, emotion: int, reached: bool) -> None:
        """Whether a drag got where it was to go."""
        name = self.tr(EMOTIONS[emotion])
        self._missed = "" if reached else self.tr("The data hold no expression with that score for %1.").replace(
            "%1", name.lower()
        )  # fmt: skip
        self._show_intensity()

    def show_strength(self, percent: float) -> None:
        """Put the strength slider somewhere without an edit."""
        self.strength.set_value(percent)

    def _lay_out(self, subtitle: QLabel) -> None:
        head = QHBoxLayout()
        head.addWidget(self.fold_button)
        head.addStretch(1)
        head.addWidget(subtitle)
        bars = QVBoxLayout()
        bars.setSpacing(0)
        for bar in self.bars:
            bars.addWidget(bar)
        note = self._faint(self.tr("No emotion weights are installed, so there are no scores to read or to drag."))
        note.setWordWrap(True)
        missing = QHBoxLayout(self.missing)
        missing.setContentsMargins(0, 0, 0, 0)
        missing.addWidget(note, 1)
        missing.addWidget(self.models_button)
        self._scores = QWidget(self)
        self._scores.setObjectName("plain")
        scores = QHBoxLayout(self._scores)
        scores.setContentsMargins(0, 0, 0, 0)
        scores.setSpacing(style.MEDIUM)
        scores.addLayout(bars, 1)
        scores.addWidget(self.plane)
        self._body = QWidget(self)
        self._body.setObjectName("plain")
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 6, 0)
        body.setSpacing(style.TINY)
        body.addWidget(self.missing)
        body.addWidget(self._scores)
        body.addLayout(self._row(self.tr("Intensity"), self.meter, self._percent))
        body.addLayout(self._row(self.tr("Strength"), self.strength))
        body.addWidget(self.hint)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SMALL, style.TINY, style.TINY, style.SMALL)
        layout.setSpacing(style.TINY)
        layout.addLayout(head)
        layout.addWidget(self._body)
        self._percent.setFixedWidth(48)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def _row(self, name: str, *widgets: QWidget) -> QHBoxLayout:
        label = QLabel(name, self)
        label.setObjectName("soft")
        label.setFixedWidth(_LABEL_WIDTH - style.SMALL)
        row = QHBoxLayout()
        row.setSpacing(style.SMALL)
        row.addWidget(label)
        for place, widget in enumerate(widgets):
            row.addWidget(widget, 1 if place == 0 else 0)
        return row

    def _faint(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setObjectName("faint")
        return label

    def _show_intensity(self) -> None:
        reading = self._reading
        kind = reading.naturalness.value if reading is not None else "unknown"
        colour = _COLOURS.get(kind, style.ACCENT)
        whole = reading.intensity if reading is not None else None
        self.meter.set_intensity(whole, reading.intensity_without_jaw if reading is not None else None, colour)
        self._percent.setText(f"{whole * 100:.0f} %" if whole is not None else "")
        text = self._naturalness() if reading is not None else ""
        self.hint.setText(" ".join(part for part in (self._missed, text) if part))
        warning = bool(self._missed) or kind in _COLOURS
        self.hint.setStyleSheet(f"color: {_COLOURS.get(kind, style.WARNING)};" if warning else "")

    def _naturalness(self) -> str:
        assert self._reading is not None
        reading = self._reading
        share = f"{reading.share_below * 100:.0f}"
        kind = reading.naturalness.value
        if kind == "natural":
            return self.tr("Natural: stronger than %1 % of the expressions in the data.").replace("%1", share)
        if kind == "strong":
            return self.tr("Strong: stronger than %1 % of the expressions in the data.").replace("%1", share)
        size = f"{reading.millimetres:.1f}"
        units = ", ".join(self._label(name) for name in reading.beyond[:_NAMED])
        if kind == "exaggerated":
            text = self.tr("Exaggerated: the face moves by %1 mm, more than the data support.").replace("%1", size)
        elif kind == "unusual":
            text = self.tr("Unusual: the data hold few expressions like this one.")
        else:
            return self.tr("The face moves by %1 mm. No data say what is natural for this head.").replace("%1", size)
        return f"{text} " + self.tr("Beyond them: %1.").replace("%1", units) if units else text

    def _label(self, key: str) -> str:
        labels = {parameter.key: parameter.label for parameter in self._session.parameters}
        return self.tr(labels.get(key, key)).lower()

    def _reset_strength(self) -> None:
        self.strength.set_value(100.0)
        self.strength_edited.emit(100.0)
        self.strength_ended.emit()

    def _code_changed(self) -> None:
        self.strength.setEnabled(self._session.code is not None)

    def _forget(self) -> None:
        self._missed = ""
        self.plane.set_place(None)

    def _fold(self, opened: bool) -> None:
        self.fold_button.setText(("▾  " if opened else "▸  ") + self.tr("Emotion"))
        self._body.setVisible(opened)
