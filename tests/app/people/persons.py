"""Who is in a session, and how some become one."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from fields_app.controllers.people import PeopleController
from fields_app.session import Session


def ids(session: Session) -> list[str]:
    return [person.id for person in session.document().people]


def names(session: Session) -> list[str]:
    document = session.document()
    return [document.identity(person.identity).name for person in document.people]  # type: ignore[union-attr]


def merge(people: PeopleController, chosen: list[str], qtbot: QtBot) -> None:
    people.merge(chosen)
    qtbot.waitUntil(lambda: not people.busy)
