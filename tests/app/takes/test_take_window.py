"""Takes in the whole window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from fields_app.dialogs.take_export_dialog import TakeExportDialog
from fields_app.take_settings import TakeExportChoice
from fields_app.workbench import Workbench
from tests.app.engines import FakeEngine

WAIT = 30_000


class TestWindow:
    def test_a_take_is_opened_played_and_closed(
        self, open_workbench: Callable[..., Workbench], path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(FakeEngine())
        panel = workbench.take_menu.panel
        resting = workbench.session.mesh
        assert not panel.isVisible()
        workbench.open_paths([path])
        qtbot.waitUntil(lambda: workbench.session.preview is not None, timeout=WAIT)
        qtbot.waitUntil(lambda: not workbench.takes.busy, timeout=WAIT)
        assert panel.isVisible()
        assert workbench.session.mesh is workbench.take.mesh
        shown = workbench.session.mesh
        workbench.take_menu.play_action.trigger()
        qtbot.waitUntil(lambda: workbench.session.mesh is not shown, timeout=WAIT)
        panel.play_button.click()
        assert not workbench.take.playing
        panel.close_button.click()
        assert workbench.session.mesh is resting
        assert not panel.isVisible()

    def test_people_of_the_photo_can_play_the_take(
        self, open_workbench: Callable[..., Workbench], path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(FakeEngine())
        workbench.reconstruction.open_sample()
        qtbot.waitUntil(lambda: workbench.session.person is not None, timeout=WAIT)
        workbench.open_paths([path])
        qtbot.waitUntil(lambda: workbench.session.preview is not None, timeout=WAIT)
        menu = workbench.take_menu.identity_menu()
        assert menu.actions()[0].text() == "Person 1"
        menu.actions()[0].trigger()
        menu.deleteLater()
        assert workbench.take.edits is not None
        assert workbench.take.edits.identity is not None
        assert workbench.take.edits.identity.name == "Person 1"
        qtbot.waitUntil(lambda: not workbench.reconstruction.busy and not workbench.takes.busy, timeout=WAIT)

    def test_export_asks_and_writes(
        self, open_workbench: Callable[..., Workbench], path: Path, tmp_path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(FakeEngine())
        workbench.settings.takes.export = TakeExportChoice(tmp_path, ("csv",))
        workbench.open_paths([path])
        qtbot.waitUntil(lambda: workbench.session.preview is not None and not workbench.takes.busy, timeout=WAIT)
        workbench.take_menu.export_action.trigger()
        dialog = workbench.window.findChild(TakeExportDialog)
        assert dialog.isVisible()
        with qtbot.waitSignal(workbench.takes.exported, timeout=WAIT):
            dialog.export_button.click()
        assert (tmp_path / "clip.csv").exists()
        qtbot.waitUntil(lambda: not workbench.takes.busy, timeout=WAIT)
