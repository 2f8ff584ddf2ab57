"""Options of commands whose result is a table, and its way to terminal and files."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.terminal import Terminal

if TYPE_CHECKING:
    from fields_core.evaluation.results import Fact, Result, Table


def add_out(parser: argparse.ArgumentParser) -> None:
    """The option --out."""
    parser.add_argument(
        "--out",
        action="append",
        default=[],
        metavar="FILE",
        help="also write the tables: .md, .csv or .json, with the commit that made them; may be repeated",
    )


def check_out(arguments: argparse.Namespace) -> list[Path]:
    """The files of --out, before any long work.

    Raises:
        SettingsError: an ending that is not known.
    """
    from fields_core.evaluation.results import check_suffix

    paths = [Path(name).expanduser() for name in arguments.out]
    for path in paths:
        check_suffix(path)
    return paths


def publish(
    arguments: argparse.Namespace,
    terminal: Terminal,
    title: str,
    tables: Sequence[Table],
    facts: Sequence[Fact] = (),
) -> None:
    """Show tables, and write them with their story to the files of --out.

    Raises:
        ExportError: a file cannot be written.
    """
    from fields_core.evaluation.results import plain_text, write_result

    result = told(arguments, title, tables, facts)
    terminal.write(plain_text(result) + "\n")
    for path in check_out(arguments):
        write_result(path, result)
        terminal.note(f"Written: {path}")


def told(arguments: argparse.Namespace, title: str, tables: Sequence[Table], facts: Sequence[Fact] = ()) -> Result:
    """Tables with the story of their making: which program, which command, and what else is known."""
    from fields_core.evaluation.results import Fact, Result, program_version

    story = (Fact("made by", program_version()), Fact("command", shlex.join(["fields", *arguments.typed])), *facts)
    return Result(title, tuple(tables), story)
