"""The window of trainings: what is at work, and all runs. Made when it is first asked for."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QTabWidget, QVBoxLayout, QWidget

from fields_app.controllers.training import TrainingController
from fields_app.dialogs.training_dialog import TrainingDialog
from fields_app.dialogs.training_questions import ask
from fields_app.dialogs.validation_pictures import ValidationPictures
from fields_app.panels.evaluation_panel import EvaluationPanel
from fields_app.panels.message_bar import MessageBar
from fields_app.panels.runs_panel import RunsPanel
from fields_app.panels.training_panel import TrainingPanel
from fields_app.settings import Settings
from fields_app.workers.board import Board
from fields_app.workers.plot_loading import PlotLoading
from fields_core.errors import FieldsError
from fields_core.training.config import TrainConfig


class TrainingWindow(QDialog):
    """Two pages over one controller.

    Args:
        messages: of the main window.
    """

    def __init__(
        self, training: TrainingController, messages: MessageBar, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Training"))
        self.setModal(False)
        self.resize(1180, 820)
        self._training, self._messages, self._settings = training, messages, settings
        self.board = Board(self)
        self.dialog: TrainingDialog | None = None
        self.panel = TrainingPanel(self)
        self.runs = RunsPanel(self)
        self.pages = QTabWidget(self)
        self.pages.addTab(self.panel, self.tr("Training"))
        self.pages.addTab(self.runs, self.tr("Runs"))
        self.evaluation = EvaluationPanel(self)
        self.pages.addTab(self.evaluation, self.tr("Evaluation"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self._wire()
        self.plots = PlotLoading([*self.panel.plots, self.runs.plot, self.evaluation.reliability], self)
        training.refresh_runs()

    def stop(self) -> None:
        """End TensorBoard, and what is still being loaded."""
        self.board.stop()
        self.plots.stop()

    def new_training(self) -> None:
        """Ask for everything and start."""
        dialog = self.dialog = TrainingDialog(self._training.runs_folder, self._training.runs, self, gpu=_gpu())
        looks = self._training.data
        dialog.check_requested.connect(looks.look)
        dialog.given_up.connect(looks.give_up)
        looks.progressed.connect(dialog.data.show_progress)
        looks.checked.connect(dialog.data.show_check)
        looks.refused.connect(dialog.data.show_refusal)
        dialog.accepted.connect(lambda: self._start(dialog))
        dialog.finished.connect(looks.give_up_all)
        dialog.finished.connect(dialog.deleteLater)
        dialog.data.add(self._settings.training_data)
        dialog.open()

    def _start(self, dialog: TrainingDialog) -> None:
        plan = dialog.plan
        self._settings.training_data = dialog.data.addresses
        self.pages.setCurrentWidget(self.panel)
        if self._training.active:
            self._messages.show_info(
                self.tr("%1 goes on; it is among the runs").replace("%1", self._training.folder.name)
                if self._training.folder is not None
                else ""
            )
        self._training.start(plan)

    def _wire(self) -> None:
        training, panel, runs = self._training, self.panel, self.runs
        training.opened.connect(self._opened)
        training.noted.connect(panel.add)
        training.status_changed.connect(panel.show_status)
        training.runs_listed.connect(runs.show_runs)
        training.curves_read.connect(runs.show_curves)
        panel.new_requested.connect(self.new_training)
        panel.stop_early_requested.connect(self._ask_stop)
        panel.pause_requested.connect(training.pause)
        panel.resume_requested.connect(training.resume)
        panel.discard_requested.connect(self._ask_discard)
        panel.pictures_requested.connect(self._show_pictures)
        panel.use_requested.connect(lambda: self._use(training.folder))
        runs.watch_requested.connect(self._watch)
        runs.use_requested.connect(self._use)
        runs.export_requested.connect(self._export)
        runs.delete_requested.connect(self._ask_delete)
        runs.board_requested.connect(self._open_board)
        self.board.opened.connect(self._board_opened)
        self.board.failed.connect(self._messages.show_warning)
        runs.curves_wanted.connect(training.read_curves)
        runs.folder_requested.connect(self._choose_folder)
        training.runs_listed.connect(self.evaluation.show_runs)
        training.evaluated.connect(self._show_evaluation)
        self.evaluation.evaluate_requested.connect(self._evaluate)
        self.evaluation.ablation_requested.connect(self._ask_ablation)
        training.ablation_read.connect(self.evaluation.show_ablation)
        self.evaluation.save_requested.connect(self._ask_save)
        self.pages.currentChanged.connect(lambda _: training.refresh_runs())

    def _opened(self, folder: Path, config: TrainConfig | None) -> None:
        self.panel.open(folder, config)
        self.panel.show_status(None)

    def _watch(self, folder: Path) -> None:
        self.pages.setCurrentWidget(self.panel)
        self._training.watch(folder)

    def _use(self, folder: Path | None) -> None:
        if folder is not None:
            self._training.use_weights(folder)

    def _ask_stop(self) -> None:
        ask(
            self,
            self.tr("Stop early"),
            self.tr("The training validates once more and ends with the best weights so far. It cannot go on then."),
            self.tr("Stop early"),
            self._training.stop_early,
        )

    def _ask_discard(self) -> None:
        ask(
            self,
            self.tr("Cancel the training"),
            self.tr("The training ends at once, and everything it made is deleted."),
            self.tr("Delete it"),
            self._training.discard,
        )

    def _ask_delete(self, folders: list[Path]) -> None:
        names = ", ".join(folder.name for folder in folders)
        ask(
            self,
            self.tr("Delete runs"),
            self.tr("%1: weights, curves and pictures are deleted for good.").replace("%1", names),
            self.tr("Delete"),
            lambda: self._training.delete(folders),
        )

    def _export(self, folder: Path) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Export weights"), f"{folder.name}.safetensors", self.tr("Checkpoints (*.safetensors)")
        )
        if name:
            self._training.export_weights(folder, Path(name))

    def _evaluate(self, folder: Path) -> None:
        self.evaluation.show_busy(True)
        self._training.evaluate(folder)

    def _show_evaluation(self, evaluation: object) -> None:
        self.evaluation.show_busy(False)
        self.evaluation.show_evaluation(evaluation)  # type: ignore[arg-type]  # a signal's object

    def _ask_save(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Save pictures and CSV"), str(self._settings.runs_folder))
        if name:
            self.save_evaluation(Path(name))

    def save_evaluation(self, folder: Path) -> None:
        """Pictures and tables of what is on the evaluation page."""
        page = self.evaluation
        try:
            files = page.save_pictures(folder)
            if page.evaluation is not None:
                from fields_core.evaluation.run_evaluation import write_evaluation_csv

                files += write_evaluation_csv(page.evaluation, folder)
            if page.ablation.result is not None:
                from fields_core.evaluation.ablation_store import TABLE_FILE
                from fields_core.evaluation.results import write_result

                write_result(folder / TABLE_FILE, page.ablation.result)
                files.append(folder / TABLE_FILE)
        except FieldsError as error:
            self._messages.show_error(error)
        else:
            self._messages.show_info(
                self.tr("%1 files saved in %2").replace("%1", str(len(files))).replace("%2", str(folder))
            )

    def _ask_ablation(self, from_runs: bool) -> None:
        near = str(self._settings.runs_folder)
        if from_runs:
            name = QFileDialog.getExistingDirectory(self, self.tr("Runs of an ablation"), near)
        else:
            name, _ = QFileDialog.getOpenFileName(self, self.tr("Ablation"), near, self.tr("Tables (*.csv)"))
        if name:
            self._training.read_ablation(Path(name))

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Runs folder"), str(self._settings.runs_folder))
        if name:
            self._settings.runs_folder = Path(name)
            self._training.refresh_runs()

    def _open_board(self, folders: list[Path]) -> None:
        self._messages.show_info(self.tr("Starting TensorBoard …"))
        self.board.start(self._settings.runs_folder, folders)

    def _board_opened(self, address: str) -> None:
        self._messages.show_info(self.tr("TensorBoard is at %1").replace("%1", address))
        QDesktopServices.openUrl(QUrl(address))

    def _show_pictures(self) -> None:
        if pictures := self.panel.pictures:
            dialog = ValidationPictures(pictures, self)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()


def _gpu() -> bool | None:
    """Whether PyTorch can use one; None while it is not loaded yet."""
    torch = sys.modules.get("torch")
    return None if torch is None else bool(torch.cuda.is_available())
