"""``fields takes``: what was recorded, and as which files it leaves."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.options import parse_choices, writable_folder
from fields_core.cli.photos import folder_names
from fields_core.cli.terminal import Terminal, plain_table
from fields_core.errors import FieldsError, SettingsError

if TYPE_CHECKING:
    from fields_core.head.model import HeadModel
    from fields_core.takes.edits import TakeEdits

FORMATS = ("csv", "npz", "json", "livelink", "glb", "usd", "video")
DEFAULT_FORMATS = "glb,csv"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    takes = commands.add_parser(
        "takes", help="list and export recorded takes", description="Work with takes that were recorded."
    ).add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = takes.add_parser("show", help="what takes hold", description="Length, people and video of takes.")
    show.add_argument("takes", nargs="+", metavar="TAKE", help="recorded take (.take)")
    show.set_defaults(run=run_show)
    export = takes.add_parser(
        "export",
        help="export takes as animation",
        description="Write each take as DIR/NAME.*, with the edits that lie beside it (NAME.edits.json) and those "
        "given here. Takes themselves are never changed.",
        epilog="Exit status: 0 all takes done, 1 some failed, 2 wrong usage or none done.",
    )
    export.add_argument("takes", nargs="+", metavar="TAKE", help="recorded take (.take)")
    export.add_argument("--out", required=True, metavar="DIR", help="folder for the results; made if missing")
    export.add_argument(
        "--format",
        default=DEFAULT_FORMATS,
        metavar="LIST",
        help=f"comma-separated: {', '.join(FORMATS)} (default: {DEFAULT_FORMATS}); video is picture and head side by "
        "side, livelink a CSV as Epic's app records it",
    )
    export.add_argument(
        "--trim", metavar="FROM:TO", help="seconds after the take's first frame; either may be left out"
    )
    export.add_argument("--smooth", type=float, metavar="SECONDS", help="half width of the smoothing window (0: none)")
    export.add_argument("--face", type=int, metavar="ID", help="which person (default: the one seen longest)")
    export.add_argument("--identity", metavar="CODE", help="play it on the head of this face code (.npz, .json)")
    export.add_argument("--head", metavar="FILE", help="the head model the takes were recorded with")
    export.set_defaults(run=run_export)


def run_export(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Export every take; one that fails never stops the others."""
    formats = parse_choices(arguments.format, FORMATS, "format")
    trim = _parse_trim(arguments.trim)
    out = writable_folder(arguments.out)
    from fields_core.head import load_head
    from fields_core.takes.clip import make_clip
    from fields_core.takes.edits import load_edits
    from fields_core.takes.exports import export_clip
    from fields_core.takes.take import load_take

    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    paths = [Path(take).expanduser() for take in arguments.takes]
    failures = 0
    for path, name in zip(paths, folder_names(paths), strict=True):
        try:
            take = load_take(path, head)
            if take.note:
                terminal.warn(f"{path}: {take.note}")
            edits = _edited(load_edits(path), arguments, trim, take.duration, head)
            with terminal.progress() as bar:
                written = export_clip(make_clip(take, edits, head), head, out, formats, name, bar.show)
            for file in written:
                terminal.write(f"{file}\n")
            if "video" in formats and any(file.suffix == ".avi" for file in written):
                terminal.warn("OpenCV has no H.264 encoder here; the video is Motion JPEG (.avi)")
        except Exception as error:  # noqa: BLE001 - whatever one take does, the others are still wanted
            terminal.fail(error if isinstance(error, FieldsError) else terminal.bug(error))
            failures += 1
    return 0 if not failures else 1 if failures < len(paths) else 2


def run_show(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """One line a take."""
    from fields_core.takes.take import load_take

    table = plain_table(
        "take", "seconds", "frames", "frames/s", "people", "video", "source",
        numbers=("seconds", "frames", "frames/s", "people"),
    )  # fmt: skip
    failures = 0
    for argument in arguments.takes:
        try:
            take = load_take(Path(argument).expanduser())
        except FieldsError as error:
            terminal.fail(error)
            failures += 1
            continue
        if take.note:
            terminal.warn(f"{argument}: {take.note}")
        video = "yes" if take.has_pictures else "no"
        numbers = (f"{take.duration:.1f}", str(len(take)), f"{take.frames_per_second:.1f}", str(len(take.tracks)))
        table.add_row(argument, *numbers, video, take.header.source)
    if failures < len(arguments.takes):
        terminal.table(table)
    return 0 if not failures else 1 if failures < len(arguments.takes) else 2


def _edited(
    edits: TakeEdits,
    arguments: argparse.Namespace,
    trim: tuple[float | None, float | None] | None,
    duration: float,
    head: HeadModel,
) -> TakeEdits:
    """The edits beside the take, overruled by the options."""
    if trim is not None:
        first, last = trim
        edits = replace(edits, trim=(0.0 if first is None else first, duration if last is None else last))
    if arguments.smooth is not None:
        edits = replace(edits, smoothing=arguments.smooth)
    if arguments.face is not None:
        edits = replace(edits, face_id=arguments.face)
    if arguments.identity is not None:
        from fields_core.head import load_code
        from fields_core.takes.clip import identity_of

        path = Path(arguments.identity).expanduser()
        edits = replace(edits, identity=identity_of(path.stem, load_code(path, head)))
    return edits


def _parse_trim(text: str | None) -> tuple[float | None, float | None] | None:
    """ "1.5:4", "1.5:", ":4".

    Raises:
        SettingsError: anything else.
    """
    if text is None:
        return None
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(first) if first.strip() else None, float(last) if last.strip() else None
    except ValueError as cause:
        raise SettingsError(f"Cannot trim to {text!r}", expected="FROM:TO in seconds, for example 1.5:4") from cause
