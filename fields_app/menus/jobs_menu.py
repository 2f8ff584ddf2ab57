"""The list of running jobs: its button in the status bar, its menu entry, and who reports to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from fields_app.batch_queue import BatchQueue, RowState
from fields_app.controllers.batch import BatchController
from fields_app.controllers.engine_loading import EngineLoading
from fields_app.controllers.export import ExportController
from fields_app.controllers.live import LiveController
from fields_app.controllers.models import ModelsController
from fields_app.controllers.projects import ProjectsController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.controllers.training import TrainingController
from fields_app.live_view import LiveView
from fields_app.main_window import MainWindow
from fields_app.panels.jobs_panel import JobsPanel
from fields_app.running_jobs import RunningJobs
from fields_core.progress import Progress

if TYPE_CHECKING:
    from fields_core.training.run_status import RunStatus


class JobsMenu(QObject):
    """Shows `RunningJobs` below the panels. Others than those wired here (training, live) call ``jobs`` themselves.

    Attributes:
        jobs: what is at work.
    """

    def __init__(self, window: MainWindow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.jobs = RunningJobs(self)
        self.panel = JobsPanel(self.jobs, window)
        window.add_above_messages(self.panel)
        self.action = QAction(self.tr("Running &jobs"), window)
        self.action.setCheckable(True)
        self.action.setShortcut("Ctrl+J")
        self.action.setStatusTip(self.tr("What is at work, how far it is, and a way to stop it"))
        self.action.toggled.connect(self.panel.setVisible)
        window.view_menu.addAction(self.action)
        self._button = window.messages.jobs_button
        self._button.toggled.connect(self.action.setChecked)
        self.action.toggled.connect(self._button.setChecked)
        self.jobs.changed.connect(self._count)
        self._count()

    def follow(
        self,
        loading: EngineLoading,
        reconstruction: ReconstructionController,
        export: ExportController,
        projects: ProjectsController,
        models: ModelsController,
    ) -> None:
        """Those that are at work or not."""
        jobs = self.jobs
        loading.busy_changed.connect(lambda busy: jobs.set_busy("engine", self.tr("Loading models"), busy))
        reconstruction.busy_changed.connect(
            lambda busy: jobs.set_busy("photo", self.tr("Reconstructing a photo"), busy, reconstruction.cancel)
        )
        export.busy_changed.connect(lambda busy: jobs.set_busy("export", self.tr("Exporting"), busy, export.cancel))
        export.progressed.connect(lambda progress: jobs.report("export", progress))
        projects.busy_changed.connect(
            lambda busy: jobs.set_busy("project", self.tr("Reading or writing the project"), busy)
        )
        models.busy_changed.connect(lambda text: jobs.set_busy("models", text, bool(text)))

    def follow_queue(self, queue: BatchQueue, batch: BatchController) -> None:
        """The batch queue, photo by photo."""

        def count() -> None:
            counts = queue.counts
            done = counts[RowState.DONE] + counts[RowState.FAILED]
            text = self.tr("%1 of %2 photos").replace("%1", str(done)).replace("%2", str(len(queue.rows)))
            self.jobs.report("batch", Progress(done, len(queue.rows), text))

        def running() -> None:
            if queue.running and self.jobs.job("batch") is None:
                self.jobs.begin("batch", self.tr("Batch queue"), batch.cancel)
                count()
            elif not queue.running:
                self.jobs.end("batch")

        queue.running_changed.connect(running)
        queue.row_changed.connect(lambda _: count() if self.jobs.job("batch") is not None else None)

    def follow_training(self, training: TrainingController) -> None:
        """The training that is watched; stopped, it keeps the best so far."""

        def changed(status: RunStatus) -> None:
            if not status.state.active:
                self.jobs.end("training")
                return
            if self.jobs.job("training") is None:
                self.jobs.begin("training", self.tr("Training"), training.stop_early)
            self.jobs.report("training", Progress(status.step, status.steps, status.stage))

        training.status_changed.connect(changed)

    def follow_live(self, view: LiveView, live: LiveController) -> None:
        """The camera or clip at work."""
        view.run_changed.connect(
            lambda: (
                self.jobs.set_busy("live", self.tr("Live"), view.running, live.stop_run)
                if view.running != (self.jobs.job("live") is not None)
                else None
            )
        )

    def _count(self) -> None:
        count = len(self.jobs.jobs)
        self._button.setText(self.tr("Jobs: %1").replace("%1", str(count)) if count else self.tr("Jobs"))
