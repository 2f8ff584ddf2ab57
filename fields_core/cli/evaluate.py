"""``fields evaluate``: how good the reconstructions are, in one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from fields_core.cli.terminal import Terminal


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("evaluate", help="measure how good the reconstructions are")
    measures = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    fit = measures.add_parser(
        "fit",
        help="how well heads fit a folder of photos",
        description="Fit the largest face of every photo and show landmark errors, times, and whether expressions mean "
        "what they say. Photos named *_neutral and *_smiling are compared person by person.",
        epilog="Exit status: 0 all requirements met, 1 some not met, 2 nothing could be measured.",
    )
    fit.add_argument("folder", metavar="FOLDER", help="folder of photos")
    fit.add_argument("--csv", metavar="FILE", help="also write one row a photo")
    fit.add_argument("--head", metavar="FILE", help="another head model: .npz, or FLAME 2020/2023 .pkl")
    fit.set_defaults(run=run_fit)


def run_fit(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Fit every photo of a folder and print the report."""
    terminal.note("Loading the head model and the face detector ...")
    from fields_core.evaluation.fit_report import evaluate_fit, format_report, write_csv
    from fields_core.head import load_head
    from fields_core.pipeline import Reconstructor

    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    with Reconstructor(head) as reconstructor, terminal.progress() as progress:
        report = evaluate_fit(Path(arguments.folder).expanduser(), reconstructor, progress.show_or_tell)
    terminal.write(format_report(report) + "\n")
    if arguments.csv:
        write_csv(report, Path(arguments.csv).expanduser())
    return 0 if all(requirement.met for requirement in report.requirements()) else 1
