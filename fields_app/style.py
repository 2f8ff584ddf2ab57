"""Colours, fonts and spacing of the window, in one place.

The colours below are those of the dark theme; `apply` puts another theme's into their places. Read them as
``style.TEXT`` when painting, never with ``from``.
"""

from __future__ import annotations

import re

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

# Surfaces, from the deepest to the most raised.
CANVAS = "#15171b"
FIELD = "#15171b"
WINDOW = "#1b1e23"
PANEL = "#20242a"
RAISED = "#2a2f37"
HOVER = "#343a44"
BORDER = "#30363f"
BORDER_STRONG = "#454d59"

# Text (contrast on PANEL: 12.9, 7.5, 4.6 to 1).
TEXT = "#e7eaee"
TEXT_SOFT = "#b0b7c1"
TEXT_FAINT = "#868e9a"
TEXT_DISABLED = "#5e6672"

# One accent, and two signals.
ACCENT = "#4fb3a5"
ACCENT_BRIGHT = "#6fd0c2"
ACCENT_DEEP = "#23564f"
ON_ACCENT = "#0c1a18"
WARNING = "#e0af68"
ERROR = "#e8776f"
WARNING_BACK = "#2e281d"
ERROR_BACK = "#33211f"

# The viewport.
VIEW_TOP = "#343a44"
VIEW_BOTTOM = "#14161a"
CLAY = "#d6beac"
WIRE_SURFACE = "#2b3139"
WIRE_LINE = "#4a9c92"
VIEW_BLACK, VIEW_GREY, VIEW_WHITE = "#000000", "#7f7f7f", "#ffffff"
HEAT_COLOURS = "viridis"  # even steps of lightness, and readable to the colour-blind

# Curves, in their order: told apart by the colour-blind too (after Okabe and Ito), and legible on both canvases.
CURVES = ("#4fb3a5", "#e69f00", "#56a0e9", "#cc79a7", "#d55e00", "#9a8fe0", "#8aa33a", "#b58863", "#7f8c99", "#e8776f")

# Spacing in device-independent pixels.
TINY, SMALL, MEDIUM, LARGE = 4, 8, 12, 20
ROW_HEIGHT = 26
RADIUS = 5
SLIDERS_WIDTH = 400

_FONT_FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "Ubuntu", "Cantarell", "Open Sans")
_FONT_POINTS = 9.5

_LIGHT = {
    "CANVAS": "#e4e7eb", "FIELD": "#ffffff", "WINDOW": "#f1f2f5", "PANEL": "#fbfbfc", "RAISED": "#e9ebef",
    "HOVER": "#dde1e7",
    "BORDER": "#d6dae0", "BORDER_STRONG": "#aeb5bf",
    "TEXT": "#1c2026", "TEXT_SOFT": "#434b56", "TEXT_FAINT": "#666e79", "TEXT_DISABLED": "#a0a7b0",
    "ACCENT": "#23867a", "ACCENT_BRIGHT": "#14695e", "ACCENT_DEEP": "#bfe2dc", "ON_ACCENT": "#ffffff",
    "WARNING": "#8f5f00", "ERROR": "#b3362c", "WARNING_BACK": "#fbf1da", "ERROR_BACK": "#fbe7e5",
}  # fmt: skip
THEMES = {"dark": {name: globals()[name] for name in _LIGHT}, "light": _LIGHT}
"""Colours by theme. The 3D view keeps its own: a head is judged against the same background in both."""

# QDarkStyle's blue greys become the neutral ones above.
_RECOLOUR = {
    "COLOR_BACKGROUND_1": "WINDOW", "COLOR_BACKGROUND_2": "PANEL", "COLOR_BACKGROUND_3": "RAISED",
    "COLOR_BACKGROUND_4": "BORDER", "COLOR_BACKGROUND_5": "HOVER", "COLOR_BACKGROUND_6": "BORDER_STRONG",
    "COLOR_TEXT_1": "TEXT", "COLOR_TEXT_2": "TEXT_SOFT", "COLOR_TEXT_3": "TEXT_SOFT", "COLOR_TEXT_4": "TEXT_FAINT",
    "COLOR_DISABLED": "TEXT_DISABLED",
    "COLOR_ACCENT_1": "ACCENT_DEEP", "COLOR_ACCENT_2": "ACCENT_DEEP", "COLOR_ACCENT_3": "ACCENT",
    "COLOR_ACCENT_4": "ACCENT_BRIGHT", "COLOR_ACCENT_5": "ACCENT_BRIGHT",
}  # fmt: skip


