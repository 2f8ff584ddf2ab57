"""``fields evaluate ablation``: what each part of the method is worth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.comparisons import INTERRUPTED, STATUS, add_comparison, chosen_config, chosen_shards, story
from fields_core.cli.interrupts import interrupts
from fields_core.cli.options import parse_choices, writable_folder
from fields_core.cli.results import add_out, check_out, publish, told
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import Cancelled, CancelToken

if TYPE_CHECKING:
    from fields_core.evaluation.comparison import Variant
    from fields_core.evaluation.results import Table

_TITLE = "Ablation"


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
    from fields_core.evaluation.ablation import ablation_config
    from fields_core.evaluation.ablation_report import ablation_tables
    from fields_core.evaluation.ablation_scores import START_SCORES_FILE, AblationScorer, evenly, score_run
    from fields_core.evaluation.comparison import ComparisonPlan, planned_runs, train_runs
    from fields_core.evaluation.results import write_result
    from fields_core.head import load_head

    head_file = Path(arguments.head).expanduser() if arguments.head else None
    start = Path(arguments.start).expanduser()
    variants = _variants(arguments.only)
    plan = ComparisonPlan(
        ablation_config(chosen_config(arguments), arguments.steps),
        Path(arguments.data).expanduser(),
        start,
        runs,
        variants,
        arguments.seeds,
        head_file,
    )
    paths = chosen_shards(arguments)
    train, test = evenly(ShardSet(paths[0]), arguments.photos), ShardSet(paths[1])
    data = "; ".join([", ".join(path.name for path in shards) for shards in paths] + [f"{len(train)} to learn from"])
    token = CancelToken()
    config = plan.config
    facts = story(
        plan,
        f"{config.a.steps} steps A and {config.b.steps} steps B of {config.batch_size} samples in every run",
        f" where repeated, else {config.seed}",
        f"{len(train)} photos of " + ", ".join(path.name for path in paths[0]),
        paths[1],
    )
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
            return INTERRUPTED
    publish(arguments, terminal, _TITLE, tables, facts)
    return 0


def _variants(only: str | None) -> tuple[Variant, ...]:
    from fields_core.evaluation.ablation import VARIANTS, chosen_variants

    if only is None:
        return VARIANTS
    return chosen_variants(parse_choices(only, tuple(variant.name for variant in VARIANTS), "variant"))
