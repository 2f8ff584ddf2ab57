"""The models dialog, its menu entry, and what joins it with its controller."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog

from fields_app.controllers.models import ModelsController
from fields_app.dialogs.models_dialog import ModelsDialog
from fields_app.main_window import MainWindow
from fields_app.settings import Settings
from fields_core.errors import FieldsError
from fields_core.model_library import ModelFacts

_FILES = "*.npz *.pkl *.safetensors *.pt *.pth *.tar *.ckpt *.task"


class ModelsMenu(QObject):
    """Opens the dialog from the Edit menu and from the emotion panel."""

    def __init__(
        self, window: MainWindow, models: ModelsController, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._window, self._models, self._settings = window, models, settings
        self.dialog: ModelsDialog | None = None
        self.action = QAction(self.tr("&Models …"), window)
        self.action.setShortcut("Ctrl+Alt+M")
        self.action.setStatusTip(self.tr("Head model, encoder and landmarker in use; licences; import from file"))
        self.action.triggered.connect(lambda _=False: self.show())
        window.edit_menu.addAction(self.action)
        window.emotion.weights_requested.connect(self.show)
        models.listed.connect(self._fill)
        models.busy_changed.connect(self.show_status)
        models.imported.connect(self._select)
        models.failed.connect(self._failed)

    def show(self) -> None:
        """Open the dialog, or bring it to the front."""
        if self.dialog is None:
            self.dialog = ModelsDialog(self._window)
            self.dialog.import_requested.connect(self._ask_file)
            self.dialog.chosen.connect(self._models.choose)
            self.dialog.remove_requested.connect(self._models.remove)
            self._models.refresh()
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def show_status(self, text: str) -> None:
        """What is at work, "" for nothing."""
        if self.dialog is not None:
            self.dialog.show_status(text, busy=bool(text))

    def refill(self) -> None:
        """Another choice holds."""
        self._fill()

    def _fill(self) -> None:
        if self.dialog is not None:
            self.dialog.show_models(self._models.models, self._models.choice)

    def _select(self, facts: ModelFacts) -> None:
        if self.dialog is not None:
            self.dialog.show_models((*self._models.models, facts), self._models.choice)
            self.dialog.select(facts.path)

    def _failed(self, error: BaseException) -> None:
        if self.dialog is not None and isinstance(error, FieldsError):
            self.dialog.show_status(error.title)

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self.dialog, self.tr("Import a model"), str(self._settings.photo_folder.parent),
            self.tr("Models (%1);;All files (*)").replace("%1", _FILES),
        )  # fmt: skip
        if name:
            self._models.import_file(Path(name))