def _seen_through(colour: str) -> str:
    """What lies under it can be made out, and text on it can be read."""
    solid = QColor(colour)
    return f"rgba({solid.red()}, {solid.green()}, {solid.blue()}, 215)"


def _rules() -> str:
    return f"""
QMainWindow, QDialog {{ background: {WINDOW}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {BORDER_STRONG}; padding: 5px 7px; }}
QMenuBar {{ background: {WINDOW}; border: none; padding: 2px 6px; }}
QMenuBar::item {{ padding: 5px 9px; border-radius: {RADIUS}px; background: transparent; }}
QMenuBar::item:selected {{ background: {RAISED}; }}
QMenu {{ background: {PANEL}; border: 1px solid {BORDER_STRONG}; padding: 5px 0; }}
QMenu::item {{ padding: 6px 26px 6px 22px; background: transparent; }}
QMenu::item:selected {{ background: {ACCENT_DEEP}; color: {TEXT}; }}
QMenu::item:disabled {{ color: {TEXT_DISABLED}; background: transparent; }}
QMenu::separator {{ height: 1px; background: {BORDER}; margin: 5px 10px; }}
QSplitter {{ background: {WINDOW}; border: none; }}
QSplitter::handle {{ background: {WINDOW}; border: none; image: none; }}
QSplitter::handle:horizontal {{ width: 8px; }}
QSplitter::handle:hover {{ background: {RAISED}; }}

QFrame#card {{ background: {PANEL}; border: 1px solid {BORDER}; border-radius: 8px; }}
QWidget#plain, QLabel {{ background: transparent; border: none; }}
QStackedWidget#plain {{ padding: 0; }}
QLabel#title {{ color: {TEXT}; font-weight: 600; }}
QLabel#soft {{ color: {TEXT_SOFT}; }}
QLabel#faint {{ color: {TEXT_FAINT}; }}
QLabel#invitation {{ color: {TEXT}; font-size: 15pt; font-weight: 600; }}

QPushButton {{ background: {RAISED}; color: {TEXT}; border: 1px solid {BORDER}; border-radius: {RADIUS}px;
    padding: 6px 13px; min-width: 0; min-height: 16px; }}
QPushButton:hover {{ background: {HOVER}; border-color: {BORDER_STRONG}; }}
QPushButton:pressed {{ background: {BORDER}; }}
QPushButton:focus {{ border: 1px solid {ACCENT}; }}
QPushButton:disabled {{ background: {PANEL}; color: {TEXT_DISABLED}; border-color: {BORDER}; padding: 6px 13px; }}
QPushButton#primary {{ background: {ACCENT}; color: {ON_ACCENT}; border-color: {ACCENT}; font-weight: 600; }}
QPushButton#primary:hover {{ background: {ACCENT_BRIGHT}; border-color: {ACCENT_BRIGHT}; }}
QPushButton#primary:focus {{ border-color: {TEXT}; }}
QPushButton#primary:disabled {{ background: {RAISED}; color: {TEXT_DISABLED}; border-color: {BORDER}; }}
QPushButton#quiet {{ background: transparent; border-color: transparent; color: {TEXT_SOFT}; padding: 4px 8px; }}
QPushButton#quiet:hover {{ background: {RAISED}; color: {TEXT}; }}
QPushButton#quiet:focus {{ border: 1px solid {ACCENT}; }}
QPushButton#quiet:disabled {{ color: {TEXT_DISABLED}; background: transparent; border-color: transparent;
    padding: 4px 8px; }}
QPushButton#segment {{ border-radius: 0; padding: 4px 12px; color: {TEXT_SOFT}; background: {RAISED}; margin: 0; }}
QPushButton#segment[place="first"] {{ border-top-left-radius: {RADIUS}px; border-bottom-left-radius: {RADIUS}px; }}
QPushButton#segment[place="last"] {{ border-top-right-radius: {RADIUS}px; border-bottom-right-radius: {RADIUS}px; }}
QPushButton#segment:hover {{ color: {TEXT}; background: {HOVER}; }}
QPushButton#segment:checked {{ background: {ACCENT_DEEP}; color: {TEXT}; border-color: {ACCENT}; }}
QPushButton#segment:focus {{ border-color: {ACCENT_BRIGHT}; }}
QPushButton#section {{ background: transparent; border: 1px solid transparent; text-align: left; font-weight: 600;
    padding: 4px 4px; color: {TEXT}; }}
QPushButton#section:hover {{ color: {ACCENT_BRIGHT}; }}
QPushButton#section:focus {{ border-color: {ACCENT}; }}

QLineEdit {{ background: {FIELD}; border: 1px solid {BORDER}; border-radius: {RADIUS}px; padding: 5px 8px;
    color: {TEXT}; selection-background-color: {ACCENT_DEEP}; }}
QLineEdit:focus {{ border-color: {ACCENT}; }}
QLineEdit#value {{ background: transparent; border: 1px solid transparent; border-radius: 3px; padding: 0 3px;
    color: {TEXT_SOFT}; min-height: 16px; }}
QLineEdit#value:hover {{ border-color: {BORDER_STRONG}; background: {CANVAS}; }}
QLineEdit#value:focus {{ border-color: {ACCENT}; background: {CANVAS}; color: {TEXT}; }}
QLineEdit:disabled, QLineEdit#value:disabled {{ background: transparent; color: {TEXT_DISABLED}; }}

QComboBox, QAbstractSpinBox {{ background: {FIELD}; border: 1px solid {BORDER}; border-radius: {RADIUS}px;
    padding: 5px 8px; min-height: 16px; color: {TEXT}; selection-background-color: {ACCENT_DEEP}; }}
QComboBox:focus, QAbstractSpinBox:focus {{ border-color: {ACCENT}; }}
QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {TEXT_DISABLED}; }}
QComboBox QAbstractItemView {{ background: {PANEL}; border: 1px solid {BORDER_STRONG};
    selection-background-color: {ACCENT_DEEP}; selection-color: {TEXT}; padding: 3px; }}

QCheckBox {{ background: transparent; spacing: 7px; color: {TEXT_SOFT}; padding: 2px; }}
QCheckBox:hover, QCheckBox:focus {{ color: {TEXT}; }}
QLabel:disabled, QCheckBox:disabled, QSlider:disabled, QWidget#plain:disabled, QScrollArea:disabled {{
    background: transparent; }}
QLabel:disabled, QCheckBox:disabled {{ color: {TEXT_DISABLED}; }}
QSlider::groove:horizontal {{ background: {CANVAS}; border: none; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {ACCENT_DEEP}; border: none; height: 4px; border-radius: 2px; }}
QSlider::handle:horizontal {{ background: {TEXT_FAINT}; border: none; width: 10px; height: 10px; margin: -3px 0;
    border-radius: 5px; }}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ background: {ACCENT_BRIGHT}; border: none; }}
QSlider::handle:horizontal:disabled {{ background: {TEXT_DISABLED}; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; border: none; width: 10px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {HOVER}; border: none; border-radius: 3px; min-height: 30px;
    margin: 0 2px; }}
QScrollBar::handle:vertical:hover {{ background: {BORDER_STRONG}; }}
QScrollBar:horizontal {{ background: transparent; border: none; height: 10px; margin: 0; }}
QScrollBar::handle:horizontal {{ background: {HOVER}; border: none; border-radius: 3px; min-width: 30px;
    margin: 2px 0; }}
QScrollBar::add-line:vertical, QScrollBar::sub-line:vertical, QScrollBar::add-line:horizontal,
QScrollBar::sub-line:horizontal {{ width: 0; height: 0; border: none; border-image: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}

QProgressBar {{ background: {CANVAS}; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }}
QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
QFrame#messageBar {{ background: {WINDOW}; border: none; border-top: 1px solid {BORDER}; border-radius: 0; }}
QFrame#messageBar[kind="error"] {{ background: {ERROR_BACK}; border-top: 1px solid {ERROR}; }}
QFrame#messageBar[kind="warning"] {{ background: {WARNING_BACK}; border-top: 1px solid {WARNING}; }}
QPlainTextEdit {{ background: {FIELD}; border: 1px solid {BORDER}; border-radius: {RADIUS}px; color: {TEXT_SOFT};
    padding: 4px; }}
QListWidget {{ background: transparent; border: none; }}
QListWidget::item {{ border-radius: {RADIUS}px; padding: 3px; color: {TEXT_SOFT}; }}
QListWidget::item:selected {{ background: {ACCENT_DEEP}; color: {TEXT}; }}
QListWidget::item:hover:!selected {{ background: {RAISED}; }}
QListWidget#cards::item {{ padding: 5px 8px; }}
QTreeWidget {{ background: {PANEL}; border: 1px solid {BORDER}; border-radius: {RADIUS}px; color: {TEXT};
    alternate-background-color: {PANEL}; }}
QTreeWidget::item {{ padding: 4px 6px; border: none; }}
QTreeWidget::item:selected, QTreeWidget::item:selected:!active {{ background: {ACCENT_DEEP}; color: {TEXT}; }}
QTreeWidget::item:hover:!selected {{ background: {RAISED}; color: {TEXT}; }}
QDialog#palette QTreeWidget {{ border: none; }}
QTabBar::tab {{ padding: 6px 16px; }}
QDialog#palette {{ background: {PANEL}; border: 1px solid {BORDER_STRONG}; border-radius: 8px; }}
QLabel#key {{ background: {RAISED}; border: 1px solid {BORDER_STRONG}; border-radius: 4px; padding: 1px 6px;
    color: {TEXT}; }}
QLabel#dropHint {{ background: {_seen_through(WINDOW)}; border: 2px solid {ACCENT}; border-radius: 8px; color: {TEXT};
    font-size: 15pt; font-weight: 600; }}
QGraphicsView {{ background: {CANVAS}; border: none; border-radius: 6px; }}
"""


