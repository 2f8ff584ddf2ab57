"""``fields prepare``: photos, labels and made-up faces into shards for training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.options import writable_folder
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError

if TYPE_CHECKING:
    from fields_core.data.sources import Source


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "prepare",
        help="make training data of photos, or of rendered heads",
        description="Detect and crop the largest face of every photo and write crops, landmarks and labels as "
        "WebDataset shards; or render random heads whose 3D truth is known. What was interrupted goes on where it "
        "stopped.",
        epilog="Exit status: 0 all done, 1 some photos were dropped, 2 nothing could be done.",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="folder of photos, or CSV file with the columns image, label, valence, arousal",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where the shards go")
    parser.add_argument("--synthetic", type=int, metavar="N", help="render N random heads instead")
    parser.add_argument("--seed", type=int, default=0, help="of the random heads (default 0)")
    parser.add_argument("--processes", type=int, metavar="P", help="that render (default: one for each processor)")
    parser.add_argument("--backgrounds", metavar="DIR", help="photos to show behind the rendered heads")
    parser.add_argument("--head", metavar="FILE", help="another head model to render")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prepare the sources, or render."""
    if (arguments.synthetic is None) == (not arguments.sources):
        raise SettingsError("Nothing clear to prepare", expected="either photos or --synthetic N, not both")
    out = writable_folder(arguments.out)
    if arguments.synthetic is None:
        return _prepare(arguments.sources, out, terminal)
    return _render(arguments, out, terminal)


def _prepare(names: list[str], out: Path, terminal: Terminal) -> int:
    terminal.note("Loading the face detector ...")
    from fields_core.data.prepare import prepare
    from fields_core.detection.face_detector import FaceDetector
    from fields_core.progress import CancelToken

    sources = [_source(Path(name).expanduser()) for name in names]
    if len({source.name for source in sources}) < len(sources):
        raise SettingsError("Two sources have the same name", found=", ".join(source.name for source in sources))
    dropped = 0
    with FaceDetector() as detector, terminal.progress() as progress:
        for source in sources:
            report = prepare(source, out, detector, progress.show_or_tell, CancelToken())
            terminal.write(report.summary() + "\n")
            dropped += len(report.dropped)
    return 1 if dropped else 0


def _source(path: Path) -> Source:
    from fields_core.data.sources import labelled_csv, photo_source

    name = path.resolve().stem
    return labelled_csv(path, name) if path.suffix.lower() == ".csv" else photo_source(path, name)


def _render(arguments: argparse.Namespace, out: Path, terminal: Terminal) -> int:
    if arguments.synthetic < 1 or arguments.seed < 0 or (arguments.processes or 1) < 1:
        raise SettingsError("A number is out of range", expected="--synthetic and --processes from 1, --seed from 0")
    terminal.note("Loading the head model ...")
    from fields_core.data.synthetic_shards import write_synthetic
    from fields_core.detection.photo_file import photo_paths
    from fields_core.progress import CancelToken

    backgrounds = photo_paths([Path(arguments.backgrounds).expanduser()]) if arguments.backgrounds else []
    with terminal.progress() as progress:
        made = write_synthetic(
            out,
            arguments.synthetic,
            arguments.seed,
            progress.show_or_tell,
            CancelToken(),
            processes=arguments.processes,
            head_file=Path(arguments.head).expanduser() if arguments.head else None,
            backgrounds=tuple(backgrounds),
        )
    millimetres = made.intensity_scale * 1000.0
    terminal.write(
        f"{arguments.synthetic} faces of {made.head}; intensity 1 is a displacement of {millimetres:.2f} mm\n"
    )
    return 0
