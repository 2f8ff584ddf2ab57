"""The batch queue's window, its place in the File menu, and what joins it with its controller."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QFileDialog, QVBoxLayout

from fields_app.batch_queue import BatchQueue
from fields_app.controllers.batch import BatchController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.dialogs.export_dialog import ExportDialog
from fields_app.main_window import MainWindow
from fields_app.panels.batch_panel import BatchPanel
from fields_app.settings import Settings


class BatchMenu(QObject):
    """A window of its own, so that one can go on working while the queue runs."""

    def __init__(
        self,
        window: MainWindow,
        queue: BatchQueue,
        batch: BatchController,
        reconstruction: ReconstructionController,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._queue, self._batch, self._settings = window, queue, batch, settings
        self._reconstruction = reconstruction
        self.action = QAction(self.tr("&Batch queue …"), window)
        self.action.setShortcut("Ctrl+B")
        self.action.setStatusTip(self.tr("Reconstruct and export whole folders"))
        self.action.triggered.connect(self.show)
        window.file_menu.insertAction(window.export_action, self.action)
        self.dialog = QDialog(window)
        self.dialog.setWindowTitle(self.tr("Batch queue"))
        self.dialog.setModal(False)
        self.dialog.resize(880, 520)
        self.panel = BatchPanel(queue, self.dialog)
        layout = QVBoxLayout(self.dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)
        self._wire()
        self.panel.show_choice(batch.choice)

    def show(self) -> None:
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def _wire(self) -> None:
        panel, batch, queue = self.panel, self._batch, self._queue
        panel.add_photos_requested.connect(self._ask_photos)
        panel.add_folder_requested.connect(self._ask_folder)
        panel.output_requested.connect(self._ask_output)
        panel.dropped.connect(self._add_mime)
        panel.start_requested.connect(batch.start)
        panel.pause_requested.connect(batch.pause)
        panel.cancel_requested.connect(batch.cancel)
        panel.retry_requested.connect(batch.retry)
        panel.remove_requested.connect(queue.remove)
        panel.clear_requested.connect(queue.remove_finished)
        panel.open_requested.connect(lambda row: self._reconstruction.open_paths([queue.rows[row].path]))
        batch.choice_changed.connect(panel.show_choice)

    def _add_mime(self, data: QMimeData) -> None:
        self._batch.add([Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()])

    def _ask_photos(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self.dialog, self.tr("Add photos"), str(self._settings.photo_folder),
            self.tr("Photos (%1);;All files (*)").replace(
                "%1", "*.jpg *.jpeg *.png *.webp *.bmp *.tif *.tiff *.gif"
            ),
        )  # fmt: skip
        self._batch.add([Path(name) for name in names])

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self.dialog, self.tr("Add folder"), str(self._settings.photo_folder))
        if name:
            self._batch.add([Path(name)])

    def _ask_output(self) -> None:
        dialog = ExportDialog(self._batch.choice, self.dialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._batch.set_choice(dialog.choice))
        dialog.open()
