"""``fields evaluate``: how good the reconstructions are, as tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.evaluate_ablation import add_parser as add_ablation
from fields_core.cli.evaluate_curve import add_parser as add_curve
from fields_core.cli.results import add_out, check_out, publish
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError

if TYPE_CHECKING:
    from fields_core.data.shards import ShardSet

_STATUS = "Exit status: 0 measured, 2 nothing could be measured."


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("evaluate", help="measure how good the reconstructions are")
    measures = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    _add_fit(measures)
    _add_emotion(measures)
    _add_reconstruction(measures)
    add_ablation(measures)
    add_curve(measures)


def _add_fit(measures: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
    add_out(fit)
    fit.set_defaults(run=run_fit)


def _add_emotion(measures: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    emotion = measures.add_parser(
        "emotion",
        help="how much emotion the codes of labelled photos hold, and how natural codes are",
        description="Train probes on the codes of one set of people, test them on another's (EMOCA's protocol, and a "
        "linear probe), and compare predicted with true intensity on rendered heads.",
        epilog=_STATUS,
    )
    emotion.add_argument("--train", nargs="+", required=True, metavar="SHARD", help="labelled photos to learn from")
    emotion.add_argument("--test", nargs="+", required=True, metavar="SHARD", help="labelled photos of other people")
    _add_coder(emotion)
    emotion.add_argument("--rendered", type=int, default=300, metavar="N", help="heads to render (default 300)")
    emotion.add_argument("--epochs", type=int, default=20, metavar="N", help="of the network probes (default 20)")
    emotion.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each of them (default 3)")
    emotion.add_argument("--linear-only", action="store_true", help="leave the network probes out: minutes less")
    emotion.add_argument("--head", metavar="FILE", help="another head model (.npz)")
    add_out(emotion)
    emotion.set_defaults(run=run_emotion)


def _add_reconstruction(measures: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reconstruction = measures.add_parser(
        "reconstruction",
        help="landmark errors by region, errors against 3D truth, and what a smile changes",
        description="Compare projected landmarks with the detector's on prepared photos, and codes with the truth on "
        "rendered heads of people that no training saw. The landmark fit stands beside the encoder. Photos named "
        "*_neutral and *_smiling tell what a smile changes: the expression, or wrongly the shape.",
        epilog=_STATUS,
    )
    reconstruction.add_argument("shards", nargs="*", metavar="SHARD", help="prepared photos")
    _add_coder(reconstruction)
    reconstruction.add_argument("--rendered", type=int, default=300, metavar="N", help="heads to render (default 300)")
    reconstruction.add_argument("--head", metavar="FILE", help="another head model (.npz)")
    add_out(reconstruction)
    reconstruction.set_defaults(run=run_reconstruction)


def _add_coder(parser: argparse.ArgumentParser) -> None:
    coder = parser.add_mutually_exclusive_group(required=True)
    coder.add_argument("--encoder", metavar="FILE", help="codes by this checkpoint (.safetensors)")
    coder.add_argument("--fit", action="store_true", help="codes by the landmark fit")


def run_fit(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Fit every photo of a folder and show the report."""
    check_out(arguments)
    terminal.note("Loading the head model and the face detector ...")
    from fields_core.evaluation.fit_report import evaluate_fit, fit_tables, write_csv
    from fields_core.evaluation.results import Fact
    from fields_core.head import load_head
    from fields_core.pipeline import Reconstructor

    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    with Reconstructor(head) as reconstructor, terminal.progress() as progress:
        report = evaluate_fit(Path(arguments.folder).expanduser(), reconstructor, progress.show_or_tell)
    facts = [Fact("head model", head.name), Fact("photos", f"{len(report.photos)} in {arguments.folder}")]
    publish(arguments, terminal, "How well heads fit photos", fit_tables(report), facts)
    if arguments.csv:
        write_csv(report, Path(arguments.csv).expanduser())
    return 0 if all(requirement.met for requirement in report.requirements()) else 1


