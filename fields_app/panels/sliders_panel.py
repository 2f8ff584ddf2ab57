"""Every named value of the head as a slider: grouped, searchable, left and right side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.panels.preset_menu import PresetMenu
from fields_app.panels.slider_row import SliderRow
from fields_app.panels.value_slider import ValueSlider
from fields_app.parameters import GROUPS, Parameter, read_all
from fields_app.session import Session
from fields_app.units import Units

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode


class _Section(QWidget):
    """A group of rows under a title that folds them away."""

    def __init__(self, title: str, rows: Sequence[SliderRow], parent: QWidget) -> None:
        super().__init__(parent)
        self.rows = rows
        self._title = title
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._button = QPushButton(self)
        self._button.setObjectName("section")
        self._button.setCheckable(True)
        self._button.setChecked(True)
        self._button.setAccessibleName(self.tr("Section %1").replace("%1", title))
        self._button.toggled.connect(self._fold)
        self._body = QWidget(self)
        self._body.setObjectName("plain")
        body = QVBoxLayout(self._body)
        body.setContentsMargins(4, 0, 0, style.SMALL)
        body.setSpacing(0)
        for row in rows:
            body.addWidget(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._button)
        layout.addWidget(self._body)
        self._fold(True)

    def filter(self, words: Sequence[str]) -> int:
        """Show the rows that match; how many they are."""
        found = 0
        for row in self.rows:
            match = row.matches(words)
            row.setVisible(match)
            found += match
        self.setVisible(found > 0)
        if words:
            self._button.setChecked(True)
        return found

    def _fold(self, opened: bool) -> None:
        self._button.setText(("▾  " if opened else "▸  ") + self._title)
        self._body.setVisible(opened)


class SlidersPanel(QFrame):
    """The editing side of the window. Shows the session's code; edits leave as signals.

    Signals:
        value_edited(key, value): a slider moved or a number was typed.
        edit_finished(): the slider was let go; until then its moves are one edit.
        reset_requested(keys): back to the photo's values.
        neutral_requested(): a relaxed face, keeping identity and pose.
        mirror_requested(), symmetry_requested(): left and right exchanged, or made the same.
        lock_requested(keys, locked): edits of the whole expression leave these values as they are, or no longer.
        live_edited(key, value), live_released(): as the first two, while the sliders follow a live face.
    """

    value_edited = Signal(str, float)
    edit_finished = Signal()
    reset_requested = Signal(object)
    neutral_requested = Signal()
    mirror_requested = Signal()
    symmetry_requested = Signal()
    lock_requested = Signal(object, bool)
    live_edited = Signal(str, float)
    live_released = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._sliders: dict[str, ValueSlider] = {}
        self._units = Units()
        self._live: FaceCode | None = None
        self._sections: list[_Section] = []

        title = QLabel(self.tr("Expression"), self)
        title.setObjectName("title")
        self.neutral_button = QPushButton(self.tr("Neutral"), self)
        self.neutral_button.setToolTip(self.tr("Relax the face; keeps who it is and where it looks"))
        self.reset_button = QPushButton(self.tr("Reset"), self)
        self.reset_button.setToolTip(self.tr("Everything back to the photo's values"))
        self.presets = PresetMenu(self)
        self.presets_button = QPushButton(self.tr("Presets"), self)
        self.presets_button.setToolTip(self.tr("Emotions, mouth shapes of speech, and expressions that you kept"))
        self.presets_button.setMenu(self.presets)
        self.sides_button = QPushButton(self.tr("Sides"), self)
        self.sides_button.setToolTip(self.tr("Mirror the expression, or make both sides the same"))
        self.sides_button.setMenu(self._sides_menu())
        for button in (self.presets_button, self.sides_button, self.neutral_button, self.reset_button):
            button.setObjectName("quiet")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search: smile, brow, jaw …"))
        self.search.setClearButtonEnabled(True)
        self.search.setAcceptDrops(False)  # a dropped photo belongs to the window
        self.search.setAccessibleName(self.tr("Search the sliders"))
        self.search.setToolTip(self.tr("Shows the sliders with these words in their names  (Ctrl+F)"))
        self._nothing = QLabel(self.tr("No slider has that name."), self)
        self._nothing.setObjectName("faint")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)

        self._list = QWidget(self)
        self._list.setObjectName("plain")
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 2, 0)
        self._rows.setSpacing(2)
        self._rows.addStretch(1)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._list)

        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.setSpacing(0)
        head.addWidget(self.presets_button)
        head.addWidget(self.sides_button)
        head.addWidget(self.neutral_button)
        head.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.SMALL, 6, style.SMALL)
        layout.setSpacing(style.SMALL)
        layout.addLayout(head)
        layout.addWidget(self.search)
        layout.addWidget(self._nothing)
        layout.addWidget(self._scroll, 1)
        self.setMinimumWidth(style.SLIDERS_WIDTH - 40)

        self.search.textChanged.connect(self._filter)
        self.neutral_button.clicked.connect(self.neutral_requested)
        self.reset_button.clicked.connect(self._reset_all)
        session.locks_changed.connect(self._show_locks)
        session.parameters_changed.connect(self._build)
        session.code_changed.connect(self._show_values)
        session.selection_changed.connect(self._show_references)
        self._build()

    def set_units(self, units: Units) -> None:
        """Show and read numbers in these units from now on."""
        self._units = units
        for slider in self._sliders.values():
            slider.number.set_units(units)

    def slider(self, key: str) -> ValueSlider:
        """The slider of a parameter."""
        return self._sliders[key]

    def follow(self, code: FaceCode | None) -> None:
        """Show a live face's code instead of the session's; None: the session's again.

        Meanwhile a slider that is grabbed holds its value against the tracker, and nothing of the session is edited.
        """
        if (code is None) != (self._live is None):
            for button in (self.presets_button, self.sides_button, self.neutral_button, self.reset_button):
                button.setEnabled(code is None)
        self._live = code
        self._show_values()

    def _build(self) -> None:
        for section in self._sections:
            self._rows.removeWidget(section)
            section.deleteLater()
        self._sections, self._sliders = [], {}
        parameters = self._session.parameters
        for group in GROUPS:
            rows = [SliderRow(pair, self._list) for pair in _pairs([p for p in parameters if p.group == group])]
            if rows:
                section = _Section(self.tr(group), rows, self._list)
                self._rows.insertWidget(self._rows.count() - 1, section)
                self._sections.append(section)
                for row in rows:
                    row.lock_requested.connect(self.lock_requested)
                    for slider in row.sliders:
                        self._connect(slider)
        self._filter(self.search.text())
        self._show_references()
        self._show_values()
        self._show_locks()

    def _sides_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for text, signal in (
            (self.tr("&Mirror left and right"), self.mirror_requested),
            (self.tr("&Same on both sides"), self.symmetry_requested),
        ):
            menu.addAction(text).triggered.connect(signal)
        menu.addSeparator()
        unlock = menu.addAction(self.tr("&Unlock all"))
        unlock.triggered.connect(lambda: self.lock_requested.emit(tuple(self._session.locked), False))
        menu.aboutToShow.connect(lambda: unlock.setEnabled(bool(self._session.locked)))
        return menu

    def _reset_all(self) -> None:
        self.reset_requested.emit(tuple(key for key in self._sliders if key not in self._session.locked))

    def _show_locks(self) -> None:
        for section in self._sections:
            for row in section.rows:
                row.show_locked(self._session.locked)

    def set_sides(self, known: bool) -> None:
        """Whether expressions of this head model can be mirrored."""
        for action in self.sides_button.menu().actions()[:2]:
            action.setEnabled(known)

    def _connect(self, slider: ValueSlider) -> None:
        key = slider.parameter.key
        self._sliders[key] = slider
        slider.number.set_units(self._units)
        slider.edited.connect(lambda value: self._edited(key, value))
        slider.finished.connect(lambda: (self.edit_finished if self._live is None else self.live_released).emit())
        slider.reset_requested.connect(lambda: self._reset(key))

    def _edited(self, key: str, value: float) -> None:
        (self.value_edited if self._live is None else self.live_edited).emit(key, value)

    def _reset(self, key: str) -> None:
        if self._live is None:
            self.reset_requested.emit((key,))
        else:
            self.live_released.emit()

    def _show_values(self) -> None:
        code = self._live if self._live is not None else self._session.code
        self.setEnabled(code is not None)
        if code is None:
            return
        parameters = self._session.parameters
        for parameter, value in zip(parameters, read_all(parameters, code), strict=True):
            slider = self._sliders[parameter.key]
            # A live face moves them all a little all the time; only what one could see costs a picture.
            least = (parameter.maximum - parameter.minimum) / 400 if self._live is not None else 0.0
            if abs(slider.value - value) > least and not (self._live is not None and slider.grabbed):
                slider.set_value(value)

    def _show_references(self) -> None:
        code = self._session.reference_code
        if code is None:
            return
        parameters = self._session.parameters
        for parameter, value in zip(parameters, read_all(parameters, code), strict=True):
            self._sliders[parameter.key].set_reference(value)

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        found = sum(section.filter(words) for section in self._sections)
        self._nothing.setVisible(bool(words) and not found)


def _pairs(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """Neighbouring left and right sides of one thing together; everything else alone, in order."""
    rows: list[list[Parameter]] = []
    for parameter in parameters:
        partner = [row for row in rows if parameter.side and row[0].side and row[0].label[:-1] == parameter.label[:-1]]
        if partner:
            partner[0].append(parameter)
        else:
            rows.append([parameter])
    return rows
