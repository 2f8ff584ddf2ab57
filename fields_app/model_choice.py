"""Which head model and which encoder the user has chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QSettings

from fields_core.model_library import ModelFacts, Role


@dataclass(frozen=True)
class ModelChoice:
    """None stands for the file that is used where nothing is chosen."""

    head: Path | None = None
    encoder: Path | None = None

    def with_model(self, facts: ModelFacts) -> ModelChoice:
        """With this head model or encoder instead."""
        path = None if facts.standard else facts.path
        return replace(self, head=path) if facts.role is Role.HEAD else replace(self, encoder=path)

    def uses(self, facts: ModelFacts) -> bool:
        """Whether this is the chosen file for its role. There is no choice of landmarkers: the standard one is used."""
        chosen = {Role.HEAD: self.head, Role.ENCODER: self.encoder}.get(facts.role)
        return facts.standard if chosen is None else facts.path == chosen


class ModelSettings:
    """The choice in a QSettings store."""

    def __init__(self, store: QSettings) -> None:
        self._store = store

    def read(self) -> ModelChoice:
        head, encoder = (str(self._store.value(f"models/{name}", "")) for name in ("head", "encoder"))
        return ModelChoice(Path(head) if head else None, Path(encoder) if encoder else None)

    def write(self, choice: ModelChoice) -> None:
        for name, path in (("head", choice.head), ("encoder", choice.encoder)):
            self._store.setValue(f"models/{name}", str(path) if path is not None else "")
