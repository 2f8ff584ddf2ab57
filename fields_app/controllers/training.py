"""Trainings: started, watched, steered, listed and put to use. The work is done by processes and threads."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.training_data import TrainingDataController
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workers.job import Jobs
from fields_app.workers.training_runner import TrainingRunner
from fields_core.files import replacing
from fields_core.progress import CancelToken, ProgressCallback
from fields_core.training.run_process import process_of
from fields_core.training.run_status import RunStatus
from fields_core.training.runs import ENCODER_FILE, RunFacts, config_of_run, list_runs, read_curves
from fields_core.training.supervisor import TRAIN, Supervisor, TrainingPlan, delete_run


class TrainingController(QObject):
    """One training is watched at a time; others go on by themselves.

    Args:
        program: what is started to train.
        install: makes the program use a checkpoint file.

    Attributes:
        data: looks at what is to be trained on.

    Signals:
        opened(Path, TrainConfig | None): another run is watched now; its story follows from the beginning.
        noted(list[Note]), status_changed(RunStatus): of the run that is watched.
        runs_listed(tuple[RunFacts, ...]): the runs of the runs folder, the latest first.
        curves_read(Path, list[Curve])
        evaluated(RunEvaluation | None): None if it could not be.
        ablation_read(Result)
        weights_installed(): reconstruct with them from now on.
    """

    opened = Signal(object, object)
    noted = Signal(object)
    status_changed = Signal(object)
    runs_listed = Signal(object)
    curves_read = Signal(object, object)
    evaluated = Signal(object)
    ablation_read = Signal(object)
    weights_installed = Signal()

    def __init__(
        self,
        messages: MessageBar,
        settings: Settings,
        parent: QObject | None = None,
        *,
        program: Sequence[str] = TRAIN,
        install: Callable[[Path], object] | None = None,
    ) -> None:
        super().__init__(parent)
        self._messages, self._settings, self._program = messages, settings, program
        self._install = install or _install
        self._runner: TrainingRunner | None = None
        self._jobs = Jobs(self)
        self.data = TrainingDataController(settings, self)
        self._evaluation: CancelToken | None = None
        self.folder: Path | None = None
        self.status: RunStatus | None = None
        self.runs: tuple[RunFacts, ...] = ()

    @property
    def runs_folder(self) -> Path:
        return self._settings.runs_folder

    @property
    def active(self) -> bool:
        """Whether the run that is watched is at work."""
        return self._runner is not None and self.status is not None and self.status.state.active

    def start(self, plan: TrainingPlan) -> None:
        """Begin a training and watch it."""
        self._watch(plan.out, functools.partial(Supervisor.start, plan, self._program))
        self.opened.emit(plan.out, plan.config)

    def watch(self, folder: Path) -> None:
        """Look at a run: at work or ended."""
        self._watch(folder, functools.partial(Supervisor, folder, self._program))
        self.opened.emit(folder, config_of_run(folder))

    def find_active(self) -> Path | None:
        """A training that is at work, of whoever started it; None if there is none."""
        folder = self.runs_folder
        found = [path for path in folder.iterdir() if process_of(path) is not None] if folder.is_dir() else []
        return found[0] if found else None

    def stop_early(self) -> None:
        if self._runner is not None:
            self._runner.stop_early()

    def pause(self) -> None:
        if self._runner is not None:
            self._runner.pause()

    def resume(self) -> None:
        """Go on with the run that is watched."""
        folder = self.folder
        if folder is None or self.active:
            return

        def begin() -> Supervisor:
            supervisor = Supervisor(folder, self._program)
            supervisor.poll()
            supervisor.resume()
            return supervisor

        self._watch(folder, begin)

    def discard(self) -> None:
        """End the run that is watched and delete all of it."""
        if self.active and self._runner is not None:
            self._runner.discard()
        elif self.folder is not None:
            self.delete([self.folder])

    def refresh_runs(self) -> None:
        folder = self.runs_folder
        self._jobs.run(lambda report, token: tuple(list_runs(folder)), self._listed, self._messages.show_error)

    def read_curves(self, folder: Path) -> None:
        self._jobs.run(
            lambda report, token: read_curves(folder),
            lambda curves: self.curves_read.emit(folder, curves),
            self._messages.show_error,
        )

    def use_weights(self, folder: Path) -> None:
        """Reconstruct with a run's weights from now on."""
        self._jobs.run(
            lambda report, token: self._install(folder / ENCODER_FILE),
            lambda _: self._installed(folder),
            self._messages.show_error,
        )

    def export_weights(self, folder: Path, target: Path) -> None:
        """Copy a run's weights to a file of the user's choice."""

        def copy(report: ProgressCallback, token: CancelToken) -> Path:
            with replacing(target) as temporary:
                shutil.copyfile(folder / ENCODER_FILE, temporary)
            return target

        self._jobs.run(
            copy,
            lambda path: self._messages.show_info(self.tr("Exported %1").replace("%1", str(path))),
            self._messages.show_error,
        )

    def evaluate(self, folder: Path) -> None:
        """Try a run's weights on the samples that it held out."""
        self._evaluation = wish = CancelToken()

        def work(report: ProgressCallback, token: CancelToken) -> object:
            from fields_core.evaluation.run_evaluation import evaluate_run

            return evaluate_run(folder, report, wish)

        def failed(error: BaseException) -> None:
            self.evaluated.emit(None)
            if not wish.cancelled:
                self._messages.show_error(error)

        self._jobs.run(work, self.evaluated.emit, failed)

    def read_ablation(self, path: Path) -> None:
        """What an ablation found: its table, or the folder of its runs."""

        def read(report: ProgressCallback, token: CancelToken) -> object:
            from fields_core.evaluation.ablation_store import read_ablation

            return read_ablation(path)

        self._jobs.run(read, self.ablation_read.emit, self._messages.show_error)

    def delete(self, folders: Sequence[Path]) -> None:
        """Delete runs; those at work are left."""

        def remove(report: ProgressCallback, token: CancelToken) -> None:
            for folder in folders:
                delete_run(folder)

        self._jobs.run(remove, lambda _: self.refresh_runs(), self._messages.show_error)

    def stop(self) -> None:
        """End all threads; the training goes on by itself unless it was told to pause."""
        if self._runner is not None:
            self._runner.stop()
            self._runner.deleteLater()
            self._runner = None
        self.data.stop()
        if self._evaluation is not None:
            self._evaluation.cancel()
        self._jobs.finish()

    def _watch(self, folder: Path, begin: Callable[[], Supervisor]) -> None:
        if self._runner is not None:
            self._runner.stop()
            self._runner.deleteLater()
        self.folder, self.status = folder, None
        runner = self._runner = TrainingRunner(begin, self)
        runner.noted.connect(lambda notes: self._of(runner, lambda: self.noted.emit(notes)))
        runner.status_changed.connect(lambda status: self._of(runner, lambda: self._status_changed(status)))
        runner.failed.connect(self._messages.show_error)
        runner.start()

    def _of(self, runner: TrainingRunner, tell: Callable[[], None]) -> None:
        """The last words of a thread that was replaced are nobody's business."""
        if runner is self._runner:
            tell()

    def _status_changed(self, status: RunStatus) -> None:
        was_active = self.status is not None and self.status.state.active
        self.status = status
        self.status_changed.emit(status)
        if was_active and not status.state.active:
            self.refresh_runs()

    def _listed(self, runs: tuple[RunFacts, ...]) -> None:
        self.runs = runs
        self.runs_listed.emit(runs)

    def _installed(self, folder: Path) -> None:
        self._messages.show_info(self.tr("The weights of %1 are in use").replace("%1", folder.name))
        self.weights_installed.emit()


def _install(checkpoint: Path) -> object:
    from fields_core.encoder.install import install_encoder

    return install_encoder(checkpoint)
