"""``fields models``: which model files are in use, where they come from, and under what licence; imports others."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from fields_core.cli.terminal import Terminal
from fields_core.errors import FieldsError, SettingsError

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
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    importing = actions.add_parser(
        "import",
        help="turn released weights of SMIRK, DECA or EMOCA into a checkpoint",
        description="Turn SMIRK_em1.pt, deca_model.tar or a checkpoint of EMOCA into one of ours. Their licences hold. "
        "Nothing in the file is run; what of it is left out is listed.",
        epilog="Exit status: 0 imported, 2 not.",
    )
    importing.add_argument("file", metavar="FILE", help="the file as its authors published it")
    importing.add_argument(
        "--out", metavar="PATH", required=True, help="write this .safetensors, and its graph (.onnx) beside it"
    )
    importing.set_defaults(run=run_import)


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


def run_import(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Write the checkpoint, and the graph that makes it fast."""
    out = Path(arguments.out).expanduser()
    if out.suffix != ".safetensors":
        raise SettingsError(f"{out} is no name for a checkpoint", expected="a file name that ends in .safetensors")
    from fields_core.encoder.checkpoint import save_checkpoint
    from fields_core.encoder.importers import import_checkpoint
    from fields_core.encoder.onnx_graph import export_onnx

    imported = import_checkpoint(Path(arguments.file).expanduser())
    save_checkpoint(out, imported.checkpoint)
    export_onnx(imported.checkpoint, out.with_suffix(".onnx"))
    facts = {
        "head": imported.checkpoint.info.head_model,
        "left out": ", ".join(imported.left_out) or "nothing",
        "file": out,
    }
    terminal.write(f"encoder: {imported.source}\n" + "".join(f"  {fact:<8} {value}\n" for fact, value in facts.items()))
    return 0


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
