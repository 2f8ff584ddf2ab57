"""All runs of a folder: what they were told, how far they came, how good they are. Imports nothing heavy."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fields_core.errors import FieldsError
from fields_core.training.config import STAGES, TrainConfig, load_config
from fields_core.training.descriptions import settings, value_of
from fields_core.training.run_process import origin_of
from fields_core.training.run_status import RunState
from fields_core.training.supervisor import PLAN_FILE, Supervisor, is_run

ENCODER_FILE = "encoder.safetensors"
_OF_EMOTION = ("accuracy", "macro_recall")


@dataclass(frozen=True)
class Curve:
    """A number over the steps of one stage."""

    stage: str
    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class RunFacts:
    """One run, as its folder tells."""

    folder: Path
    config: TrainConfig | None
    """None where it is not readable."""
    state: RunState
    stage: str
    step: int
    best: dict[str, float]
    """What the best validation of the last stage measured; empty before the first."""
    images_per_second: float
    """NaN where it was not measured."""
    size: int
    """Bytes."""
    changed: float
    """When the run last wrote something; seconds since 1970."""
    data: tuple[str, ...] = ()
    """Folders of shards it learns from; empty where it does not say."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def learned_emotion(self) -> bool:
        """Whether the stage it came to trains an emotion branch; there is none before."""
        return self.stage not in ("", "pretrain") and (self.config is None or self.config.losses.emotion > 0.0)

    @property
    def has_weights(self) -> bool:
        return (self.folder / ENCODER_FILE).is_file()


def list_runs(folder: Path) -> list[RunFacts]:
    """The runs directly in a folder, the latest first; none if there is no such folder."""
    found = [run_facts(path) for path in folder.iterdir() if is_run(path)] if folder.is_dir() else []
    return sorted(found, key=lambda run: -run.changed)


def run_facts(folder: Path) -> RunFacts:
    """What a run's folder tells, however damaged."""
    supervisor = Supervisor(folder)
    supervisor.poll()
    status = supervisor.status
    files = [path for path in folder.rglob("*") if path.is_file()]
    facts = [path.stat() for path in files if path.exists()]
    curves = read_curves(folder)
    losses = [curve for curve in curves if curve.name == "total" and curve.steps]
    speeds = [curve for curve in curves if curve.name == "images_per_second" and curve.values]
    return RunFacts(
        folder=folder,
        config=config_of_run(folder),
        state=status.state,
        stage=status.stage or (losses[-1].stage if losses else ""),
        step=status.step or (losses[-1].steps[-1] if losses else 0),
        best=_best(curves),
        images_per_second=_median(speeds[-1].values) if speeds else math.nan,
        size=sum(fact.st_size for fact in facts),
        changed=max((fact.st_mtime for fact in facts), default=0.0),
        data=_data(folder),
    )


def _data(folder: Path) -> tuple[str, ...]:
    try:
        return origin_of(folder).data
    except FieldsError:
        return ()


def config_of_run(folder: Path) -> TrainConfig | None:
    """What a run was told; None where that is not readable."""
    for name in ("config.json", PLAN_FILE):
        try:
            return load_config(folder / name)
        except FieldsError:
            continue
    return None


def read_curves(folder: Path) -> list[Curve]:
    """Everything a run logged: its loss terms, its validation (``validation/...``) and its speed."""
    curves = []
    for stage in STAGES:
        curves += _table(folder / stage / "training.csv", stage, "")
        validation = _table(folder / stage / "validation.csv", stage, "validation/")
        if stage == "pretrain":  # older runs noted what an untrained emotion branch guessed
            validation = [curve for curve in validation if curve.name.removeprefix("validation/") not in _OF_EMOTION]
        curves += validation
        curves += _table(folder / stage / "speed.csv", stage, "")
    return curves


def differences(runs: Sequence[RunFacts]) -> dict[str, tuple[Any, ...]]:
    """Where runs differ: ``data``, and settings by name; the value in each (None where the run's are not readable)."""
    rows: dict[str, tuple[Any, ...]] = {}
    if any(run.data != runs[0].data for run in runs[1:]):
        rows["data"] = tuple(run.data for run in runs)
    for setting in settings():
        values = tuple(None if run.config is None else value_of(run.config, setting.name) for run in runs)
        if any(value != values[0] for value in values[1:]):
            rows[setting.name] = values
    return rows


def differs_from_default(config: TrainConfig) -> dict[str, Any]:
    """The settings that are not as they come."""
    return {
        setting.name: value_of(config, setting.name)
        for setting in settings()
        if value_of(config, setting.name) != setting.default
    }


def with_values(config: TrainConfig, values: dict[str, Any]) -> TrainConfig:
    """A configuration with some settings, by name, of other values.

    Raises:
        SettingsError: a value of the wrong kind or out of range.
    """
    tree = dataclasses.asdict(config)
    for name, value in values.items():
        table, _, field = name.rpartition(".")
        (tree[table] if table else tree)[field] = value
    return TrainConfig.from_dict(tree)


def _best(curves: Sequence[Curve]) -> dict[str, float]:
    for stage in reversed(STAGES):
        table = {curve.name: curve for curve in curves if curve.stage == stage}
        losses = table.get("validation/loss")
        if losses is not None and losses.values:
            least = min(range(len(losses.values)), key=lambda row: _or_infinity(losses.values[row]))
            metrics = {name: curve.values[least] for name, curve in table.items() if name.startswith("validation/")}
            return {name.removeprefix("validation/"): value for name, value in metrics.items()}
    return {}


def _table(path: Path, stage: str, prefix: str) -> list[Curve]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        rows = [row for row in rows if len(row) == len(head)]  # a crash may have cut the last one short
        steps = tuple(int(row[0]) for row in rows)
        columns = [tuple(float(row[column]) for row in rows) for column in range(1, len(head))]
    except (OSError, ValueError):
        return []
    return [Curve(stage, prefix + name, steps, values) for name, values in zip(head[1:], columns, strict=True)]


def _or_infinity(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
