"""What was so when something began, as JSON in its folder: what goes on there later is held against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fields_core.errors import SettingsError
from fields_core.files import replacing


def noted_facts(path: Path, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file notes from before; if there is none, ``facts``, which are written there now.

    Args:
        facts: what JSON can hold, so that a later call finds the same again: lists, not tuples.

    Raises:
        SettingsError: the file cannot be read, or holds something else.
        ExportError: it cannot be written.
    """
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
        return facts
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read", found=str(error)) from error
    if not isinstance(known, dict):
        raise SettingsError(f"{path} cannot be read", expected="what was noted, by name")
    return known
