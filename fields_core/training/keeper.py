"""Watches over one stage: averages, logs, validates, draws, saves, stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from fields_core.files import replacing
from fields_core.progress import Cancelled, CancelToken
from fields_core.training.batches import ValidationSet
from fields_core.training.config import Stage, TrainConfig
from fields_core.training.ema import MovingAverage
from fields_core.training.events import CheckpointSaved, EventCallback, StageStarted, StepDone, Validated
from fields_core.training.module import EncoderTraining
from fields_core.training.pictures import PicturePainter
from fields_core.training.stage_log import StageLog
from fields_core.training.stopwatch import Phase, Speed, Stopwatch
from fields_core.training.validation import ValidationMetrics, validate

RESUME_FILE = "last.ckpt"
BEST_FILE = "best.safetensors"  # what the stage hands on; the last one, if the configuration says so


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
        self._log: StageLog | None = None
        self._watch = Stopwatch()
        self._first_step = self._logged_step = self._last_step = 0

    @property
    def speed(self) -> Speed:
        """Of the stage so far, since it began or went on."""
        return self._watch.whole(self._images(self._first_step, self._last_step))

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
            self._log = StageLog(self._folder, step)
        self._saved_at = time.monotonic()
        self._first_step = self._logged_step = self._last_step = step
        self._report(trainer, StageStarted(self._stage, step, self._steps))
        self._watch = Stopwatch()
        self._watch.enter(Phase.DATA)

    def on_train_batch_start(self, *_: Any) -> None:
        self._watch.enter(Phase.FORWARD)

    def on_before_backward(self, *_: Any) -> None:
        self._watch.enter(Phase.BACKWARD)

    def on_after_backward(self, *_: Any) -> None:
        self._watch.enter(Phase.OPTIMIZER)

    def close(self) -> None:
        """Write out the logs; for after the training, however it ended."""
        if self._log is not None:
            self._log.close()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        del outputs, batch, batch_idx
        assert isinstance(pl_module, EncoderTraining)
        assert self._average is not None
        self._watch.enter(Phase.OTHER)
        self._average.update()
        step = self._last_step = trainer.global_step
        last = step >= self._steps
        if step % self._config.log_every == 0 or last:
            self._note(trainer, pl_module, step)
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
        self._watch.enter(Phase.DATA)

    def _note(self, trainer: pl.Trainer, module: EncoderTraining, step: int) -> None:
        losses = module.terms.numbers()
        if trainer.world_size > 1:
            means = trainer.strategy.reduce(torch.tensor(list(losses.values()), device=module.device), reduce_op="mean")
            assert isinstance(means, torch.Tensor)
            losses = dict(zip(losses, means.tolist(), strict=True))
        speed = self._watch.lap(self._images(self._logged_step, step))
        self._logged_step = step
        if self._log is not None:
            rate = float(trainer.optimizers[0].param_groups[0]["lr"])
            self._log.trained(step, losses, rate, speed)
            done = StepDone(self._stage, step, self._steps, speed.images_per_second, losses, speed, rate)
            self._report(trainer, done)

    def _images(self, first: int, last: int) -> int:
        return (last - first) * self._config.batch_size

    def _validate(self, trainer: pl.Trainer, module: EncoderTraining, step: int, average: MovingAverage) -> None:
        self._watch.enter(Phase.VALIDATION)
        if self._log is not None:
            with average.applied():
                self._validate_average(trainer, module, step, self._log)
        self._best, self._without_gain, self._validations = trainer.strategy.broadcast(
            (self._best, self._without_gain, self._validations)
        )
        self._watch.enter(Phase.OTHER)

    def _validate_average(self, trainer: pl.Trainer, module: EncoderTraining, step: int, log: StageLog) -> None:
        metrics = validate(module, self._validation)
        best = metrics.loss < self._best or not (self._folder / BEST_FILE).exists()
        self._without_gain = 0 if best else self._without_gain + 1
        if best:
            self._best = metrics.loss
        if best or self._config.keep == "last":
            self._export(self._folder / BEST_FILE, metrics, step)
        picture = None
        every = self._config.pictures_every
        if self._painter is not None and every and self._validations % every == 0:
            picture = self._folder / "pictures" / f"step-{step:07d}.png"
            self._painter.paint(module, picture)
        self._validations += 1
        log.validated(step, metrics, picture)
        self._report(trainer, Validated(self._stage, step, metrics, best, picture))

    def _save(self, trainer: pl.Trainer, step: int) -> None:
        self._watch.enter(Phase.SAVING)
        path = self._folder / RESUME_FILE
        if trainer.is_global_zero:
            with replacing(path) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(path)  # takes part in the exchange; rank 0 writes
        self._saved_at = time.monotonic()
        self._watch.enter(Phase.OTHER)
        self._report(trainer, CheckpointSaved(self._stage, step))

    def _report(self, trainer: pl.Trainer, event: Any) -> None:
        if trainer.is_global_zero:
            self._orders.report(event)


def _agreed(trainer: pl.Trainer, wish: bool) -> bool:
    """True on all processes if it is on any."""
    return bool(trainer.strategy.reduce_boolean_decision(wish, all=False))
