"""``fields models``: which model files are in use, where they come from, and under what licence."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from fields_core.cli.terminal import Terminal
from fields_core.errors import FieldsError

LANDMARKER, LANDMARKER_LICENCE = "face_landmarker.task", "Apache-2.0 (Google MediaPipe)"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "models",
        help="show which model files are in use, from where, and under what licence",
        description="Show the head model and the face landmarker in use: name, file, licence, sha256.",
        epilog="Exit status: 0 all found, 1 one is missing or damaged, 2 all are.",
    )
    parser.add_argument("--head", metavar="FILE", help="look at this head model: .npz, or FLAME 2020/2023 .pkl")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Show every model that can be found; report those that cannot."""
    failures = 0
    chosen = Path(arguments.head).expanduser() if arguments.head else None
    for role, find in (("head", _head), ("landmarker", _landmarker)):
        try:
            name, licence, path = find(chosen)
            facts = {
                "licence": licence,
                "size": f"{path.stat().st_size / 1e6:.1f} MB",
                "sha256": _sha256(path),
                "file": path,
            }
            terminal.write(f"{role}: {name}\n" + "".join(f"  {fact:<8} {value}\n" for fact, value in facts.items()))
        except FieldsError as error:
            terminal.fail(error)
            failures += 1
    return failures


def _head(chosen: Path | None) -> tuple[str, str, Path]:
    from fields_core.assets import find_asset
    from fields_core.head import load_head

    path = find_asset("open_head.npz", chosen)
    head = load_head(path)
    return head.name, head.licence, path


def _landmarker(_: Path | None) -> tuple[str, str, Path]:
    from fields_core.assets import find_asset

    return LANDMARKER, LANDMARKER_LICENCE, find_asset(LANDMARKER)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
