"""The models of this computer for the dialog: lists them, imports others, and has the engine made anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fields_app.model_choice import ModelChoice
from fields_app.panels.message_bar import MessageBar
from fields_app.settings import Settings
from fields_app.workers.job import Jobs
from fields_core.model_import import ImportedModel, import_model
from fields_core.model_library import ModelFacts, Role, model_files, remove_model
from fields_core.progress import CancelToken, Progress


class ModelsController(QObject):
    """One thing at a time, each on a thread of its own.

    Attributes:
        models: as listed last.

    Signals:
        listed(): `models` is new.
        busy_changed(text): what is at work; "" for nothing.
        imported(ModelFacts)
        failed(error): shown in the message bar already.
        engine_wanted(ModelChoice): load these models in the place of those in use.
    """

    listed = Signal()
    busy_changed = Signal(str)
    imported = Signal(object)
    failed = Signal(object)
    engine_wanted = Signal(object)

    def __init__(self, messages: MessageBar, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages, self._settings = messages, settings
        self._jobs = Jobs(self)
        self._jobs.busy_changed.connect(self._busy_changed)
        self._text = ""
        self._then: Callable[[], object] | None = None  # when the job has ended: it may begin another
        self.models: tuple[ModelFacts, ...] = ()

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def choice(self) -> ModelChoice:
        return self._settings.models

    def refresh(self) -> None:
        """List all model files again: reads and hashes them."""
        self._run(
            lambda token: tuple(facts for role in Role for facts in model_files(role, token)),
            self._listed, self.tr("Looking at the models …"),
        )  # fmt: skip

    def import_file(self, path: Path) -> None:
        """Check a file and keep it among the user's models."""
        text = self.tr("Importing %1 …").replace("%1", path.name)
        self._messages.show_progress(Progress(0, 0, text))
        self._run(lambda token: import_model(path, token), self._imported, text)

    def choose(self, facts: ModelFacts) -> None:
        """Use this head model or encoder; nothing is different until it has been loaded."""
        wanted = self.choice.with_model(facts)
        if facts.role is Role.LANDMARKER or wanted == self.choice:
            return
        if facts.role is Role.HEAD and not self._serves(wanted.encoder, facts.name):
            wanted = ModelChoice(wanted.head, None)
        self.engine_wanted.emit(wanted)

    def remove(self, facts: ModelFacts) -> None:
        """Delete an imported file."""
        self._run(lambda token: remove_model(facts), lambda _: self.refresh(), self.tr("Deleting …"))

    def stop(self) -> None:
        self._jobs.blockSignals(True)  # nothing follows any more
        self._jobs.finish()

    def _serves(self, encoder: Path | None, head: str) -> bool:
        return any(facts.path == encoder and facts.head_model == head for facts in self.models)

    def _listed(self, models: tuple[ModelFacts, ...]) -> None:
        self.models = models
        self.listed.emit()

    def _imported(self, imported: ImportedModel) -> None:
        facts = imported.facts
        text = self.tr("Imported %1.").replace("%1", facts.name)
        if imported.left_out:
            text = self.tr("%1 Left out: %2.").replace("%1", text).replace("%2", ", ".join(imported.left_out))
        if imported.note:
            self._messages.show_warning(text, imported.note)
        else:
            self._messages.show_info(text)
        self.imported.emit(facts)
        self.refresh()

    def _run(self, work: Callable[[CancelToken], object], done: Callable[..., object], text: str) -> None:
        if self._jobs.busy:
            return
        self._text = text
        self._jobs.run(lambda report, token: work(token), lambda result: self._succeeded(done, result), self._failed)

    def _succeeded(self, done: Callable[..., object], result: object) -> None:
        self._then = lambda: done(result)

    def _failed(self, error: BaseException) -> None:
        self._messages.show_error(error)
        self._then = lambda: self.failed.emit(error)

    def _busy_changed(self, busy: bool) -> None:
        self.busy_changed.emit(self._text if busy else "")
        if not busy and self._then is not None:
            then, self._then = self._then, None
            then()
