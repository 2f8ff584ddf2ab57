"""Preferences, command palette, shortcut sheet, log, about box, welcome page: what makes a program feel known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from fields_app import style
from fields_app.controllers.recent import RecentController
from fields_app.dialogs.about import AboutDialog
from fields_app.dialogs.command_palette import CommandPalette
from fields_app.dialogs.log_viewer import LogViewer
from fields_app.dialogs.preferences import PreferencesDialog
from fields_app.dialogs.shortcut_sheet import ShortcutSheet
from fields_app.licences import package_licences
from fields_app.menu_actions import commands_of, plain, rank
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.welcome import RecentProject, Welcome
from fields_app.preferences import Preferences
from fields_app.settings import Settings
from fields_app.units import Units
from fields_app.workbench import Workbench
from fields_core.head.model import HeadModel
from fields_core.project import ProjectWriter
from tests.app.engines import FakeEngine
from tests.heads import tiny_head
from tests.projects import make_project

Open = Callable[..., Workbench]
OK, CANCEL, DEFAULTS = (
    QDialogButtonBox.StandardButton.Ok,
    QDialogButtonBox.StandardButton.Cancel,
    QDialogButtonBox.StandardButton.RestoreDefaults,
)


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    """With two menus, one inside the other's, a check mark and an entry that cannot be chosen."""
    window = QMainWindow()
    qtbot.addWidget(window)
    file = window.menuBar().addMenu("&File")
    file.addAction("&Save project").setShortcut("Ctrl+S")
    file.addAction("Save && &close").setEnabled(False)
    recent = file.addMenu("Open &recent")
    recent.aboutToShow.connect(lambda: recent.isEmpty() and recent.addAction("one.fields"))
    edit = window.menuBar().addMenu("&Edit")
    edit.addAction("&Neutral face").setShortcut("Ctrl+0")
    edit.addSeparator()
    edit.addAction("&Landmarks").setCheckable(True)
    window.show()
    return window


class TestCommands:
    def test_all_entries_of_all_menus_are_listed(self, window: QMainWindow) -> None:
        found = [(command.text, command.place) for command in commands_of(window.menuBar())]
        assert found == [
            ("Save project", "File"),
            ("Save & close", "File"),
            ("one.fields", "File › Open recent"),
            ("Neutral face", "Edit"),
            ("Landmarks", "Edit"),
        ]

    def test_mnemonics_are_not_read_out(self) -> None:
        assert plain("S&ave && close") == "Save & close"

    def test_beginnings_of_words_rank_before_letters_inside(self) -> None:
        assert rank("", "Neutral face") == 0
        assert rank("neu", "Neutral face") == 0
        assert rank("face", "Neutral face") == 1
        assert rank("face neu", "Neutral face") == 1
        assert rank("tral", "Neutral face") == 2
        assert rank("nf", "Neutral face") == 3
        assert rank("xyz", "Neutral face") is None


class TestCommandPalette:
    @pytest.fixture
    def palette(self, window: QMainWindow, qtbot: QtBot) -> CommandPalette:
        palette = CommandPalette(commands_of(window.menuBar()), window)
        palette.show()
        return palette

    def test_what_no_command_is_called_is_said(self, palette: CommandPalette, qtbot: QtBot) -> None:
        assert not palette.nothing.isVisible()
        qtbot.keyClicks(palette.search, "qqqq")
        assert palette.nothing.isVisible()
        assert palette.texts == []

    def test_typing_narrows_and_enter_does_it(self, palette: CommandPalette, window: QMainWindow, qtbot: QtBot) -> None:
        command = next(c for c in commands_of(window.menuBar()) if c.text == "Neutral face")
        qtbot.keyClicks(palette.search, "neut")
        assert palette.texts == ["Neutral face"]
        with qtbot.waitSignal(command.action.triggered):
            qtbot.keyClick(palette.search, Qt.Key.Key_Return)

    def test_arrows_move_and_stop_at_the_ends(self, palette: CommandPalette, qtbot: QtBot) -> None:
        for key, row in ((Qt.Key.Key_Up, 0), (Qt.Key.Key_Down, 1), (Qt.Key.Key_PageDown, 4), (Qt.Key.Key_Down, 4)):
            qtbot.keyClick(palette.search, key)
            assert palette.list.currentIndex().row() == row
        palette.close()

    def test_what_cannot_be_done_is_listed_last_and_does_nothing(
        self, palette: CommandPalette, window: QMainWindow, qtbot: QtBot
    ) -> None:
        qtbot.keyClicks(palette.search, "save")
        assert palette.texts == ["Save project", "Save & close"]
        qtbot.keyClick(palette.search, Qt.Key.Key_Down)
        qtbot.keyClick(palette.search, Qt.Key.Key_Return)
        assert palette.isVisible()
        qtbot.keyClick(palette.search, Qt.Key.Key_Escape)
        assert not palette.isVisible()


