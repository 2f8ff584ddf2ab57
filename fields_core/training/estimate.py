"""How long a training takes and how much room it needs, before it is started. Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fields_core.training.config import STAGES, TrainConfig
from fields_core.training.runs import RunFacts

_IMAGES_PER_SECOND = {"cpu": 20.0, "cuda": 1000.0}  # orders of magnitude, for a machine nothing is known of
_RUN_BYTES = 150 << 20  # of two stages of the default encoder: checkpoints with the optimiser's state, best, export
_PICTURE_BYTES = 250_000
_VALIDATION_SPEEDUP = 2.0  # no backward pass


@dataclass(frozen=True)
class Estimate:
    """Of a whole run."""

    seconds: float
    size: int
    """Bytes."""
    measured: bool
    """Whether earlier runs on this machine say so; otherwise it is an order of magnitude."""


def estimate(config: TrainConfig, earlier: Sequence[RunFacts], *, gpu: bool, validation_samples: int) -> Estimate:
    """Time and room.

    Args:
        earlier: runs of this machine; of those with the same encoder and device the latest counts.
        gpu: whether there is one.
        validation_samples: that are tried at every validation.
    """
    device = _device(config, gpu)
    like = [run for run in earlier if run.config is not None and run.config.encoder == config.encoder]
    speeds = [
        run.images_per_second
        for run in like
        if run.config is not None and math.isfinite(run.images_per_second) and _device(run.config, gpu) == device
    ]
    speed = speeds[0] if speeds else _IMAGES_PER_SECOND[device]
    validations = sum(math.ceil(config.stage(stage).steps / config.validate_every) for stage in STAGES)
    images = config.total_steps * config.batch_size + validations * validation_samples / _VALIDATION_SPEEDUP
    sizes = [run.size for run in like if run.has_weights]
    pictures = validations // config.pictures_every * _PICTURE_BYTES if config.pictures_every else 0
    return Estimate(images / max(speed, 1e-6), (max(sizes) if sizes else _RUN_BYTES) + pictures, bool(speeds))


def _device(config: TrainConfig, gpu: bool) -> str:
    return "cuda" if config.device == "cuda" or (config.device == "auto" and gpu) else "cpu"
