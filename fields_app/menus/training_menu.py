"""The Training menu, and the window behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from fields_app.controllers.training import TrainingController
from fields_app.dialogs.training_questions import OnClose, ask_on_close
from fields_app.main_window import MainWindow
from fields_app.settings import Settings

if TYPE_CHECKING:
    from fields_app.training_window import TrainingWindow


class TrainingMenu(QObject):
    """Two entries; the window is made when it is first asked for, as its plots take a second to import.

    Attributes:
        ask_on_close: asked when the main window closes while a training is at work.
    """

    def __init__(
        self, window: MainWindow, training: TrainingController, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._window, self._training, self._settings = window, training, settings
        self._trainings: TrainingWindow | None = None
        self.ask_on_close: Callable[[], OnClose] = lambda: ask_on_close(window)
        menu = window.menuBar().addMenu(self.tr("&Training"))
        window.menuBar().insertMenu(window.help_menu.menuAction(), menu)
        self.new_action = self._action(self.tr("&New training …"), self.tr("Train an encoder of your own"), self.new)
        self.show_action = self._action(
            self.tr("Trainings and &runs"), self.tr("Curves of what is being trained, and all runs"), self.show
        )
        self.show_action.setShortcut("Ctrl+Alt+T")
        for action in (self.new_action, self.show_action):
            menu.addAction(action)
        before = window.may_close
        window.may_close = lambda: before() and self._may_close()

    @property
    def trainings(self) -> TrainingWindow:
        if self._trainings is None:
            from fields_app.training_window import TrainingWindow

            self._trainings = TrainingWindow(self._training, self._window.messages, self._settings, self._window)
        return self._trainings

    def new(self) -> None:
        self.show()
        self.trainings.new_training()

    def show(self) -> None:
        trainings = self.trainings
        trainings.show()
        trainings.raise_()
        trainings.activateWindow()

    def reattach(self) -> None:
        """Find the training that went on while the program was closed, and say so."""
        folder = self._training.find_active()
        if folder is not None:
            _ = self.trainings  # it hears the story from its beginning
            self._training.watch(folder)
            self._window.messages.show_info(self.tr("A training is at work: %1").replace("%1", folder.name))

    def stop(self) -> None:
        if self._trainings is not None:
            self._trainings.stop()
        self._training.stop()

    def _may_close(self) -> bool:
        if not self._training.active:
            return True
        wish = self.ask_on_close()
        if wish is OnClose.PAUSE:
            self._training.pause()
        return wish is not OnClose.STAY

    def _action(self, text: str, tip: str, slot: Callable[[], object]) -> QAction:
        action = QAction(text, self._window)
        action.setStatusTip(tip)
        action.triggered.connect(lambda _: slot())
        return action
