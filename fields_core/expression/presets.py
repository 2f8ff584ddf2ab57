"""Expressions by name: neutral, the emotions, the mouth shapes of speech, and those that the user kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from fields_core.data.expressions import VISEME_NAMES, VISEMES, possible
from fields_core.data.facs import JAW, FacsTable, load_facs
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import FieldsError
from fields_core.expression.space import Array, ExpressionSpace
from fields_core.files import replacing

FORMAT = "fields-presets-1"
SIZE_LIMIT = 1 << 20  # bytes
COUNT_LIMIT = 500
NAME_LIMIT = 60  # characters
_OFTEN = 0.5  # an action unit belongs to an emotion if it occurs more often than not
_SIDES = ("Left", "Right")


class PresetFileError(FieldsError):
    """A file of presets that is damaged or holds something else."""


class PresetKind(Enum):
    """The groups of the menu."""

    NEUTRAL = "neutral"
    EMOTION = "emotion"
    VISEME = "viseme"
    OWN = "own"


@dataclass(frozen=True)
class Preset:
    """An expression: values of the named numbers of `ExpressionSpace` at full intensity; those left out are 0."""

    name: str
    kind: PresetKind
    values: Mapping[str, float]
    """Coefficients, eyelids and the turn and tilt of the jaw in radians; jawOpen in [0, 1] of the head's opening."""

    @staticmethod
    def neutral() -> Preset:
        """A face at rest."""
        return Preset("Neutral", PresetKind.NEUTRAL, {})

    def vector(self, space: ExpressionSpace, intensity: float = 1.0) -> Array:
        """(N,) within bounds.

        Raises:
            PresetFileError: it names numbers that this head model does not have.
        """
        unknown = sorted(set(self.values) - set(space.names))
        if unknown:
            raise PresetFileError(
                f"The preset {self.name} is for another head model",
                expected="expressions of " + space.head.name,
                found=", ".join(unknown[:5]),
            )
        vector = np.zeros(len(space.names))
        for name, value in self.values.items():
            vector[space.names.index(name)] = value * (space.head.jaw_open_radians if name == JAW else 1.0)
        return space.possible(vector * intensity)


def apply_preset(code: FaceCode, preset: Preset, space: ExpressionSpace, intensity: float = 1.0) -> FaceCode:
    """The preset on the head of ``code``: identity, pose, gaze and camera are kept.

    Args:
        intensity: in [0, 1] from neutral to the preset as it is; more exaggerates.

    Raises:
        PresetFileError: see `Preset.vector`.
    """
    return space.put(code, preset.vector(space, intensity))


def preset_of(name: str, code: FaceCode, space: ExpressionSpace) -> Preset:
    """The user's own preset from the expression of a code.

    Raises:
        PresetFileError: the name is empty or too long.
    """
    values = {column: float(value) for column, value in zip(space.names, space.values(code), strict=True) if value}
    if JAW in values:
        values[JAW] /= space.head.jaw_open_radians
    return Preset(_checked_name(name), PresetKind.OWN, values)


def built_in_presets(space: ExpressionSpace, table: FacsTable | None = None) -> tuple[Preset, ...]:
    """Neutral, and for head models with ARKit's units the emotions and visemes.

    Args:
        table: None takes the one that comes with the program.
    """
    table = table if table is not None else load_facs()
    emotions = [
        Preset(emotion.name.capitalize(), PresetKind.EMOTION, emotion_recipe(emotion, table))
        for emotion in Emotion
        if emotion != Emotion.NEUTRAL
    ]
    visemes = [Preset(name, PresetKind.VISEME, VISEMES[i]) for i, name in enumerate(VISEME_NAMES)]
    named = [preset for preset in (*emotions, *visemes) if set(preset.values) <= set(space.names)]
    return (Preset.neutral(), *named)


def emotion_recipe(emotion: Emotion, table: FacsTable) -> Mapping[str, float]:
    """ARKit units of an emotion at its strongest: the action units that most faces of CK+ show with it.

    Contempt is of one side (Ekman and Friesen 1986): the person's left.
    """
    units = [unit for unit, chance in table.probabilities.get(emotion, {}).items() if chance > _OFTEN]
    recipe: dict[str, float] = {}
    for unit in units:
        for name, level in table.action_units.get(unit, {}).items():
            if emotion != Emotion.CONTEMPT or not name.endswith(_SIDES[1]):
                recipe[name] = recipe.get(name, 0.0) + level
    return possible(recipe)


def save_presets(path: Path, presets: Sequence[Preset]) -> None:
    """Write the user's presets as JSON.

    Raises:
        ExportError: it cannot be written.
    """
    rows = [{"name": preset.name, "values": dict(preset.values)} for preset in presets]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, "presets": rows}, indent=1, allow_nan=False), "utf-8")


def load_presets(path: Path) -> tuple[Preset, ...]:
    """The user's presets; none where there is no file yet.

    Raises:
        PresetFileError: the file is damaged, too large or holds something else.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise PresetFileError(f"{path} is too large for presets", expected=f"at most {SIZE_LIMIT >> 20} MiB")
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise PresetFileError(f"{path} cannot be read as presets", found=str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format", "no format") if isinstance(content, dict) else type(content).__name__
        raise PresetFileError(f"{path} holds no presets", expected=f"format {FORMAT}", found=str(found)[:80])
    rows = content.get("presets")
    if not isinstance(rows, list) or len(rows) > COUNT_LIMIT:
        raise PresetFileError(f"{path} holds no presets", expected=f"a list of at most {COUNT_LIMIT} presets")
    return tuple(_parsed(path, row) for row in rows)


def _parsed(path: Path, row: Any) -> Preset:
    values = row.get("values") if isinstance(row, dict) else None
    if not isinstance(values, dict) or not isinstance(row.get("name"), str):
        raise PresetFileError(f"{path} holds a preset without name and values", found=str(row)[:80])
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise PresetFileError(
                f"{path}: the preset {row['name'][:NAME_LIMIT]} has no number for {name[:NAME_LIMIT]}",
                expected="a finite number",
                found=str(value)[:80],
            )
    return Preset(_checked_name(row["name"]), PresetKind.OWN, {name: float(value) for name, value in values.items()})


def _checked_name(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > NAME_LIMIT or not clean.isprintable():
        raise PresetFileError(
            "A preset needs a name", expected=f"1 to {NAME_LIMIT} characters", found=clean[:NAME_LIMIT] or "nothing"
        )
    return clean
