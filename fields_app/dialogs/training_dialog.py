"""Asks for everything a training needs, and says what is wrong with it before it costs hours."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.dialogs.config_form import ConfigForm, config_of, remark_of
from fields_app.dialogs.cost_label import CostLabel
from fields_app.dialogs.data_sources import DataSources
from fields_app.dialogs.start_from import StartFrom
from fields_app.panels.data_view import DataView
from fields_app.training_history import free_folder, run_name
from fields_core.errors import FieldsError, SettingsError
from fields_core.training.config import TrainConfig, load_config, save_config
from fields_core.training.descriptions import settings
from fields_core.training.presets import PRESETS
from fields_core.training.remarks import Circumstances, Remark, remarks
from fields_core.training.runs import RunFacts
from fields_core.training.supervisor import TrainingPlan

if TYPE_CHECKING:
    from fields_core.training.data_check import DataCheck

_PAGES = {
    "Data": ("data.",),
    "Stages": ("pretrain.", "a.", "b."),
    "Losses": ("losses.", "emotion_loss", "class_balance", "intensity_scale"),
    "Encoder": ("encoder.", "decoder_width"),
    "Run": ("",),
}
_CHECK_AFTER = 400  # milliseconds without typing


class TrainingDialog(QDialog):
    """Makes a `TrainingPlan`.

    Args:
        runs_folder: where the run goes.
        runs: earlier ones: their speed says how long this one takes, their weights can be started from.
        config: to start from; None: the preset "quick".

    Attributes:
        data: what to train on; empty at first.

    Signals:
        check_requested(str, int): look at this source, with so many held out; photos are prepared by that.
        given_up(str): a source is not wanted any more, or not now.
    """

    check_requested = Signal(str, int)
    given_up = Signal(str)

    def __init__(
        self,
        runs_folder: Path,
        runs: Sequence[RunFacts] = (),
        parent: QWidget | None = None,
        *,
        config: TrainConfig | None = None,
        gpu: bool | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("New training"))
        self.resize(1040, 780)
        self._runs, self._runs_folder, self._gpu = runs, runs_folder, gpu
        self._check: DataCheck | None = None
        self._config: TrainConfig | None = None
        self.start_from = StartFrom(runs_folder, runs, self)
        self.preset = QComboBox(self)
        self.preset.setAccessibleName(self.tr("Preset"))
        self.preset.addItems(list(PRESETS))
        self.preset.activated.connect(lambda _: self.show_config(PRESETS[self.preset.currentText()]))
        self.data = DataSources(self)
        self.data_view = DataView(self)
        self.data_view.chosen_changed.connect(self._choose_sources)
        self.name = QLineEdit(run_name(), self)
        self.name.setAccessibleName(self.tr("Name of the run"))
        self.forms: list[ConfigForm] = []
        self.pages = QTabWidget(self)
        self._make_pages()
        self.problems = QLabel(self)
        self.problems.setWordWrap(True)
        self.cost = CostLabel(runs_folder, runs, gpu, self)
        self.start_button = QPushButton(self.tr("Start training"), self)
        self.start_button.setObjectName("primary")
        self.start_button.setDefault(True)
        self.start_button.clicked.connect(self.accept)
        self._lay_out()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_CHECK_AFTER)
        self._later.timeout.connect(lambda: self.data.look_again(self._outdated()))
        self._held_out: dict[str, int] = {}  # what each source was last looked at with
        self.data.look_requested.connect(self._look)
        self.data.given_up.connect(self.given_up)
        self.data.changed.connect(self._show_data)
        self.name.textChanged.connect(self._update)
        self.start_from.currentIndexChanged.connect(self._update)
        self.show_config(config or PRESETS["quick"])

    @property
    def config(self) -> TrainConfig | None:
        """None while something makes no sense."""
        return self._config

    @property
    def plan(self) -> TrainingPlan:
        """What was asked for; only if the start button may be pressed."""
        assert self._config is not None
        return TrainingPlan(
            self._config,
            tuple(check.folder for check in self.data.checks),
            free_folder(self._runs_folder, self.name.text().strip()),
            start=self.start_from.checkpoint,
        )

    def show_config(self, config: TrainConfig) -> None:
        """All values of a configuration."""
        for form in self.forms:
            form.show_config(config)
        self._update()

    def form_of(self, name: str) -> ConfigForm:
        """The form with a setting."""
        return next(form for form in self.forms if name in form.names)

    def _make_pages(self) -> None:
        left = list(settings())
        for title, beginnings in _PAGES.items():
            chosen = [setting for setting in left if setting.name.startswith(beginnings)]
            left = [setting for setting in left if setting not in chosen]
            form = ConfigForm(chosen, self)
            form.edited.connect(self._update)
            self.forms.append(form)
            page = QWidget(self)
            page.setObjectName("plain")
            layout = QVBoxLayout(page)
            layout.setContentsMargins(style.SMALL, style.SMALL, style.SMALL, 0)
            if title == "Data":
                layout.addWidget(self.data_view, 1)
            scroll = QScrollArea(self)
            scroll.setWidgetResizable(True)
            scroll.setWidget(form)
            layout.addWidget(scroll, 1)
            self.pages.addTab(page, self.tr(title))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.SMALL)
        layout.addWidget(self.data)
        presets = self._line(self.tr("Settings of"), self.preset, self._button(self.tr("Load …"), self._load))
        presets.insertWidget(3, self._button(self.tr("Save …"), self._save))
        presets.insertWidget(4, QLabel(self.tr("Start from"), self))
        presets.insertWidget(5, self.start_from, 2)
        layout.addLayout(presets)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.problems)
        foot = QHBoxLayout()
        foot.addWidget(QLabel(self.tr("Name"), self))
        foot.addWidget(self.name, 1)
        foot.addWidget(self.cost, 2)
        foot.addWidget(self._button(self.tr("Cancel"), self.reject))
        foot.addWidget(self.start_button)
        layout.addLayout(foot)

    def _line(self, text: str, *widgets: QWidget) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(style.SMALL)
        label = QLabel(text, self)
        label.setMinimumWidth(90)
        line.addWidget(label)
        for number, widget in enumerate(widgets):
            line.addWidget(widget, 1 if number == 0 else 0)
        return line

    def _button(self, text: str, slot: Callable[..., object]) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.clicked.connect(slot)
        return button

    def _show_data(self) -> None:
        """The sources are others, or more is known of them."""
        self._check = None
        if checks := self.data.checks:
            from fields_core.training.data_check import joined  # loads PyTorch; who made the checks has done so before

            self._check = joined(checks)
        self.data_view.show_check(self._check, self._config.data.sources if self._config is not None else ())
        self._update()

    def _look(self, address: str) -> None:
        config = self._config or TrainConfig()  # of settings that make no sense, yet: they will be looked at again
        every = self._held_out[address] = config.data.holdout_every
        self.check_requested.emit(address, every)

    def _outdated(self) -> list[str]:
        """Sources whose counts are not those of the present settings."""
        if self._config is None:
            return []
        every = self._config.data.holdout_every
        return [address for address in self.data.known if self._held_out[address] != every]

    def _choose_sources(self) -> None:
        names = () if self.data_view.all_chosen else self.data_view.chosen
        editor = self.form_of("data.sources").editor("data.sources")
        assert isinstance(editor, QLineEdit)
        editor.setText(", ".join(names))

    def _load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Load settings"), str(self._runs_folder), self.tr("Settings (*.toml *.json)")
        )
        if name:
            try:
                self.show_config(load_config(Path(name)))
            except FieldsError as error:
                self._show_problems([Remark("", str(error), fatal=True)])

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Save settings"),
            str(self._runs_folder / "settings.toml"),
            self.tr("Settings (*.toml *.json)"),
        )
        if name and self._config is not None:
            try:
                save_config(Path(name), self._config)
            except FieldsError as error:
                self._show_problems([Remark("", str(error), fatal=True)])

    def _update(self) -> None:
        if not hasattr(self, "_held_out"):
            return  # still being made
        try:
            self._config = config_of(self.forms)
            around = Circumstances(
                self._check, self.start_from.checkpoint is not None, self._gpu, processors=os.cpu_count() or 1
            )
            found = remarks(self._config, around)
            if self._outdated():
                self._later.start()
        except SettingsError as error:
            self._config, found = None, [remark_of(error)]
        for form in self.forms:
            form.show_remarks(found)
        for index, form in enumerate(self.forms):
            wrong = sum(remark.setting in form.names for remark in found)
            title = self.tr(list(_PAGES)[index])
            self.pages.setTabText(index, f"{title}  ({wrong})" if wrong else title)
        self._show_problems(found)
        self.cost.show_cost(self._config, self._check)
        fatal = any(remark.fatal for remark in found)
        self.start_button.setEnabled(
            self._config is not None and not fatal and self.data.ready and bool(self.name.text().strip())
        )

    def _show_problems(self, found: Sequence[Remark]) -> None:
        fatal = [remark for remark in found if remark.fatal]
        shown = fatal or list(found)
        text = "\n".join(f"{remark.setting}: {remark.text}" if remark.setting else remark.text for remark in shown[:3])
        if len(shown) > 3:
            text += "\n" + self.tr("and %1 more").replace("%1", str(len(shown) - 3))
        self.problems.setText(text)
        self.problems.setStyleSheet(f"color: {style.ERROR if fatal else style.WARNING};")
        self.problems.setVisible(bool(text))
