"""The panel of people, and the menu of the window."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from fields_app.controllers.people import PeopleController
from fields_app.document import Document
from fields_app.panels.people_panel import PeoplePanel, in_order
from fields_app.session import Session
from fields_app.workbench import Workbench
from tests.app.engines import FakeEngine
from tests.app.people.persons import ids, merge


class TestPanel:
    @pytest.fixture
    def panel(self, three: Session, qtbot: QtBot) -> PeoplePanel:
        panel = PeoplePanel(three)
        qtbot.addWidget(panel)
        panel.resize(500, 160)
        panel.show()
        return panel

    def choose(self, panel: PeoplePanel, *rows: int) -> None:
        panel.list.clearSelection()
        for row in rows:
            panel.list.item(row).setSelected(True)

    def test_it_shows_everybody_and_the_selected_one(self, panel: PeoplePanel, three: Session) -> None:
        assert [panel.list.item(i).text() for i in range(3)] == ["Person 1", "Person 2", "Person 3"]
        assert panel.list.currentRow() == 2
        three.show_person(ids(three)[0])
        assert panel.list.currentRow() == 0

    def test_a_person_selected_elsewhere_is_selected_alone(self, panel: PeoplePanel, three: Session) -> None:
        self.choose(panel, 1, 2)
        three.show_person(ids(three)[0])
        assert panel.chosen == (ids(three)[0],)

    def test_a_selection_of_several_survives_a_new_name(
        self, panel: PeoplePanel, people: PeopleController, three: Session
    ) -> None:
        self.choose(panel, 1, 2)
        people.rename(three.identities[1].id, "Anna")
        assert panel.chosen == tuple(ids(three)[1:])

    def test_it_hides_while_there_is_nobody(self, panel: PeoplePanel, three: Session) -> None:
        three.restore(Document())
        assert panel.isHidden()

    def test_a_click_shows_the_person(self, panel: PeoplePanel, three: Session, qtbot: QtBot) -> None:
        with qtbot.waitSignal(panel.picked) as picked:
            place = panel.list.visualItemRect(panel.list.item(1)).center()
            qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert picked.args == [ids(three)[1]]

    def test_what_cannot_be_done_is_greyed_out(self, panel: PeoplePanel) -> None:
        self.choose(panel, 0)
        assert not panel.merge_button.isEnabled()
        assert not panel.split_button.isEnabled()
        assert not panel.paste_action.isEnabled()
        assert panel.delete_button.isEnabled()
        self.choose(panel, 0, 2)
        assert panel.merge_button.isEnabled()
        panel.set_can_paste(True)
        assert panel.paste_action.isEnabled()

    def test_the_buttons_ask_for_the_selected(self, panel: PeoplePanel, three: Session, qtbot: QtBot) -> None:
        self.choose(panel, 2, 0)
        for button, signal in (
            (panel.merge_button, panel.merge_requested), (panel.delete_button, panel.delete_requested),
        ):  # fmt: skip
            with qtbot.waitSignal(signal) as asked:
                button.click()
            assert asked.args == [(ids(three)[0], ids(three)[2])]

    def test_delete_and_rename_by_key(self, panel: PeoplePanel, qtbot: QtBot) -> None:
        self.choose(panel, 1)
        with qtbot.waitSignal(panel.delete_requested):
            qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
        panel.list.setCurrentRow(1)
        with qtbot.waitSignal(panel.rename_requested) as asked:
            panel.list.item(1).setText("Anna")
        assert asked.args[1] == "Anna"
        assert panel.list.item(1).text() == "Person 2"

    def test_those_of_one_identity_stand_together(
        self, panel: PeoplePanel, people: PeopleController, three: Session, qtbot: QtBot
    ) -> None:
        before = ids(three)
        merge(people, [before[0], before[2]], qtbot)
        assert [person.id for person in in_order(three.document())] == [before[0], before[2], before[1]]
        assert [panel.list.item(i).text() for i in range(3)] == ["Person 1", "Person 1", "Person 2"]
        assert "from 2 photos" in panel.list.item(0).toolTip()
        self.choose(panel, 1)
        assert panel.split_button.isEnabled()


def test_the_people_menu_of_the_window_does_what_it_says(
    open_workbench: Callable[..., Workbench], qtbot: QtBot
) -> None:
    workbench = open_workbench(FakeEngine(faces=2))
    session, window = workbench.session, workbench.window
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(session.people) == 2)
    actions = {action.text().replace("&", ""): action for action in workbench.people_menu.menu.actions()}
    assert all(actions[name].isEnabled() for name in ("Next person", "Rename", "Find faces again", "Remove photo"))
    actions["Next person"].trigger()
    assert session.selected == 1
    actions["Next person"].trigger()
    assert session.selected == 0
    workbench.editing.set_value("jawOpen", 0.7)
    assert not actions["Paste expression"].isEnabled()
    actions["Copy expression"].trigger()
    actions["Previous person"].trigger()
    actions["Paste expression"].trigger()
    jaws = [float(person.code.jaw_pose[0, 0]) for person in session.people]
    assert jaws[0] == pytest.approx(jaws[1])
    window.people.list.selectAll()
    actions["Merge into one person"].trigger()
    qtbot.waitUntil(lambda: len(session.identities) == 1 and not workbench.people.busy)
    actions["Remove photo"].trigger()
    assert not session.photos
    while workbench.editing.undo_stack.canUndo():
        window.undo_action.trigger()
    assert len(session.identities) == 2
    assert [person.edited for person in session.people] == [False, False]


def test_without_a_photo_the_people_menu_offers_only_what_does_something(
    open_workbench: Callable[..., Workbench], qtbot: QtBot
) -> None:
    workbench = open_workbench(FakeEngine(faces=1))
    session = workbench.session
    actions = {
        action.text().replace("&", ""): action for action in workbench.people_menu.menu.actions() if action.text()
    }

    def offered() -> set[str]:
        return {name for name, action in actions.items() if action.isEnabled()}

    qtbot.waitUntil(lambda: session.code is not None)
    assert offered() == {"Copy expression"}, "that of the head on show"
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(session.people) == 1)
    alone = offered()
    assert {"Rename", "Copy expression", "Find faces again", "Remove photo"} <= alone
    assert not {"Next person", "Previous person"} & alone, "there is nobody else"
    actions["Remove photo"].trigger()
    assert offered() == {"Copy expression"}
    workbench.window.undo_action.trigger()
    session.show(session.photos[0].id)
    assert offered() == alone
