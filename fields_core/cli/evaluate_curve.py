"""``fields evaluate curve``: what more labelled photos would bring."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.comparisons import INTERRUPTED, STATUS, add_comparison, chosen_config, chosen_shards, story
from fields_core.cli.interrupts import interrupts
from fields_core.cli.options import writable_folder
from fields_core.cli.results import add_out, check_out, publish, told
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import Cancelled, CancelToken

if TYPE_CHECKING:
    from fields_core.evaluation.results import Table

_TITLE = "Learning curve"


def add_parser(measures: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = measures.add_parser(
        "curve",
        help="what more labelled photos would bring: the same training with the photos of ever more people",
        description="Train with the photos of some of the people, of more and of all, from the same pretrained start "
        "and for as many steps, and measure how much emotion the codes of other people's photos hold, beside "
        "naturalness. Probes learn from the photos that the training saw. What is finished is not repeated and what "
        "was interrupted goes on; curve.md and curve.csv in the folder of the runs hold what is known so far.",
        epilog=STATUS,
    )
    add_comparison(parser)
    parser.add_argument("--steps", type=int, metavar="N", help="of step A (default: the configuration's)")
    parser.add_argument(
        "--shares",
        nargs="+",
        type=float,
        metavar="SHARE",
        help="of the people (default .125 .25 .5 1); smaller ones are parts of larger ones",
    )
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="runs of each share (default 2)")
    add_out(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Train what is missing, measure everything, and show the tables."""
    check_out(arguments)
    runs = writable_folder(arguments.runs)
    if arguments.seeds < 1 or arguments.rendered < 2:
        raise SettingsError(
            "Too little to measure with",
            expected="--seeds of at least 1, --rendered of at least 2",
            found=f"{arguments.seeds} and {arguments.rendered}",
        )
    terminal.note("Loading ...")
    from fields_core.cli.train import tell
    from fields_core.data.shards import ShardSet
    from fields_core.evaluation.comparison import ComparisonPlan, planned_runs, train_runs
    from fields_core.evaluation.learning_curve import SHARES, CurveScorer, curve_config, share_variants
    from fields_core.evaluation.learning_curve_report import curve_tables
    from fields_core.evaluation.results import write_result
    from fields_core.head import load_head

    head_file = Path(arguments.head).expanduser() if arguments.head else None
    plan = ComparisonPlan(
        curve_config(chosen_config(arguments), arguments.steps),
        Path(arguments.data).expanduser(),
        Path(arguments.start).expanduser(),
        runs,
        share_variants(arguments.shares or SHARES),
        arguments.seeds,
        head_file,
    )
    paths = chosen_shards(arguments)
    data = "; ".join(", ".join(path.name for path in shards) for shards in paths)
    token = CancelToken()
    budget = f"{plan.config.total_steps} steps of {plan.config.batch_size} samples in every run"
    probes = "photos of the same people in " + ", ".join(path.name for path in paths[0])
    facts = story(plan, budget, "", probes, paths[1])
    tables: tuple[Table, ...] = ()
    with interrupts(token), terminal.progress() as progress:
        scorer = CurveScorer(
            load_head(head_file),
            ShardSet(paths[0]),
            ShardSet(paths[1]),
            data,
            arguments.rendered,
            runs / "rendered-heads.npz",
            progress.show_or_tell,
        )
        try:
            points = []
            for one in train_runs(plan, lambda event: tell(terminal, event), token):
                points.append(scorer.score(one, token))
                terminal.note(f"{len(points)} of {len(planned_runs(plan))} runs: {one.folder}")
                tables = curve_tables(points)
                for name in ("curve.md", "curve.csv"):
                    write_result(runs / name, told(arguments, _TITLE, tables, facts))
        except Cancelled:
            terminal.note("Interrupted; the same command goes on.")
            return INTERRUPTED
    publish(arguments, terminal, _TITLE, tables, facts)
    return 0