def test_the_shortcut_sheet_has_every_shortcut_and_a_search(window: QMainWindow, qtbot: QtBot) -> None:
    sheet = ShortcutSheet(commands_of(window.menuBar()), window)
    sheet.show()
    assert any(text.startswith("Neutral face Ctrl+0") for text in sheet.visible_texts)
    assert not any("Landmarks" in text for text in sheet.visible_texts)  # it has none
    assert any("Turn Drag" in text for text in sheet.visible_texts)
    sheet.search.setText("neutral")
    assert len(sheet.visible_texts) == 1
    sheet.close()


class TestUnits:
    @pytest.mark.parametrize(
        ("units", "unit", "value", "text"),
        [
            (Units(), "°", -12.34, "-12.3°"),
            (Units(), "°", -0.001, "0.0°"),
            (Units(), "", 0.256, "0.26"),
            (Units(radians=True), "°", 90.0, "1.57"),
            (Units(percent=True), "", 0.256, "26%"),
            (Units(percent=True), "%", 120.0, "120%"),
        ],
    )
    def test_numbers_are_written_and_read_in_them(self, units: Units, unit: str, value: float, text: str) -> None:
        form = units.format_of(unit)
        assert form.write(value) == text
        read = form.read(text.replace(".", ","))
        assert read is not None
        assert form.write(read) == text

    @pytest.mark.parametrize("typed", ["", "a", "nan", "inf", "1.2.3"])
    def test_what_is_no_number_is_none(self, typed: str) -> None:
        assert Units().format_of("").read(typed) is None


class TestPreferences:
    @pytest.fixture
    def dialog(self, tmp_path: Path, qtbot: QtBot) -> Iterator[PreferencesDialog]:
        parent = QWidget()
        qtbot.addWidget(parent)
        parent.show()
        dialog = PreferencesDialog(Preferences(tmp_path, tmp_path, tmp_path), tmp_path, parent)
        dialog.show()
        yield dialog
        dialog.close()

    def test_ok_gives_what_was_chosen(self, dialog: PreferencesDialog, tmp_path: Path, qtbot: QtBot) -> None:
        dialog.theme.setCurrentIndex(1)
        dialog.angles.setCurrentIndex(1)
        dialog.autosave.setValue(60)
        dialog.photos.line.setText(str(tmp_path / "photos"))
        with qtbot.waitSignal(dialog.chosen) as chosen:
            dialog.buttons.button(OK).click()
        assert chosen.args == [
            Preferences(
                tmp_path / "photos", tmp_path, tmp_path, theme="light", units=Units(radians=True), autosave_seconds=60
            )
        ]

    def test_cancel_puts_back_what_was_tried_out(self, dialog: PreferencesDialog, tmp_path: Path, qtbot: QtBot) -> None:
        seen: list[Preferences] = []
        dialog.chosen.connect(seen.append)
        dialog.theme.setCurrentIndex(1)
        assert seen[-1].theme == "light"
        dialog.buttons.button(CANCEL).click()
        assert seen[-1] == Preferences(tmp_path, tmp_path, tmp_path)

    def test_defaults_leave_the_folders(self, dialog: PreferencesDialog, tmp_path: Path) -> None:
        dialog.photos.line.setText(str(tmp_path / "mine"))
        dialog.amounts.setCurrentIndex(1)
        dialog.autosave.setValue(0)
        dialog.buttons.button(DEFAULTS).click()
        assert dialog.preferences == Preferences(tmp_path / "mine", tmp_path, tmp_path)

    def test_they_survive_the_program(self, settings: Settings, tmp_path: Path) -> None:
        chosen = replace(
            settings.preferences, theme="light", units=Units(percent=True), threads=3, viewport="image",
            autosave_seconds=0, export_folder=tmp_path,
        )  # fmt: skip
        settings.preferences = chosen
        again = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        assert again.preferences == chosen

    def test_nonsense_in_the_file_becomes_the_default(self, tmp_path: Path) -> None:
        path = tmp_path / "odd.ini"
        path.write_text("[window]\ntheme=pink\n[core]\nthreads=many\n[projects]\nautosave=-7\n")
        preferences = Settings(QSettings(str(path), QSettings.Format.IniFormat)).preferences
        assert (preferences.theme, preferences.threads, preferences.autosave_seconds) == ("dark", 1, 0)


