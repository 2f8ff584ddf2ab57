"""``fields reconstruct``: photos in, one folder of 3D heads a photo out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli import bulk
from fields_core.cli.options import parse_choices, writable_folder
from fields_core.cli.photos import folder_names, select_photos
from fields_core.cli.report import PhotoReport, photos_json, summary_line, summary_table
from fields_core.cli.terminal import Terminal
from fields_core.errors import FieldsError
from fields_core.progress import Progress

if TYPE_CHECKING:
    from fields_core.cli.batch import Batch, Codes

FORMATS = ("obj", "glb", "usd", "ply", "stl", "npz", "json")
DEFAULT_FORMATS = "glb,json"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "reconstruct",
        help="turn photos into 3D heads",
        description="Reconstruct every face of every photo. Each photo gets a folder under DIR with face-1.*, "
        "face-2.*, ... A photo that cannot be read or shows no face is reported and skipped.",
        epilog="Exit status: 0 all photos done, 1 some failed, 2 wrong usage or none done, 130 interrupted.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="photo, folder of photos, or glob in quotes")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results; made if missing")
    parser.add_argument(
        "--format",
        metavar="LIST",
        help=f"comma-separated: {', '.join(FORMATS)} (default: {DEFAULT_FORMATS}); "
        "of shards: parquet (default) or jsonl",
    )
    parser.add_argument("--overlay", action="store_true", help="also the photo with the head drawn over it (.jpg)")
    parser.add_argument("--turntable", action="store_true", help="also a video of the turning head (.mp4)")
    parser.add_argument("--no-texture", action="store_true", help="the head model's own skin instead of the photo's")
    parser.add_argument("--head", metavar="FILE", help="another head model: .npz, or FLAME 2020/2023 .pkl")
    codes = parser.add_mutually_exclusive_group()
    codes.add_argument(
        "--refine", action="store_true", help="fit the landmarks more closely, starting from the encoder"
    )
    codes.add_argument("--fit", action="store_true", help="fit the landmarks without the encoder")
    parser.add_argument("--encoder", metavar="FILE", help="other encoder weights (.safetensors)")
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output, and nothing else")
    bulk.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Reconstruct all photos; one that fails never stops the others."""
    if arguments.shards or arguments.cluster:
        return bulk.run_bulk(arguments, terminal)
    formats = parse_choices(DEFAULT_FORMATS if arguments.format is None else arguments.format, FORMATS, "format")
    formats += ("overlay",) * arguments.overlay + ("turntable",) * arguments.turntable
    out = writable_folder(arguments.out)
    selection = select_photos(arguments.photos)
    for _, error in selection.errors:
        terminal.fail(error)
    reports = [PhotoReport.failure(argument, error) for argument, error in selection.errors]
    if selection.photos:
        terminal.note("Loading the head model and the face detector ...")
        from fields_core.cli.batch import Batch  # imports torch and mediapipe: not needed to say what went wrong so far

        head_file = Path(arguments.head).expanduser() if arguments.head else None
        encoder_file = Path(arguments.encoder).expanduser() if arguments.encoder else None
        codes: Codes = "fit" if arguments.fit else "refine" if arguments.refine else "encoder"
        with Batch(
            head_file, formats, texture=not arguments.no_texture, codes=codes, encoder_file=encoder_file
        ) as batch:
            terminal.note(batch.describes_codes)
            reports += _reconstruct_all(batch, selection.photos, out, terminal)
    if arguments.json:
        terminal.write(photos_json(reports) + "\n")
    terminal.table(summary_table(reports), to_err=arguments.json)
    terminal.note(summary_line(reports))
    failures = sum(report.error is not None for report in reports)
    return 0 if not failures else 1 if failures < len(reports) else 2


def _reconstruct_all(batch: Batch, photos: tuple[Path, ...], out: Path, terminal: Terminal) -> list[PhotoReport]:
    reports: list[PhotoReport] = []
    with terminal.progress() as bar:
        for photo, name in zip(photos, folder_names(photos), strict=True):
            bar.show(Progress(len(reports), len(photos), photo.name))
            reports.append(_reconstruct_one(batch, photo, out / name, terminal))
            if any(file.endswith(".gif") for face in reports[-1].faces for file in face.files):
                terminal.warn("OpenCV cannot write MPEG-4 here; the turntable is an animated GIF")
            terminal.note(f"[{len(reports)}/{len(photos)}] {reports[-1].line}")
    return reports


def _reconstruct_one(batch: Batch, photo: Path, folder: Path, terminal: Terminal) -> PhotoReport:
    started = time.perf_counter()
    try:
        faces = batch.reconstruct(photo, folder)
        return PhotoReport(str(photo), time.perf_counter() - started, faces)
    except Exception as error:  # noqa: BLE001 - whatever one photo does, the others are still wanted
        told = error if isinstance(error, FieldsError) else terminal.bug(error)
        terminal.fail(told)
        return PhotoReport.failure(str(photo), told, time.perf_counter() - started)
