"""The command line: ``fields reconstruct | track | export | prepare | train | evaluate | models``.

Each command is a module with ``add_parser(commands)`` and ``run(arguments, terminal) -> exit status``. All parsers are
built on every call, so whatever is heavy is imported inside ``run``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata

from fields_core.cli import evaluate, export, models, prepare, reconstruct, takes, track, train
from fields_core.cli.terminal import Terminal
from fields_core.errors import FieldsError
from fields_core.threads import prefer_one_thread

DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status of the process.

    0: all done. 1: some inputs failed. 2: wrong usage, or nothing could be done. 130: interrupted.
    """
    arguments = _parser().parse_args(argv)
    arguments.typed = tuple(sys.argv[1:] if argv is None else argv)
    prefer_one_thread()
    try:
        with Terminal() as terminal:
            try:
                status: int = arguments.run(arguments, terminal)
            except FieldsError as error:
                terminal.fail(error)
                return NOTHING_DONE
            except KeyboardInterrupt:
                terminal.note("Interrupted.")
                return INTERRUPTED
            except BrokenPipeError:
                raise
            except Exception as error:  # noqa: BLE001 - the last line before a traceback in the user's face
                terminal.fail(terminal.bug(error))
                return NOTHING_DONE
            return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fields",
        description="Turn photos into 3D heads whose expression is right.",
        epilog="Exit status: 0 all done, 1 some inputs failed, 2 wrong usage or nothing done, 130 interrupted.",
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (reconstruct, track, takes, export, prepare, train, evaluate, models):
        command.add_parser(commands)
    return parser


class _Version(argparse.Action):
    """Reads the version only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(message=f"fields {metadata.version('fields-head')}\n")