def run_emotion(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Measure emotion and naturalness and show both."""
    check_out(arguments)
    if arguments.rendered < 2 or arguments.epochs < 1 or arguments.seeds < 1:
        raise SettingsError(
            "Too little to measure with",
            expected="--rendered of at least 2, --epochs and --seeds of at least 1",
            found=f"{arguments.rendered}, {arguments.epochs} and {arguments.seeds}",
        )
    terminal.note("Loading the head model ...")
    from fields_core.encoder.checkpoint import load_checkpoint
    from fields_core.encoder.runtime import EncoderRuntime
    from fields_core.evaluation.coders import code_photos, encoder_coder, fit_coder
    from fields_core.evaluation.emotion_probe import ProbeConfig
    from fields_core.evaluation.emotion_report import ProbePlan, emotion_tables, evaluate_emotion
    from fields_core.evaluation.rendered import HELD_OUT_SEED, code_heads, render_heads
    from fields_core.evaluation.results import Fact
    from fields_core.head import load_head
    from fields_core.progress import CancelToken

    train_set, test_set = shard_set(arguments.train), shard_set(arguments.test)
    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    checkpoint = load_checkpoint(Path(arguments.encoder).expanduser()) if arguments.encoder else None
    coder = fit_coder(head) if checkpoint is None else encoder_coder(EncoderRuntime(checkpoint), head)
    network = None if arguments.linear_only else ProbeConfig(epochs=arguments.epochs)
    token = CancelToken()
    with terminal.progress() as progress:
        show = progress.show_or_tell
        train = code_photos(train_set, coder, show, token, labelled=True)
        test = code_photos(test_set, coder, show, token, labelled=True)
        heads = code_heads(render_heads(head, arguments.rendered, show, token), coder, show, token)
        branch = None if checkpoint is None else checkpoint.emotion
        plan = ProbePlan(network, arguments.seeds)
        report = evaluate_emotion(train, test, heads, head, branch, plan, show, token)
    facts = [
        Fact("codes by", arguments.encoder or "the landmark fit"),
        Fact("head model", head.name),
        Fact("data", f"trained on {', '.join(_sources(train.sources))}; tested on {', '.join(_sources(test.sources))}"),
        Fact("seeds", f"probes 0 to {arguments.seeds - 1}, rendered heads {HELD_OUT_SEED}"),
    ]
    publish(arguments, terminal, "Emotion in codes, and their naturalness", emotion_tables(report), facts)
    return 0


def run_reconstruction(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Measure errors and show them."""
    check_out(arguments)
    if arguments.rendered == 1 or arguments.rendered < 0 or not (arguments.rendered or arguments.shards):
        raise SettingsError(
            "Too little to measure with",
            expected="prepared photos, or --rendered of at least 2",
            found=f"no photos and --rendered {arguments.rendered}",
        )
    terminal.note("Loading the head model ...")
    from fields_core.encoder.checkpoint import load_checkpoint
    from fields_core.encoder.runtime import EncoderRuntime
    from fields_core.evaluation.coders import code_photos, encoder_coder, fit_coder, mean_head_coder
    from fields_core.evaluation.geometry import ErrorMeter
    from fields_core.evaluation.reconstruction_report import CodedBy, evaluate_reconstruction, reconstruction_tables
    from fields_core.evaluation.rendered import HELD_OUT_SEED, code_heads, render_heads
    from fields_core.evaluation.results import Fact
    from fields_core.head import load_head
    from fields_core.progress import CancelToken

    photos = shard_set(arguments.shards)
    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    meter = ErrorMeter(head)
    coders = {"fit": fit_coder(head)}
    if arguments.encoder:
        encoder = EncoderRuntime(load_checkpoint(Path(arguments.encoder).expanduser()))
        coders = {"encoder": encoder_coder(encoder, head), **coders}
    coders["mean head"] = mean_head_coder(head)
    token = CancelToken()
    with terminal.progress() as progress:
        show = progress.show_or_tell
        rendered = render_heads(head, arguments.rendered, show, token) if arguments.rendered else None
        coded = [
            CodedBy(
                name,
                code_photos(photos, coder, show, token) if len(photos) and name != "mean head" else None,
                None if rendered is None else code_heads(rendered, coder, show, token),
            )
            for name, coder in coders.items()
        ]
        report = evaluate_reconstruction(coded, meter)
    facts = [
        Fact("codes by", arguments.encoder or "the landmark fit"),
        Fact("head model", head.name),
        Fact("data", f"{', '.join(_sources(report.sources)) or 'no photos'}; rendered heads of seed {HELD_OUT_SEED}"),
    ]
    publish(arguments, terminal, "Errors of reconstructions", reconstruction_tables(report), facts)
    return 0


def shard_set(names: Sequence[str]) -> ShardSet:
    """The samples of shards.

    Raises:
        ShardError: one of them is no shard.
    """
    from fields_core.data.shards import ShardSet

    return ShardSet([Path(name).expanduser() for name in names])


def _sources(sources: Sequence[str]) -> list[str]:
    return [f"{name} ({sources.count(name)})" for name in dict.fromkeys(sources)]
