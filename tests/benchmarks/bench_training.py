"""How fast the encoder trains in each stage, and what a step's time goes into.

Times are the processor's on one thread: what else the machine does hardly counts.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import torch
from skimage import data
from torch import Tensor

from fields_core.data.sample import STORED_SCALE, STORED_SIZE, Sample, SampleBatch, collate
from fields_core.data.view import TrainingView
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import photo_from_array
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo
from fields_core.head import HeadModel, load_head
from fields_core.render.cpu import CpuRasterizer
from fields_core.training.allocator import keep_freed_memory
from fields_core.training.config import EncoderChoice, LossWeights, Stage, TrainConfig
from fields_core.training.face_geometry import FaceGeometry
from fields_core.training.module import EncoderTraining
from fields_core.training.objective import Objective
from fields_core.training.stages import starting_networks
from fields_core.training.stopwatch import Phase, Stopwatch
from tests.benchmarks.bench import Row

_BATCH = 32
_STEPS = 4


class TimedRasterizer:
    """The rasterizer that training uses, and the seconds spent in it."""

    def __init__(self) -> None:
        self._rasterizer = CpuRasterizer()
        self.seconds = 0.0

    def __call__(self, vertices: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
        start = time.process_time()
        seen = self._rasterizer(vertices, faces, height, width)
        self.seconds += time.process_time() - start
        return seen


def measure() -> list[Row]:
    keep_freed_memory()
    torch.set_num_threads(1)
    head, crops = load_head(), _crops()
    batch = _batch(head, crops, 0)
    config = TrainConfig()
    wide = dataclasses.replace(config, encoder=EncoderChoice("shared"))
    rendering = dataclasses.replace(config, losses=dataclasses.replace(LossWeights(), photometric=2.0))
    base, note, _ = _steps(config, "pretrain", head, batch)
    rows = [_loading(head, crops), Row("training, pretrain", base, "images/s", note=note)]
    low, note, _ = _steps(config, "pretrain", head, batch, torch.bfloat16)
    rows.append(Row("training, pretrain, bfloat16", low, "images/s", base, True, f"against float32; {note}"))
    for name, stage, chosen in (
        ("pretrain, layout shared", "pretrain", wide),
        ("pretrain with the photometric term", "pretrain", rendering),
        ("step A", "a", config),
        ("step B", "b", config),
    ):
        speed, note, waiting = _steps(chosen, stage, head, batch)  # type: ignore[arg-type]
        drawn = f"; {waiting:.1%} in the rasterizer" if waiting else ""
        rows.append(Row(f"training, {name}", speed, "images/s", base, True, f"against pretrain; {note}{drawn}"))
    return rows


def _crops() -> Sample:
    photo = photo_from_array(data.astronaut())
    with FaceDetector(small_faces=False) as detector:
        crop = crop_face(photo, detector.detect(photo)[0], STORED_SCALE, STORED_SIZE)
    return Sample("astronaut", "photos", crop.image, crop.landmarks, label=1, intensity=0.8, confidence=0.3)


def _batch(head: HeadModel, crop: Sample, seed: int) -> SampleBatch:
    """A quarter with 3D truth, a quarter labelled, the rest plain, as the default mixture has it."""
    view = TrainingView(np.random.default_rng(seed))
    plain = dataclasses.replace(crop, label=-1, intensity=float("nan"), confidence=0.0)
    with_3d = dataclasses.replace(crop, code=head.neutral_code(), confidence=1.0)
    quarter = _BATCH // 4
    chosen = [with_3d] * quarter + [crop] * quarter + [plain] * (2 * quarter)
    return collate([view(sample) for sample in chosen], head.neutral_code())


def _loading(head: HeadModel, crop: Sample) -> Row:
    start = time.process_time()
    for seed in range(4):
        _batch(head, crop, seed)
    speed = 4 * _BATCH / (time.process_time() - start)
    return Row("training views, one process", speed, "images/s", note="stored crop to batch, without reading")


def _steps(
    config: TrainConfig, stage: Stage, head: HeadModel, batch: SampleBatch, precision: torch.dtype | None = None
) -> tuple[float, str, float]:
    """Images a second, where the time goes, and the rasterizer's share."""
    module = _module(config, stage, head)
    rasterizer = TimedRasterizer()
    for renderer in (module.objective._renderer, getattr(module.synthesis, "_renderer", None)):
        if renderer is not None:
            renderer._rasterizer = rasterizer
    optimizer: Any = module.configure_optimizers()["optimizer"]
    module.train()
    watch = Stopwatch(time.process_time)
    for step in range(_STEPS + 1):
        if step == 1:  # compiled and warm
            watch, rasterizer.seconds = Stopwatch(time.process_time), 0.0
        watch.enter(Phase.FORWARD)
        with torch.autocast("cpu", precision, enabled=precision is not None):
            total = module.losses(batch, step).total
        watch.enter(Phase.BACKWARD)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        watch.enter(Phase.OPTIMIZER)
        optimizer.step()
        watch.enter(Phase.OTHER)
    speed = watch.whole(_STEPS * _BATCH)
    seconds = _STEPS * _BATCH / speed.images_per_second
    note = f"forward {speed.forward:.0%}, backward {speed.backward:.0%}, optimizer {speed.optimizer:.0%}"
    return speed.images_per_second, note, rasterizer.seconds / seconds


def _module(config: TrainConfig, stage: Stage, head: HeadModel) -> EncoderTraining:
    networks = starting_networks(config, "pretrain", head, None)
    if stage != "pretrain":
        info = CheckpointInfo(head.name, networks.encoder.config, 0.01)
        networks = starting_networks(config, stage, head, Checkpoint(info, networks.encoder, networks.emotion))
    objective = Objective(config, stage, FaceGeometry(head), 0.01, torch.ones(8))
    return EncoderTraining(networks, objective, config.stage(stage), config)
