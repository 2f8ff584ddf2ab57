"""Models in the window: the dialog, what it starts, and another engine in the place of the one at work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from fields_app.controllers.models import ModelsController
from fields_app.dialogs.models_dialog import ModelsDialog
from fields_app.model_choice import ModelChoice
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workbench import Workbench
from fields_core import assets, model_library
from fields_core.errors import ModelFileError
from fields_core.head.model import HeadModel
from fields_core.model_library import ModelFacts, Origin, Role
from tests.app.engines import FakeEngine
from tests.heads import tiny_flame_pickle, tiny_head, tiny_head_file

Open = Callable[..., Workbench]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FIELDS_ASSETS", raising=False)
    for module in (assets, model_library):
        monkeypatch.setattr(module, "user_data_folder", lambda: tmp_path / "user")
    return tmp_path / "user"


def other_engine() -> FakeEngine:
    engine = FakeEngine()
    engine.head = HeadModel(replace(tiny_head(), name="other-head"))
    return engine


def facts(role: Role, name: str, **changes: Any) -> ModelFacts:
    path = Path(f"/models/{name}")
    made = ModelFacts(role, name, "CC0-1.0", Origin.USER, path, 5_000_000, "ab" * 32, "open-head-1", standard=False)
    return replace(made, **changes)


OPEN = facts(Role.HEAD, "open-head-1", standard=True, origin=Origin.PROGRAM)
FLAME = facts(Role.HEAD, "flame", licence="FLAME licence", head_model="flame")
ENCODER = facts(Role.ENCODER, "mine")
SMIRK = facts(Role.ENCODER, "smirk", head_model="flame", licence="SMIRK, imported from SMIRK_em1.pt")
LANDMARKER = facts(Role.LANDMARKER, "mediapipe", standard=True, origin=Origin.PACKAGE)
ALL = (OPEN, FLAME, ENCODER, SMIRK, LANDMARKER)


@pytest.fixture
def dialog(qtbot: QtBot) -> ModelsDialog:
    dialog = ModelsDialog()
    qtbot.addWidget(dialog)
    dialog.show_models(ALL, ModelChoice())
    return dialog


def row(dialog: ModelsDialog, model: ModelFacts) -> list[str]:
    dialog.select(model.path)
    item = dialog.tree.currentItem()
    assert isinstance(item, QTreeWidgetItem)
    return [item.text(column) for column in range(4)]


def test_the_dialog_says_what_is_in_use_under_which_licence(dialog: ModelsDialog) -> None:
    assert row(dialog, OPEN) == ["open-head-1", "●  in use", "Free to use", "Comes with FIELDS"]
    assert row(dialog, FLAME) == ["flame", "", "Non-commercial only", "Imported"]
    assert row(dialog, SMIRK)[1] == "for flame only"
    dialog.select(OPEN.path)
    assert dialog.hash.text() == OPEN.sha256
    assert "CC0-1.0" in dialog.licence.text()
    dialog.select(SMIRK.path)
    assert dialog.licence.text() == f"Non-commercial only: trained on {SMIRK.licence}"
    dialog.select(OPEN.path)
    dialog.copy_button.click()
    assert OPEN.sha256 in QGuiApplication.clipboard().text()


def test_only_another_model_can_be_chosen_and_only_an_unused_import_removed(dialog: ModelsDialog, qtbot: QtBot) -> None:
    for model, can_use, can_remove in ((OPEN, False, False), (FLAME, True, True), (LANDMARKER, False, False)):
        dialog.select(model.path)
        assert (dialog.use_button.isEnabled(), dialog.remove_button.isEnabled()) == (can_use, can_remove)
    dialog.select(FLAME.path)
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.use_button.click()
    assert chosen.args == [FLAME]
    dialog.show_status("Loading …", busy=True)
    assert not dialog.use_button.isEnabled()
    assert not dialog.import_button.isEnabled()


def test_licence_pages_open_in_the_browser(dialog: ModelsDialog, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    dialog.select(FLAME.path)
    dialog.page_button.click()
    for action in dialog.get_button.menu().actions():
        action.trigger()
    assert opened[0].toString() == "https://flame.is.tue.mpg.de/"
    assert len(opened) == 6
    assert all(url.scheme() == "https" for url in opened)


def test_the_choice_is_remembered(settings: Settings) -> None:
    assert settings.models == ModelChoice()
    settings.models = ModelChoice().with_model(FLAME).with_model(SMIRK)
    assert settings.models == ModelChoice(FLAME.path, SMIRK.path)
    assert settings.models.uses(FLAME)
    settings.models = settings.models.with_model(OPEN)
    assert settings.models == ModelChoice(None, SMIRK.path)
    assert settings.models.uses(OPEN)


def test_flame_is_imported_listed_chosen_and_removed(
    settings: Settings, messages: MessageBar, tmp_path: Path, own_folder: Path, qtbot: QtBot
) -> None:
    tiny_flame_pickle(tmp_path / "generic_model.pkl")
    models = ModelsController(messages, settings, messages)
    with qtbot.waitSignal(models.listed, timeout=30_000):
        models.import_file(tmp_path / "generic_model.pkl")
    flame = next(model for model in models.models if model.name == "flame-generic_model")
    with qtbot.waitSignal(models.engine_wanted) as wanted:
        models.choose(flame)
    assert wanted.args == [ModelChoice(flame.path)]
    with qtbot.waitSignal(models.listed, timeout=30_000):
        models.remove(flame)
    assert flame not in models.models
    assert not flame.path.exists()
    models.stop()


def test_another_head_leaves_an_encoder_behind_that_is_not_for_it(
    settings: Settings, messages: MessageBar, qtbot: QtBot
) -> None:
    models = ModelsController(messages, settings, messages)
    models.models = ALL
    settings.models = ModelChoice(None, ENCODER.path)
    with qtbot.waitSignal(models.engine_wanted) as wanted:
        models.choose(FLAME)
    assert wanted.args == [ModelChoice(FLAME.path, None)]


def test_a_file_that_is_none_is_told_and_leaves_nothing(
    settings: Settings, messages: MessageBar, tmp_path: Path, own_folder: Path, qtbot: QtBot
) -> None:
    (tmp_path / "hostile.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    models = ModelsController(messages, settings, messages)
    with qtbot.waitSignal(models.failed, timeout=30_000):
        models.import_file(tmp_path / "hostile.pkl")
    assert messages.kind == "error"
    assert "hostile.pkl" in messages.text
    assert not own_folder.exists()
    assert not models.busy


def test_another_head_model_finds_everybody_anew_without_closing_the_window(
    settings: Settings, open_workbench: Open, qtbot: QtBot
) -> None:
    first, second = FakeEngine(faces=2), other_engine()
    workbench = open_workbench(first)
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 2 and not workbench.reconstruction.busy)
    workbench.editing.set_value("jawOpen", 0.5)
    workbench.loading._make_engine = lambda: second
    workbench.loading.change(ModelChoice(Path("other.npz")))
    qtbot.waitUntil(lambda: workbench.loading.engine is second and first.closed, timeout=30_000)
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=30_000)
    assert workbench.session.photo is not None
    assert workbench.editing.undo_stack.count() == 0
    assert settings.models == ModelChoice(Path("other.npz"))
    assert workbench.window.isVisible()
    with qtbot.waitSignal(workbench.session.mesh_changed):
        workbench.editing.set_value("jawOpen", 0.7)
    assert workbench.messages.kind != "error"


def test_another_encoder_keeps_everybody_and_every_edit(open_workbench: Open, qtbot: QtBot) -> None:
    first, second = FakeEngine(), FakeEngine()
    workbench = open_workbench(first)
    workbench.reconstruction.open_sample()
    qtbot.waitUntil(lambda: len(workbench.session.people) == 1 and not workbench.reconstruction.busy)
    workbench.editing.set_value("jawOpen", 0.5)
    people = workbench.session.people
    workbench.loading._make_engine = lambda: second
    workbench.loading.change(ModelChoice(None, Path("encoder.safetensors")))
    qtbot.waitUntil(lambda: first.closed, timeout=30_000)
    assert [person.code for person in workbench.session.people] == [person.code for person in people]
    assert workbench.editing.undo_stack.count() == 1


def test_models_that_cannot_be_loaded_change_nothing(
    open_workbench: Open, engine: FakeEngine, settings: Settings, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)

    def broken() -> FakeEngine:
        raise ModelFileError("That is no head model", remedy="Choose another.")

    workbench.loading._make_engine = broken
    workbench.loading.change(ModelChoice(Path("broken.npz")))
    qtbot.waitUntil(lambda: workbench.messages.kind == "error")
    assert workbench.messages.text == "That is no head model"
    assert workbench.loading.engine is engine
    assert not engine.closed
    assert settings.models == ModelChoice()


def test_models_chosen_while_others_load_come_next(
    open_workbench: Open, engine: FakeEngine, settings: Settings, qtbot: QtBot
) -> None:
    workbench = open_workbench(engine)
    qtbot.waitUntil(lambda: not workbench.loading.busy)
    go_on, made = threading.Event(), []

    def slow() -> FakeEngine:
        go_on.wait(10.0)
        made.append(settings.models)
        return FakeEngine()

    workbench.loading._make_engine = slow
    choices = [ModelChoice(encoder=Path(f"{name}.safetensors")) for name in ("first", "passed over", "last")]
    for choice in choices:
        workbench.loading.change(choice)
    go_on.set()
    qtbot.waitUntil(lambda: len(made) == 2 and not workbench.loading.busy)
    assert made == [choices[0], choices[2]]
    assert settings.models == choices[2]


def test_the_dialog_of_the_window_imports_and_loads(
    open_workbench: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, qtbot: QtBot
) -> None:
    workbench = open_workbench(FakeEngine())
    workbench.window.emotion.weights_requested.emit()
    dialog = workbench.models_menu.dialog
    assert dialog is not None
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: dialog.current is not None, timeout=30_000)
    file = tiny_head_file(tmp_path / "tiny.npz")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    qtbot.waitUntil(lambda: not workbench.models.busy, timeout=30_000)
    dialog.import_button.click()
    qtbot.waitUntil(lambda: dialog.current is not None and dialog.current.name == "tiny-head", timeout=30_000)
    qtbot.waitUntil(lambda: not workbench.models.busy, timeout=30_000)
    second = FakeEngine()
    workbench.loading._make_engine = lambda: second
    dialog.use_button.click()
    qtbot.waitUntil(lambda: workbench.loading.engine is second, timeout=30_000)
    assert settings.models.head is not None
    dialog.select(settings.models.head)
    assert not dialog.use_button.isEnabled()
    dialog.close()
