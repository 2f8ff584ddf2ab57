"""``fields evaluate``: how good the reconstructions are, in one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError


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
    emotion = measures.add_parser(
        "emotion",
        help="how much emotion the codes of labelled photos hold, and how natural codes are",
        description="Train probes on the codes of one set of people, test them on another's (EMOCA's protocol), and "
        "compare predicted with true intensity on rendered heads. Without --weights the codes come from the landmark "
        "fit.",
        epilog="Exit status: 0 measured, 2 nothing could be measured.",
    )
    emotion.add_argument("--train", nargs="+", required=True, metavar="SHARD", help="labelled photos to learn from")
    emotion.add_argument("--test", nargs="+", required=True, metavar="SHARD", help="labelled photos of other people")
    emotion.add_argument("--weights", metavar="FILE", help="encoder checkpoint (.safetensors)")
    emotion.add_argument("--rendered", type=int, default=300, metavar="N", help="heads to render (default 300)")
    emotion.add_argument("--epochs", type=int, default=20, metavar="N", help="of the probes (default 20)")
    emotion.add_argument("--head", metavar="FILE", help="another head model (.npz)")
    emotion.set_defaults(run=run_emotion)


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


def run_emotion(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Measure emotion and naturalness and print both."""
    if arguments.rendered < 2 or arguments.epochs < 1:
        raise SettingsError(
            "Too little to measure with",
            expected="--rendered of at least 2, --epochs of at least 1",
            found=f"{arguments.rendered} and {arguments.epochs}",
        )
    terminal.note("Loading the head model ...")
    from fields_core.data.shards import ShardSet
    from fields_core.encoder.checkpoint import load_checkpoint
    from fields_core.encoder.runtime import EncoderRuntime
    from fields_core.evaluation.emotion_probe import ProbeConfig
    from fields_core.evaluation.emotion_report import encoder_coder, evaluate_emotion, fit_coder, format_report
    from fields_core.head import load_head
    from fields_core.progress import CancelToken

    train, test = (ShardSet([Path(name).expanduser() for name in names]) for names in (arguments.train, arguments.test))
    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    checkpoint = load_checkpoint(Path(arguments.weights).expanduser()) if arguments.weights else None
    coder = fit_coder(head) if checkpoint is None else encoder_coder(EncoderRuntime(checkpoint), head)
    with terminal.progress() as progress:
        report = evaluate_emotion(
            train,
            test,
            coder,
            head,
            branch=None if checkpoint is None else checkpoint.emotion,
            rendered=arguments.rendered,
            probe=ProbeConfig(epochs=arguments.epochs),
            progress=progress.show_or_tell,
            token=CancelToken(),
        )
    terminal.write(format_report(report) + "\n")
    return 0
