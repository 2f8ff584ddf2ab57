"""What the user sets between measurement and head: what neutral is, gain and limits of every unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import SettingsError
from fields_core.head.model import HeadModel
from fields_core.live.motion import Motion

Array = NDArray[np.float64]

JAW = "jawOpen"  # rides on the jaw's rotation, but the user sees one more unit


@dataclass(frozen=True)
class UnitSettings:
    """Gain and limits by unit name (`HeadModel.expression_names` and jawOpen); what is not named stays as measured."""

    gains: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Adjustment:
    """Applies calibration, gain and limits to motion vectors.

    Calibrated units keep their range: a unit that rests at r becomes (x - r) / (1 - r), so that 1 stays 1.

    Args:
        head: names the units and bounds them.
        settings: gains and limits.

    Raises:
        SettingsError: a name that the head does not know, a gain below 0, or limits the wrong way round.
    """

    def __init__(self, head: HeadModel, settings: UnitSettings) -> None:
        self._motion = Motion(head.n_expression)
        self._open = head.jaw_open_radians
        names = (*head.expression_names, JAW)
        bounds = np.vstack([head.expression_bounds.double().numpy(), [[0.0, 1.0]]])
        self._one_sided = bounds[:, 0] >= 0.0
        self._gain = np.ones(len(names))
        self._low, self._high = bounds.T.copy()
        for name, gain in settings.gains.items():
            if not 0.0 <= gain <= 10.0:
                raise SettingsError(f"The gain of {name} makes no sense", expected="0 to 10", found=str(gain))
            self._gain[_place(name, names)] = gain
        for name, (low, high) in settings.limits.items():
            if not low <= high:
                raise SettingsError(
                    f"The limits of {name} make no sense", expected="lower <= upper", found=f"{low}, {high}"
                )
            self._low[_place(name, names)], self._high[_place(name, names)] = low, high
        close = head.expression_names.index("mouthClose") if "mouthClose" in head.expression_names else None
        self._mouth_close = close

    def __call__(self, vector: Array, neutral: Array | None) -> Array:
        """The vector (N,) adjusted.

        Args:
            vector: as measured.
            neutral: (N,) the vector of the calibrated face at rest; None is the head model's own rest.
        """
        m, result = self._motion, vector.copy()
        units = self._units(vector)
        if neutral is not None:
            rest = self._units(neutral)
            range_left = np.where(self._one_sided, np.maximum(1.0 - rest, 0.2), 1.0)
            units = (units - rest) / range_left
            result[m.eyelids] = np.clip(vector[m.eyelids] - neutral[m.eyelids], 0.0, 1.0)
            result[m.eye_pose] = vector[m.eye_pose] - neutral[m.eye_pose]
            result[m.jaw_pose] = vector[m.jaw_pose] - neutral[m.jaw_pose]
        units = np.clip(self._gain * units, self._low, self._high)
        result[m.expression], result[m.jaw_pose.start] = units[:-1], units[-1] * self._open
        return self.coupled(result)

    def coupled(self, vector: Array) -> Array:
        """The vector with mouthClose held below the jaw's opening (ARKit: lips can close an open jaw only)."""
        if self._mouth_close is None:
            return vector
        result, place = vector.copy(), self._motion.expression.start + self._mouth_close
        result[place] = min(result[place], max(result[self._motion.jaw_pose.start] / self._open, 0.0))
        return result

    def at_rest(self, vector: Array, share: float) -> Array:
        """The vector on its way to neutral: expression, jaw, gaze and eyelids times 1 - ``share``; the head stays."""
        result = vector.copy()
        for group in (self._motion.expression, self._motion.jaw_pose, self._motion.eye_pose, self._motion.eyelids):
            result[group] *= 1.0 - share
        return result

    def _units(self, vector: Array) -> Array:
        """(E + 1,) the expression's coefficients, then jawOpen."""
        jaw = vector[self._motion.jaw_pose.start] / self._open
        return np.append(vector[self._motion.expression], jaw)


def _place(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise SettingsError(f"There is no unit {name!r}", expected=f"one of {', '.join(names)}", found=name)
    return names.index(name)
