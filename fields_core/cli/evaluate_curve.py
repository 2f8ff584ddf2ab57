"""``fields evaluate curve``: what more labelled photos would bring."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fields_core.cli.comparisons import (
    STATUS,
    add_comparison,
    chosen_config,
    chosen_plan,
    chosen_shards,
    compare,
    story,
)
from fields_core.cli.results import add_out, check_out
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import CancelToken, ProgressCallback

if TYPE_CHECKING:
    from fields_core.evaluation.comparison import ComparedRun
    from fields_core.evaluation.learning_curve import CurvePoint
    from fields_core.evaluation.results import Table


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
    if arguments.seeds < 1 or arguments.rendered < 2:
        raise SettingsError(
            "Too little to measure with",
            expected="--seeds of at least 1, --rendered of at least 2",
            found=f"{arguments.seeds} and {arguments.rendered}",
        )
    terminal.note("Loading ...")
    from fields_core.data.shards import ShardSet
    from fields_core.evaluation.learning_curve import SHARES, CurveScorer, curve_config, share_variants
    from fields_core.evaluation.learning_curve_report import curve_tables
    from fields_core.head import load_head

    config = curve_config(chosen_config(arguments), arguments.steps)
    plan = chosen_plan(arguments, config, share_variants(arguments.shares or SHARES))
    paths = chosen_shards(arguments)
    train, test = (ShardSet(shards) for shards in paths)
    data = "; ".join(", ".join(path.name for path in shards) for shards in paths)

    def begin(progress: ProgressCallback, token: CancelToken) -> Callable[[ComparedRun], Sequence[Table]]:
        head, kept = load_head(plan.head), plan.runs / "rendered-heads.npz"
        scorer = CurveScorer(head, train, test, data, arguments.rendered, kept, progress)
        points: list[CurvePoint] = []

        def measure(one: ComparedRun) -> Sequence[Table]:
            points.append(scorer.score(one, token))
            return curve_tables(points)

        return measure

    budget = f"{config.total_steps} steps of {config.batch_size} samples in every run"
    probes = "photos of the same people in " + ", ".join(path.name for path in paths[0])
    facts = story(plan, budget, "", probes, paths[1])
    return compare(arguments, terminal, "Learning curve", "curve", plan, facts, begin)
