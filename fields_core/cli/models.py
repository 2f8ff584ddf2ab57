"""``fields models``: which model files are in use, where they come from, and under what licence; imports others."""

from __future__ import annotations

import argparse
from pathlib import Path

from fields_core.cli.terminal import Terminal
from fields_core.errors import FieldsError, SettingsError
from fields_core.model_import import import_model
from fields_core.model_library import HEAD, LANDMARKER, LANDMARKER_LICENCE, ModelFacts, Role, describe, model_files

__all__ = ["LANDMARKER", "LANDMARKER_LICENCE", "add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "models",
        help="show which model files are in use, from where, and under what licence",
        description="Show the head models, encoders and the face landmarker on this computer: name, file, licence, "
        "sha256. The first of each is the one in use.",
        epilog="Exit status: 0 all found, 1 one is missing or damaged, 2 all are.",
    )
    parser.add_argument("--head", metavar="FILE", help="look at this head model: .npz, or FLAME 2020/2023 .pkl")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    importing = actions.add_parser(
        "import",
        help="keep a model file that you have: FLAME, weights of SMIRK, DECA or EMOCA, a landmarker",
        description="Check generic_model.pkl or flame2023.pkl, SMIRK_em1.pt, deca_model.tar, a checkpoint of EMOCA, "
        "face_landmarker.task or a file of ours, and keep it in the user data folder. Its licence holds. Nothing in "
        "the file is run; what of it is left out is listed.",
        epilog="Exit status: 0 imported, 2 not.",
    )
    importing.add_argument("file", metavar="FILE", help="the file as its authors published it")
    importing.add_argument(
        "--out", metavar="PATH", help="of weights: write this .safetensors instead, and its graph (.onnx) beside it"
    )
    importing.set_defaults(run=run_import)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Show every model that can be found; report those that cannot."""
    from fields_core.assets import ENCODER, find_asset

    failures = 0
    chosen = Path(arguments.head).expanduser() if arguments.head else None
    for role, name in ((Role.HEAD, HEAD), (Role.LANDMARKER, LANDMARKER)):
        try:
            explicit = chosen if role is Role.HEAD else None
            _show(terminal, _facts(find_asset(name, explicit), role))
            for facts in model_files(role)[1:] if explicit is None else ():
                _show(terminal, facts)
        except FieldsError as error:
            terminal.fail(error)
            failures += 1
    encoders = model_files(Role.ENCODER)
    for facts in encoders:
        _show(terminal, facts)
    if not encoders:
        terminal.write(f"encoder: none ({ENCODER} is not installed; every face is fitted)\n")
    return failures


def run_import(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Keep a file; or, with a name to write to, turn weights into a checkpoint there."""
    if arguments.out is not None:
        return _convert(Path(arguments.file).expanduser(), Path(arguments.out).expanduser(), terminal)
    imported = import_model(Path(arguments.file).expanduser())
    _show(terminal, imported.facts)
    terminal.write(f"  left out {', '.join(imported.left_out) or 'nothing'}\n")
    if imported.note:
        terminal.note(imported.note)
    return 0


def _convert(source: Path, out: Path, terminal: Terminal) -> int:
    if out.suffix != ".safetensors":
        raise SettingsError(f"{out} is no name for a checkpoint", expected="a file name that ends in .safetensors")
    from fields_core.encoder.checkpoint import save_checkpoint
    from fields_core.encoder.importers import import_checkpoint
    from fields_core.encoder.onnx_graph import export_onnx

    imported = import_checkpoint(source)
    save_checkpoint(out, imported.checkpoint)
    export_onnx(imported.checkpoint, out.with_suffix(".onnx"))
    facts = {
        "head": imported.checkpoint.info.head_model,
        "left out": ", ".join(imported.left_out) or "nothing",
        "file": out,
    }
    terminal.write(f"encoder: {imported.source}\n" + "".join(f"  {fact:<8} {value}\n" for fact, value in facts.items()))
    return 0


def _facts(path: Path, role: Role) -> ModelFacts:
    """Also of a file in another format than ours, which has to be read in full for its name and licence."""
    if role is not Role.HEAD or path.suffix.lower() == ".npz":
        return describe(path, role)
    from fields_core.head import load_head

    head = load_head(path)
    return describe(path, role, (head.name, head.licence, head.name))


def _show(terminal: Terminal, facts: ModelFacts) -> None:
    told = "trained on" if facts.role is Role.ENCODER else "licence"
    lines = {
        told: "; ".join(facts.licence.splitlines()) or "not stated",
        "class": facts.licence_class.value,
        "size": f"{facts.size / 1e6:.1f} MB",
        "sha256": facts.sha256,
        "from": facts.origin.value,
        "file": facts.path,
    }
    if facts.role is Role.ENCODER:
        lines["head"] = facts.head_model
    role = {Role.HEAD: "head", Role.ENCODER: "encoder", Role.LANDMARKER: "landmarker"}[facts.role]
    terminal.write(f"{role}: {facts.name}\n" + "".join(f"  {fact:<10} {value}\n" for fact, value in lines.items()))
