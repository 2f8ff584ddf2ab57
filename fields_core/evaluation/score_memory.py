"""What was measured of a training, kept beside its checkpoint: measuring takes minutes, and its outcome stays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from fields_core.files import replacing

SCORES_FILE = "scores.json"


def write_scores(path: Path, conditions: str, scores: Mapping[str, float]) -> None:
    """Keep scores.

    Args:
        path: .json.
        conditions: says what was measured on what; other conditions, other scores.
        scores: numbers by name; NaN where there was nothing to measure.

    Raises:
        ExportError: the file cannot be written.
    """
    values = {name: value if math.isfinite(value) else None for name, value in scores.items()}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"conditions": conditions, "scores": values}, indent=1) + "\n", "utf-8")


def read_scores(path: Path) -> tuple[str, dict[str, float]]:
    """The conditions under which something was measured, and its scores.

    Raises:
        OSError, ValueError, KeyError, TypeError: no such file, or something else in it.
    """
    stored = json.loads(path.read_text("utf-8"))
    values = {name: math.nan if value is None else float(value) for name, value in dict(stored["scores"]).items()}
    return str(stored["conditions"]), values


def known_scores(path: Path, conditions: str) -> dict[str, float] | None:
    """Scores measured before under the same conditions; None if there are none, or unreadable ones."""
    try:
        known, scores = read_scores(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return scores if known == conditions else None
