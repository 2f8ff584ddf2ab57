"""The window with everything that makes it work: all parts are made here, wired, and ended."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from fields_app.batch_queue import BatchQueue
from fields_app.controllers.batch import BatchController
from fields_app.controllers.editing import EditingController
from fields_app.controllers.emotion import EmotionController
from fields_app.controllers.engine import Engine
from fields_app.controllers.engine_loading import EngineLoading, load_engine
from fields_app.controllers.export import ExportController
from fields_app.controllers.expression import ExpressionController
from fields_app.controllers.live import LiveController
from fields_app.controllers.live_snapshot import LiveSnapshots
from fields_app.controllers.models import ModelsController
from fields_app.controllers.people import PeopleController
from fields_app.controllers.projects import ProjectsController
from fields_app.controllers.recent import RecentController
from fields_app.controllers.reconstruction import ReconstructionController
from fields_app.controllers.takes import TakeController
from fields_app.controllers.training import TrainingController
from fields_app.controllers.viewing import ViewController
from fields_app.live_view import LiveView
from fields_app.main_window import MainWindow
from fields_app.menus.batch_menu import BatchMenu
from fields_app.menus.file_menu import FileMenu
from fields_app.menus.help_menu import HelpMenu
from fields_app.menus.jobs_menu import JobsMenu
from fields_app.menus.live_menu import LiveMenu
from fields_app.menus.models_menu import ModelsMenu
from fields_app.menus.people_menu import PeopleMenu
from fields_app.menus.preferences_menu import PreferencesMenu
from fields_app.menus.project_menu import ProjectMenu
from fields_app.menus.take_menu import TakeMenu
from fields_app.menus.training_menu import TrainingMenu
from fields_app.session import Session
from fields_app.settings import Settings
from fields_app.take_state import TakeState

_log = logging.getLogger("fields_app")


class Workbench(QObject):
    """The window with everything that makes it work. Call `show`, then let the event loop run.

    Args:
        make_engine: builds the core, on a worker thread; again whenever the settings name other models.

    Signals:
        ready(): the core is there and the head is on show.
    """

    ready = Signal()
    _crashed = Signal(object, str)

    def __init__(self, make_engine: Callable[[], Engine] = load_engine, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings if settings is not None else Settings()
        self.session = Session(self)
        self.window = MainWindow(self.session, self.settings)
        self.messages = self.window.messages
        self.reconstruction = ReconstructionController(self.session, self.messages, self)
        self.editing = EditingController(self.session, self.messages, self)
        self.emotion = EmotionController(self.session, self.editing, self.messages, self)
        presets = self.settings.presets_file
        self.expression = ExpressionController(self.session, self.editing, self.messages, presets, self)
        self.export = ExportController(self.session, self.messages, self.settings, self)
        self.projects = ProjectsController(self.session, self.messages, self.settings, self)
        self.project_menu = ProjectMenu(self.window, self.projects, self.settings, self)
        self.recent = RecentController(self.messages, self.settings, self)
        self.preferences = PreferencesMenu(self.window, self.projects.autosave, self.settings, self)
        self.help = HelpMenu(self.window, self)
        queue = BatchQueue(self)
        self.batch = BatchController(queue, self.messages, self.settings, self)
        self.batch_menu = BatchMenu(self.window, queue, self.batch, self.reconstruction, self.settings, self)
        self.people = PeopleController(self.session, self.editing, self.messages, self)
        self.people_menu = PeopleMenu(self.window, self.session, self.people, self.reconstruction, self)
        self.viewing = ViewController(self.session, self.window.viewport, self.messages, self.settings.view, self)
        self.take = TakeState(self)
        self.takes = TakeController(self.take, self.messages, self.settings.takes, self)
        self.take_menu = TakeMenu(self.window, self.session, self.take, self.takes, self.settings.takes, self)
        self.file_menu = FileMenu(
            self.window, self.session, self.reconstruction, self.projects, self.takes, self.export, self.settings, self
        )
        self.live_view = LiveView(self)
        self.live = LiveController(
            self.live_view, self.session, self.messages, self.settings.live, self.settings.takes, self
        )
        self.snapshots = LiveSnapshots(self.live_view, self.session, self.editing, self.messages, self)
        self.live_menu = LiveMenu(self.window, self.session, self.live_view, self.live, self.settings.live, self)
        self.loading = EngineLoading(
            make_engine, self._hand_out, self.session, self.projects, self.messages, self.settings, self
        )
        self.models = ModelsController(self.messages, self.settings, self)
        self.models_menu = ModelsMenu(self.window, self.models, self.settings, self)
        self.jobs_menu = JobsMenu(self.window, self)
        self.jobs_menu.follow(self.loading, self.reconstruction, self.export, self.projects, self.models)
        self.jobs_menu.follow_queue(queue, self.batch)
        self.training = TrainingController(self.messages, self.settings, self)
        self.training_menu = TrainingMenu(self.window, self.training, self.settings, self)
        self.jobs_menu.follow_training(self.training)
        self.jobs_menu.follow_live(self.live_view, self.live)
        self._crashed.connect(self._show_crash, Qt.ConnectionType.QueuedConnection)
        self._wire()

    def show(self) -> None:
        """Show the window at once and start to load the core."""
        self.window.show()
        self.loading.start()

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Photos, folders of photos, a project or a take."""
        self.file_menu.open_paths(paths)

    def report_crash(self, error: BaseException) -> None:
        """Show an exception that nobody caught. Any thread may call this."""
        trace = "".join(traceback.format_exception(error))
        _log.error("uncaught exception\n%s", trace)
        self._crashed.emit(error, trace)

    def stop(self) -> None:
        """End all threads and free the renderer and the detector; harmless when called twice."""
        self.projects.stop()
        self.recent.stop()
        self.help.stop()
        self.people.stop()
        self.batch.stop()
        self.reconstruction.stop()
        self.emotion.stop()
        self.editing.stop()
        self.export.stop()
        self.viewing.stop()
        self.live.stop()
        self.snapshots.stop()
        self.takes.stop()
        self.models.stop()
        self.training_menu.stop()
        self.window.viewport.stop()
        self.loading.stop()

    def _wire(self) -> None:
        window, photo, sliders = self.window, self.window.photo, self.window.sliders
        window.add_undo(self.editing.undo_stack)
        window.closing.connect(self.stop)
        self.export.exported.connect(window.exported.show_files)
        window.refine_action.triggered.connect(self.reconstruction.refine)
        photo.invitation.project_requested.connect(self.projects.open)
        self.projects.recent_changed.connect(self.recent.refresh)
        self.recent.listed.connect(photo.invitation.set_recent)
        self.recent.refresh()
        photo.photo_picked.connect(self.reconstruction.show_photo)
        photo.face_picked.connect(self.reconstruction.select_face)
        photo.mesh_box.toggled.connect(self.editing.want_overlay)
        self.reconstruction.refined.connect(
            lambda person, fit: self.editing.replace_original(person, fit, self.tr("Refine fit"))
        )
        self.reconstruction.found_again.connect(
            lambda found: self.editing.change(self.session.with_people(found), self.tr("Find faces again"))
        )
        self.reconstruction.thumbnail_ready.connect(photo.set_thumbnail)
        sliders.value_edited.connect(self.editing.set_value)
        sliders.edit_finished.connect(self.editing.end_drag)
        sliders.reset_requested.connect(self.editing.reset)
        sliders.neutral_requested.connect(self.expression.relax)
        self._wire_expression()
        self._wire_models()
        self._wire_live()

    def _wire_expression(self) -> None:
        sliders, panel = self.window.sliders, self.window.emotion
        sliders.mirror_requested.connect(self.expression.mirror)
        sliders.symmetry_requested.connect(self.expression.symmetrise)
        sliders.lock_requested.connect(self.session.set_locked)
        sliders.presets.chosen.connect(self.expression.apply_preset)
        sliders.presets.keep_requested.connect(self.expression.keep_preset)
        sliders.presets.forget_requested.connect(self.expression.forget_preset)
        self.expression.presets_changed.connect(sliders.presets.set_presets)
        self.expression.sides_known.connect(sliders.set_sides)
        self.expression.strength_changed.connect(panel.show_strength)
        panel.strength_edited.connect(self.expression.scale)
        panel.strength_ended.connect(self.editing.end_drag)
        panel.dragged.connect(self.emotion.drag)
        panel.drag_ended.connect(self.emotion.end_drag)
        self.emotion.available_changed.connect(panel.set_available)
        self.emotion.reading_changed.connect(panel.show_reading)
        self.emotion.steered.connect(panel.show_reached)

    def _wire_live(self) -> None:
        menu, takes = self.live_menu, self.takes
        menu.panel.snapshot_requested.connect(self.snapshots.take)
        self.live.sharing.recorded.connect(takes.open)
        self.take.playing_changed.connect(lambda: self.live.freeze(self.take.playing or self.live_view.frozen))
        self.take_menu.panel.scrubbed.connect(lambda _: self.live.freeze(True))
        self.reconstruction.busy_changed.connect(lambda busy: menu.close_panel() if busy else None)

    def _wire_models(self) -> None:
        self.loading.first_loaded.connect(self._engine_loaded)
        self.loading.changing.connect(self.reconstruction.cancel)
        self.loading.changing.connect(self.batch.cancel)
        self.loading.changing.connect(self.live.stop_run)
        self.loading.changing.connect(lambda: self.take.set_take(None, None))
        self.loading.models_changed.connect(self.models_menu.refill)
        self.loading.models_changed.connect(self._go_on)
        self.loading.busy_changed.connect(
            lambda busy: self.models_menu.show_status(self.tr("Loading …") if busy else "")
        )
        self.models.engine_wanted.connect(self.loading.change)
        self.training.weights_installed.connect(
            lambda: self.loading.change(replace(self.settings.models, encoder=None))
        )

    def _engine_loaded(self) -> None:
        self.window.viewport.start(self.settings.viewport)
        self.recent.start()
        self.project_menu.offer_recovery()
        self.training_menu.reattach()
        self.ready.emit()

    def _hand_out(self, engine: Engine) -> None:
        """To everybody who works with it."""
        waiting = (
            self.emotion,
            self.expression,
            self.editing,
            self.export,
            self.people,
            self.batch,
            self.reconstruction,
            self.live,
            self.snapshots,
        )
        for controller in waiting:
            controller.set_engine(engine)
        self.projects.set_engine(engine)
        self.takes.set_head(engine.head)
        self.file_menu.set_head(engine.head)

    def _go_on(self) -> None:
        """The shown photo is reconstructed if the models that did it are gone."""
        entry = self.session.entry
        if entry is not None and not entry.reconstructed and not self.reconstruction.busy:
            self.reconstruction.show_photo(entry.id)

    def _show_crash(self, error: BaseException, trace: str) -> None:
        self.messages.show_error(error, trace)
