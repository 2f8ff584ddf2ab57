"""Ready-made configurations by name."""

from __future__ import annotations

import dataclasses

from fields_core.errors import SettingsError
from fields_core.training.config import DataConfig, EncoderChoice, LossWeights, StageConfig, TrainConfig

_SHARES = DataConfig(fraction_3d=0.3, fraction_labelled=0.3, fraction_plain=0.2, fraction_people=0.2)
# What photos and rendered heads were found to need beside each other; see the model card of the weights that ship.
_LOSSES = LossWeights(
    landmarks=1500.0,
    eye_closure=4.0,
    lip_closure=3.0,
    emotion=0.4,
    calibration=12.0,
    shape_prior=2e-3,
    expression_prior=2e-3,
)

PRESETS: dict[str, TrainConfig] = {
    "quick": TrainConfig(
        data=dataclasses.replace(_SHARES, validation_samples=64),
        losses=_LOSSES,
        pretrain=StageConfig(300, warmup=50),
        a=StageConfig(100, learning_rate=7e-4, warmup=20),
        class_balance=0.8,
        validate_every=100,
        ema_decay=0.98,
    ),
    "default": TrainConfig(
        data=_SHARES,
        losses=_LOSSES,
        # Twice as fast, refinements diverged for some hundred steps.
        pretrain=StageConfig(4000, learning_rate=5e-4, weight_decay=0.02),
        a=StageConfig(3000, learning_rate=7e-4, weight_decay=0.05),
        batch_size=64,
        class_balance=0.8,
        ema_decay=0.998,
    ),
    "full": TrainConfig(
        encoder=EncoderChoice("three-branch", expression_backbone="tf_mobilenetv3_large_minimal_100"),
        losses=LossWeights(photometric=2.0),
        pretrain=StageConfig(60000, warmup=500),
        a=StageConfig(20000, learning_rate=3e-4),
        b=StageConfig(10000, learning_rate=3e-4, expression_rate=0.1),
        decoder_width=32,
        validate_every=1000,
    ),
}


def preset(name: str) -> TrainConfig:
    """Raises:
    SettingsError: no preset has this name.
    """
    if name not in PRESETS:
        raise SettingsError(f"There is no preset {name!r}", expected=", ".join(PRESETS), found=name)
    return PRESETS[name]
