"""What a training starts from: nothing, the weights of an earlier run, or a checkpoint file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget

from fields_core.training.runs import ENCODER_FILE, RunFacts


class StartFrom(QComboBox):
    """
    Args:
        folder: where checkpoint files are looked for at first.
        runs: those with weights can be started from.
    """

    def __init__(self, folder: Path, runs: Sequence[RunFacts], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setAccessibleName(self.tr("Start from"))
        self.setToolTip(self.tr("A training that starts from weights needs no pretraining"))
        self.addItem(self.tr("random weights"), "")
        for run in runs:
            if run.has_weights:
                self.addItem(self.tr("weights of %1").replace("%1", run.name), str(run.folder / ENCODER_FILE))
        self.addItem(self.tr("a checkpoint file …"), None)
        self.activated.connect(self._choose)

    @property
    def checkpoint(self) -> Path | None:
        """None: random weights."""
        chosen = self.currentData()
        return Path(chosen) if chosen else None

    def _choose(self, index: int) -> None:
        if self.itemData(index) is not None:
            return
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Start from"), str(self._folder), self.tr("Checkpoints (*.safetensors)")
        )
        if name:
            self.insertItem(index, Path(name).name, name)
        self.setCurrentIndex(index if name else 0)
