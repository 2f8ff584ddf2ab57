"""What commands that compare trainings have in common: their options, and the story of their results."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fields_core.evaluation.comparison import ComparisonPlan
    from fields_core.evaluation.results import Fact
    from fields_core.training.config import TrainConfig

STATUS = "Exit status: 0 measured, 2 nothing could be measured, 130 interrupted."
INTERRUPTED = 130


def add_comparison(parser: argparse.ArgumentParser) -> None:
    """The options that say what is trained and what it is measured on."""
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of shards to train on")
    parser.add_argument("--start", required=True, metavar="FILE", help="pretrained checkpoint that all start from")
    parser.add_argument("--runs", required=True, metavar="DIR", help="folder for the runs")
    parser.add_argument("--train", nargs="+", required=True, metavar="SHARD", help="labelled photos for the probes")
    parser.add_argument("--test", nargs="+", required=True, metavar="SHARD", help="labelled photos of other people")
    config = parser.add_mutually_exclusive_group()
    config.add_argument("--config", metavar="FILE", help="configuration of the training: .json or .toml")
    config.add_argument("--preset", default="default", metavar="NAME", help="a ready-made one (default: default)")
    parser.add_argument("--rendered", type=int, default=300, metavar="N", help="heads to render (default 300)")
    parser.add_argument("--head", metavar="FILE", help="another head model (.npz)")


def chosen_config(arguments: argparse.Namespace) -> TrainConfig:
    """The configuration of --config or --preset.

    Raises:
        SettingsError: there is none, or its values make no sense.
    """
    from fields_core.training.config import load_config
    from fields_core.training.presets import preset

    return load_config(Path(arguments.config).expanduser()) if arguments.config else preset(arguments.preset)


def chosen_shards(arguments: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """Those of --train and of --test."""
    train, test = ([Path(name).expanduser() for name in names] for names in (arguments.train, arguments.test))
    return train, test


def story(plan: ComparisonPlan, budget: str, seeds: str, probes: str, test: Sequence[Path]) -> list[Fact]:
    """What a reader must know of the trainings.

    Args:
        budget: of each training.
        seeds: which trainings have them; of the plan: "0, 1" is put in front of it.
        probes: what these are trained on.
    """
    from fields_core.evaluation.comparison import data_shards, file_digest
    from fields_core.evaluation.rendered import HELD_OUT_SEED
    from fields_core.evaluation.results import Fact

    first = plan.config.seed
    numbers = ", ".join(str(first + number) for number in range(plan.seeds))
    return [
        Fact("start", f"{plan.start} (SHA-256 {file_digest(plan.start)[:12]})"),
        Fact("budget", budget),
        Fact("seeds", f"{numbers}{seeds}; rendered heads {HELD_OUT_SEED}"),
        Fact("trained on", ", ".join(path.name for path in data_shards(plan))),
        Fact("probes trained on", probes),
        Fact("tested on", ", ".join(path.name for path in test)),
        Fact("configuration", json.dumps(dataclasses.asdict(plan.config))),
    ]
