"""Watches over one stage: averages, logs, validates, draws, saves, stops."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from fields_core.files import replacing
from fields_core.progress import Cancelled, CancelToken
from fields_core.training.config import Stage, TrainConfig
from fields_core.training.ema import MovingAverage
from fields_core.training.events import CheckpointSaved, EventCallback, StageStarted, StepDone, Validated
from fields_core.training.metrics_log import MetricsLog
from fields_core.training.module import EncoderTraining
from fields_core.training.objective import LossTerms
from fields_core.training.pictures import PicturePainter
from fields_core.training.training_data import ValidationSet
from fields_core.training.validation import ValidationMetrics, validate

RESUME_FILE = "last.ckpt"
BEST_FILE = "best.safetensors"


@dataclass(frozen=True, eq=False)
class Orders:
    """How the outside steers a run."""

    report: EventCallback
    token: CancelToken
    """Stop now; the run can be resumed."""
    enough: CancelToken
    """Stop and take the best so far."""


class StageKeeper(pl.Callback):
    """Everything that happens between steps, in one order: average, log, validate, save, stop."""

    def __init__(
        self,
        config: TrainConfig,
        stage: Stage,
        folder: Path,
        orders: Orders,
        validation: ValidationSet,
        painter: PicturePainter | None,
        export: Callable[[Path, ValidationMetrics, int], None],
    ) -> None:
        """
        Args:
            folder: of the stage.
            export: writes the networks as they are at the moment.
        """
        self._config, self._stage, self._folder, self._orders = config, stage, folder, orders
        self._validation, self._painter, self._export = validation, painter, export
        self._steps = config.stage(stage).steps
        self._average: MovingAverage | None = None
        self._stored_average: Mapping[str, torch.Tensor] | None = None
        self._best = float("inf")
        self._without_gain = 0
        self._validations = 0

    def state_dict(self) -> dict[str, Any]:
        average = {} if self._average is None else self._average.state()
        return {
            "average": average,
            "best": self._best,
            "without_gain": self._without_gain,
            "validations": self._validations,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._stored_average = state_dict["average"]
        self._best, self._without_gain = state_dict["best"], state_dict["without_gain"]
        self._validations = state_dict["validations"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, EncoderTraining)
        self._average = MovingAverage(pl_module.trained_modules(), self._config.ema_decay)
        if self._stored_average is not None:
            self._average.restore(self._stored_average)
        step = trainer.global_step
        if trainer.is_global_zero:
            self._training_log = MetricsLog(
                self._folder / "training.csv", ("total", *(item.name for item in fields(LossTerms))), step
            )
            self._validation_log = MetricsLog(
                self._folder / "validation.csv", tuple(item.name for item in fields(ValidationMetrics)), step
            )
        self._saved_at = self._logged_at = time.monotonic()
        self._logged_step = step
        self._report(trainer, StageStarted(self._stage, step, self._steps))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        del outputs, batch, batch_idx
        assert isinstance(pl_module, EncoderTraining)
        assert self._average is not None
        self._average.update()
        step = trainer.global_step
        last = step >= self._steps
        if step % self._config.log_every == 0 or last:
            self._log(trainer, pl_module, step)
        enough = _agreed(trainer, self._orders.enough.cancelled)
        if step % self._config.validate_every == 0 or last or enough:
            self._validate(trainer, pl_module, step, self._average)
        if _agreed(trainer, self._orders.token.cancelled):
            self._save(trainer, step)
            raise Cancelled
        if _agreed(trainer, time.monotonic() - self._saved_at >= 60.0 * self._config.checkpoint_minutes):
            self._save(trainer, step)
        if enough or 0 < self._config.patience <= self._without_gain:
            trainer.should_stop = True

    def _log(self, trainer: pl.Trainer, module: EncoderTraining, step: int) -> None:
        now = time.monotonic()
        images = (step - self._logged_step) * self._config.batch_size
        rate = images / max(now - self._logged_at, 1e-9)
        self._logged_at, self._logged_step = now, step
        if trainer.is_global_zero:
            losses = module.terms.numbers()
            self._training_log.add(step, losses)
            self._report(trainer, StepDone(self._stage, step, self._steps, rate, losses))

    def _validate(self, trainer: pl.Trainer, module: EncoderTraining, step: int, average: MovingAverage) -> None:
        started = time.monotonic()
        if trainer.is_global_zero:
            with average.applied():
                self._validate_average(trainer, module, step)
        self._best, self._without_gain, self._validations = trainer.strategy.broadcast(
            (self._best, self._without_gain, self._validations)
        )
        self._logged_at += time.monotonic() - started  # images/s are those of training

    def _validate_average(self, trainer: pl.Trainer, module: EncoderTraining, step: int) -> None:
        metrics = validate(module, self._validation)
        self._validation_log.add(step, dataclasses.asdict(metrics))
        best = metrics.loss < self._best or not (self._folder / BEST_FILE).exists()
        self._without_gain = 0 if best else self._without_gain + 1
        if best:
            self._best = metrics.loss
            self._export(self._folder / BEST_FILE, metrics, step)
        picture = None
        every = self._config.pictures_every
        if self._painter is not None and every and self._validations % every == 0:
            picture = self._folder / "pictures" / f"step-{step:07d}.png"
            self._painter.paint(module, picture)
        self._validations += 1
        self._report(trainer, Validated(self._stage, step, metrics, best, picture))

    def _save(self, trainer: pl.Trainer, step: int) -> None:
        path = self._folder / RESUME_FILE
        if trainer.is_global_zero:
            with replacing(path) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(path)  # takes part in the exchange; rank 0 writes
        self._saved_at = time.monotonic()
        self._report(trainer, CheckpointSaved(self._stage, step))

    def _report(self, trainer: pl.Trainer, event: Any) -> None:
        if trainer.is_global_zero:
            self._orders.report(event)


def _agreed(trainer: pl.Trainer, wish: bool) -> bool:
    """True on all processes if it is on any."""
    return bool(trainer.strategy.reduce_boolean_decision(wish, all=False))
