"""Reads what `results` wrote as CSV: the same tables in the same precision."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

from fields_core.errors import SettingsError
from fields_core.evaluation.results import Cell, Column, Fact, Result, Spread, Table

SIZE_LIMIT = 16 << 20  # bytes
_DEVIATION = " (deviation)"
_FACT = re.compile(r"# ([^:]+): (.*)")


def read_result(path: Path) -> Result:
    """A result that `write_result` wrote as CSV; how many runs a mean is of is in a column of its own, if at all.

    Raises:
        SettingsError: it cannot be read, or is something else.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise ValueError(f"more than {SIZE_LIMIT >> 20} MiB")
        lines = path.read_text("utf-8").splitlines()
        return _parsed(lines)
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise SettingsError(
            f"{path} is no table of results",
            expected="a CSV file that fields evaluate wrote",
            found=str(error),
        ) from error


def _parsed(lines: Sequence[str]) -> Result:
    if not lines or not lines[0].startswith("# "):
        raise ValueError("no title")
    title, facts, tables, place = lines[0][2:], [], [], 1
    while place < len(lines) and (found := _FACT.fullmatch(lines[place])):
        facts.append(Fact(found[1], found[2]))
        place += 1
    while place < len(lines):
        if not lines[place].startswith("# "):
            raise ValueError(f"line {place + 1} is no title of a table")
        name, start = lines[place][2:], place + 1
        place = start
        while place < len(lines) and lines[place]:
            place += 1
        tables.append(_table(name, lines[start:place]))
        while place < len(lines) and not lines[place]:
            place += 1
    if not tables:
        raise ValueError("no tables")
    return Result(title, tuple(tables), tuple(facts))


def _table(title: str, lines: Sequence[str]) -> Table:
    head, *rows = csv.reader(lines)
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"a row of {title!r} has not {len(head)} cells")
    places = [place for place, name in enumerate(head) if not name.endswith(_DEVIATION)]
    cells = [tuple(_cell(row, place, head) for place in places) for row in rows]
    return Table(title, tuple(Column(head[place]) for place in places), tuple(cells))


def _cell(row: Sequence[str], place: int, head: Sequence[str]) -> Cell:
    value = _value(row[place])
    spread = place + 1 < len(head) and head[place + 1] == head[place] + _DEVIATION
    if not spread or isinstance(value, str) or value is None:
        return value
    deviation = _value(row[place + 1])
    return Spread(float(value), float(deviation) if isinstance(deviation, int | float) else math.nan, 0)


def _value(text: str) -> str | int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None
