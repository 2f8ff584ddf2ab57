"""How long a training will take and how much it will write, said before it starts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLabel, QWidget

from fields_app import style
from fields_app.training_history import amount, duration
from fields_core.training.config import TrainConfig
from fields_core.training.estimate import estimate
from fields_core.training.runs import RunFacts

if TYPE_CHECKING:
    from fields_core.training.data_check import DataCheck


class CostLabel(QLabel):
    """
    Args:
        folder: of the runs: is there room for another?
        runs: earlier ones, to go by.
        gpu: whether there is one; None: nobody knows.
    """

    def __init__(self, folder: Path, runs: Sequence[RunFacts], gpu: bool | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder, self._runs, self._gpu = folder, runs, bool(gpu)
        self.setObjectName("soft")

    def show_cost(self, config: TrainConfig | None, check: DataCheck | None) -> None:
        """Of a configuration, on what was looked at so far; nothing is said of none."""
        if config is None:
            self.setText("")
            return
        held_out = sum(source.validation for source in check.sources) if check is not None else 0
        samples = min(held_out, 3 * config.data.validation_samples)
        guess = estimate(config, self._runs, gpu=self._gpu, validation_samples=samples)
        basis = self.tr("as earlier runs went") if guess.measured else self.tr("a rough guess: no run to go by yet")
        text = self.tr("About %1 and %2 (%3)").replace("%1", duration(guess.seconds)).replace("%2", amount(guess.size))
        text, room = text.replace("%3", basis), _room(self._folder)
        if guess.size > room:
            text += self.tr("; only %1 are free").replace("%1", amount(room))
        self.setText(text)
        self.setStyleSheet(f"color: {style.WARNING};" if guess.size > room else "")


def _room(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be."""
    place = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
    try:
        return shutil.disk_usage(place).free if place is not None else sys.maxsize
    except OSError:
        return sys.maxsize
