"""What commands that compare trainings have in common: options, the story of their results, and how they go on."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.interrupts import interrupts
from fields_core.cli.options import writable_folder
from fields_core.cli.results import publish, told
from fields_core.cli.terminal import Terminal
from fields_core.progress import Cancelled, CancelToken, ProgressCallback

if TYPE_CHECKING:
    from fields_core.evaluation.comparison import ComparedRun, ComparisonPlan, Variant
    from fields_core.evaluation.results import Fact, Table
    from fields_core.training.config import TrainConfig

STATUS = "Exit status: 0 measured, 2 nothing could be measured, 130 interrupted."
_INTERRUPTED = 130


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


def chosen_plan(arguments: argparse.Namespace, config: TrainConfig, variants: tuple[Variant, ...]) -> ComparisonPlan:
    """What the options ask for.

    Raises:
        SettingsError: nothing can be written to the folder of --runs.
    """
    from fields_core.evaluation.comparison import ComparisonPlan

    return ComparisonPlan(
        config,
        Path(arguments.data).expanduser(),
        Path(arguments.start).expanduser(),
        writable_folder(arguments.runs),
        variants,
        arguments.seeds,
        head_file(arguments),
    )


def head_file(arguments: argparse.Namespace) -> Path | None:
    """The file of --head."""
    return Path(arguments.head).expanduser() if arguments.head else None


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


def compare(
    arguments: argparse.Namespace,
    terminal: Terminal,
    title: str,
    name: str,
    plan: ComparisonPlan,
    facts: Sequence[Fact],
    begin: Callable[[ProgressCallback, CancelToken], Callable[[ComparedRun], Sequence[Table]]],
) -> int:
    """Train what is missing, measure every training as soon as it is there, and show the tables; those of what is known
    so far are in the folder of the runs.

    Args:
        name: of the tables there, without an ending.
        begin: gives what measures: it gets each finished training in turn and returns the tables of all so far.

    Returns:
        the exit status.

    Raises:
        FieldsError: see `fields_core.evaluation.comparison.train_runs` and what measures.
    """
    from fields_core.cli.train import tell
    from fields_core.evaluation.comparison import planned_runs, train_runs
    from fields_core.evaluation.results import write_result

    token = CancelToken()
    tables: Sequence[Table] = ()
    with interrupts(token), terminal.progress() as progress:
        try:
            measure = begin(progress.show_or_tell, token)
            for number, one in enumerate(train_runs(plan, lambda event: tell(terminal, event), token), start=1):
                tables = measure(one)
                terminal.note(f"{number} of {len(planned_runs(plan))} runs: {one.folder}")
                for ending in (".md", ".csv"):
                    write_result(plan.runs / (name + ending), told(arguments, title, tables, facts))
        except Cancelled:
            terminal.note("Interrupted; the same command goes on.")
            return _INTERRUPTED
    publish(arguments, terminal, title, tables, facts)
    return 0
