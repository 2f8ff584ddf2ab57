"""Looks into the projects of late, on a worker thread, for the list on the welcome page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, QObject, Signal
from PySide6.QtGui import QImage

from fields_app.panels.message_bar import MessageBar
from fields_app.panels.welcome import RecentProject
from fields_app.settings import Settings
from fields_app.workers.job import Jobs
from fields_core.errors import ProjectError
from fields_core.progress import CancelToken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.project import ProjectSummary


class RecentController(QObject):
    """Projects that are gone are left out of the list, but not forgotten: their disk may come back.

    Signals:
        listed(projects): a list of `RecentProject`, the last one first.
    """

    listed = Signal(object)

    def __init__(self, messages: MessageBar, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages, self._settings = messages, settings
        self._jobs = Jobs(self)
        self._ready = False

    def refresh(self) -> None:
        """Look again; what is known without reading is shown at once. Reads nothing before the core is loaded."""
        paths = self._settings.recent_projects
        self.listed.emit([RecentProject(path, str(path.parent)) for path in paths])
        if paths and self._ready:
            self._jobs.run(lambda report, token: _look(paths, token), self.listed.emit, self._messages.show_error)

    def start(self) -> None:
        """The core is there: from now on projects are looked into."""
        self._ready = True
        self.refresh()

    def stop(self) -> None:
        self._jobs.finish()


def _look(paths: tuple[Path, ...], token: CancelToken) -> list[RecentProject]:
    from fields_core.project import read_summary

    found = []
    for path in paths:
        token.raise_if_cancelled()
        try:
            summary = read_summary(path)
            saved = QDateTime.fromSecsSinceEpoch(int(path.stat().st_mtime))
        except (ProjectError, OSError):
            if path.exists():
                found.append(RecentProject(path, _tr("This version cannot open it")))
            continue
        when = QLocale().toString(saved, QLocale.FormatType.ShortFormat)
        image = image_of(summary.thumbnail) if summary.thumbnail is not None else None
        found.append(RecentProject(path, f"{contents(summary)} · {when}", image))
    return found


def contents(summary: ProjectSummary) -> str:
    """How much is in a project, in words."""
    photos = _tr("1 photo") if summary.photos == 1 else _tr("%1 photos").replace("%1", str(summary.photos))
    faces = _tr("1 face") if summary.faces == 1 else _tr("%1 faces").replace("%1", str(summary.faces))
    return f"{photos} · {faces}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("RecentController", text)


def image_of(pixels: NDArray[Any]) -> QImage:
    """A picture of its own from (H, W, 3) RGB."""
    height, width = pixels.shape[:2]
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