def apply(application: QApplication, theme: str = "dark") -> None:
    """Give the application its theme ("dark" or "light"), font and palette; also to windows that are open."""
    globals().update(THEMES[theme])
    font = QFont(application.font())
    installed = set(QFontDatabase.families())
    for family in _FONT_FAMILIES:
        if family in installed:
            font.setFamily(family)
            break
    font.setPointSizeF(_FONT_POINTS)
    application.setFont(font)
    palette = application.palette()
    for role, colour in (
        (QPalette.ColorRole.Window, WINDOW),
        (QPalette.ColorRole.Base, CANVAS),
        (QPalette.ColorRole.Text, TEXT),
        (QPalette.ColorRole.WindowText, TEXT),
        (QPalette.ColorRole.PlaceholderText, TEXT_FAINT),
        (QPalette.ColorRole.Highlight, ACCENT_DEEP),
        (QPalette.ColorRole.Link, ACCENT_BRIGHT),
    ):
        palette.setColor(role, QColor(colour))
    application.setPalette(palette)
    application.setStyleSheet(_base_sheet(theme) + _rules())


def _base_sheet(theme: str) -> str:
    """QDarkStyle in our colours."""
    import qdarkstyle
    from qdarkstyle.dark.palette import DarkPalette
    from qdarkstyle.light.palette import LightPalette

    theirs = DarkPalette if theme == "dark" else LightPalette
    sheet: str = qdarkstyle.load_stylesheet(qt_api="pyside6", palette=theirs)
    ours = {getattr(theirs, name).lower(): THEMES[theme][role] for name, role in _RECOLOUR.items()}
    return re.sub("#[0-9a-fA-F]{6}", lambda colour: ours.get(colour[0].lower(), colour[0]), sheet)
