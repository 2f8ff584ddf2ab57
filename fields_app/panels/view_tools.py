"""The strip above the 3D view: where to look from, light, background, comparison, pictures. Emits wishes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QMenu, QPushButton, QSlider, QWidget, QWidgetAction

from fields_app import style

LIGHT_AZIMUTH, LIGHT_ELEVATION = -37, 34  # degrees; the scene's own
PRESETS = (
    ("Front", 0.0, 0.0),
    ("Three-quarter left", -40.0, 0.0),
    ("Three-quarter right", 40.0, 0.0),
    ("Profile left", -90.0, 0.0),
    ("Profile right", 90.0, 0.0),
)
BACKGROUNDS: dict[str, tuple[str, str, str]] = {
    "studio": ("Studio", style.VIEW_BOTTOM, style.VIEW_TOP),
    "black": ("Black", style.VIEW_BLACK, style.VIEW_BLACK),
    "grey": ("Grey", style.VIEW_GREY, style.VIEW_GREY),
    "white": ("White", style.VIEW_WHITE, style.VIEW_WHITE),
}
ORIGINAL = "original"


@dataclass(frozen=True)
class Reference:
    """Something the shown head can be compared with."""

    key: str
    """`ORIGINAL`, or the id of a person."""
    name: str


class ViewTools(QWidget):
    """Buttons with menus, and the actions in them (for the window's View menu too).

    Signals:
        preset_picked(yaw, pitch): degrees.
        light_changed(azimuth, elevation): degrees.
        background_picked(key): of `BACKGROUNDS`.
        compare_changed(): side by side, distances, or with whom.
        compare_menu_opened(): the list of references is about to be seen.
        save_requested(), copy_requested(): a picture of the view.
    """

    preset_picked = Signal(float, float)
    light_changed = Signal(float, float)
    background_picked = Signal(str)
    compare_changed = Signal()
    compare_menu_opened = Signal()
    save_requested = Signal()
    copy_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._references = QActionGroup(self)
        self.reference = ORIGINAL
        look = self._look_menu()
        light = self._light_menu()
        compare = self._compare_menu()
        picture = self._picture_menu()
        self.turntable = self._check(self.tr("Turntable"), "Ctrl+T", self.tr("Turns the head slowly"))
        turn = QPushButton(self.tr("Turn"), self)
        turn.setObjectName("quiet")
        turn.setCheckable(True)
        turn.setToolTip(self.tr("Turns the head slowly (Ctrl+T)"))
        turn.toggled.connect(self.turntable.setChecked)
        self.turntable.toggled.connect(turn.setChecked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(style.TINY)
        for text, tip, menu in (
            (self.tr("Look"), self.tr("From where to look, and at what"), look),
            (self.tr("Light"), self.tr("Direction of the light, background"), light),
            (self.tr("Compare"), self.tr("With the unedited head, or with another person"), compare),
        ):
            row.addWidget(self._menu_button(text, tip, menu))
        row.addWidget(turn)
        row.addStretch(1)
        row.addWidget(self._menu_button(self.tr("Picture"), self.tr("Save or copy what is on show"), picture))

    def fill(self, menu: QMenu) -> None:
        """Add everything to the window's View menu, where the shortcuts work from."""
        menu.addSeparator()
        for part in self._menus:
            menu.addMenu(part)
        menu.addAction(self.turntable)

    @property
    def light(self) -> tuple[float, float]:
        return float(self._azimuth.value()), float(self._elevation.value())

    def set_light(self, azimuth: float, elevation: float) -> None:
        """Show where the light stands; emits nothing."""
        for slider, value in ((self._azimuth, azimuth), (self._elevation, elevation)):
            with QSignalBlocker(slider):
                slider.setValue(round(value))

    def set_background(self, key: str) -> None:
        """Tick a background; emits nothing."""
        action = self._backgrounds.get(key)
        if action is not None:
            action.setChecked(True)

    def set_references(self, references: Sequence[Reference]) -> None:
        """What the shown head can be compared with now; one that is gone is no longer the chosen one."""
        for action in self._references.actions():
            self._references.removeAction(action)
            self._compare.removeAction(action)
            action.deleteLater()
        if self.reference not in [reference.key for reference in references]:
            self.reference = ORIGINAL
        for reference in references:
            action = QAction(reference.name, self._references, checkable=True)
            action.setData(reference.key)
            action.setChecked(reference.key == self.reference)
            self._compare.addAction(action)

    def pick_reference(self, key: str) -> None:
        """As if the user had chosen it from the list."""
        self.reference = key
        for action in self._references.actions():
            action.setChecked(action.data() == key)
        if not self.side_by_side.isChecked() and not self.distances.isChecked():
            self.side_by_side.setChecked(True)
        else:
            self.compare_changed.emit()

    @property
    def _menus(self) -> tuple[QMenu, ...]:
        return self._look, self._light, self._compare, self._picture

    def _look_menu(self) -> QMenu:
        self._look = QMenu(self.tr("&Look"), self)
        for i, (name, yaw, pitch) in enumerate(PRESETS):
            action = self._action(self.tr(name), f"Alt+{i + 1}")
            action.triggered.connect(lambda _=False, at=(yaw, pitch): self.preset_picked.emit(*at))
            self._look.addAction(action)
        self._look.addSeparator()
        self.photo_camera = self._check(
            self.tr("&Photo's camera"), "Ctrl+Shift+K", self.tr("The head lies on its photo, as the camera saw it")
        )
        self.landmarks = self._check(self.tr("&Landmarks on the head"), "Ctrl+Shift+L", self.tr("The model's own"))
        self._look.addActions([self.photo_camera, self.landmarks])
        self._look.addSeparator()
        self.opacity = self._slider(0, 100, 100, self.tr("Opacity of the head over its photo"))
        self._look.addAction(self._row(self._look, [(self.tr("Head over photo"), self.opacity)]))
        return self._look

    def _light_menu(self) -> QMenu:
        self._light = QMenu(self.tr("L&ight and background"), self)
        self._azimuth = self._slider(-180, 180, LIGHT_AZIMUTH, self.tr("Light from left to right, degrees"))
        self._elevation = self._slider(-90, 90, LIGHT_ELEVATION, self.tr("Light from below to above, degrees"))
        for slider in (self._azimuth, self._elevation):
            slider.valueChanged.connect(lambda _: self.light_changed.emit(*self.light))
        rows = [(self.tr("Left – right"), self._azimuth), (self.tr("Below – above"), self._elevation)]
        self._light.addAction(self._row(self._light, rows, self.tr("Or drag in the view with Ctrl held")))
        reset = self._action(self.tr("Light as it was"), "")
        reset.triggered.connect(self._reset_light)
        self._light.addAction(reset)
        self._light.addSeparator()
        group = QActionGroup(self)
        self._backgrounds: dict[str, QAction] = {}
        for key, (name, _, _) in BACKGROUNDS.items():
            action = QAction(self.tr(name), group, checkable=True)
            action.triggered.connect(lambda _=False, key=key: self.background_picked.emit(key))
            self._light.addAction(action)
            self._backgrounds[key] = action
        self._backgrounds["studio"].setChecked(True)
        return self._light

    def _compare_menu(self) -> QMenu:
        self._compare = QMenu(self.tr("&Compare"), self)
        self.side_by_side = self._check(self.tr("&Side by side"), "Ctrl+D", self.tr("Two heads, one camera"))
        self.distances = self._check(
            self.tr("&Distance in colour"),
            "Ctrl+Shift+D",
            self.tr("How far the skin is from the other head's"),
        )
        for action in (self.side_by_side, self.distances):
            action.toggled.connect(lambda _: self.compare_changed.emit())
        self._compare.addActions([self.side_by_side, self.distances])
        self._compare.addSeparator()
        self._compare.addAction(self._action(self.tr("With"), ""))
        self._compare.actions()[-1].setEnabled(False)
        self._compare.aboutToShow.connect(self.compare_menu_opened)
        self._references.triggered.connect(lambda action: self.pick_reference(str(action.data())))
        self.set_references([Reference(ORIGINAL, self.tr("Before the edits"))])
        return self._compare

    def _picture_menu(self) -> QMenu:
        self._picture = QMenu(self.tr("Pi&cture of the view"), self)
        for text, keys, signal in (
            (self.tr("&Save picture …"), "F12", self.save_requested),
            (self.tr("&Copy picture"), "Ctrl+Shift+C", self.copy_requested),
        ):
            action = self._action(text, keys)
            action.triggered.connect(lambda _=False, signal=signal: signal.emit())
            self._picture.addAction(action)
        self.transparent = self._check(self.tr("&Transparent background"), "", self.tr("For slides and compositing"))
        self._picture.addAction(self.transparent)
        return self._picture

    def _reset_light(self) -> None:
        self.set_light(LIGHT_AZIMUTH, LIGHT_ELEVATION)
        self.light_changed.emit(*self.light)

    def _menu_button(self, text: str, tip: str, menu: QMenu) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName("quiet")
        button.setToolTip(tip)
        button.setAccessibleDescription(tip)
        button.setMenu(menu)
        return button

    def _action(self, text: str, keys: str, tip: str = "") -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setStatusTip(tip)
        return action

    def _check(self, text: str, keys: str, tip: str) -> QAction:
        action = self._action(text, keys, tip)
        action.setCheckable(True)
        return action

    def _slider(self, low: int, high: int, value: int, name: str) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(low, high)
        slider.setValue(value)
        slider.setMinimumWidth(160)
        slider.setAccessibleName(name)
        slider.setToolTip(name)
        return slider

    def _row(self, menu: QMenu, rows: Sequence[tuple[str, QSlider]], note: str = "") -> QWidgetAction:
        """Sliders as one entry of a menu."""
        box = QWidget(menu)
        box.setObjectName("plain")
        grid = QGridLayout(box)
        grid.setContentsMargins(style.LARGE, style.TINY, style.MEDIUM, style.TINY)
        for i, (name, slider) in enumerate(rows):
            label = QLabel(name, box)
            label.setObjectName("soft")
            label.setBuddy(slider)
            grid.addWidget(label, i, 0)
            grid.addWidget(slider, i, 1)
        if note:
            hint = QLabel(note, box)
            hint.setObjectName("faint")
            grid.addWidget(hint, len(rows), 0, 1, 2)
        action = QWidgetAction(menu)
        action.setDefaultWidget(box)
        return action
