"""Every setting of a training in a sentence, with its unit: for forms, tool tips and help. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from fields_core.training.config import TrainConfig


@dataclass(frozen=True)
class Description:
    """Of one setting."""

    label: str
    sentence: str
    unit: str = ""


@dataclass(frozen=True)
class Setting:
    """One field of `TrainConfig` or of a table in it."""

    name: str
    """As in a configuration file: ``batch_size``, ``losses.landmarks``."""
    hint: Any
    """Its type: int, float, bool, str, a Literal, ``T | None`` or ``tuple[str, ...]``."""
    default: Any
    description: Description


@functools.cache  # types and descriptions do not change, and looking them up takes milliseconds
def settings() -> tuple[Setting, ...]:
    """All settings, in the order of the configuration.

    Raises:
        KeyError: one has no description.
    """
    return tuple(_settings(TrainConfig(), ""))


def value_of(config: TrainConfig, name: str) -> Any:
    """The value of a setting by its name."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _settings(part: Any, prefix: str) -> Iterator[Setting]:
    hints = get_type_hints(type(part))
    for item in dataclasses.fields(part):
        name, default = prefix + item.name, getattr(part, item.name)
        if dataclasses.is_dataclass(default):
            yield from _settings(default, f"{name}.")
        else:
            yield Setting(name, hints[item.name], default, describe(name))


def describe(name: str) -> Description:
    """Raises:
    KeyError: there is no such setting.
    """
    table, _, field = name.rpartition(".")
    return _STAGE[field] if table in ("pretrain", "a", "b") else DESCRIPTIONS[name]


_STAGE = {
    "steps": Description("Steps", "Batches this stage trains on; 0 leaves the stage out.", "steps"),
    "learning_rate": Description("Learning rate", "The highest, after the warm-up; it then falls as a cosine."),
    "warmup": Description("Warm-up", "Steps in which the learning rate rises from 0.", "steps"),
    "weight_decay": Description("Weight decay", "AdamW's pull of all weights towards 0."),
    "expression_rate": Description("Expression's rate", "Factor on the learning rate of the expression branch.", "×"),
}

DESCRIPTIONS: dict[str, Description] = {
    "encoder.layout": Description(
        "Layout", "rectified also looks at the detector's landmarks; three-branch and shared look at the picture alone."
    ),
    "encoder.pose_backbone": Description("Pose backbone", "Network of timm that sees pose and camera."),
    "encoder.shape_backbone": Description("Shape backbone", "Network of timm that sees the identity."),
    "encoder.expression_backbone": Description("Expression backbone", "Network of timm that sees the expression."),
    "encoder.gaze": Description("Gaze", "Also predict where the eyes look."),
    "data.sources": Description("Data sets", "Names of data sets in the folders, with commas; empty: all of them."),
    "data.fraction_3d": Description("With 3D truth", "Share of a batch with known 3D faces.", "of a batch"),
    "data.fraction_labelled": Description("Labelled", "Share of a batch with an emotion label.", "of a batch"),
    "data.fraction_plain": Description("Any photo", "Share of a batch of any photos.", "of a batch"),
    "data.fraction_people": Description(
        "Same person", "Share of a batch with two photos each of people of whom there are several.", "of a batch"
    ),
    "data.people_share": Description(
        "People", "Share of the people whose photos are trained on; 1 takes everybody.", "of the people"
    ),
    "data.holdout_every": Description(
        "Hold out every", "Every so many people of each data set are for validation only."
    ),
    "data.validation_samples": Description("Validation samples", "At most so many of each kind.", "samples"),
    "data.workers": Description("Readers", "Processes that read and vary samples; 0 reads in between.", "processes"),
    "losses.landmarks": Description("Landmarks", "Distance of the head's landmarks from those seen.", "weight"),
    "losses.eye_closure": Description("Eye closure", "How far the eyelids are apart.", "weight"),
    "losses.lip_closure": Description("Lip closure", "How far the lips are apart.", "weight"),
    "losses.direct_3d": Description("3D expression", "Expression against 3D truth, on vertices and codes.", "weight"),
    "losses.pose_shape_3d": Description(
        "3D pose and shape", "Pose and shape against 3D truth; in pretraining only.", "weight"
    ),
    "losses.identity": Description(
        "Identity", "On how far the shapes of one person's photos differ; pretraining only.", "per mm"
    ),
    "losses.emotion": Description("Emotion", "All terms of the emotion loss together.", "weight"),
    "losses.calibration": Description("Calibration", "Among them, that which keeps the intensity true.", "weight"),
    "losses.base": Description("Base", "Pull of step A towards the pretrained encoder.", "weight"),
    "losses.shape_prior": Description("Shape prior", "Pull of the shape towards the mean head.", "weight"),
    "losses.expression_prior": Description("Expression prior", "Pull of the expression towards rest.", "weight"),
    "losses.photometric": Description(
        "Photometric", "Colours of the rendered head against the photo; costs a rendering a step.", "weight"
    ),
    "losses.synthesis": Description("Synthesis", "Step B: the repainted face looks as the photo does.", "weight"),
    "losses.cycle": Description("Cycle", "Step B: a repainted face is read as it was painted.", "weight"),
    "batch_size": Description("Batch size", "Samples a step; memory grows with it.", "samples"),
    "seed": Description("Seed", "Of all chance: the same seed gives the same run."),
    "emotion_loss": Description("Emotion loss", "plain is cross entropy alone, for comparison."),
    "truth_3d": Description(
        "3D truth", "Steps A and B know expressions and intensities of 3D samples; off only for comparison."
    ),
    "class_balance": Description(
        "Class balance", "Classes weigh (1 / their frequency) to this power; 0 takes them as they come.", "exponent"
    ),
    "intensity_scale": Description(
        "Intensity scale", "Displacement that counts as intensity 1; empty: as the 3D data set says.", "m"
    ),
    "ema_decay": Description("Averaging", "What the averaged weights keep of themselves every step."),
    "gradient_clip": Description("Gradient clip", "Longest gradient of a step."),
    "precision": Description("Precision", "Numbers of the networks; bfloat16 is for recent GPUs."),
    "device": Description("Device", "auto takes a GPU where there is one."),
    "threads": Description("Threads", "Of the processor; empty leaves the choice to PyTorch.", "threads"),
    "validate_every": Description("Validate every", "Try the averaged weights on what is held out.", "steps"),
    "keep": Description(
        "Keep", "Which weights a stage hands on: best, those with the least validation loss, or the last ones."
    ),
    "patience": Description(
        "Patience", "Validations without a gain after which a stage ends; 0: never.", "validations"
    ),
    "pictures_every": Description("Pictures every", "Draw held-out faces; 0: never.", "validations"),
    "log_every": Description("Log every", "How often losses and speed are written down.", "steps"),
    "checkpoint_minutes": Description(
        "Checkpoint every", "How often the run is saved: no more than that can be lost.", "min"
    ),
    "decoder_width": Description("Decoder width", "Channels of step B's decoder at its first level.", "channels"),
}