class TestTheme:
    def test_each_theme_has_every_colour_and_text_one_can_read(self) -> None:
        def luminance(colour: str) -> float:
            channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            r, g, b = ((c / 12.92) if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b

        def contrast(one: str, other: str) -> float:
            low, high = sorted((luminance(one), luminance(other)))
            return (high + 0.05) / (low + 0.05)

        assert style.THEMES["dark"].keys() == style.THEMES["light"].keys()
        for theme in style.THEMES.values():
            for text, least in (("TEXT", 7.0), ("TEXT_SOFT", 4.5), ("TEXT_FAINT", 4.5), ("WARNING", 4.5)):
                assert contrast(theme[text], theme["PANEL"]) >= least, text
            assert contrast(theme["ON_ACCENT"], theme["ACCENT"]) >= 4.0
            assert contrast(theme["TEXT"], theme["ACCENT_DEEP"]) >= 4.5
            assert contrast(theme["TEXT"], theme["ERROR_BACK"]) >= 4.5

    def test_it_can_be_changed_while_a_window_is_open(self, qapp: QApplication) -> None:
        dark = style.TEXT
        try:
            style.apply(qapp, "light")
            assert style.THEMES["light"]["WINDOW"] in qapp.styleSheet()
            assert dark != style.TEXT
            assert style.THEMES["dark"]["PANEL"] not in qapp.styleSheet()
        finally:
            style.apply(qapp)
            qapp.setStyleSheet("")
        assert dark == style.TEXT


class TestLogViewer:
    def test_it_shows_the_end_and_copies_it(self, tmp_path: Path, window: QMainWindow) -> None:
        path = tmp_path / "fields-app.log"
        path.write_bytes(b"old\n" * 200_000 + b"caf\xe9 new\n")
        viewer = LogViewer(path, window)
        assert viewer.text.toPlainText().endswith("new\n")
        assert len(viewer.text.toPlainText()) < 300_000
        path.write_text("again")
        viewer.refresh_button.click()
        viewer.copy_button.click()
        assert QGuiApplication.clipboard().text() == "again"

    def test_no_log_yet_is_said(self, tmp_path: Path, window: QMainWindow) -> None:
        assert "Nothing" in LogViewer(tmp_path / "none.log", window).text.toPlainText()


def test_every_package_we_depend_on_is_named_with_its_licence(qtbot: QtBot) -> None:
    licences = package_licences()
    names = {package.name.lower() for package in licences}
    assert {"fields-head", "torch", "numpy", "mediapipe", "qdarkstyle"} <= names
    assert "pytest" not in names
    assert all(package.version and package.licence for package in licences)
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    dialog.set_licences([package for package in licences if package.name in ("numpy", "trimesh")])
    assert "Copyright" in dialog.licence.toPlainText()


class TestWelcome:
    def test_projects_can_be_chosen_by_mouse_and_key(self, qtbot: QtBot, tmp_path: Path) -> None:
        parent = QWidget()
        qtbot.addWidget(parent)
        welcome = Welcome(parent)
        parent.show()
        assert not welcome.recent.isVisible()
        welcome.set_recent([RecentProject(tmp_path / f"{name}.fields", "2 photos") for name in "ab"])
        assert welcome.recent.isVisible()
        place = welcome.recent.visualItemRect(welcome.recent.item(1)).center()
        with qtbot.waitSignal(welcome.project_requested) as asked:
            qtbot.mouseClick(welcome.recent.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert asked.args == [tmp_path / "b.fields"]
        welcome.recent.setCurrentRow(0)
        with qtbot.waitSignal(welcome.project_requested) as asked:
            qtbot.keyClick(welcome.recent, Qt.Key.Key_Return)
        assert asked.args == [tmp_path / "a.fields"]

    def test_projects_are_looked_into_behind_the_window(
        self, settings: Settings, messages: MessageBar, tmp_path: Path, qtbot: QtBot
    ) -> None:
        head = HeadModel(tiny_head())
        good, bad, gone = (tmp_path / f"{name}.fields" for name in ("good", "bad", "gone"))
        ProjectWriter().write(make_project(head, tmp_path / "photos"), good, head)
        bad.write_text("nothing")
        for path in (gone, bad, good):
            settings.remember_project(path)
        recent = RecentController(messages, settings)
        lists: list[list[RecentProject]] = []
        recent.listed.connect(lists.append)
        recent.start()
        qtbot.waitUntil(lambda: len(lists) == 2, timeout=20_000)
        first, second = lists[1]
        assert (first.path, second.path) == (good, bad)
        assert first.note.startswith("2 photos · 3 faces")
        assert first.image is not None
        assert first.image.width() == 160
        assert second.image is None
        recent.stop()


class TestInTheWindow:
    def test_the_palette_reaches_the_real_menus(self, open_workbench: Open, engine: FakeEngine, qtbot: QtBot) -> None:
        workbench = open_workbench(engine)
        workbench.help.palette_action.trigger()
        palette = workbench.window.findChild(CommandPalette)
        qtbot.keyClicks(palette.search, "sample")
        assert palette.texts[0] == "Open sample photo"
        qtbot.keyClick(palette.search, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)

    def test_preferences_take_effect_at_once(self, open_workbench: Open, engine: FakeEngine, qtbot: QtBot) -> None:
        workbench = open_workbench(engine)
        workbench.reconstruction.open_sample()
        qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)
        smile = workbench.window.sliders.slider("mouthSmileLeft")
        assert smile.number.text() == "0.50"
        workbench.preferences.preferences_action.trigger()
        dialog = workbench.window.findChild(PreferencesDialog)
        dialog.amounts.setCurrentIndex(1)
        assert smile.number.text() == "50%"
        smile.number.setText("80")
        with qtbot.waitSignal(workbench.session.code_changed):
            qtbot.keyClick(smile.number, Qt.Key.Key_Return)
        assert smile.value == pytest.approx(0.8)
        dialog.theme.setCurrentIndex(1)
        assert style.THEMES["light"]["TEXT"] == style.TEXT
        dialog.buttons.button(CANCEL).click()
        assert style.THEMES["dark"]["TEXT"] == style.TEXT
        assert smile.number.text() == "0.80"

    def test_the_layout_can_be_put_back(self, open_workbench: Open, engine: FakeEngine) -> None:
        workbench = open_workbench(engine)
        window = workbench.window
        first = window._splitter.sizes()
        window._splitter.setSizes([sum(first) - 500, 100, 400])
        assert window._splitter.sizes() != first
        workbench.preferences.layout_action.trigger()
        assert np.allclose(window._splitter.sizes(), first, atol=2)

    def test_about_shows_licences(self, open_workbench: Open, engine: FakeEngine, qtbot: QtBot) -> None:
        workbench = open_workbench(engine)
        workbench.window.about_action.trigger()
        dialog = workbench.window.findChild(AboutDialog)
        qtbot.waitUntil(lambda: dialog.packages.topLevelItemCount() > 5, timeout=30_000)
        dialog.reject()

    def test_a_recent_project_opens_from_the_welcome_page(
        self, open_workbench: Open, engine: FakeEngine, tmp_path: Path, qtbot: QtBot
    ) -> None:
        workbench = open_workbench(engine)
        photo = tmp_path / "me.png"
        Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(photo)
        workbench.open_paths([photo])
        qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)
        workbench.projects.save_as(tmp_path / "a.fields")
        qtbot.waitUntil(lambda: not workbench.projects.busy, timeout=20_000)
        workbench.projects.new()
        cards = workbench.window.photo.invitation.recent
        qtbot.waitUntil(lambda: cards.count() == 1 and "1 photo" in cards.item(0).text(), timeout=20_000)
        qtbot.mouseClick(cards.viewport(), Qt.MouseButton.LeftButton, pos=cards.visualItemRect(cards.item(0)).center())
        qtbot.waitUntil(lambda: len(workbench.session.people) == 1, timeout=20_000)
