"""What each part of the method is worth: the same training without it, from the same start, with the same budget."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fields_core.errors import SettingsError
from fields_core.files import replacing
from fields_core.progress import CancelToken
from fields_core.training.config import StageConfig, TrainConfig, load_config
from fields_core.training.events import EventCallback
from fields_core.training.run import CONFIG_FILE, ENCODER_FILE, RunRequest, run

NOTES_FILE = "ablation.json"
STEP_B_SHARE = 0.25  # of the budget, where the configuration has no step B


@dataclass(frozen=True)
class Variant:
    """The method, or the method without one of its parts."""

    name: str
    title: str
    change: Callable[[TrainConfig], TrainConfig]
    repeated: bool = False
    """Whether chance in it must be known: it is trained with every seed."""


def _without(**losses: float) -> Callable[[TrainConfig], TrainConfig]:
    return lambda config: dataclasses.replace(config, losses=dataclasses.replace(config.losses, **losses))


def _plain(config: TrainConfig) -> TrainConfig:
    return dataclasses.replace(config, emotion_loss="plain")


def _one_step(config: TrainConfig) -> TrainConfig:
    """Everything at once: the decoder is there from the first step, and the expression learns as fast as in step A."""
    together = dataclasses.replace(config.a, steps=config.a.steps + config.b.steps, expression_rate=1.0)
    return dataclasses.replace(config, a=dataclasses.replace(config.a, steps=0), b=together)


VARIANTS = (
    Variant("full", "full", lambda config: config, repeated=True),
    Variant("no-direct-3d", "without direct 3D", _without(direct_3d=0.0), repeated=True),
    Variant("plain-cross-entropy", "plain cross entropy", _plain, repeated=True),
    Variant("no-emotion", "without emotion", _without(emotion=0.0)),
    Variant("no-base", "without base regularisation", _without(base=0.0)),
    Variant("one-step", "one step instead of two", _one_step),
)


@dataclass(frozen=True)
class AblationPlan:
    """What is trained, from what, and where it goes."""

    config: TrainConfig
    """Of the full method; see `ablation_config`."""
    data: Path
    """Folder of shards."""
    start: Path
    """The pretrained checkpoint that every run starts from."""
    runs: Path
    """One folder a run; what is finished there is not repeated, what is interrupted goes on."""
    variants: tuple[Variant, ...] = VARIANTS
    seeds: int = 3
    """Runs of the repeated variants; the others have one."""
    head: Path | None = None
    """Another head model than the open head."""


@dataclass(frozen=True)
class AblationRun:
    """One training."""

    variant: Variant
    seed: int
    config: TrainConfig
    folder: Path

    @property
    def encoder(self) -> Path:
        return self.folder / ENCODER_FILE

    @property
    def finished(self) -> bool:
        return self.encoder.exists()


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


def planned_runs(plan: AblationPlan) -> list[AblationRun]:
    """Every training of the plan: first all variants once, then the repeated ones again."""
    return [
        AblationRun(
            variant,
            plan.config.seed + number,
            dataclasses.replace(variant.change(plan.config), seed=plan.config.seed + number),
            plan.runs / f"{variant.name}-seed{plan.config.seed + number}",
        )
        for number in range(plan.seeds)
        for variant in plan.variants
        if number == 0 or variant.repeated
    ]


def train_runs(plan: AblationPlan, report: EventCallback, token: CancelToken) -> Iterator[AblationRun]:
    """Train what is not finished yet; yields every run when it is.

    Raises:
        Cancelled: by the token; what was begun goes on the next time.
        SettingsError: the folder of the runs holds some with another start, other data or another configuration.
        DivergedError, ShardError, ModelFileError, ExportError: see `fields_core.training.run.run`.
    """
    _claim(plan)
    for one in planned_runs(plan):
        if one.finished:
            _same_config(one)
        else:
            begun = (one.folder / CONFIG_FILE).exists()
            request = RunRequest(one.config, plan.data, one.folder, resume=begun, start=plan.start, head=plan.head)
            run(request, report, token)
        yield one


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read", found=error.strerror or str(error)) from error


def data_shards(plan: AblationPlan) -> list[Path]:
    """What the runs read: all shards of the folder, or those of the data sets that the configuration names."""
    names = plan.config.data.sources
    found = sorted(path for path in plan.data.glob("*.tar") if not path.name.startswith("."))  # those are in the making
    return [path for path in found if not names or path.name.rpartition("-")[0] in names]


def _claim(plan: AblationPlan) -> None:
    """Write down what the runs of a folder have in common, or compare with it: runs are only worth a comparison if
    start and data are the same."""
    shards = [(path.name, path.stat().st_size) for path in data_shards(plan)]
    common: dict[str, Any] = {
        "start": file_digest(plan.start),
        "data": [list(shard) for shard in shards],
        "head": None if plan.head is None else file_digest(plan.head),
    }
    path = plan.runs / NOTES_FILE
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(common, indent=1) + "\n", "utf-8")
        return
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read", found=str(error)) from error
    differing = [name for name, value in common.items() if not isinstance(known, dict) or known.get(name) != value]
    if differing:
        raise SettingsError(
            f"{plan.runs} holds runs that cannot be compared with these",
            found=f"another {' and another '.join(differing)}",
            remedy="Choose another folder for the runs.",
        )


def _same_config(one: AblationRun) -> None:
    if load_config(one.folder / CONFIG_FILE) != one.config:
        raise SettingsError(
            f"{one.folder} holds a run with another configuration", remedy="Choose another folder for the runs."
        )
