"""What a stage leaves to read: CSV files and, where the package ``tensorboard`` is there, TensorBoard's event files.

``training.csv``, ``validation.csv`` and ``speed.csv`` in the stage's folder; ``tensorboard/`` beside them, with the
same numbers and the validation pictures.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from fields_core.training.metrics_log import MetricsLog
from fields_core.training.objective import LossTerms
from fields_core.training.stopwatch import Speed
from fields_core.training.validation import ValidationMetrics

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD_FOLDER = "tensorboard"


def tensorboard_installed() -> bool:
    """Whether event files can be written: ``pip install fields-head[tensorboard]``."""
    return importlib.util.find_spec("tensorboard") is not None


class StageLog:
    """The logs of one stage; closed by `close`."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open them; what lies behind ``step`` is from a future that will be lived again, and goes.

        Raises:
            ExportError: they cannot be written.
        """
        self._training = MetricsLog(
            folder / "training.csv", ("total", *(item.name for item in fields(LossTerms))), step
        )
        self._validation = MetricsLog(
            folder / "validation.csv", tuple(item.name for item in fields(ValidationMetrics)), step
        )
        self._speed = MetricsLog(folder / "speed.csv", tuple(item.name for item in fields(Speed)), step)
        self._board = _board(folder / TENSORBOARD_FOLDER, step) if tensorboard_installed() else None

    def trained(self, step: int, losses: Mapping[str, float], learning_rate: float, speed: Speed) -> None:
        """Weighted terms and their total, and how fast it went."""
        self._training.add(step, losses)
        self._speed.add(step, dataclasses.asdict(speed))
        self._show("loss", step, losses)
        self._show("rate", step, {"learning": learning_rate})
        self._show("speed", step, dataclasses.asdict(speed))

    def validated(self, step: int, metrics: ValidationMetrics, picture: Path | None) -> None:
        """Metrics on the held-out samples, and what they look like (PNG)."""
        self._validation.add(step, dataclasses.asdict(metrics))
        self._show("validation", step, dataclasses.asdict(metrics))
        if self._board is not None:
            if picture is not None:
                pixels = cv2.imread(str(picture), cv2.IMREAD_COLOR)
                assert pixels is not None, "the picture was written a moment ago"
                self._board.add_image("validation", pixels[..., ::-1], step, dataformats="HWC")
            self._board.flush()

    def close(self) -> None:
        """Write what is waiting to be written; safe to repeat."""
        if self._board is not None:
            self._board.close()

    def _show(self, group: str, step: int, values: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{group}/{name}", value, step)


def _board(folder: Path, step: int) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter  # seconds to import

    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
