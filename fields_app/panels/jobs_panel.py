"""The list of what is at work, at the foot of the window: progress and a way to stop each."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QPushButton, QWidget

from fields_app import style
from fields_app.running_jobs import RunningJob, RunningJobs


class JobsPanel(QFrame):
    """One line a job. Shown when the user asks for it; it stays until it is closed."""

    def __init__(self, jobs: RunningJobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self.setProperty("kind", "info")
        self.setAccessibleName(self.tr("Running jobs"))
        self._jobs = jobs
        self._rows: dict[str, _Row] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(style.MEDIUM, style.SMALL, style.SMALL, style.SMALL)
        self._grid.setHorizontalSpacing(style.MEDIUM)
        self._grid.setVerticalSpacing(style.TINY)
        self._grid.setColumnStretch(1, 1)
        self._nothing = QLabel(self.tr("Nothing is at work."), self)
        self._nothing.setObjectName("faint")
        self._grid.addWidget(self._nothing, 0, 0, 1, 4)
        jobs.changed.connect(self._build)
        jobs.progressed.connect(self._follow)
        self._build()
        self.hide()

    @property
    def names(self) -> list[str]:
        """What is listed."""
        return [row.name.text() for row in self._rows.values()]

    def cancel_button(self, key: str) -> QPushButton:
        return self._rows[key].cancel

    def progress_bar(self, key: str) -> QProgressBar:
        return self._rows[key].bar

    def _build(self) -> None:
        wanted = {job.key: job for job in self._jobs.jobs}
        for key in [key for key in self._rows if key not in wanted]:
            self._rows.pop(key).remove(self._grid)
        for key, job in wanted.items():
            if key not in self._rows:
                self._rows[key] = _Row(job, self._jobs, self)
            self._rows[key].show(job)
        for line, row in enumerate(self._rows.values(), 1):
            row.place(self._grid, line)
        self._nothing.setVisible(not wanted)

    def _follow(self, key: str) -> None:
        job = self._jobs.job(key)
        if job is not None and key in self._rows:
            self._rows[key].show(job)


class _Row:
    """The widgets of one job."""

    def __init__(self, job: RunningJob, jobs: RunningJobs, parent: QWidget) -> None:
        self.name, self.step = QLabel(parent), QLabel(parent)
        self.step.setObjectName("faint")
        self.step.setMinimumWidth(60)
        self.bar = QProgressBar(parent)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(180)
        self.cancel = QPushButton(parent.tr("Cancel"), parent)
        self.cancel.setObjectName("quiet")
        self.cancel.clicked.connect(lambda: jobs.cancel(job.key))

    def show(self, job: RunningJob) -> None:
        self.name.setText(job.name)
        self.step.setText(job.progress.message)
        self.bar.setAccessibleName(job.name)
        self.bar.setRange(0, job.progress.total)
        self.bar.setValue(job.progress.done)
        self.cancel.setEnabled(job.cancel is not None)
        self.cancel.setToolTip(self.cancel.tr("Stop: %1").replace("%1", job.name))
        self.cancel.setAccessibleName(self.cancel.tr("Cancel %1").replace("%1", job.name))

    def place(self, grid: QGridLayout, line: int) -> None:
        for column, widget in enumerate((self.name, self.step, self.bar, self.cancel)):
            grid.addWidget(widget, line, column, Qt.AlignmentFlag.AlignVCenter)
            widget.show()

    def remove(self, grid: QGridLayout) -> None:
        for widget in (self.name, self.step, self.bar, self.cancel):
            grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
