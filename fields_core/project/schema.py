"""The JSON of a project: which version it is, how an older one becomes the present one, and typed access to it.

Nothing in the file is trusted: every value has a type and a range, and what does not fit is a `ProjectError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from fields_core.errors import ProjectError

FORMAT = "fields-project"
SCHEMA = 2
"""The version written. Raise it with every change that an older program would misread, and add to `MIGRATIONS`."""

Content = dict[str, Any]


def _to_2(content: Content) -> Content:
    """Version 2 names photos and identities for good, and knows photos that were never looked at and faces at rest."""
    for kind, added in (("photos", {"reconstructed": True}), ("identities", {"rest": False}), ("faces", {})):
        for i, entry in enumerate(content.get(kind) or ()):
            entry |= added
            entry["id"] = entry.get("id") or f"{kind}-{i + 1}"
    for photo in content.get("photos") or ():
        photo["embedded"] = photo.get("member") is not None
    return content


MIGRATIONS: Mapping[int, Callable[[Content], Content]] = {1: _to_2}
"""From version n to n + 1; each gets a JSON object of its own to change. What they stumble over is a damaged file."""

_MAX_TEXT = 10_000
_MAX_ITEMS = 100_000


def parse(path: Path, data: bytes) -> Record:
    """The JSON of a project of any known version, as the present version.

    Raises:
        ProjectError: not a project, damaged, or written by a newer program.
    """

    def refuse(constant: str) -> NoReturn:
        raise unusable(path, "finite numbers", constant)

    try:
        content = json.loads(data.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as cause:
        raise unusable(path, "project.json as JSON", str(cause)[:200]) from cause
    record = Record(path, content, "project.json")
    if (found := record.text("format")) != FORMAT:
        raise unusable(path, f'"format" to be "{FORMAT}"', found[:80])
    version = record.integer("schema", 1, 10**6)
    if version > SCHEMA:
        raise ProjectError(
            f"{path} was written by a newer version of FIELDS",
            expected=f"a project of schema {SCHEMA} or older",
            found=f"schema {version}, written by FIELDS {record.text('written_by', '')[:40] or 'unknown'}",
            remedy="Update FIELDS, then open it again. The file was not changed.",
        )
    try:
        for step in range(version, SCHEMA):
            content = MIGRATIONS[step](content)
    except (TypeError, AttributeError, ValueError) as cause:
        raise unusable(path, f"a project of schema {version}", str(cause)[:200]) from cause
    return Record(path, content, "project.json")


def unusable(path: Path, expected: str, found: str) -> ProjectError:
    """The error for a project file that cannot be what it says."""
    return ProjectError(
        f"{path} is not a usable project",
        expected=expected,
        found=found,
        remedy="Take a fresh copy of the file: this one is damaged or of another kind.",
    )


class Record:
    """One JSON object of a project file.

    Args:
        path: the project file, for messages.
        content: what the JSON holds there; anything but an object is an error.
        where: its place in the JSON, for messages.
    """

    def __init__(self, path: Path, content: object, where: str) -> None:
        self._path, self._where = path, where
        if not isinstance(content, dict):
            raise unusable(path, f"an object at {where}", f"a {type(content).__name__}")
        self._content = content

    def text(self, name: str, default: str | None = None) -> str:
        value = self._content.get(name, default)
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            self._wrong(name, "a text", value)
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._content.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        value = self._content.get(name)
        if not isinstance(value, bool):
            self._wrong(name, "true or false", value)
        return value

    def integer(self, name: str, least: int, greatest: int) -> int:
        value = self._content.get(name)
        if type(value) is not int or not least <= value <= greatest:
            self._wrong(name, f"a whole number from {least} to {greatest}", value)
        return value

    def number(self, name: str, greatest: float = 1e9) -> float:
        return self._number(name, self._content.get(name), greatest)

    def numbers(self, name: str, count: int, greatest: float = 1e9) -> tuple[float, ...]:
        values = self._content.get(name)
        if not isinstance(values, list) or len(values) != count:
            self._wrong(name, f"a list of {count} numbers", values)
        return tuple(self._number(name, value, greatest) for value in values)

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._list(name)
        for value in values:
            if not isinstance(value, str) or len(value) > _MAX_TEXT:
                self._wrong(name, "a list of texts", value)
        return tuple(values)

    def scores(self, name: str) -> dict[str, float]:
        """An object of numbers by name."""
        values = self._content.get(name)
        if not isinstance(values, dict) or len(values) > 1000:
            self._wrong(name, "an object of numbers", values)
        return {key: self._number(f"{name}.{key}", value, 1e9) for key, value in values.items()}

    def scalars(self, name: str) -> dict[str, str | int | float | bool]:
        """An object of texts, numbers and flags by name."""
        values = self._content.get(name)
        if not isinstance(values, dict) or len(values) > 1000:
            self._wrong(name, "an object of texts and numbers", values)
        for key, value in values.items():
            if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
                self._wrong(f"{name}.{key}", "a text or a number", value)
        return dict(values)

    def records(self, name: str, at_most: int) -> list[Record]:
        values = self._list(name)
        if len(values) > at_most:
            self._wrong(name, f"at most {at_most}", f"{len(values)}")
        return [Record(self._path, value, f"{self._where}, {name} {i + 1}") for i, value in enumerate(values)]

    def _list(self, name: str) -> list[Any]:
        values = self._content.get(name)
        if not isinstance(values, list) or len(values) > _MAX_ITEMS:
            self._wrong(name, "a list", values)
        return values

    def _number(self, name: str, value: object, greatest: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= greatest:
            self._wrong(name, f"a number within {greatest:g} of 0", value)
        return float(value)

    def _wrong(self, name: str, expected: str, found: object) -> NoReturn:
        shown = "nothing" if found is None else repr(found)[:80]
        raise unusable(self._path, f'{expected} as "{name}" at {self._where}', shown)
