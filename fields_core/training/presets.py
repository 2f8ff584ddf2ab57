"""Ready-made configurations by name."""

from __future__ import annotations

from fields_core.errors import SettingsError
from fields_core.training.config import DataConfig, EncoderChoice, LossWeights, StageConfig, TrainConfig

PRESETS: dict[str, TrainConfig] = {
    "quick": TrainConfig(
        pretrain=StageConfig(300, warmup=50),
        a=StageConfig(100, learning_rate=3e-4, warmup=20),
        validate_every=100,
        data=DataConfig(validation_samples=64),
        ema_decay=0.98,
    ),
    "default": TrainConfig(),
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
