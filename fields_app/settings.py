"""What the window remembers between two runs, as typed values over QSettings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths

from fields_app.export_settings import ExportChoice, ExportSettings
from fields_app.live_settings import LiveSettings
from fields_app.model_choice import ModelChoice, ModelSettings
from fields_app.preferences import Preferences
from fields_app.stored_values import stored_flag, stored_folder
from fields_app.take_settings import TakeSettings
from fields_app.units import Units
from fields_app.view_settings import ViewSettings
from fields_core.assets import user_data_folder

__all__ = ["ExportChoice", "Settings"]

_RECENT = 10


class Settings:
    """Typed access to one QSettings store.

    Args:
        store: where the values live; the user's own store by default, a temporary file in tests.
    """

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store if store is not None else QSettings("FIELDS", "fields-app")

    @property
    def photo_folder(self) -> Path:
        """Where the last photo was opened."""
        return stored_folder(self._store, "folders/photo", QStandardPaths.StandardLocation.PicturesLocation)

    @photo_folder.setter
    def photo_folder(self, folder: Path) -> None:
        self._store.setValue("folders/photo", str(folder))

    @property
    def export(self) -> ExportChoice:
        return self._export.read()

    @export.setter
    def export(self, choice: ExportChoice) -> None:
        self._export.write(choice)

    @property
    def _export(self) -> ExportSettings:
        folder = stored_folder(self._store, "export/directory", QStandardPaths.StandardLocation.DocumentsLocation)
        return ExportSettings(self._store, folder)

    @property
    def geometry(self) -> QByteArray:
        return QByteArray(self._bytes("window/geometry"))

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("window/geometry", value)

    @property
    def splitter(self) -> QByteArray:
        return QByteArray(self._bytes("window/splitter"))

    @splitter.setter
    def splitter(self, value: QByteArray) -> None:
        self._store.setValue("window/splitter", value)

    @property
    def emotion_open(self) -> bool | None:
        """Whether the emotion panel is unfolded; None: nobody has said."""
        return stored_flag(self._store, "window/emotion") if self._store.contains("window/emotion") else None

    @emotion_open.setter
    def emotion_open(self, opened: bool) -> None:
        self._store.setValue("window/emotion", opened)

    @property
    def takes(self) -> TakeSettings:
        """What is remembered of takes."""
        return TakeSettings(self._store)

    @property
    def live(self) -> LiveSettings:
        """What is remembered of the live view."""
        return LiveSettings(self._store)

    @property
    def view(self) -> ViewSettings:
        return ViewSettings(self._store)

    @property
    def models(self) -> ModelChoice:
        """Head model and encoder."""
        return ModelSettings(self._store).read()

    @models.setter
    def models(self, choice: ModelChoice) -> None:
        ModelSettings(self._store).write(choice)

    @property
    def presets_file(self) -> Path:
        """The user's own expressions."""
        remembered = str(self._store.value("files/presets", ""))
        return Path(remembered) if remembered else user_data_folder() / "presets.json"

    @presets_file.setter
    def presets_file(self, path: Path) -> None:
        self._store.setValue("files/presets", str(path))

    @property
    def runs_folder(self) -> Path:
        """Where trainings are kept."""
        remembered = str(self._store.value("folders/runs", ""))
        return Path(remembered) if remembered else user_data_folder() / "runs"

    @runs_folder.setter
    def runs_folder(self, folder: Path) -> None:
        self._store.setValue("folders/runs", str(folder))

    @property
    def training_data(self) -> tuple[str, ...]:
        """What the last training was made of: folders, files of labels, addresses; nothing before the first."""
        text = str(self._store.value("folders/training", ""))
        try:
            known = json.loads(text)
        except ValueError:
            return (text,) if text else ()  # FIELDS 0.1: one folder
        return tuple(str(address) for address in known) if isinstance(known, list) else ()

    @training_data.setter
    def training_data(self, addresses: Sequence[str]) -> None:
        self._store.setValue("folders/training", json.dumps(list(addresses)))

    @property
    def prepared_folder(self) -> Path:
        """Where photos are kept that were made into shards for a training."""
        remembered = str(self._store.value("folders/prepared", ""))
        return Path(remembered) if remembered else user_data_folder() / "training-data"

    @prepared_folder.setter
    def prepared_folder(self, folder: Path) -> None:
        self._store.setValue("folders/prepared", str(folder))

    @property
    def viewport(self) -> str:
        """ "auto", "opengl" or "image": which viewport backend to use."""
        value = str(self._store.value("viewport/backend", "auto"))
        return value if value in ("auto", "opengl", "image") else "auto"

    @property
    def preferences(self) -> Preferences:
        theme = str(self._store.value("window/theme", "dark"))
        return Preferences(
            photo_folder=self.photo_folder,
            project_folder=self.project_folder,
            export_folder=self.export.directory,
            theme=theme if theme in ("dark", "light") else "dark",
            units=Units(stored_flag(self._store, "units/radians"), stored_flag(self._store, "units/percent")),
            threads=self._integer("core/threads", 1, 1, 256),
            viewport=self.viewport,
            autosave_seconds=self.autosave_seconds,
        )

    @preferences.setter
    def preferences(self, chosen: Preferences) -> None:
        self.photo_folder, self.project_folder = chosen.photo_folder, chosen.project_folder
        self.export = replace(self.export, directory=chosen.export_folder)
        self.autosave_seconds = chosen.autosave_seconds
        for key, value in (
            ("window/theme", chosen.theme),
            ("units/radians", chosen.units.radians),
            ("units/percent", chosen.units.percent),
            ("core/threads", chosen.threads),
            ("viewport/backend", chosen.viewport),
        ):
            self._store.setValue(key, value)

    @property
    def recent_projects(self) -> tuple[Path, ...]:
        """Projects opened or saved lately, the last one first."""
        names = self._store.value("projects/recent", [])
        listed = [names] if isinstance(names, str) else names if isinstance(names, list) else []
        return tuple(Path(str(name)) for name in listed if name)[:_RECENT]

    def remember_project(self, path: Path) -> None:
        """Put a project first in the list."""
        path = path.absolute()
        others = [str(other) for other in self.recent_projects if other != path]
        self._store.setValue("projects/recent", [str(path), *others][:_RECENT])
        self._store.setValue("folders/project", str(path.parent))

    def forget_project(self, path: Path | None = None) -> None:
        """Take a project, or all, from the list."""
        left = [str(other) for other in self.recent_projects if path is not None and other != path.absolute()]
        self._store.setValue("projects/recent", left)

    @property
    def project_folder(self) -> Path:
        """Where the last project was opened or saved."""
        return stored_folder(self._store, "folders/project", QStandardPaths.StandardLocation.DocumentsLocation)

    @project_folder.setter
    def project_folder(self, folder: Path) -> None:
        self._store.setValue("folders/project", str(folder))

    @property
    def autosave_seconds(self) -> int:
        """How often unsaved work is copied to the recovery folder; 0: never."""
        return self._integer("projects/autosave", 30, 0, 3600)

    @autosave_seconds.setter
    def autosave_seconds(self, seconds: int) -> None:
        self._store.setValue("projects/autosave", seconds)

    @property
    def recovery_folder(self) -> Path | None:
        """Where unsaved work is kept in case of a crash; None: in the user's data folder."""
        value = str(self._store.value("folders/recovery", ""))
        return Path(value) if value else None

    @recovery_folder.setter
    def recovery_folder(self, folder: Path | None) -> None:
        self._store.setValue("folders/recovery", str(folder) if folder is not None else "")

    def _integer(self, key: str, default: int, least: int, greatest: int) -> int:
        try:
            value = int(str(self._store.value(key, default)))
        except ValueError:
            return default
        return min(max(value, least), greatest)

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
