"""Undo and redo of edits: exact, merged while a drag lasts, and shown on the person they concern."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QSlider
from pytestqt.qtbot import QtBot

from fields_app.controllers.editing import EditingController
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.workbench import Workbench
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine


@pytest.fixture
def editing(session: Session, messages: MessageBar, engine: FakeEngine) -> Iterator[EditingController]:
    controller = EditingController(session, messages)
    controller.set_engine(engine)
    yield controller
    controller.stop()


@pytest.fixture
def two(session: Session, engine: FakeEngine) -> Session:
    engine.faces = 2
    session.set_photo(engine.sample_photo())
    assert session.photo is not None
    session.set_people(engine.reconstruct(session.photo, CancelToken()))
    return session


def test_undo_and_redo_are_exact(editing: EditingController, session: Session) -> None:
    first = session.code
    editing.set_value("jawOpen", 0.4)
    second = session.code
    editing.relax()
    editing.undo_stack.undo()
    assert session.code is second
    editing.undo_stack.undo()
    assert session.code is first
    editing.undo_stack.redo()
    assert session.code is second


def test_a_drag_is_one_step_and_the_next_drag_another(editing: EditingController, session: Session) -> None:
    first = session.code
    for value in (0.1, 0.2, 0.3):
        editing.set_value("jawOpen", value)
    between = session.code
    editing.end_drag()
    for value in (0.4, 0.5):
        editing.set_value("jawOpen", value)
    assert editing.undo_stack.count() == 2
    editing.undo_stack.undo()
    assert session.code is between
    editing.undo_stack.undo()
    assert session.code is first


def test_moves_of_two_sliders_do_not_merge(editing: EditingController) -> None:
    editing.set_value("jawOpen", 0.1)
    editing.set_value("browInnerUp", 0.1)
    editing.set_value("jawOpen", 0.2)
    assert editing.undo_stack.count() == 3
    assert editing.undo_stack.undoText() == "Jaw open"


def test_edits_without_a_key_do_not_merge(editing: EditingController, session: Session) -> None:
    assert session.code is not None
    editing.apply(session.code.replace(), "One")
    editing.apply(session.code.replace(), "Two")
    assert editing.undo_stack.count() == 2


def test_the_mesh_follows_an_undo(
    editing: EditingController, session: Session, engine: FakeEngine, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(session.mesh_changed):
        editing.set_value("jawOpen", 0.7)
    with qtbot.waitSignal(session.mesh_changed):
        editing.undo_stack.undo()
    assert session.code is not None
    assert session.mesh is not None
    assert (session.mesh.vertices == engine.head.mesh(session.code).vertices).all()


def test_undo_shows_the_person_it_concerns(editing: EditingController, two: Session) -> None:
    original = two.people[0].code
    editing.set_value("jawOpen", 0.7)
    two.select(1)
    editing.set_value("jawOpen", 0.2)
    editing.undo_stack.undo()
    assert two.selected == 1
    editing.undo_stack.undo()
    assert two.selected == 0
    assert two.code is original


def test_the_same_slider_of_two_people_does_not_merge(editing: EditingController, two: Session) -> None:
    editing.set_value("jawOpen", 0.7)
    two.select(1)
    editing.set_value("jawOpen", 0.2)
    assert editing.undo_stack.count() == 2


def test_a_drag_in_the_window_is_one_step_of_the_edit_menu(
    open_workbench: Callable[..., Workbench], engine: FakeEngine, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    window, session = workbench.window, workbench.session
    first = session.code
    assert not window.undo_action.isEnabled()
    slider = window.sliders.slider("jawOpen").findChild(QSlider)
    middle = slider.height() // 2
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(10, middle))
    for x in (15, 20, 25, 30):
        qtbot.mouseMove(slider, QPoint(x, middle))
        slider.setValue(slider.value() + 30)
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(30, middle))
    last = session.code
    assert workbench.editing.undo_stack.count() == 1
    assert "Jaw open" in window.undo_action.text()
    assert QKeySequence(QKeySequence.StandardKey.Undo) in window.undo_action.shortcuts()
    slider.setValue(slider.value() + 30)
    assert workbench.editing.undo_stack.count() == 2
    window.undo_action.trigger()
    assert session.code is last
    window.undo_action.trigger()
    assert session.code is first
    window.redo_action.trigger()
    assert session.code is last
