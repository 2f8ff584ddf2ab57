"""New, open, save and recovery of the project in the window. Knows no dialogs: questions go to `ask_unsaved`."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.autosave import ORIGIN, AutosaveController
from fields_app.controllers.engine import Engine
from fields_app.controllers.unsaved_changes import UnsavedChanges
from fields_app.document import Document
from fields_app.panels.message_bar import MessageBar
from fields_app.recovery import LeftBehind, RecoveryFolder, default_root
from fields_app.session import Session
from fields_app.settings import Settings
from fields_app.workers.job import Jobs
from fields_core.errors import ProjectError
from fields_core.progress import CancelToken, Progress, ProgressCallback

if TYPE_CHECKING:
    from fields_app.controllers.project_files import OpenedProject, ProjectFiles
    from fields_core.project import ProjectPhoto, Scalar

SUFFIX = ".fields"
_EMBED = "embed"


class Answer(enum.Enum):
    """To the question what to do with unsaved changes."""

    SAVE = enum.auto()
    DISCARD = enum.auto()
    CANCEL = enum.auto()


@dataclass(frozen=True, eq=False)
class _Wanted:
    """A project to open."""

    path: Path
    left: LeftBehind | None = None
    """Where it is work that a crash left behind."""


class ProjectsController(QObject):
    """The one project of a window, its file, and the copy kept in case of a crash.

    Attributes:
        path: the project's file; None until it has one.
        embed: whether the next save puts the photos into the file.
        autosave: keeps the copy.
        ask_unsaved: asks what to do with unsaved changes; calls back with the `Answer`.
        ask_path: asks where to save; calls back with a path, or not at all.

    Signals:
        changed(): path, modified mark or ``embed`` are different.
        opened(): another project is in the window.
        photos_missing(names): the photos of the project that are not found; empty when all are.
        recent_changed()
        busy_changed(bool)
    """

    changed = Signal()
    opened = Signal()
    photos_missing = Signal(object)
    recent_changed = Signal()
    busy_changed = Signal(bool)

    def __init__(
        self, session: Session, messages: MessageBar, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._messages, self._settings = session, messages, settings
        self.path: Path | None = None
        self.embed = False
        self.ask_unsaved: Callable[[Callable[[Answer], None]], None] = lambda answer: answer(Answer.CANCEL)
        self.ask_path: Callable[[Callable[[Path], None]], None] = lambda answer: None
        recovery = RecoveryFolder(settings.recovery_folder or default_root())
        self.autosave = AutosaveController(session, messages, recovery, self._view, lambda: self.modified, self)
        self.autosave.start(settings.autosave_seconds)
        self._files: ProjectFiles | None = None
        self._unsaved = UnsavedChanges(session, self)
        self._unsaved.changed.connect(self.changed)
        self._given_up = False  # the user let go of unsaved changes
        self._waiting: _Wanted | None = None
        self._jobs = Jobs(self)
        self._jobs.busy_changed.connect(self.busy_changed)

    @property
    def modified(self) -> bool:
        """Whether there is something that no file holds yet."""
        return self._unsaved.there

    @property
    def busy(self) -> bool:
        """Whether a project is being read or written."""
        return self._jobs.busy

    def set_engine(self, engine: Engine) -> None:
        """The core is there; a project that was asked for meanwhile is opened now."""
        from fields_app.controllers.project_files import ProjectFiles

        self._files = ProjectFiles(engine.head)
        self.autosave.set_files(self._files)
        if self._waiting is not None:
            self._open(self._waiting)

    def set_embed(self, embed: bool) -> None:
        """Whether the project carries its photos from the next save on."""
        if embed != self.embed:
            self.embed = embed
            self.changed.emit()

    def new(self) -> None:
        """An empty project, once unsaved changes are dealt with."""
        self.unless_unsaved(self._clear)

    def open(self, path: Path) -> None:
        """Another project in the place of this one, once unsaved changes are dealt with."""
        self.unless_unsaved(lambda: self._open(_Wanted(path.absolute())))

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Write the project to its file, or ask for one. ``then`` is called only if it was written."""
        if self.path is not None:
            self.save_as(self.path, then)
        else:
            self.ask_path(lambda path: self.save_as(path, then))

    def save_as(self, path: Path, then: Callable[[], None] | None = None) -> None:
        """Write the project to another file, which is its file from then on."""
        files, document, embed, view = self._files, self._session.document(), self.embed, self._view()
        if files is None:
            return
        path = path.absolute() if path.suffix.lower() == SUFFIX else path.absolute().with_name(path.name + SUFFIX)

        def work(report: ProgressCallback, token: CancelToken) -> None:
            files.save(document, path, view, token, embed=embed)

        def saved(_: object) -> None:
            self.path = path
            self._unsaved.accept(document)
            self.changed.emit()
            self._remember(path)
            self._messages.show_info(self.tr("Saved %1").replace("%1", str(path)))
            if not self.modified:
                self.autosave.forget()
            if then is not None:
                then()

        self._messages.show_progress(Progress(0, 0, self.tr("Saving %1 …").replace("%1", path.name)))
        self._jobs.run(work, saved, self._messages.show_error)

    def unless_unsaved(self, go_on: Callable[[], None]) -> None:
        """Do what would lose unsaved changes: at once if there are none, else as the user answers."""
        if not self.modified:
            go_on()
            return

        def answered(answer: Answer) -> None:
            if answer is Answer.SAVE:
                self.save(then=go_on)
            elif answer is Answer.DISCARD:
                go_on()

        self.ask_unsaved(answered)

    def may_close(self, close: Callable[[], object]) -> bool:
        """Whether the window may close now; if not yet, ``close`` is called when it may."""

        def give_up() -> None:
            self._given_up = True
            close()

        if not self._given_up:
            self.unless_unsaved(give_up)
        return self._given_up

    def recover(self, left: LeftBehind) -> None:
        """Go on where a window ended unexpectedly."""

        def adopt() -> None:
            if self.autosave.recovery.adopt(left):
                self._open(_Wanted(left.project, left))
            else:
                self._messages.show_warning(self.tr("Another window has recovered that work already."))

        self.unless_unsaved(adopt)

    def locate_missing(self, place: Path) -> None:
        """Look for missing photos in a file or folder that the user has named."""
        files, document = self._files, self._session.document()
        if files is None:
            return

        def located(changed: Document) -> None:
            self._session.change(changed)
            missing = files.missing(changed)
            if missing:
                text = self.tr("%1 photos are still missing.").replace("%1", str(len(missing)))
                self._messages.show_warning(text, "\n".join(photo.name for photo in missing))
            else:
                self._messages.show_info(self.tr("All photos were found."))
            self.photos_missing.emit([photo.name for photo in missing])

        self._messages.show_progress(Progress(0, 0, self.tr("Looking for the photos …")))
        self._jobs.run(lambda report, token: files.locate(document, place), located, self._messages.show_error)

    def stop(self) -> None:
        """End timers and threads. What is being saved is saved first; unsaved work that nobody was asked about, as
        when the computer shuts down, is offered at the next start.
        """
        self._jobs.finish()
        if self.modified and not self._given_up:
            self.autosave.copy()
            self.autosave.stop()
            self.autosave.recovery.abandon()
        else:
            self.autosave.stop()
            self.autosave.recovery.close()
        self._given_up = True
        self._unsaved.stop()

    def _view(self) -> Mapping[str, Scalar]:
        return {_EMBED: self.embed, ORIGIN: str(self.path) if self.path is not None else ""}

    def start_over(self, document: Document) -> None:
        """Go on with this document, as one that was never saved. Unsaved changes of the old one are gone."""
        self._clear(document)

    def _clear(self, document: Document | None = None) -> None:
        self.path, self.embed = None, False
        self._session.restore(document or Document())
        self._unsaved.accept(self._session.document())
        self.changed.emit()
        self.autosave.forget()
        self._messages.clear()
        self.opened.emit()
        self.photos_missing.emit([])

    def _open(self, wanted: _Wanted) -> None:
        files, self._waiting = self._files, None
        if files is None:
            self._waiting = wanted
            self._messages.show_progress(Progress(0, 0, self.tr("Loading the head model …")))
            return
        try:
            unpack = self.autosave.recovery.new_unpack_folder()
        except OSError as error:
            self._failed(wanted, error)
            return
        text = self.tr("Recovering unsaved work …") if wanted.left else self.tr("Opening %1 …")
        self._messages.show_progress(Progress(0, 0, text.replace("%1", wanted.path.name)))
        self._jobs.run(
            lambda report, token: files.open(wanted.path, unpack, report, token),
            lambda project: self._put(wanted, project),
            lambda error: self._failed(wanted, error),
        )

    def _put(self, wanted: _Wanted, project: OpenedProject) -> None:
        origin = str(project.view.get(ORIGIN, ""))
        self.path = wanted.path if wanted.left is None else Path(origin) if origin else None
        self.embed = bool(project.view.get(_EMBED, project.embeds))
        if wanted.left is None:
            self.autosave.forget()
            self._remember(wanted.path)
        self._session.restore(project.document)
        self._session.set_mesh("", project.rest_mesh)
        self._unsaved.accept(self._session.document(), in_a_file=wanted.left is None)
        self.changed.emit()
        if project.missing:
            self._tell_missing(project.missing)
        else:
            text = self.tr("Recovered unsaved work.") if wanted.left else self.tr("Opened %1")
            self._messages.show_info(text.replace("%1", wanted.path.name))
        self.opened.emit()
        self.photos_missing.emit([photo.name for photo in project.missing])

    def _failed(self, wanted: _Wanted, error: BaseException) -> None:
        if wanted.left is not None:
            self.autosave.recovery.abandon()  # what cannot be read today, another version may read
        elif not wanted.path.exists():
            self._settings.forget_project(wanted.path)
            self.recent_changed.emit()
        if isinstance(error, OSError):
            error = ProjectError(
                self.tr("There is no place to unpack %1").replace("%1", str(wanted.path)),
                found=error.strerror or str(error),
                remedy=self.tr("Free some space, or check the permissions of your data folder."),
            )
        self._messages.show_error(error)

    def _tell_missing(self, missing: tuple[ProjectPhoto, ...]) -> None:
        text = self.tr("%1 photos of this project were not found.").replace("%1", str(len(missing)))
        places = "\n".join(str(place) for photo in missing[:20] for place in photo.sought)
        remedy = self.tr("What to do: File > Find missing photos. The heads can be edited and exported without them.")
        self._messages.show_warning(text, "\n".join((self.tr("Looked for:"), places, remedy)))

    def _remember(self, path: Path) -> None:
        self._settings.remember_project(path)
        self.recent_changed.emit()
