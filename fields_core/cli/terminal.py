"""What the command line shows, and the log that swallows everything else.

TFLite, Abseil, libpng and Qt write to the process's standard error by themselves, some even to its standard output. So
for the length of a command both descriptors lead into a log file, and only this module holds the real ones. The log
is deleted at the end unless a bug was written to it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fields_core import progress
from fields_core.errors import FieldsError

PLAIN_WIDTH = 160  # columns of a table that does not go to a terminal


class Terminal:
    """The user's terminal for one command. A context manager.

    Attributes:
        out: standard output; the answer of the command and nothing else.
        err: standard error; progress, warnings, errors.
    """

    out: Console
    err: Console

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._log_path: Path | None = None
        self._log: TextIO = io.StringIO()
        self._bugs = 0

    def __enter__(self) -> Terminal:
        handle, name = tempfile.mkstemp(prefix="fields-", suffix=".log")
        self._log_path = Path(name)
        self._log = self._stack.enter_context(os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace"))
        out = self._stack.enter_context(_taken_over(sys.stdout, 1, handle))
        err = self._stack.enter_context(_taken_over(sys.stderr, 2, handle))
        self._stack.enter_context(contextlib.redirect_stdout(self._log))
        self._stack.enter_context(contextlib.redirect_stderr(self._log))
        self._stack.enter_context(_logging_to(self._log))
        self.out, self.err = _console(out), _console(err)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()
        if self._log_path is not None and not self._bugs:
            with contextlib.suppress(OSError):  # Windows: a library may still hold it open
                self._log_path.unlink()

    def write(self, text: str) -> None:
        """Text for standard output, exactly as it is."""
        self.out.file.write(text)
        self.out.file.flush()

    def note(self, text: str) -> None:
        """A plain line for standard error."""
        self.err.print(Text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        self.err.print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)

    def fail(self, error: FieldsError) -> None:
        """An error of the input's or the machine's, with what to do about it."""
        self.err.print(Text.assemble(("error: ", "bold red"), error.title), soft_wrap=True)
        for line in error.details.splitlines():
            self.err.print(Text(f"  {line}"), soft_wrap=True)

    def bug(self, error: BaseException) -> FieldsError:
        """Write an exception nobody foresaw to the log, and say where it is.

        Returns:
            What to tell the user.
        """
        self._bugs += 1
        self._log.write("".join(traceback.format_exception(error)))
        self._log.flush()
        return FieldsError(
            f"Internal error: {type(error).__name__}: {str(error).strip()[:200]}",
            remedy=f"This is a bug of FIELDS. Please report it with the log {self._log_path}",
        )

    def progress(self) -> BatchProgress:
        """A bar where standard error is a terminal."""
        return BatchProgress(self)

    def table(self, table: Table, *, to_err: bool = False) -> None:
        (self.err if to_err else self.out).print(table)


class BatchProgress:
    """How far a batch is. A context manager; what is written meanwhile scrolls above the bar."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal, self._tenths = terminal, 0
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(
            *columns,
            console=terminal.err,
            transient=True,
            disable=not terminal.err.is_terminal,
            redirect_stdout=False,  # they lead into the log already
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> BatchProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, report: progress.Progress) -> None:
        """Move the bar."""
        self._bar.update(
            self._task, completed=report.done, total=report.total or None, description=escape(report.message)
        )

    def show_or_tell(self, report: progress.Progress) -> None:
        """Move the bar; without a terminal say so at every tenth of the way."""
        self.show(report)
        tenths = 10 * report.done // report.total if report.total else 0
        if not self._terminal.err.is_terminal and tenths > self._tenths:
            self._terminal.note(f"[{report.done}/{report.total}] {report.message}")
        self._tenths = tenths


def plain_table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table that reads well in a terminal and in a file; the columns in ``numbers`` are set right."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


@contextlib.contextmanager
def _taken_over(stream: TextIO, descriptor: int, log: int) -> Iterator[TextIO]:
    """Point the process's ``descriptor`` at the log; yield a stream that still reaches the user.

    Where ``stream`` is not on that descriptor (a test's capture, a notebook) it is itself the way to the user.
    """
    stream.flush()
    saved = os.dup(descriptor)
    try:
        os.dup2(log, descriptor)
        with os.fdopen(
            os.dup(saved), "w", encoding=stream.encoding or "utf-8", errors="backslashreplace", newline=None
        ) as mine:
            yield mine if _descriptor(stream) == descriptor else stream
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _logging_to(log: TextIO) -> Iterator[None]:
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _console(stream: TextIO) -> Console:
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console
