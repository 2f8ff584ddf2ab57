"""``fields evaluate ablation``: what each part of the method is worth."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.interrupts import interrupts
from fields_core.cli.options import parse_choices, writable_folder
from fields_core.cli.results import add_out, check_out, publish, told
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import Cancelled, CancelToken

if TYPE_CHECKING:
    from fields_core.evaluation.ablation import AblationPlan, Variant
    from fields_core.evaluation.results import Fact, Table
    from fields_core.training.config import TrainConfig

_TITLE = "Ablation"
_INTERRUPTED = 130


def add_parser(measures: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = measures.add_parser(
        "ablation",
        help="the method without each of its parts: emotion, naturalness and geometry in one table",
        description="Train the full method and variants without direct 3D, without emotion, with plain cross entropy, "
        "without base regularisation, and with one step instead of two: the same steps, data and pretrained start for "
        "all. Full, without direct 3D and plain cross entropy are trained with every seed. What is finished is not "
        "repeated and what was interrupted goes on; ablation.md and ablation.csv in the folder of the runs hold what "
        "is known so far.",
        epilog="Exit status: 0 measured, 2 nothing could be measured, 130 interrupted.",
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of shards to train on")
    parser.add_argument("--start", required=True, metavar="FILE", help="pretrained checkpoint that all start from")
    parser.add_argument("--runs", required=True, metavar="DIR", help="folder for the runs")
    parser.add_argument("--train", nargs="+", required=True, metavar="SHARD", help="labelled photos for the probes")
    parser.add_argument("--test", nargs="+", required=True, metavar="SHARD", help="labelled photos of other people")
    config = parser.add_mutually_exclusive_group()
    config.add_argument("--config", metavar="FILE", help="configuration of the full method: .json or .toml")
    config.add_argument("--preset", default="default", metavar="NAME", help="a ready-made one (default: default)")
    parser.add_argument(
        "--steps", type=int, metavar="N", help="of steps A and B together (default: the configuration's)"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of those that matter (default 3)")
    parser.add_argument(
        "--only", metavar="NAMES", help="some variants only, separated by commas: full,no-direct-3d,..."
    )
    parser.add_argument("--rendered", type=int, default=300, metavar="N", help="heads to render (default 300)")
    parser.add_argument(
        "--photos", type=int, default=4000, metavar="N", help="at most so many for a probe to learn from (default 4000)"
    )
    parser.add_argument("--head", metavar="FILE", help="another head model (.npz)")
    add_out(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Train what is missing, measure everything, and show the table."""
    check_out(arguments)
    runs = writable_folder(arguments.runs)
    if arguments.seeds < 1 or arguments.rendered < 2 or arguments.photos < 1:
        raise SettingsError(
            "Too little to measure with",
            expected="--seeds and --photos of at least 1, --rendered of at least 2",
            found=f"{arguments.seeds}, {arguments.photos} and {arguments.rendered}",
        )
    terminal.note("Loading ...")
    from fields_core.cli.train import tell
    from fields_core.data.shards import ShardSet
    from fields_core.evaluation.ablation import AblationPlan, planned_runs, train_runs
    from fields_core.evaluation.ablation_report import ablation_tables
    from fields_core.evaluation.ablation_scores import START_SCORES_FILE, AblationScorer, evenly, score_run
    from fields_core.evaluation.results import write_result
    from fields_core.head import load_head

    head_file = Path(arguments.head).expanduser() if arguments.head else None
    start = Path(arguments.start).expanduser()
    variants = _variants(arguments.only)
    plan = AblationPlan(
        _config(arguments), Path(arguments.data).expanduser(), start, runs, variants, arguments.seeds, head_file
    )
    paths = [[Path(name).expanduser() for name in names] for names in (arguments.train, arguments.test)]
    train, test = evenly(ShardSet(paths[0]), arguments.photos), ShardSet(paths[1])
    data = "; ".join([", ".join(path.name for path in shards) for shards in paths] + [f"{len(train)} to learn from"])
    token = CancelToken()
    facts = _facts(plan, paths[0], len(train), paths[1])
    tables: tuple[Table, ...] = ()
    with interrupts(token), terminal.progress() as progress:
        head, kept = load_head(head_file), runs / "rendered-heads.npz"
        scorer = AblationScorer(head, train, test, data, arguments.rendered, kept, progress.show_or_tell)
        try:
            first = scorer.score(start, runs / START_SCORES_FILE, token)
            scored = []
            for one in train_runs(plan, lambda event: tell(terminal, event), token):
                scored.append(score_run(scorer, one, token))
                terminal.note(f"{len(scored)} of {len(planned_runs(plan))} runs: {one.folder}")
                tables = ablation_tables(first, scored)
                for name in ("ablation.md", "ablation.csv"):
                    write_result(runs / name, told(arguments, _TITLE, tables, facts))
        except Cancelled:
            terminal.note("Interrupted; the same command goes on.")
            return _INTERRUPTED
    publish(arguments, terminal, _TITLE, tables, facts)
    return 0


def _config(arguments: argparse.Namespace) -> TrainConfig:
    from fields_core.evaluation.ablation import ablation_config
    from fields_core.training.config import load_config
    from fields_core.training.presets import preset

    config = load_config(Path(arguments.config).expanduser()) if arguments.config else preset(arguments.preset)
    return ablation_config(config, arguments.steps)


def _variants(only: str | None) -> tuple[Variant, ...]:
    from fields_core.evaluation.ablation import VARIANTS, chosen_variants

    if only is None:
        return VARIANTS
    return chosen_variants(parse_choices(only, tuple(variant.name for variant in VARIANTS), "variant"))


def _facts(plan: AblationPlan, train: Sequence[Path], photos: int, test: Sequence[Path]) -> list[Fact]:
    from fields_core.evaluation.ablation import data_shards, file_digest
    from fields_core.evaluation.rendered import HELD_OUT_SEED
    from fields_core.evaluation.results import Fact

    config, seeds = plan.config, range(plan.config.seed, plan.config.seed + plan.seeds)
    budget = f"{config.a.steps} steps A and {config.b.steps} steps B of {config.batch_size} samples in every run"
    shards = [path.name for path in data_shards(plan)]
    return [
        Fact("start", f"{plan.start} (SHA-256 {file_digest(plan.start)[:12]})"),
        Fact("budget", budget),
        Fact("seeds", f"{', '.join(map(str, seeds))} where repeated, else {seeds[0]}; rendered heads {HELD_OUT_SEED}"),
        Fact("trained on", ", ".join(shards)),
        Fact("probes trained on", f"{photos} photos of " + ", ".join(path.name for path in train)),
        Fact("tested on", ", ".join(path.name for path in test)),
        Fact("configuration", json.dumps(dataclasses.asdict(config))),
    ]
