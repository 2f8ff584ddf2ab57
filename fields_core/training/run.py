"""One call trains everything: pretraining, step A, step B. What is interrupted goes on where it stopped."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from fields_core.data.addresses import Addresses
from fields_core.data.mixture import Share
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint, save_checkpoint
from fields_core.errors import SettingsError
from fields_core.files import replacing
from fields_core.head import HeadModel, load_head
from fields_core.progress import CancelToken
from fields_core.training.allocator import keep_freed_memory
from fields_core.training.batches import BatchStream, ValidationSet
from fields_core.training.config import STAGES, Stage, TrainConfig, load_config, save_config
from fields_core.training.events import EventCallback, StageFinished
from fields_core.training.face_geometry import FaceGeometry
from fields_core.training.keeper import BEST_FILE, RESUME_FILE, Orders, StageKeeper
from fields_core.training.module import EncoderTraining
from fields_core.training.noted_facts import noted_facts
from fields_core.training.objective import Objective
from fields_core.training.pictures import PicturePainter
from fields_core.training.stages import starting_networks
from fields_core.training.training_data import (
    TrainingData,
    all_class_weights,
    measured_scale,
    mixture,
    read_folder,
)
from fields_core.training.validation import ValidationMetrics

CONFIG_FILE = "config.json"
DATA_FILE = "data.json"
ENCODER_FILE = "encoder.safetensors"


@dataclass(frozen=True)
class RunRequest:
    """What to train, on what, and where the results go."""

    config: TrainConfig
    data: Addresses
    """Folders of shards: paths, or addresses elsewhere (see `fields_core.data.shard_folder`)."""
    out: Path
    """Folder of the run: ``encoder.safetensors``, ``config.json`` and one folder a stage with logs and pictures."""
    resume: bool = False
    """Go on with the run that ``out`` holds; its configuration must be the same."""
    start: Path | None = None
    """A checkpoint to start from, instead of random weights or a pretraining of our own."""
    head: Path | None = None
    """Another head model than the open head."""
    cache: Path | None = None
    """Folder that keeps whole shards from elsewhere; None: samples are fetched when they are needed."""


def run(request: RunRequest, report: EventCallback, token: CancelToken, enough: CancelToken | None = None) -> Path:
    """Train, and return the file of the finished encoder.

    Args:
        report: called in this thread after every few steps.
        token: stops the run within a step; it can be resumed.
        enough: ends the run early with the best weights so far.

    Raises:
        Cancelled: by the token; a resumable checkpoint has been written.
        SettingsError: a folder that holds another run or one on other data, or data or a configuration that cannot be
            trained with.
        DivergedError: the losses are no numbers any more.
        ShardError, ModelFileError, ExportError: a file cannot be read or written.
    """
    orders = Orders(report, token, enough or CancelToken())
    if _leads():
        _claim(request)
    keep_freed_memory()
    with _settings(request.config):
        run_ = _Run(request, orders)
        start = load_checkpoint(request.start) if request.start else None
        base = None
        for stage in STAGES:
            if request.config.stage(stage).steps and not orders.enough.cancelled:
                base = start if stage == "a" else base
                start = load_checkpoint(run_.train(stage, start, base))
    if _leads():
        _copied(run_.latest, request.out / ENCODER_FILE)
    return request.out / ENCODER_FILE


class _Run:
    """What all stages share."""

    def __init__(self, request: RunRequest, orders: Orders) -> None:
        self._request, self._orders = request, orders
        config = request.config
        self._head: HeadModel = load_head(request.head)
        self._data: TrainingData = read_folder(request.data, config.data, request.cache)
        if _leads():
            _claim_data(request.out, self._data)
        self._mixture = mixture(self._data, config)
        self._neutral = self._head.neutral_code()
        self._scale = config.intensity_scale or measured_scale(self._data, self._head)
        self._validation = ValidationSet(
            self._data.validation, config.data.validation_samples, config.batch_size, self._neutral
        )
        self._painter = PicturePainter(self._head, list(self._validation)) if config.pictures_every else None
        self.latest = request.out / ENCODER_FILE

    def train(self, stage: Stage, start: Checkpoint | None, base: Checkpoint | None) -> Path:
        """Train a stage, unless that has been done before, and return its encoder."""
        config, folder = self._request.config, self._request.out / stage
        self.latest = folder / ENCODER_FILE
        if self.latest.exists():
            return self.latest
        networks = starting_networks(config, stage, self._head, start, base)
        objective = Objective(
            config,
            stage,
            FaceGeometry(self._head),
            self._scale,
            all_class_weights(self._data, config.class_balance),
        )
        module = EncoderTraining(networks, objective, config.stage(stage), config)
        export = functools.partial(self._export, module, stage)
        keeper = StageKeeper(config, stage, folder, self._orders, self._validation, self._painter, export)
        stage_steps = config.stage(stage).steps
        trainer = _trainer(config, stage_steps, folder, keeper)
        resume = folder / RESUME_FILE
        stream = BatchStream(
            self._mixture,
            self._neutral,
            lambda: range(trainer.global_step, stage_steps),
            config.data.workers,
            lambda: Share(trainer.global_rank, trainer.world_size),
        )
        try:
            trainer.fit(module, stream, ckpt_path=resume if resume.exists() else None, weights_only=True)
        finally:
            keeper.close()
        if trainer.is_global_zero:
            _copied(folder / BEST_FILE, self.latest)
            self._orders.report(StageFinished(stage, self.latest, keeper.speed))
        trainer.strategy.barrier()  # the others read it next
        return self.latest

    def _export(self, module: EncoderTraining, stage: Stage, path: Path, metrics: ValidationMetrics, step: int) -> None:
        training = {"stage": stage, "step": step, "config": dataclasses.asdict(self._request.config)}
        known = {name: value for name, value in dataclasses.asdict(metrics).items() if math.isfinite(value)}
        emotion = module.emotion if module.learns_emotion else None
        info = CheckpointInfo(
            self._head.name, module.encoder.config, self._scale, self._data.names, known, training, emotion is not None
        )
        save_checkpoint(path, Checkpoint(info, module.encoder, emotion))


def _leads() -> bool:
    """Whether this process is the first, or the only one, of the run."""
    return not TorchElasticEnvironment.detect() or os.environ["RANK"] == "0"


def _trainer(config: TrainConfig, steps: int, folder: Path, keeper: StageKeeper) -> pl.Trainer:
    """A trainer that does nothing but train: logs, checkpoints and validation are the keeper's.

    Under torchrun all its processes take part.
    """
    together = TorchElasticEnvironment.detect()
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if together else 1
    return pl.Trainer(
        accelerator=config.device,
        devices=local,
        num_nodes=int(os.environ.get("WORLD_SIZE", "1")) // local if together else 1,
        strategy="ddp" if together else "auto",
        plugins=[] if together else [LightningEnvironment()],
        precision="bf16-mixed" if config.precision == "bfloat16" else "32-true",
        max_epochs=-1,
        max_steps=steps,
        gradient_clip_val=config.gradient_clip,
        callbacks=[keeper],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _claim(request: RunRequest) -> None:
    """Make sure that the folder holds this run and no other.

    Raises:
        SettingsError: it holds another, or one that is not to be resumed, or none to resume.
    """
    stored = request.out / CONFIG_FILE
    if not stored.exists():
        if request.resume:
            raise SettingsError(f"{request.out} holds no run to resume", remedy="Leave out --resume.")
        save_config(stored, request.config)
    elif not request.resume:
        raise SettingsError(f"{request.out} already holds a run", remedy="Resume it, or choose another folder.")
    elif load_config(stored) != request.config:
        raise SettingsError(
            f"{request.out} holds a run with another configuration", remedy=f"Resume it with {stored} itself."
        )


def _claim_data(out: Path, data: TrainingData) -> None:
    """Make sure that a run goes on with the samples it began with, wherever they lie now: with others, its batches
    would be others too.

    Raises:
        SettingsError: the folder's run was trained on other data.
    """
    present = dict(zip(data.names, data.sizes, strict=True))
    known = noted_facts(out / DATA_FILE, present)  # as present in a new run, or one of before this file was
    if known != present:
        raise SettingsError(
            f"{out} holds a run on other data",
            expected=_counted(known),
            found=_counted(present),
            remedy="Give --data as it was, or begin a new run with --start and these weights.",
        )


def _counted(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {size} samples" for name, size in sizes.items())


def _copied(source: Path, target: Path) -> Path:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return target


@contextmanager
def _settings(config: TrainConfig) -> Iterator[None]:
    """Threads as configured and Lightning's talk kept down, for the time of a run."""
    talk = logging.getLogger("lightning.pytorch")
    threads, level = torch.get_num_threads(), talk.level
    talk.setLevel(logging.WARNING)
    torch.set_num_threads(config.threads or threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        talk.setLevel(level)
