"""``fields train``: an encoder of one's own, from shards."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.interrupts import interrupts
from fields_core.cli.options import writable_folder
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import Cancelled, CancelToken

if TYPE_CHECKING:
    from fields_core.training.config import TrainConfig
    from fields_core.training.events import TrainingEvent
    from fields_core.training.run_process import RunOrigin


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "train",
        help="train an encoder",
        description="Train an encoder on shards that `fields prepare` made; the result is encoder.safetensors in the "
        "run's folder. Ctrl-C stops a run after the present step and --resume goes on exactly there; after a crash, "
        "from the last checkpoint.",
        epilog="Exit status: 0 trained, 2 wrong usage or nothing done, 130 interrupted.",
    )
    parser.add_argument("config", nargs="?", metavar="CONFIG", help="configuration: .json or .toml")
    parser.add_argument("--preset", metavar="NAME", help="a ready-made configuration instead: quick, default or full")
    parser.add_argument(
        "--data",
        action="append",
        metavar="DIR",
        help="folder of shards: a path, or an http(s):// or s3:// address; may be given several times (default with "
        "--resume: as the run began)",
    )
    parser.add_argument(
        "--cache", metavar="DIR", help="keep whole shards from elsewhere here (default: fetch each sample when needed)"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--start", metavar="FILE", help="checkpoint to start from (.safetensors)")
    parser.add_argument("--head", metavar="FILE", help="another head model: .npz, or FLAME 2020/2023 .pkl")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Train and show how it goes."""
    from fields_core.training.supervisor import is_run

    if arguments.resume and not is_run(Path(arguments.out).expanduser()):
        raise SettingsError(
            f"There is no run in {arguments.out}",
            expected="with --resume, the folder of a run that fields train began",
            remedy="Check --out, or leave --resume out to begin a run there.",
        )
    out = writable_folder(arguments.out)
    terminal.note("Loading ...")
    from fields_core.data.addresses import is_remote
    from fields_core.encoder.checkpoint import load_checkpoint
    from fields_core.encoder.onnx_graph import export_onnx
    from fields_core.training.attended import train_attended
    from fields_core.training.run import RunRequest
    from fields_core.training.stage_log import tensorboard_installed

    origin = _origin(arguments, out)
    start, head, cache = (
        Path(name).expanduser() if name else None for name in (origin.start, origin.head, origin.cache)
    )
    request = RunRequest(
        _config(arguments, out),
        tuple(address if is_remote(address) else Path(address).expanduser() for address in origin.data),
        out,
        resume=arguments.resume,
        start=start,
        head=head,
        cache=cache,
    )
    if not tensorboard_installed():
        terminal.note("No TensorBoard logs: its package is not installed (pip install 'fields-head[tensorboard]')")
    token = CancelToken()
    with interrupts(token):
        try:
            path = train_attended(request, lambda event: tell(terminal, event), token)
        except Cancelled:
            terminal.note(f"Interrupted; go on with fields train --resume --out {arguments.out}")
            return 130
    terminal.note("Writing its graph for ONNX Runtime ...")
    export_onnx(load_checkpoint(path), path.with_suffix(".onnx"))
    terminal.write(f"{path}\n")
    return 0


def _origin(arguments: argparse.Namespace, out: Path) -> RunOrigin:
    """What the run is made of: as given, and where a run is resumed without data, as it began."""
    from fields_core.training.run_process import RunOrigin, origin_of

    given = {name: getattr(arguments, name) for name in ("start", "head", "cache") if getattr(arguments, name)}
    if arguments.data:
        return RunOrigin(tuple(arguments.data), **given)
    if not arguments.resume:
        raise SettingsError("There is nothing to train on", expected="--data DIR, once or several times")
    return dataclasses.replace(origin_of(out), **given)


def _config(arguments: argparse.Namespace, out: Path) -> TrainConfig:
    from fields_core.training.config import load_config
    from fields_core.training.presets import preset
    from fields_core.training.run import CONFIG_FILE

    given = [value for value in (arguments.config, arguments.preset) if value]
    if arguments.resume and not given and (out / CONFIG_FILE).exists():
        return load_config(out / CONFIG_FILE)
    if len(given) != 1:
        raise SettingsError(
            "What to train is not clear",
            expected="a configuration file or --preset",
            found=" and ".join(given) or "none",
        )
    return preset(arguments.preset) if arguments.preset else load_config(Path(arguments.config).expanduser())


def tell(terminal: Terminal, event: TrainingEvent) -> None:
    """What happens in a run, as lines."""
    from fields_core.training.events import CheckpointSaved, StageFinished, StageStarted, StepDone, Validated

    match event:
        case StageStarted(stage, step, steps):
            terminal.note(f"Stage {stage}: step {step} of {steps}")
        case StepDone(stage, step, steps, rate, losses, speed):
            terminal.note(f"{stage} {step}/{steps}  loss {losses['total']:.4f}  {speed or f'{rate:.0f} images/s'}")
        case Validated(stage, step, metrics, best, _):
            measured = (
                (metrics.loss, f"loss {metrics.loss:.4f}"),
                (metrics.landmark_error, f"landmarks {metrics.landmark_error:.2%}"),
                (metrics.vertex_millimetres, f"{metrics.vertex_millimetres:.2f} mm"),
                (metrics.intensity_ratio, f"intensity ratio {metrics.intensity_ratio:.2f}"),
                (metrics.accuracy, f"accuracy {metrics.accuracy:.2f}"),
            )
            known = ", ".join(text for value, text in measured if not math.isnan(value))  # nothing held out may tell it
            terminal.note(f"{stage} {step} validated: {known}{' (best)' if best else ''}")
        case CheckpointSaved(stage, step):
            terminal.note(f"{stage} {step} saved")
        case StageFinished(stage, encoder, speed):
            terminal.note(f"Stage {stage} finished: {encoder}  {speed or ''}".rstrip())
