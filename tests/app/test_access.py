"""Whoever cannot see or cannot use a mouse: every control has a name, says what it does, and is reached with Tab."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
    QMenu,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from fields_app.dialogs.models_dialog import ModelsDialog
from fields_app.menu_actions import commands_of
from fields_app.panels.value_slider import ValueSlider
from fields_app.workbench import Workbench
from tests.app.engines import FakeEngine

Open = Callable[..., Workbench]
_CONTROLS = (QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


@pytest.fixture
def workbench(open_workbench: Open, qtbot: QtBot) -> Workbench:
    """With two people, so that everything can be used."""
    workbench = open_workbench(FakeEngine(faces=2))
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 2 and not workbench.reconstruction.busy)
    return workbench


def controls(root: QWidget) -> Iterator[QWidget]:
    """What a user can use, shown or not; without the parts that Qt's own widgets are made of."""
    for widget in root.findChildren(QWidget):
        inside = widget.parentWidget()
        if not isinstance(widget, _CONTROLS) or isinstance(widget, QScrollBar | QMenu):
            continue
        if isinstance(inside, QAbstractSpinBox | QLineEdit | QComboBox | QDialogButtonBox):
            continue
        if widget.objectName().startswith("qt_") or type(widget).__name__ in ("QHeaderView", "QComboBoxListView"):
            continue
        if type(widget).__name__ == "QTabBar" or (isinstance(widget, QAbstractButton) and widget.parent() is None):
            continue
        if inside is not None and isinstance(inside.parentWidget(), QComboBox):
            continue  # the list that drops down
        if isinstance(inside, QAbstractItemView) and isinstance(widget, QAbstractButton):
            continue  # a table's corner
        yield widget


def named(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    return widget.accessibleName() or (str(text()) if callable(text) and isinstance(widget, QAbstractButton) else "")


def speaks(widget: QWidget) -> bool:
    """Whether a tool tip comes up over it; that of a slider is its row's. Lists and titles that fold need none."""
    inside = widget.parentWidget()
    row = inside.toolTip() if isinstance(inside, ValueSlider) else ""
    return bool(widget.toolTip() or row or isinstance(widget, QAbstractItemView) or widget.objectName() == "section")


def where(widget: QWidget) -> str:
    path: list[str] = []
    at: QWidget | None = widget
    while at is not None and len(path) < 4:
        path.append(type(at).__name__)
        at = at.parentWidget()
    return f"{' < '.join(path)} “{named(widget)}”"


def test_every_control_has_a_name_for_screen_readers(workbench: Workbench) -> None:
    assert [where(w) for w in controls(workbench.window) if not named(w).strip()] == []


def test_every_button_and_field_says_what_it_does(workbench: Workbench) -> None:
    """In a tool tip; lists, folding titles and the values of sliders speak for themselves."""
    assert [where(w) for w in controls(workbench.window) if not speaks(w)] == []


def test_every_menu_entry_says_more_than_its_name_or_has_an_obvious_one(workbench: Workbench) -> None:
    commands = commands_of(workbench.window.menuBar())
    assert len(commands) > 40
    assert [c.text for c in commands if not c.text.strip()] == []


def test_no_two_actions_anywhere_share_a_shortcut(workbench: Workbench) -> None:
    places: dict[str, list[str]] = {}
    for command in commands_of(workbench.window.menuBar()):
        for keys in command.action.shortcuts():
            places.setdefault(keys.toString(QKeySequence.SequenceFormat.PortableText), []).append(command.text)
    assert {keys: names for keys, names in places.items() if len(names) > 1} == {}


def test_tab_reaches_every_panel_and_comes_round(workbench: Workbench, qtbot: QtBot) -> None:
    window = workbench.window
    window.activateWindow()
    start = window.sliders.search
    seen: list[QWidget] = []
    at: QWidget = start
    for _ in range(2000):
        following = at.nextInFocusChain()
        assert following is not None
        at = following
        if at is start:
            break
        if at.isVisible() and at.isEnabled() and at.focusPolicy() & Qt.FocusPolicy.TabFocus:
            seen.append(at)
    assert at is start
    for panel in (window.photo, window.people, window.viewport, window.emotion, window.sliders, window.messages):
        assert any(widget is panel or panel.isAncestorOf(widget) for widget in seen), panel


def test_the_models_dialog_is_for_everybody_too(qtbot: QtBot) -> None:
    dialog = ModelsDialog()
    qtbot.addWidget(dialog)
    assert [where(w) for w in controls(dialog) if not named(w).strip() or not speaks(w)] == []


def test_the_window_fits_a_small_screen(workbench: Workbench) -> None:
    window = workbench.window
    window.emotion.set_available(True)
    window.emotion.fold_button.setChecked(True)
    QApplication.processEvents()
    assert window.minimumSizeHint().width() <= 1200
    assert window.minimumSizeHint().height() <= 720
