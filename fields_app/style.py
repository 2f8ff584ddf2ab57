"""Colours, fonts and spacing of the window, in one place."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

# Surfaces, from the deepest to the most raised.
CANVAS = "#15171b"
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

# The viewport.
VIEW_TOP = "#343a44"
VIEW_BOTTOM = "#14161a"
CLAY = "#d6beac"
WIRE_SURFACE = "#2b3139"
WIRE_LINE = "#4a9c92"
VIEW_BLACK, VIEW_GREY, VIEW_WHITE = "#000000", "#7f7f7f", "#ffffff"
HEAT_COLOURS = "viridis"  # even steps of lightness, and readable to the colour-blind

# Spacing in device-independent pixels.
TINY, SMALL, MEDIUM, LARGE = 4, 8, 12, 20
ROW_HEIGHT = 26
RADIUS = 5
SLIDERS_WIDTH = 400

_FONT_FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "Ubuntu", "Cantarell", "Open Sans")
_FONT_POINTS = 9.5

# QDarkStyle's blue greys become the neutral ones above.
_RECOLOUR = {
    "#19232D": WINDOW, "#293544": PANEL, "#37414F": RAISED, "#455364": BORDER, "#54687A": HOVER,
    "#60798B": BORDER_STRONG,
    "#DFE1E2": TEXT, "#C0C4C8": TEXT_SOFT, "#ACB1B6": TEXT_SOFT, "#9DA9B5": TEXT_FAINT, "#788D9C": TEXT_DISABLED,
    "#26486B": ACCENT_DEEP, "#346792": ACCENT_DEEP, "#1A72BB": ACCENT, "#259AE9": ACCENT_BRIGHT,
    "#37AEFE": ACCENT_BRIGHT,
}  # fmt: skip

_RULES = f"""
QMainWindow, QDialog {{ background: {WINDOW}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {BORDER_STRONG}; padding: 5px 7px; }}
QMenuBar {{ background: {WINDOW}; border: none; padding: 2px 6px; }}
QMenuBar::item {{ padding: 5px 9px; border-radius: {RADIUS}px; background: transparent; }}
QMenuBar::item:selected {{ background: {RAISED}; }}
QMenu {{ background: {PANEL}; border: 1px solid {BORDER_STRONG}; padding: 5px 0; }}
QMenu::item {{ padding: 6px 26px 6px 22px; }}
QMenu::item:selected {{ background: {ACCENT_DEEP}; color: {TEXT}; }}
QMenu::item:disabled {{ color: {TEXT_DISABLED}; background: transparent; }}
QMenu::separator {{ height: 1px; background: {BORDER}; margin: 5px 10px; }}
QSplitter::handle {{ background: {WINDOW}; border: none; image: none; }}
QSplitter::handle:horizontal {{ width: 8px; }}
QSplitter::handle:hover {{ background: {RAISED}; }}

QFrame#card {{ background: {PANEL}; border: 1px solid {BORDER}; border-radius: 8px; }}
QWidget#plain, QLabel {{ background: transparent; border: none; }}
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

QLineEdit {{ background: {CANVAS}; border: 1px solid {BORDER}; border-radius: {RADIUS}px; padding: 5px 8px;
    color: {TEXT}; selection-background-color: {ACCENT_DEEP}; }}
QLineEdit:focus {{ border-color: {ACCENT}; }}
QLineEdit#value {{ background: transparent; border: 1px solid transparent; border-radius: 3px; padding: 0 3px;
    color: {TEXT_SOFT}; min-height: 16px; }}
QLineEdit#value:hover {{ border-color: {BORDER_STRONG}; background: {CANVAS}; }}
QLineEdit#value:focus {{ border-color: {ACCENT}; background: {CANVAS}; color: {TEXT}; }}
QLineEdit:disabled, QLineEdit#value:disabled {{ background: transparent; color: {TEXT_DISABLED}; }}

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
QFrame#messageBar[kind="error"] {{ background: #33211f; border-top: 1px solid {ERROR}; }}
QFrame#messageBar[kind="warning"] {{ background: #2e281d; border-top: 1px solid {WARNING}; }}
QPlainTextEdit {{ background: {CANVAS}; border: 1px solid {BORDER}; border-radius: {RADIUS}px; color: {TEXT_SOFT};
    padding: 4px; }}
QListWidget {{ background: transparent; border: none; }}
QListWidget::item {{ border-radius: {RADIUS}px; padding: 3px; color: {TEXT_SOFT}; }}
QListWidget::item:selected {{ background: {ACCENT_DEEP}; color: {TEXT}; }}
QListWidget::item:hover:!selected {{ background: {RAISED}; }}
QGraphicsView {{ background: {CANVAS}; border: none; border-radius: 6px; }}
"""


def apply(application: QApplication) -> None:
    """Give the application its dark theme, font and palette."""
    import qdarkstyle

    sheet: str = qdarkstyle.load_stylesheet(qt_api="pyside6")
    for theirs, ours in _RECOLOUR.items():
        sheet = sheet.replace(theirs, ours).replace(theirs.lower(), ours)
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
    application.setStyleSheet(sheet + _RULES)
