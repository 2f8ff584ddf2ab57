"""The same training again and again with one thing changed: from the same start, on the same data."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fields_core.errors import SettingsError
from fields_core.progress import CancelToken
from fields_core.training.config import TrainConfig, load_config
from fields_core.training.events import EventCallback
from fields_core.training.noted_facts import noted_facts
from fields_core.training.run import CONFIG_FILE, ENCODER_FILE, RunRequest, run

NOTES_FILE = "comparison.json"


@dataclass(frozen=True)
class Variant:
    """A training, or the same with one thing changed."""

    name: str
    title: str
    change: Callable[[TrainConfig], TrainConfig]
    repeated: bool = False
    """Whether chance in it must be known: it is trained with every seed."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What is trained, from what, and where it goes."""

    config: TrainConfig
    """Of the training that nothing is changed in."""
    data: Path
    """Folder of shards."""
    start: Path
    """The pretrained checkpoint that every run starts from."""
    runs: Path
    """One folder a run; what is finished there is not repeated, what is interrupted goes on."""
    variants: tuple[Variant, ...]
    seeds: int = 3
    """Runs of the repeated variants; the others have one."""
    head: Path | None = None
    """Another head model than the open head."""


@dataclass(frozen=True)
class ComparedRun:
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


def planned_runs(plan: ComparisonPlan) -> list[ComparedRun]:
    """Every training of the plan: first all variants once, then the repeated ones again."""
    return [
        ComparedRun(
            variant,
            plan.config.seed + number,
            dataclasses.replace(variant.change(plan.config), seed=plan.config.seed + number),
            plan.runs / f"{variant.name}-seed{plan.config.seed + number}",
        )
        for number in range(plan.seeds)
        for variant in plan.variants
        if number == 0 or variant.repeated
    ]


def train_runs(plan: ComparisonPlan, report: EventCallback, token: CancelToken) -> Iterator[ComparedRun]:
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


def data_shards(plan: ComparisonPlan) -> list[Path]:
    """What the runs read: all shards of the folder, or those of the data sets that the configuration names."""
    names = plan.config.data.sources
    found = sorted(path for path in plan.data.glob("*.tar") if not path.name.startswith("."))  # those are in the making
    return [path for path in found if not names or path.name.rpartition("-")[0] in names]


def _claim(plan: ComparisonPlan) -> None:
    """Write down what the runs of a folder have in common, or compare with it: runs are only worth a comparison if
    start and data are the same."""
    shards = [(path.name, path.stat().st_size) for path in data_shards(plan)]
    common: dict[str, Any] = {
        "start": file_digest(plan.start),
        "data": [list(shard) for shard in shards],
        "head": None if plan.head is None else file_digest(plan.head),
    }
    known = noted_facts(plan.runs / NOTES_FILE, common)
    differing = [name for name, value in common.items() if known.get(name) != value]
    if differing:
        raise SettingsError(
            f"{plan.runs} holds runs that cannot be compared with these",
            found=f"another {' and another '.join(differing)}",
            remedy="Choose another folder for the runs.",
        )


def _same_config(one: ComparedRun) -> None:
    if load_config(one.folder / CONFIG_FILE) != one.config:
        raise SettingsError(
            f"{one.folder} holds a run with another configuration", remedy="Choose another folder for the runs."
        )
