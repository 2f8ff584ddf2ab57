"""Facts about facial action units (FACS, Ekman, Friesen and Hager 2002) and what they mean for ARKit's units.

The counted facts are in ``resources/facs/facs.json``, with their sources beside it; what those lack is here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fields_core.assets import find_asset
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import FieldsError

JAW = "jawOpen"  # a unit of ARKit that is a joint of the head model

# How far a unit goes when its action unit is at its strongest (intensity E); 1 where a unit is not named here. The
# open head's units at 1 are extremes that few faces reach.
_GAINS = {
    "eyeWideLeft": 0.9,
    "eyeWideRight": 0.9,
    "eyeSquintLeft": 0.9,
    "eyeSquintRight": 0.9,
    "mouthUpperUpLeft": 0.8,
    "mouthUpperUpRight": 0.8,
    "mouthLowerDownLeft": 0.8,
    "mouthLowerDownRight": 0.8,
    "mouthShrugUpper": 0.5,
    "mouthFunnel": 0.7,
    "mouthPucker": 0.8,
    JAW: 0.45,  # of action unit 26: the jaw drops, it is not pulled
}


def _both(**pairs: float) -> dict[str, float]:
    return {f"{name}{side}": level for name, level in pairs.items() for side in ("Left", "Right")}


# Ours: action units that ARKit has no unit of its own for, and the company that some keep.
_COMPOSED: dict[int, dict[str, float]] = {
    6: _both(cheekSquint=0.9, eyeSquint=0.35),
    9: _both(noseSneer=1.0, mouthUpperUp=0.45, eyeSquint=0.2),
    11: _both(mouthUpperUp=0.3, noseSneer=0.2),
    23: {**_both(mouthPress=0.5), "mouthRollLower": 0.35, "mouthRollUpper": 0.35},
    24: _both(mouthPress=0.9),
    25: {**_both(mouthLowerDown=0.45, mouthUpperUp=0.3), JAW: 0.08},
    27: {JAW: 0.85},
    28: {"mouthRollLower": 0.9, "mouthRollUpper": 0.9},
}

# Ours: where the emotions lie on the circumplex (Russell 1980) when they are strong: valence, arousal.
_AFFECT = {
    Emotion.NEUTRAL: (0.0, 0.0),
    Emotion.HAPPY: (0.85, 0.4),
    Emotion.SAD: (-0.75, -0.35),
    Emotion.SURPRISE: (0.2, 0.8),
    Emotion.FEAR: (-0.55, 0.8),
    Emotion.DISGUST: (-0.7, 0.45),
    Emotion.ANGER: (-0.65, 0.7),
    Emotion.CONTEMPT: (-0.6, 0.3),
}


class FacsError(FieldsError):
    """The table of action units is damaged."""


@dataclass(frozen=True)
class FacsTable:
    """Action units, by number, in terms of ARKit's units and of emotions."""

    action_units: Mapping[int, Mapping[str, float]]
    """ARKit units (`JAW` among them) in [0, 1] of each action unit at its strongest."""
    probabilities: Mapping[Emotion, Mapping[int, float]]
    """P(action unit | emotion) in CK+; action units that never occur are left out."""
    prototypes: Mapping[Emotion, tuple[tuple[int, ...], ...]]
    """Sets of action units that mean an emotion (FACS Investigator's Guide)."""

    def affect(self, emotion: Emotion) -> tuple[float, float]:
        """Valence and arousal of a strong expression, in [-1, 1]."""
        return _AFFECT[emotion]


def load_facs(path: Path | None = None) -> FacsTable:
    """Read the table.

    Args:
        path: None takes the one that comes with the program.

    Raises:
        AssetMissingError: it is not there.
        FacsError: it is not what it should be.
    """
    path = find_asset("facs.json", path)
    try:
        facts = json.loads(path.read_text("utf-8"))
        units = {
            int(number): {name: _GAINS.get(name, 1.0) for name in names}
            for number, names in facts["action_units"].items()
        }
        probabilities = {
            Emotion[emotion]: {int(unit): float(chance) for unit, chance in row.items()}
            for emotion, row in facts["probabilities"].items()
        }
        prototypes = {
            Emotion[emotion]: tuple(tuple(int(unit) for unit in units) for units in rows)
            for emotion, rows in facts["prototypes"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FacsError(
            f"{path} is not a table of action units", found=repr(error), remedy="Install the program again."
        ) from error
    return FacsTable(units | _COMPOSED, probabilities, prototypes)
