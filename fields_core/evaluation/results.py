"""Results as tables: the same numbers for the terminal, Markdown, CSV and JSON, with the story of their making."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import fields_core
from fields_core.errors import SettingsError
from fields_core.files import replacing

_NOTHING = "–"  # what was not measured, or makes no sense


@dataclass(frozen=True)
class Spread:
    """What several runs of one thing gave."""

    mean: float
    deviation: float
    """Standard deviation (of the sample, n - 1); NaN of a single run."""
    runs: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """
        Args:
            values: at least one.
        """
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        return Spread(float(np.mean(values)), deviation, len(values))


Cell = str | int | float | Spread | None


@dataclass(frozen=True)
class Column:
    """Of a table."""

    name: str
    form: str = ".3f"
    """How floating-point numbers are written for people, as in `format`."""


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the table {self.title!r} has not {len(self.columns)} cells")

    def texts(self) -> list[list[str]]:
        """Every row as people read it."""
        return [[_text(cell, column.form) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]


@dataclass(frozen=True)
class Fact:
    """One line of the story of a result."""

    name: str
    value: str


@dataclass(frozen=True)
class Result:
    """What one evaluation found."""

    title: str
    tables: tuple[Table, ...]
    facts: tuple[Fact, ...] = ()
    """The program's version, the command, data, seeds and so on."""


def program_version() -> str:
    """The commit that runs (``git describe``, -dirty where files differ from it), or the version installed."""
    package = Path(fields_core.__file__).resolve().parent
    described = _git(package, "describe", "--always", "--dirty", "--long", "--tags", "--abbrev=12")
    # An installed package may lie within the folder of another project.
    top = _git(package, "rev-parse", "--show-toplevel")
    if described and top and Path(top).resolve() == package.parent:
        return f"commit {described}"
    return f"fields-head {metadata.version('fields-head')}"


def _git(folder: Path, *arguments: str) -> str:
    """What git answers; empty where there is no git, or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def plain_text(result: Result) -> str:
    """For a terminal: the tables, without the facts."""
    return "\n\n".join(_plain_table(table) for table in result.tables)


def markdown(result: Result) -> str:
    """For a repository."""
    parts = [f"# {result.title}", "\n".join(f"- {fact.name}: {_escaped(fact.value)}" for fact in result.facts)]
    parts += [_markdown_table(table) for table in result.tables]
    return "\n\n".join(part for part in parts if part) + "\n"


def csv_text(result: Result) -> str:
    """For spreadsheets, in full precision: facts and titles are comments (#), tables are parted by an empty line."""
    lines = [f"# {result.title}", *(f"# {fact.name}: {' '.join(fact.value.split())}" for fact in result.facts)]
    for table in result.tables:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        spread = [any(isinstance(row[place], Spread) for row in table.rows) for place in range(len(table.columns))]
        names = [
            [c.name, f"{c.name} (deviation)"] if s else [c.name] for c, s in zip(table.columns, spread, strict=True)
        ]
        writer.writerow([name for pair in names for name in pair])
        for row in table.rows:
            writer.writerow([text for cell, s in zip(row, spread, strict=True) for text in _csv_cells(cell, s)])
        lines += [f"# {table.title}", buffer.getvalue()]
    return "\n".join(lines)


def json_text(result: Result) -> str:
    """For programs, in full precision; what was not measured is null."""
    tables = [
        {
            "title": table.title,
            "note": table.note,
            "rows": [
                {column.name: _json_cell(cell) for column, cell in zip(table.columns, row, strict=True)}
                for row in table.rows
            ],
        }
        for table in result.tables
    ]
    facts = {fact.name: fact.value for fact in result.facts}
    return json.dumps({"title": result.title, **facts, "tables": tables}, indent=1, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[Result], str]] = {".md": markdown, ".csv": csv_text, ".json": json_text}


def check_suffix(path: Path) -> None:
    """Raises:
    SettingsError: results cannot be written as that kind of file.
    """
    if path.suffix.lower() not in _WRITERS:
        raise SettingsError(
            f"Results cannot be written as {path.name}",
            expected=" or ".join(_WRITERS),
            found=path.suffix or "no ending",
        )


def write_result(path: Path, result: Result) -> None:
    """Write a result as its file's ending says: .md, .csv or .json.

    Raises:
        SettingsError: another ending.
        ExportError: the file cannot be written.
    """
    check_suffix(path)
    text = _WRITERS[path.suffix.lower()](result)
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def _text(cell: Cell, form: str) -> str:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return _NOTHING
    if isinstance(cell, Spread):
        alone = _text(cell.mean, form)
        return f"{alone} ± {cell.deviation:{form.lstrip('+')}}" if math.isfinite(cell.deviation) else alone
    return f"{cell:{form}}" if isinstance(cell, float) else str(cell)


def _csv_cells(cell: Cell, spread: bool) -> list[str]:
    values = [cell.mean, cell.deviation] if isinstance(cell, Spread) else [cell, None] if spread else [cell]
    return ["" if _json_cell(value) is None else str(value) for value in values]


def _json_cell(cell: Cell) -> Any:
    if isinstance(cell, Spread):
        return {"mean": _json_cell(cell.mean), "deviation": _json_cell(cell.deviation), "runs": cell.runs}
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _is_numeric(table: Table, place: int) -> bool:
    return any(isinstance(row[place], int | float | Spread) for row in table.rows)


def _plain_table(table: Table) -> str:
    header, body = [column.name for column in table.columns], table.texts()
    widths = [max(len(row[place]) for row in [header, *body]) for place in range(len(header))]
    right = [_is_numeric(table, place) for place in range(len(header))]
    lines = [
        "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [header, *body]
    ]
    return "\n".join([table.title, *lines, *([table.note] if table.note else [])])


def _markdown_table(table: Table) -> str:
    rows = [[column.name for column in table.columns], *table.texts()]
    lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    rule = "|" + "|".join("---:" if _is_numeric(table, n) else "---" for n in range(len(table.columns))) + "|"
    lines.insert(1, rule)
    return "\n".join([f"## {table.title}", "", *lines, *(["", table.note] if table.note else [])])


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
