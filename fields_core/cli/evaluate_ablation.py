"""``fields evaluate ablation``: what each part of the method is worth."""

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
from fields_core.cli.options import parse_choices
from fields_core.cli.results import add_out, check_out
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import CancelToken, ProgressCallback

if TYPE_CHECKING:
    from fields_core.evaluation.ablation_scores import ScoredRun
    from fields_core.evaluation.comparison import ComparedRun, Variant
    from fields_core.evaluation.results import Table


def add_parser(measures: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = measures.add_parser(
        "ablation",
        help="the method without each of its parts: emotion, naturalness and geometry in one table",
        description="Train the full method and variants without direct 3D, without any 3D truth, without emotion, with "
        "plain cross entropy, without base regularisation, and with one step instead of two: the same steps, data and "
        "pretrained start for all. Full, the two without 3D and plain cross entropy are trained with every seed. What "
        "is finished is not repeated and what was interrupted goes on; ablation.md and ablation.csv in the folder of "
        "the runs hold what is known so far.",
        epilog=STATUS,
    )
    add_comparison(parser)
    parser.add_argument(
        "--steps", type=int, metavar="N", help="of steps A and B together (default: the configuration's)"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of those that matter (default 3)")
    parser.add_argument(
        "--only", metavar="NAMES", help="some variants only, separated by commas: full,no-direct-3d,..."
    )
    parser.add_argument(
        "--photos", type=int, default=4000, metavar="N", help="at most so many for a probe to learn from (default 4000)"
    )
    add_out(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Train what is missing, measure everything, and show the table."""
    check_out(arguments)
    if arguments.seeds < 1 or arguments.rendered < 2 or arguments.photos < 1:
        raise SettingsError(
            "Too little to measure with",
            expected="--seeds and --photos of at least 1, --rendered of at least 2",
            found=f"{arguments.seeds}, {arguments.photos} and {arguments.rendered}",
        )
    terminal.note("Loading ...")
    from fields_core.data.shards import ShardSet
    from fields_core.evaluation.ablation import ablation_config
    from fields_core.evaluation.ablation_report import ablation_tables
    from fields_core.evaluation.ablation_scores import START_SCORES_FILE, AblationScorer, evenly, score_run
    from fields_core.head import load_head

    config = ablation_config(chosen_config(arguments), arguments.steps)
    plan = chosen_plan(arguments, config, _variants(arguments.only))
    paths = chosen_shards(arguments)
    train, test = evenly(ShardSet(paths[0]), arguments.photos), ShardSet(paths[1])
    data = "; ".join([", ".join(path.name for path in shards) for shards in paths] + [f"{len(train)} to learn from"])

    def begin(progress: ProgressCallback, token: CancelToken) -> Callable[[ComparedRun], Sequence[Table]]:
        head, kept = load_head(plan.head), plan.runs / "rendered-heads.npz"
        scorer = AblationScorer(head, train, test, data, arguments.rendered, kept, progress)
        first = scorer.score(plan.start, plan.runs / START_SCORES_FILE, token)
        scored: list[ScoredRun] = []

        def measure(one: ComparedRun) -> Sequence[Table]:
            scored.append(score_run(scorer, one, token))
            return ablation_tables(first, scored)

        return measure

    facts = story(
        plan,
        f"{config.a.steps} steps A and {config.b.steps} steps B of {config.batch_size} samples in every run",
        f" where repeated, else {config.seed}",
        f"{len(train)} photos of " + ", ".join(path.name for path in paths[0]),
        paths[1],
    )
    return compare(arguments, terminal, "Ablation", "ablation", plan, facts, begin)


def _variants(only: str | None) -> tuple[Variant, ...]:
    from fields_core.evaluation.ablation import VARIANTS, chosen_variants

    if only is None:
        return VARIANTS
    return chosen_variants(parse_choices(only, tuple(variant.name for variant in VARIANTS), "variant"))
