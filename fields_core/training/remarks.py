"""What does not go together in a configuration, said before it costs hours. Imports nothing heavy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fields_core.training.config import STAGES, TrainConfig

if TYPE_CHECKING:
    from fields_core.training.data_check import DataCheck


@dataclass(frozen=True)
class Remark:
    """On one setting."""

    setting: str
    """Name as in a configuration file."""
    text: str
    fatal: bool = False
    """Training would fail, or could not learn anything."""


@dataclass(frozen=True)
class Circumstances:
    """What the configuration is to work with."""

    data: DataCheck | None = None
    """None: not known yet."""
    from_checkpoint: bool = False
    gpu: bool | None = None
    """Whether there is one; None: not known yet."""
    processors: int = 1


def remarks(config: TrainConfig, around: Circumstances) -> list[Remark]:
    """What is wrong or odd, the fatal first."""
    found = [*_stages(config, around), *_batches(config, around.data), *_device(config, around)]
    return sorted(found, key=lambda remark: not remark.fatal)


def _stages(config: TrainConfig, around: Circumstances) -> list[Remark]:
    found = []
    for name in STAGES:
        stage = config.stage(name)
        if 0 < stage.steps <= stage.warmup:
            found.append(Remark(f"{name}.warmup", "The learning rate never reaches its height: the stage ends before."))
        if 0 < stage.steps < config.validate_every:
            found.append(Remark("validate_every", f"Stage {name} is validated only at its end."))
    if not config.pretrain.steps and not around.from_checkpoint:
        text = "The other stages need a pretrained encoder: give this some steps, or start from a checkpoint."
        found.append(Remark("pretrain.steps", text, fatal=True))
    if config.encoder.layout != "three-branch":
        for branch in ("pose", "shape"):
            field = f"{branch}_backbone"
            if getattr(config.encoder, field) != getattr(TrainConfig().encoder, field):
                text = f"Only the layout three-branch has this backbone, not {config.encoder.layout}."
                found.append(Remark(f"encoder.{field}", text))
    return found


def _batches(config: TrainConfig, data: DataCheck | None) -> list[Remark]:
    shares = (config.data.fraction_3d, config.data.fraction_labelled, config.data.fraction_plain)
    if sum(shares) <= 0:
        return [Remark("data.fraction_3d", "All shares of a batch are 0: there is nothing to train on.", fatal=True)]
    if data is None:
        return []
    found = []
    chosen = [source for source in data.sources if not config.data.sources or source.name in config.data.sources]
    missing = [name for name in config.data.sources if name not in {source.name for source in data.sources}]
    if missing:
        found.append(Remark("data.sources", f"Not among the data: {', '.join(missing)}.", fatal=True))
    names = Counter(source.name for source in data.sources)
    if twice := [name for name, count in names.items() if count > 1]:
        text = f"Two folders hold a data set named {', '.join(twice)}: leave one out, or prepare it under another name."
        found.append(Remark("data.sources", text, fatal=True))
    used = {source.folder for source in chosen}
    if idle := sorted({source.folder for source in data.sources} - used):
        found.append(Remark("data.sources", f"Nothing of {', '.join(idle)} is used: none of its data sets is chosen."))
    if not sum(source.training for source in chosen):
        found.append(Remark("data.sources", "No samples to train on.", fatal=True))
    elif not sum(source.validation for source in chosen):
        found.append(Remark("data.holdout_every", "Nothing is held out: the best weights cannot be told.", fatal=True))
    if not any(source.with_3d for source in chosen):
        if config.intensity_scale is None:
            text = "Nothing tells how strong a strong expression is: add synthetic faces, or give this in metres."
            found.append(Remark("intensity_scale", text, fatal=True))
        if config.data.fraction_3d > 0:
            found.append(Remark("data.fraction_3d", "There are no samples with 3D truth; the share drops out."))
    if not any(sum(source.class_counts) for source in chosen) and config.a.steps and config.losses.emotion > 0:
        found.append(Remark("losses.emotion", "No sample has an emotion label: the emotion branch learns nothing."))
    return found


def _device(config: TrainConfig, around: Circumstances) -> list[Remark]:
    found = []
    if config.device == "cuda" and around.gpu is False:
        found.append(Remark("device", "This machine has no GPU that PyTorch can use.", fatal=True))
    on_cpu = config.device == "cpu" or around.gpu is False
    if config.precision == "bfloat16" and on_cpu:
        found.append(Remark("precision", "On most processors bfloat16 is slower than float32."))
    if on_cpu and config.losses.photometric > 0:
        found.append(Remark("losses.photometric", "Without a GPU the rendering takes most of a step's time."))
    if config.threads is not None and config.threads > around.processors:
        found.append(Remark("threads", f"This machine has {around.processors} processors."))
    return found
