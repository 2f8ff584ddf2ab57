"""The real core behind the real window, on a real photo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from fields_app.controllers.engine_loading import load_engine
from fields_app.controllers.projects import Answer
from fields_app.parameters import read_all
from fields_app.settings import ExportChoice, Settings
from fields_app.workbench import Workbench


@pytest.fixture
def workbench(settings: Settings, qtbot: QtBot) -> Iterator[Workbench]:
    workbench = Workbench(load_engine, settings)
    with qtbot.waitSignal(workbench.ready, timeout=120_000):
        workbench.show()
    yield workbench
    workbench.projects.ask_unsaved = lambda answer: answer(Answer.DISCARD)
    workbench.window.close()
    workbench.window.deleteLater()
    workbench.deleteLater()


def test_the_astronaut_is_found_fitted_edited_refined_and_exported(
    workbench: Workbench, settings: Settings, qtbot: QtBot
) -> None:
    session = workbench.session
    workbench.window.sample_action.trigger()
    qtbot.waitUntil(lambda: len(session.people) == 1, timeout=120_000)
    assert session.person is not None
    assert session.person.original.landmark_error < 0.03
    assert session.person.original.texture is not None
    code = session.code
    assert code is not None
    values = dict(zip([p.key for p in session.parameters], read_all(session.parameters, code), strict=True))
    assert max(values["mouthSmileLeft"], values["mouthSmileRight"]) > 0.2

    workbench.window.photo.mesh_box.setChecked(True)
    qtbot.waitUntil(lambda: session.overlay is not None, timeout=30_000)

    with qtbot.waitSignal(session.mesh_changed, timeout=30_000):
        workbench.window.sliders.slider("jawOpen").edited.emit(0.9)
    edited = session.mesh
    workbench.window.refine_action.trigger()
    qtbot.waitUntil(lambda: not workbench.reconstruction.busy, timeout=120_000)
    assert session.mesh is not edited
    assert session.person is not None
    assert session.person.original.landmark_error < 0.03

    choice = ExportChoice(settings.export.directory, ("glb", "json"), overlay=True)
    with qtbot.waitSignal(workbench.export.exported, timeout=60_000) as exported:
        workbench.export.export(choice)
    endings = {path.suffix for path in exported.args[0]}
    assert {".glb", ".json", ".jpg"} <= endings
    assert all(path.stat().st_size > 1000 for path in exported.args[0])
