"""Numbers over steps as a CSV file that a resumed run continues without gap or overlap."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from fields_core.errors import ExportError
from fields_core.files import replacing


class MetricsLog:
    """One row a step: ``step`` and the named values."""

    def __init__(self, path: Path, names: tuple[str, ...], step: int) -> None:
        """Open a log; rows behind ``step`` are from a future that will be lived again, and go.

        Raises:
            ExportError: it cannot be written.
        """
        self._path, self._names = path, names
        rows = [row for row in self._rows() if int(row[0]) <= step]
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("step", *names), *rows])

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row.

        Raises:
            ExportError: it cannot be written.
        """
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow([step, *(repr(values[name]) for name in self._names)])
        except OSError as error:
            raise ExportError(f"Cannot write {self._path}", found=str(error)) from error

    def _rows(self) -> list[list[str]]:
        if not self._path.exists():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        # A crash may have cut the last row short.
        return [row for row in rows if len(row) == len(self._names) + 1 and row[0].isdigit()]
