"""The part of the File menu that opens photos and exports heads; what is dropped or pasted comes in here too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from fields_app.controllers.export import ExportController
from fields_app.controllers.projects import SUFFIX, ProjectsController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.controllers.takes import TakeController
from fields_app.dialogs.export_dialog import ExportDialog
from fields_app.main_window import MainWindow
from fields_app.menus.take_menu import SUFFIX as TAKE_SUFFIX
from fields_app.session import Session
from fields_app.settings import Settings

if TYPE_CHECKING:
    from fields_core.head.model import HeadModel


class FileMenu(QObject):
    """Asks for files, and hands each to who can open it."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        reconstruction: ReconstructionController,
        projects: ProjectsController,
        takes: TakeController,
        export: ExportController,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._session, self._settings = window, session, settings
        self._reconstruction, self._projects, self._takes, self._export = reconstruction, projects, takes, export
        self._head: HeadModel | None = None
        window.dropped.connect(self._open_mime)
        window.open_action.triggered.connect(self._ask_photos)
        window.open_folder_action.triggered.connect(self._ask_folder)
        window.sample_action.triggered.connect(reconstruction.open_sample)
        window.paste_action.triggered.connect(self._paste)
        window.export_action.triggered.connect(self._ask_export)
        window.photo.open_requested.connect(self._ask_photos)
        window.photo.sample_requested.connect(reconstruction.open_sample)
        window.photo.paste_requested.connect(self._paste)

    def set_head(self, head: HeadModel) -> None:
        """The head model has been loaded: what is exported falls under its licence."""
        self._head = head

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Photos, folders of photos, a project or a take."""
        take = next((path for path in paths if path.suffix.lower() == TAKE_SUFFIX), None)
        if take is not None:
            self._takes.open(take)
            return
        project = next((path for path in paths if path.suffix.lower() == SUFFIX and not path.is_dir()), None)
        if project is not None:
            self._projects.open(project)
        else:
            self._reconstruction.open_paths(paths)

    def _open_mime(self, data: QMimeData) -> None:
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if any(path.suffix.lower() in (SUFFIX, TAKE_SUFFIX) for path in paths):
            self.open_paths(paths)
        else:
            self._reconstruction.open_mime(data)

    def _ask_photos(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self._window,
            self.tr("Open photos or a project"),
            str(self._settings.photo_folder),
            self.tr("Photos and projects (%1 *.fields);;Photos (%1);;Projects (*.fields);;All files (*)").replace(
                "%1", "*.jpg *.jpeg *.png *.webp *.bmp *.tif *.tiff *.gif"
            ),
        )
        if names:
            paths = [Path(name) for name in names]
            if paths[0].suffix.lower() != SUFFIX:
                self._settings.photo_folder = paths[0].parent
            self.open_paths(paths)

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self._window, self.tr("Open folder"), str(self._settings.photo_folder))
        if name:
            self._settings.photo_folder = Path(name)
            self._reconstruction.open_paths([Path(name)])

    def _paste(self) -> None:
        self._reconstruction.open_mime(QGuiApplication.clipboard().mimeData())

    def _ask_export(self) -> None:
        head = self._head
        licence = f"{head.name}, {head.licence}" if head is not None else ""
        people = len(self._session.document().people)
        dialog = ExportDialog(self._settings.export, self._window, people=people, licence=licence)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._export.export(dialog.choice))
        dialog.open()
