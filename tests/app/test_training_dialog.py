"""The dialog that asks for everything a training needs, and the data it is given."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QProgressBar, QStyle, QStyleOptionFrame
from pytestqt.qtbot import QtBot

from fields_app import style
from fields_app.controllers.training_data import TrainingDataController
from fields_app.dialogs.start_from import StartFrom
from fields_app.dialogs.training_dialog import TrainingDialog
from fields_app.settings import Settings
from fields_core.data import raw_data
from fields_core.errors import SettingsError
from fields_core.progress import CancelToken, Progress
from fields_core.training.config import TrainConfig, load_config, save_config
from fields_core.training.data_check import DataCheck, SourceCheck
from fields_core.training.presets import PRESETS
from fields_core.training.runs import run_facts
from tests.training_data import TINY

WAIT = 60_000


def a_check(folder: str, *names: str) -> DataCheck:
    picture = np.zeros((8, 8, 3), np.uint8)
    sources = (
        SourceCheck("faces", 90, 10, True, (0,) * 8, 0, {}, 10, (picture,), folder),
        SourceCheck("photos", 45, 5, False, (10, 40, 0, 0, 0, 0, 0, 0), 7, {"no face": 3}, 10, (picture,), folder),
        SourceCheck("more", 20, 2, False, (0, 0, 22, 0, 0, 0, 0, 0), 7, {}, 10, (picture,), folder),
    )
    return DataCheck(folder, tuple(source for source in sources if source.name in (names or ("faces", "photos"))))


class TestDialog:
    @pytest.fixture
    def dialog(self, qtbot: QtBot, tmp_path: Path) -> TrainingDialog:
        dialog = TrainingDialog(tmp_path / "runs")
        qtbot.addWidget(dialog)
        dialog.data.add(["/faces"])
        dialog.data.show_check("/faces", a_check("/faces"))
        return dialog

    def line(self, dialog: TrainingDialog, name: str) -> QLineEdit:
        editor = dialog.form_of(name).editor(name)
        assert isinstance(editor, QLineEdit)
        return editor

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset_goes_through_the_form_unchanged(self, dialog: TrainingDialog, name: str) -> None:
        dialog.show_config(PRESETS[name])
        assert dialog.config == PRESETS[name]

    def test_every_setting_is_in_the_form(self, dialog: TrainingDialog) -> None:
        odd = dataclasses.replace(TINY, intensity_scale=0.0125, threads=3, seed=5)
        dialog.show_config(odd)
        assert dialog.config == odd

    @pytest.mark.parametrize("network", ["pose", "shape", "expression"])
    def test_the_names_of_networks_are_shown_to_their_ends(
        self, dialog: TrainingDialog, qtbot: QtBot, qapp: QApplication, network: str
    ) -> None:
        style.apply(qapp)
        dialog.show_config(PRESETS["default"])
        name = self.line(dialog, f"encoder.{network}_backbone")
        dialog.pages.setCurrentIndex(3)
        dialog.show()
        qtbot.waitUntil(name.isVisible)
        option = QStyleOptionFrame()
        name.initStyleOption(option)
        room = name.style().subElementRect(QStyle.SubElement.SE_LineEditContents, option, name).width()
        assert name.fontMetrics().horizontalAdvance(name.text()) < room

    def test_a_wrong_value_is_explained_in_place_and_nothing_starts(self, dialog: TrainingDialog) -> None:
        assert dialog.start_button.isEnabled()
        self.line(dialog, "losses.landmarks").setText("1e")
        assert dialog.config is None
        assert not dialog.start_button.isEnabled()
        assert "losses.landmarks" in dialog.problems.text()
        self.line(dialog, "losses.landmarks").setText("1e2")
        assert dialog.start_button.isEnabled()
        self.line(dialog, "pretrain.learning_rate").setText("-1")
        assert "pretrain.learning_rate" in dialog.problems.text()

    def test_a_combination_that_cannot_work_is_refused(self, dialog: TrainingDialog) -> None:
        self.line(dialog, "data.sources").setText("photos")
        assert not dialog.start_button.isEnabled()
        assert "intensity_scale" in dialog.problems.text()

    def test_data_sets_are_chosen_by_their_ticks(self, dialog: TrainingDialog) -> None:
        item = dialog.data_view.table.topLevelItem(1)
        assert item is not None
        item.setCheckState(0, Qt.CheckState.Unchecked)
        assert dialog.config is not None
        assert dialog.config.data.sources == ("faces",)

    def test_several_folders_are_trained_on_together(self, dialog: TrainingDialog) -> None:
        looked: list[str] = []
        dialog.check_requested.connect(lambda address, every: looked.append(address))
        dialog.data.add(["/more", "/faces"])
        assert looked == ["/more"], "what is there is not looked at again"
        assert not dialog.start_button.isEnabled(), "nobody knows yet what is in it"
        dialog.data.show_check("/more", a_check("/prepared/more", "more"))
        assert dialog.start_button.isEnabled()
        assert dialog.plan.data == ("/faces", "/prepared/more")
        assert dialog.data_view.table.topLevelItemCount() == 3
        assert "Sad 22" in dialog.data_view.balance.toolTip()
        dialog.data.table.topLevelItem(1).setSelected(True)
        dialog.data.remove_button.click()
        assert dialog.plan.data == ("/faces",)
        assert dialog.data.addresses == ("/faces",)

    def test_two_data_sets_of_one_name_are_explained(self, dialog: TrainingDialog) -> None:
        dialog.data.add(["/copy"])
        dialog.data.show_check("/copy", a_check("/copy", "photos"))
        assert not dialog.start_button.isEnabled()
        assert "data set named photos" in dialog.problems.text()

    def test_a_folder_of_which_nothing_is_chosen_is_named(self, dialog: TrainingDialog) -> None:
        dialog.data.add(["/more"])
        dialog.data.show_check("/more", a_check("/more", "more"))
        self.line(dialog, "data.sources").setText("faces, photos")
        assert "Nothing of /more is used" in dialog.problems.text()
        assert dialog.start_button.isEnabled()

    def test_photos_are_prepared_before_anything_starts(self, dialog: TrainingDialog) -> None:
        given_up: list[str] = []
        dialog.given_up.connect(given_up.append)
        dialog.data.add(["/my/photos"])
        item = dialog.data.table.topLevelItem(1)
        assert item is not None
        item.setSelected(True)
        dialog.data.show_progress("/my/photos", Progress(3, 10))
        bar = dialog.data.table.itemWidget(item, 2)
        assert isinstance(bar, QProgressBar)
        assert (bar.value(), bar.maximum()) == (3, 10)
        assert "Preparing 3 of 10" in item.text(1)
        dialog.data.cancel_button.click()
        assert given_up == ["/my/photos"]
        assert "Cancelled" in item.text(1)
        assert not dialog.start_button.isEnabled()
        dialog.data.show_progress("/my/photos", Progress(4, 10))
        assert "Cancelled" in item.text(1), "what comes late is not shown"
        asked: list[str] = []
        dialog.check_requested.connect(lambda address, every: asked.append(address))
        dialog.data.again_button.click()
        assert asked == ["/my/photos"]

    def test_labels_that_are_left_out_are_named(self, dialog: TrainingDialog) -> None:
        dialog.data.show_check("/faces", a_check("/faces"), ("labels.csv",))
        item = dialog.data.table.topLevelItem(0)
        assert item is not None
        assert "without the labels in labels.csv" in item.text(1)
        assert "Add the file of labels" in item.toolTip(1)

    def test_holding_out_more_people_counts_again(self, qtbot: QtBot, dialog: TrainingDialog) -> None:
        with qtbot.waitSignal(dialog.check_requested, timeout=WAIT) as asked:
            self.line(dialog, "data.holdout_every").setText("5")
        assert asked.args == ["/faces", 5]

    def test_nothing_starts_without_data(self, dialog: TrainingDialog) -> None:
        dialog.data.show_refusal("/faces", ValueError("nothing there"))
        assert not dialog.start_button.isEnabled()
        item = dialog.data.table.topLevelItem(0)
        assert item is not None
        assert "nothing there" in item.text(1)
        dialog.data.remove_button.click()
        assert not dialog.data.addresses
        assert not dialog.start_button.isEnabled()

    def test_what_is_typed_or_dropped_is_added(self, qtbot: QtBot, dialog: TrainingDialog, tmp_path: Path) -> None:
        dialog.data.address.setText("s3://bucket/faces")
        qtbot.keyClick(dialog.data.address, Qt.Key.Key_Return)
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(tmp_path))])
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        dialog.data.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, none))
        assert dialog.data.addresses == ("/faces", "s3://bucket/faces", str(tmp_path))
        assert dialog.result() == 0, "Enter adds the address and starts nothing"

    def test_time_and_room_are_estimated(self, dialog: TrainingDialog) -> None:
        before = dialog.cost.text()
        self.line(dialog, "pretrain.steps").setText("100000")
        assert dialog.cost.text() != before

    @pytest.mark.parametrize("ending", ["toml", "json"])
    def test_settings_are_saved_as_the_command_line_takes_them_and_loaded_again(
        self, dialog: TrainingDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
    ) -> None:
        path = tmp_path / f"mine.{ending}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        self.line(dialog, "a.steps").setText("77")
        changed = dialog.config
        dialog._save()
        assert load_config(path) == changed
        dialog.show_config(PRESETS["default"])
        dialog._load()
        assert dialog.config == changed
        path.write_text("no settings")
        dialog._load()
        assert "cannot be read as a configuration" in dialog.problems.text()

    def test_it_may_start_from_a_run_or_a_file(
        self, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save_config(tmp_path / "old" / "config.json", TINY)
        (tmp_path / "old" / "encoder.safetensors").touch()
        choice = StartFrom(tmp_path, [run_facts(tmp_path / "old")])
        qtbot.addWidget(choice)
        assert choice.checkpoint is None
        choice.setCurrentIndex(1)
        assert choice.checkpoint == tmp_path / "old" / "encoder.safetensors"
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/some/file.safetensors", ""))
        choice.activated.emit(2)
        assert choice.checkpoint == Path("/some/file.safetensors")
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
        choice.activated.emit(3)
        assert choice.checkpoint is None, "nothing was chosen"

    def test_too_little_room_is_said_before(
        self, dialog: TrainingDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "free" not in dialog.cost.text()
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
        self.line(dialog, "pretrain.steps").setText("50")
        assert "only 5 MB are free" in dialog.cost.text()

    def test_the_plan_says_what_was_asked(self, dialog: TrainingDialog, tmp_path: Path) -> None:
        dialog.name.setText("mine")
        plan = dialog.plan
        assert (plan.data, plan.out) == (("/faces",), tmp_path / "runs" / "mine")
        assert isinstance(plan.config, TrainConfig)


class TestDataController:
    @pytest.fixture
    def looks(self, settings: Settings, tmp_path: Path) -> Iterator[TrainingDataController]:
        looks = TrainingDataController(settings)
        yield looks
        looks.stop()

    def test_photos_become_shards_and_are_looked_at(
        self, qtbot: QtBot, looks: TrainingDataController, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        Image.fromarray(skimage.data.astronaut()).save(tmp_path / "mine" / "a.png")
        (tmp_path / "mine" / "b.png").write_bytes(b"no picture")
        heard: list[Progress] = []
        looks.progressed.connect(lambda address, progress: heard.append(progress))
        with qtbot.waitSignal(looks.checked, timeout=WAIT) as answer:
            looks.look(str(tmp_path / "mine"), 20)
        address, check, unused = answer.args
        assert (address, unused) == (str(tmp_path / "mine"), ())
        assert check.folder == str(tmp_path / "prepared" / "mine")
        assert (check.sources[0].samples, sum(check.sources[0].dropped.values())) == (1, 1)
        assert heard[-1].done == heard[-1].total == 2
        with qtbot.waitSignal(looks.refused, timeout=WAIT) as answer:
            looks.look(str(tmp_path / "nowhere"), 20)
        assert "is not there" in str(answer.args[1])

    def test_a_source_is_worked_at_by_one_thread_at_a_time(
        self, qtbot: QtBot, looks: TrainingDataController, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inside: list[str] = []
        most: list[int] = []

        def slow(address: str, store: Path, progress: object, token: CancelToken) -> None:
            inside.append(address)
            most.append(len(inside))
            time.sleep(0.3)
            inside.pop()
            token.raise_if_cancelled()
            raise SettingsError("Nothing there")

        monkeypatch.setattr(raw_data, "as_shards", slow)
        looks.look("/photos", 20)
        qtbot.waitUntil(lambda: bool(inside), timeout=WAIT)
        with qtbot.waitSignal(looks.refused, timeout=WAIT):
            looks.look("/photos", 5)
        assert most == [1, 1], "what was given up ends before the next begins"

    def test_what_is_given_up_says_nothing_more(
        self, qtbot: QtBot, looks: TrainingDataController, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        for number in range(30):
            Image.fromarray(skimage.data.astronaut()).save(tmp_path / "mine" / f"{number}.png")
        said: list[object] = []
        looks.checked.connect(lambda *answer: said.append(answer))
        looks.refused.connect(lambda *answer: said.append(answer))
        with qtbot.waitSignal(looks.progressed, timeout=WAIT):
            looks.look(str(tmp_path / "mine"), 20)
        looks.give_up(str(tmp_path / "mine"))
        qtbot.waitUntil(lambda: not looks.busy, timeout=WAIT)
        assert said == []
        assert not list((tmp_path / "prepared").rglob("*.tar"))
