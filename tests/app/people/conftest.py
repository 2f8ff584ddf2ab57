"""Three photos of one face each, and who edits them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from fields_app.controllers.editing import EditingController
from fields_app.controllers.people import PeopleController
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_core.datatypes import Photo
from fields_core.progress import CancelToken
from tests.app.engines import FakeEngine


@pytest.fixture
def people(
    session: Session, editing: EditingController, messages: MessageBar, engine: FakeEngine, qtbot: QtBot
) -> Iterator[PeopleController]:
    controller = PeopleController(session, editing, messages)
    controller.set_engine(engine)
    yield controller
    engine.gate.set()
    controller.stop()
    qtbot.waitUntil(lambda: not controller.busy)


@pytest.fixture
def three(session: Session, engine: FakeEngine) -> Session:
    """Three photos of one face each; every face with a shape of its own."""
    for i in range(3):
        photo = Photo(np.full((60, 80, 3), 80 * i, np.uint8))
        session.set_photo(photo)
        faces = engine.reconstruct(photo, CancelToken())
        shape = torch.full_like(faces[0].code.shape, float(i))
        session.set_people([replace(face, code=face.code.replace(shape=shape)) for face in faces])
    return session
