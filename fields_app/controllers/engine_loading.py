"""Loads the engine behind the window: at the start, and again when other models are chosen."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QSignalBlocker, Signal

from fields_app import bootstrap
from fields_app.controllers.engine import Engine
from fields_app.controllers.projects import ProjectsController
from fields_app.document import Document
from fields_app.model_choice import ModelChoice
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.settings import Settings
from fields_app.workers.job import Jobs
from fields_core.progress import Progress
from fields_core.threads import use_threads

_log = logging.getLogger(__name__)


def load_engine(threads: int = 1, models: ModelChoice | None = None) -> Engine:
    """Import the core and build its engine: seconds, so on a worker thread."""
    bootstrap.import_core()
    use_threads(threads)
    from fields_app.controllers.core_engine import CoreEngine

    models = models or ModelChoice()
    return CoreEngine(models.head, models.encoder)


class EngineLoading(QObject):
    """Owns the engine. The old one works on until the new one is there; models that cannot be loaded change nothing.

    Args:
        make_engine: builds the engine of the models that the settings name, on a worker thread.
        hand_out: gives an engine to all who work with it.

    Attributes:
        engine: None until the first is there.

    Signals:
        first_loaded(): the engine is there.
        changing(): another engine comes now; what the old one is at must end.
        models_changed(): other models than before are in use.
        busy_changed(bool)
    """

    first_loaded = Signal()
    changing = Signal()
    models_changed = Signal()
    busy_changed = Signal(bool)

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        hand_out: Callable[[Engine], None],
        session: Session,
        projects: ProjectsController,
        messages: MessageBar,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_engine, self._hand_out = make_engine, hand_out
        self._session, self._projects, self._messages, self._settings = session, projects, messages, settings
        self.engine: Engine | None = None
        self._jobs = Jobs(self)
        self._jobs.busy_changed.connect(self.busy_changed)
        self._next: ModelChoice | None = None  # chosen while others were being loaded
        self._jobs.busy_changed.connect(self._take_next)
        self._closing = Jobs(self)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def start(self) -> None:
        """Load the engine for the first time."""
        self._load(self._settings.models)

    def change(self, choice: ModelChoice) -> None:
        """Other models; while some are being loaded, the last choice waits for its turn.

        With another head model everybody is reconstructed anew, so unsaved changes are asked about.
        """
        if self.busy:
            self._next = choice
            return
        if choice.head != self._settings.models.head and self._session.document().people:
            self._projects.unless_unsaved(lambda: self._load(choice))
        else:
            self._load(choice)

    def stop(self) -> None:
        """End all threads and close the engine; harmless when called twice."""
        self._next = None
        self._jobs.finish()
        self._closing.finish()
        if self.engine is not None:
            self.engine.close()
            self.engine = None

    def _take_next(self, busy: bool) -> None:
        choice, self._next = (self._next, None) if not busy else (None, self._next)
        if choice is not None:
            self.change(choice)

    def _load(self, choice: ModelChoice) -> None:
        before, self._settings.models = self._settings.models, choice
        if self.engine is not None:
            self._messages.show_progress(Progress(0, 0, self.tr("Loading other models …")))
        self._jobs.run(
            lambda report, token: self._make_engine(), self._loaded, lambda error: self._failed(error, before)
        )

    def _loaded(self, engine: Engine) -> None:
        old, self.engine = self.engine, engine
        if old is None:
            self._hand_out(engine)
            self._session.set_parameters(engine.parameters, engine.rest_head())
            self.first_loaded.emit()
        else:
            self.changing.emit()
            if old.head.name == engine.head.name:
                self._hand_out(engine)
            else:
                self._change_heads(engine)
            # What is at work is waited for there.
            self._closing.run(lambda report, token: old.close(), lambda _: None, self._messages.show_error)
            self._messages.show_info(self.tr("In use now: %1").replace("%1", engine.head.name))
        self.models_changed.emit()

    def _change_heads(self, engine: Engine) -> None:
        """Codes mean nothing to another head: the photos stay, and their people are found again."""
        document = self._session.document()
        photos = tuple(replace(photo, people=(), reconstructed=False) for photo in document.photos)
        with QSignalBlocker(self._session):  # nobody may see codes of one head with the engine of the other
            self._session.restore(Document())
            self._session.set_parameters(engine.parameters, engine.rest_head())
            self._hand_out(engine)
        self._session.set_locked(self._session.locked, False)
        self._session.set_parameters(engine.parameters, engine.rest_head())
        self._projects.start_over(Document(photos=photos, shown=document.shown if photos else ""))

    def _failed(self, error: BaseException, before: ModelChoice) -> None:
        _log.error("the core could not be loaded", exc_info=error)
        if self.engine is not None:
            self._settings.models = before
        self._messages.show_error(error, "".join(traceback.format_exception(error)))
