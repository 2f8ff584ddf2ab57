"""A few made-up samples of the egg head, as shards: enough to train on for a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fields_core.camera import project
from fields_core.data.sample import Sample
from fields_core.data.shards import shard_path, write_shard
from fields_core.datatypes import FaceCode
from fields_core.head.model import HeadModel
from fields_core.training.config import DataConfig, EncoderChoice, StageConfig, TrainConfig
from tests.heads import tiny_head

TINY = TrainConfig(
    encoder=EncoderChoice("shared", expression_backbone="mobilenetv3_small_050"),
    data=DataConfig(workers=0, holdout_every=4, validation_samples=4),
    pretrain=StageConfig(4, warmup=1),
    a=StageConfig(2, warmup=1),
    b=StageConfig(2, learning_rate=1e-3, warmup=1, expression_rate=0.1),
    decoder_width=2,
    batch_size=4,
    intensity_scale=0.01,
    ema_decay=0.5,
    threads=1,
    validate_every=2,
    pictures_every=0,
    log_every=1,
)


def egg() -> HeadModel:
    return HeadModel(tiny_head())


def random_code(head: HeadModel, rng: np.random.Generator) -> FaceCode:
    code = head.neutral_code()
    expression = torch.from_numpy(rng.random((1, head.n_expression)) * (rng.random((1, head.n_expression)) < 0.2))
    return code.replace(
        shape=torch.from_numpy(rng.normal(size=(1, head.n_shape))).float(),
        expression=expression.float(),
        head_pose=torch.from_numpy(rng.normal(0.0, 0.1, (1, 3))).float(),
    )


def sample(head: HeadModel, number: int, *, with_3d: bool, label: int = -1) -> Sample:
    """The egg somewhere in a noisy picture."""
    rng = np.random.default_rng(number)
    code = random_code(head, rng)
    points = project(head.landmarks(head(code)), code.camera)[0, :, :2]
    return Sample(
        f"{number:03d}",
        "made" if with_3d else "photos",
        rng.integers(0, 255, (64, 64, 3), dtype=np.uint8),
        points.numpy().astype(np.float32),
        label=label,
        intensity=float(rng.random()),
        confidence=1.0 if with_3d else 0.3,
        code=code if with_3d else None,
    )


def write_data(folder: Path) -> Path:
    """Shards ``made`` (3D) and ``photos`` (every other one labelled) in ``folder``."""
    head = egg()
    write_shard(shard_path(folder, "made", 0), [sample(head, number, with_3d=True) for number in range(6)])
    photos = [sample(head, 100 + n, with_3d=False, label=n % 8 if n % 2 else -1) for n in range(12)]
    write_shard(shard_path(folder, "photos", 0), photos)
    return folder
