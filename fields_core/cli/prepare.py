"""``fields prepare``: photos, labels and made-up faces into shards for training."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.options import writable_folder
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError

if TYPE_CHECKING:
    from fields_core.data.sources import Source


_KINDS = ("folder", "csv", "affectnet", "raf-db", "fer2013", "ferplus", "codes")
_NAME = re.compile(r"[\w-]+")


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
        help="folder of photos, CSV file with the columns image, label, valence, arousal, person, or what --kind says",
    )
    parser.add_argument(
        "--kind",
        choices=_KINDS,
        help="what the sources are: folder or csv (default: by the name), affectnet, raf-db, fer2013, ferplus (each as "
        "its authors hand it out), or codes (npz of 3D codes with the names of their pictures)",
    )
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        help="of affectnet, raf-db, fer2013, ferplus (default train)",
    )
    parser.add_argument("--name", metavar="NAME", help="of the shards of a single source (default: by what it is)")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the shards go")
    parser.add_argument("--synthetic", type=int, metavar="N", help="render N random heads instead")
    parser.add_argument("--seed", type=int, default=0, help="of the random heads (default 0)")
    parser.add_argument("--processes", type=int, metavar="P", help="that render (default: one for each processor)")
    parser.add_argument("--backgrounds", metavar="DIR", help="photos to show behind the rendered heads")
    parser.add_argument("--head", metavar="FILE", help="another head model: to render, or of the codes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prepare the sources, or render."""
    if (arguments.synthetic is None) == (not arguments.sources):
        raise SettingsError("Nothing clear to prepare", expected="either photos or --synthetic N, not both")
    out = writable_folder(arguments.out)
    if arguments.synthetic is not None:
        return _published(out, _render(arguments, out, terminal))
    if arguments.split and arguments.kind in (None, "folder", "csv", "codes"):
        raise SettingsError(f"Only public data sets have splits, not {arguments.kind or 'these'}")
    if arguments.name and len(arguments.sources) > 1:
        raise SettingsError("One name is not enough for several sources", found=", ".join(arguments.sources))
    if arguments.name and not _NAME.fullmatch(arguments.name):
        raise SettingsError(
            "The name would make no file name", expected="letters, digits, - and _", found=arguments.name
        )
    if arguments.kind == "codes":
        return _published(out, _prepare_codes(arguments, out, terminal))
    return _published(out, _prepare(arguments, out, terminal))


def _published(out: Path, status: int) -> int:
    """The same status, after the folder has been made fit to be read from elsewhere."""
    from fields_core.data.shard_folder import publish

    publish(out)
    return status


def _prepare(arguments: argparse.Namespace, out: Path, terminal: Terminal) -> int:
    terminal.note("Loading the face detector ...")
    from fields_core.data.prepare import discard_empty, prepare
    from fields_core.detection.face_detector import FaceDetector
    from fields_core.progress import CancelToken

    sources = [_source(arguments, Path(name).expanduser()) for name in arguments.sources]
    if len({source.name for source in sources}) < len(sources):
        raise SettingsError("Two sources have the same name", found=", ".join(source.name for source in sources))
    kept = dropped = 0
    with FaceDetector() as detector, terminal.progress() as progress:
        for source in sources:
            report = prepare(source, out, detector, progress.show_or_tell, CancelToken())
            if not report.kept:
                discard_empty(source.name, out, len(source.entries))
            terminal.write(report.summary() + "\n")
            kept, dropped = kept + report.kept, dropped + len(report.dropped)
    return _status(kept, dropped)


def _status(kept: int, dropped: int) -> int:
    return 2 if dropped and not kept else 1 if dropped else 0


def _source(arguments: argparse.Namespace, path: Path) -> Source:
    from fields_core.data.labelled_sets import LABELLED_SETS, labelled_set
    from fields_core.data.raw_data import raw_source
    from fields_core.data.sources import labelled_csv, photo_source

    if arguments.kind in LABELLED_SETS:
        return labelled_set(arguments.kind, path, arguments.split or "train", arguments.name or "")
    name = arguments.name or path.resolve().stem
    if arguments.kind is None:
        return raw_source(path, name)
    return labelled_csv(path, name) if arguments.kind == "csv" else photo_source(path, name)


def _prepare_codes(arguments: argparse.Namespace, out: Path, terminal: Terminal) -> int:
    terminal.note("Loading the head model ...")
    from fields_core.data.code_sets import load_code_set, prepare_codes
    from fields_core.head import load_head
    from fields_core.progress import CancelToken

    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    kept = dropped = 0
    with terminal.progress() as progress:
        for path in (Path(name).expanduser() for name in arguments.sources):
            name = arguments.name or path.resolve().stem
            report = prepare_codes(load_code_set(path, head), name, out, head, progress.show_or_tell, CancelToken())
            terminal.write(report.summary() + "\n")
            kept, dropped = kept + report.kept, dropped + len(report.dropped)
    return _status(kept, dropped)


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
