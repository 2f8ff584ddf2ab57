"""What each part of the method is worth: the same training without it, from the same start, with the same budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from fields_core.errors import SettingsError
from fields_core.evaluation.comparison import Variant
from fields_core.training.config import StageConfig, TrainConfig

STEP_B_SHARE = 0.25  # of the budget, where the configuration has no step B


def _without(**losses: float) -> Callable[[TrainConfig], TrainConfig]:
    return lambda config: dataclasses.replace(config, losses=dataclasses.replace(config.losses, **losses))


def _without_truth(config: TrainConfig) -> TrainConfig:
    """Neither direct 3D nor true intensities; without direct 3D alone, 3D samples still say how intense they are."""
    return dataclasses.replace(config, truth_3d=False)


def _plain(config: TrainConfig) -> TrainConfig:
    return dataclasses.replace(config, emotion_loss="plain")


def _one_step(config: TrainConfig) -> TrainConfig:
    """Everything at once: the decoder is there from the first step, and the expression learns as fast as in step A."""
    together = dataclasses.replace(config.a, steps=config.a.steps + config.b.steps, expression_rate=1.0)
    return dataclasses.replace(config, a=dataclasses.replace(config.a, steps=0), b=together)


VARIANTS = (
    Variant("full", "full", lambda config: config, repeated=True),
    Variant("no-direct-3d", "without direct 3D", _without(direct_3d=0.0), repeated=True),
    Variant("no-3d-truth", "without any 3D truth", _without_truth, repeated=True),
    Variant("plain-cross-entropy", "plain cross entropy", _plain, repeated=True),
    Variant("no-emotion", "without emotion", _without(emotion=0.0)),
    Variant("no-base", "without base regularisation", _without(base=0.0)),
    Variant("one-step", "one step instead of two", _one_step),
)


def chosen_variants(names: Sequence[str]) -> tuple[Variant, ...]:
    """Variants by name, in the table's order.

    Raises:
        SettingsError: one of them is unknown.
    """
    known = {variant.name for variant in VARIANTS}
    for name in names:
        if name not in known:
            raise SettingsError(
                f"There is no variant {name!r}", expected=", ".join(v.name for v in VARIANTS), found=name
            )
    return tuple(variant for variant in VARIANTS if variant.name in names)


def ablation_config(config: TrainConfig, steps: int | None = None) -> TrainConfig:
    """A configuration for an ablation: no pretraining, no pictures, and both steps within a budget.

    Args:
        config: of the full method; its steps A and B keep their proportion, and where it has no step B, a quarter of
            the budget becomes one: otherwise there would be nothing that one step could be compared with.
        steps: of A and B together; None takes the configuration's.

    Raises:
        SettingsError: too few steps for two stages.
    """
    total = config.a.steps + config.b.steps if steps is None else steps
    if total < 2:
        raise SettingsError(
            "Too few steps to compare anything", expected="2 or more for steps A and B", found=str(total)
        )
    share = config.b.steps / (config.a.steps + config.b.steps) if config.b.steps else STEP_B_SHARE
    second = min(max(1, round(share * total)), total - 1)
    return dataclasses.replace(
        config,
        pretrain=StageConfig(0),
        a=dataclasses.replace(config.a, steps=total - second),
        b=dataclasses.replace(config.b, steps=second),
        pictures_every=0,
    )
