"""``fields export``: face codes (npz or JSON, as `reconstruct` writes them, perhaps edited) to meshes."""

from __future__ import annotations

import argparse
from pathlib import Path

from fields_core.cli.options import parse_choices, writable_folder
from fields_core.cli.photos import folder_names
from fields_core.cli.terminal import Terminal
from fields_core.errors import FieldsError

FORMATS = ("obj", "glb", "usd", "ply", "stl", "npz", "json", "turntable")
TARGETS = ("general", "blender", "unity", "unreal", "maya")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "export",
        help="turn face codes (npz, json) into meshes",
        description="Pose the head that each face code describes and write it as DIR/NAME.*, textured with the head "
        "model's own skin.",
        epilog="Exit status: 0 all codes done, 1 some failed, 2 wrong usage or none done.",
    )
    parser.add_argument("codes", nargs="+", metavar="CODE", help="face code: .npz or .json")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results; made if missing")
    parser.add_argument(
        "--format", default="glb", metavar="LIST", help=f"comma-separated: {', '.join(FORMATS)} (default: glb)"
    )
    parser.add_argument(
        "--for",
        dest="target",
        choices=TARGETS,
        default="general",
        help="the program that will read the files: sets unit and axes (default: general: metres, Y up; STL in mm)",
    )
    parser.add_argument("--head", metavar="FILE", help="the head model the codes were made with, if not the open head")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Export every code; one that fails never stops the others."""
    formats = parse_choices(arguments.format, FORMATS, "format")
    out = writable_folder(arguments.out)
    from fields_core.export import TARGETS as SPACES
    from fields_core.export import export_code
    from fields_core.head import load_code, load_head

    head = load_head(Path(arguments.head).expanduser() if arguments.head else None)
    codes = [Path(code).expanduser() for code in arguments.codes]
    failures = 0
    for path, name in zip(codes, folder_names(codes), strict=True):
        try:
            code = load_code(path, head)
            for face in range(len(code)):
                stem = name if len(code) == 1 else f"{name}-{face + 1}"
                for written in export_code(code[face], head, out, formats, stem, SPACES[arguments.target]):
                    terminal.write(f"{written}\n")
        except Exception as error:  # noqa: BLE001 - whatever one code does, the others are still wanted
            terminal.fail(error if isinstance(error, FieldsError) else terminal.bug(error))
            failures += 1
    return 0 if not failures else 1 if failures < len(codes) else 2
