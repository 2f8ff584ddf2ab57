"""The named values of a face code that can be edited: one list for sliders, search and (later) undo.

A parameter knows where its value lives in the code, in which unit it is shown and how to read and write it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode
    from fields_core.head.model import HeadModel

GROUPS = ("Brows", "Eyes", "Cheeks", "Nose", "Mouth", "Jaw", "Head", "Gaze", "Expression")
_GROUP_OF_PREFIX = {
    "brow": "Brows", "eye": "Eyes", "cheek": "Cheeks", "nose": "Nose",
    "mouth": "Mouth", "tongue": "Mouth", "jaw": "Jaw",
}  # fmt: skip
_DEGREES = 57.29577951308232
_ROTATIONS = ("head_pose", "neck_pose")  # shown as yaw, pitch, roll; stored as axis-angle


@dataclass(frozen=True)
class Parameter:
    """One number of a face code that a slider shows."""

    key: str
    """Unique and stable: the ARKit name where there is one ("mouthSmileLeft")."""
    label: str
    """In full, for tool tips, search and screen readers ("Mouth smile L")."""
    short: str
    """What remains of the label inside its group and beside its other side ("Smile")."""
    group: str
    """One of `GROUPS`."""
    field: str
    """The field of `FaceCode` that holds the value."""
    column: int
    """Its column there; for head and neck pose 0 is pitch, 1 yaw, 2 roll."""
    minimum: float
    maximum: float
    """Bounds in shown units."""
    side: str = ""
    """ "L" or "R" (the person's own) when the other side exists too."""
    unit: str = ""
    """ "°" or nothing."""
    scale: float = 1.0
    """Shown units for each stored unit."""
    description: str = ""

    def write(self, code: FaceCode, value: float) -> FaceCode:
        """The code with this parameter at ``value`` (shown units, clamped to the bounds); the rest as it was."""
        value = min(max(value, self.minimum), self.maximum)
        values = getattr(code, self.field).clone()
        if self.field in _ROTATIONS:
            angles = list(_to_angles(values[0].tolist()))
            angles[self.column] = value
            values[0] = values.new_tensor(_to_rotation_vector(angles))
        else:
            values[0, self.column] = value / self.scale
        return code.replace(**{self.field: values})


def read_all(parameters: Sequence[Parameter], code: FaceCode) -> tuple[float, ...]:
    """The value of every parameter in shown units, in order; of the first face of the code."""
    rows: dict[str, Sequence[float]] = {}
    for name in {parameter.field for parameter in parameters}:
        row = getattr(code, name)[0].tolist()
        rows[name] = _to_angles(row) if name in _ROTATIONS else row
    return tuple(rows[p.field][p.column] * (1.0 if p.field in _ROTATIONS else p.scale) for p in parameters)


def parameters_of(head: HeadModel) -> tuple[Parameter, ...]:
    """All parameters of a head model: its expression components, then jaw, eyelids, head, neck and gaze."""
    bounds = head.expression_bounds.tolist()
    names = list(head.expression_names)
    expression = [_expression(name, names, i, bounds[i]) for i, name in enumerate(names)]
    return (*expression, *_jaw(head.jaw_open_radians), *_eyelids(names), *_poses(), *_gaze())


def _expression(name: str, names: Sequence[str], column: int, bounds: Sequence[float]) -> Parameter:
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[0-9]+", name)]
    group = _GROUP_OF_PREFIX.get(words[0], "Expression")
    other = name.replace("Left", "Right") if name.endswith("Left") else name.replace("Right", "Left")
    paired = len(words) > 2 and other != name and other in names
    side = {"left": "L", "right": "R"}[words[-1]] if paired else ""
    stem = words[:-1] if paired else words
    label = " ".join(stem).capitalize()
    short = (" ".join(stem[1:]) or stem[0]) if group != "Expression" else " ".join(stem)
    whose = {"L": "the person's left side", "R": "the person's right side", "": ""}[side]
    return Parameter(
        key=name, label=f"{label} {side}".strip(), short=short.capitalize(), group=group, field="expression",
        column=column, minimum=bounds[0], maximum=bounds[1], side=side, description=whose,
    )  # fmt: skip


def _jaw(open_radians: float) -> list[Parameter]:
    return [
        Parameter("jawOpen", "Jaw open", "Open", "Jaw", "jaw_pose", 0, 0.0, 1.0, scale=1.0 / open_radians,
                  description="rotates the jaw joint"),
        Parameter("jawTurn", "Jaw turn", "Turn", "Jaw", "jaw_pose", 1, -12.0, 12.0, unit="°", scale=_DEGREES,
                  description="positive turns to the person's left"),
        Parameter("jawTilt", "Jaw tilt", "Tilt", "Jaw", "jaw_pose", 2, -12.0, 12.0, unit="°", scale=_DEGREES,
                  description="positive lifts the person's left side"),
    ]  # fmt: skip


def _eyelids(names: Sequence[str]) -> list[Parameter]:
    blink = "eyeBlinkLeft" in names
    short = "Eyelid, extra" if blink else "Eyelid"
    note = "on top of eye blink" if blink else "closes the eye"
    return [
        Parameter(
            f"eyelid{side}", f"{short} {side[0]}", short, "Eyes", "eyelids", i, 0.0, 1.0, side[0], description=note
        )
        for i, side in enumerate(("Left", "Right"))
    ]


def _poses() -> list[Parameter]:
    axes = (("Turn", 1, 90.0, "positive turns to the person's left"), ("Nod", 0, 60.0, "positive looks down"),
            ("Tilt", 2, 60.0, "positive tilts towards the person's right shoulder"))  # fmt: skip
    return [
        Parameter(f"{part}{name}", f"{part.capitalize()} {name.lower()}", f"{part.capitalize()} {name.lower()}", "Head",
                  f"{part}_pose", column, -limit, limit, unit="°", scale=_DEGREES, description=what)
        for part in ("head", "neck")
        for name, column, limit, what in axes
    ]  # fmt: skip


def _gaze() -> list[Parameter]:
    axes = (("Sideways", 1, 35.0, "positive looks to the person's left"), ("Down", 0, 30.0, "negative looks up"))
    return [
        Parameter(f"gaze{name}{side}", f"Gaze {name.lower()} {side[0]}", name, "Gaze", "eye_pose", 3 * eye + column,
                  -limit, limit, side[0], "°", _DEGREES, what)
        for name, column, limit, what in axes
        for eye, side in enumerate(("Left", "Right"))
    ]  # fmt: skip


def _to_angles(rotation_vector: Sequence[float]) -> tuple[float, float, float]:
    """Axis-angle (radians) to pitch, yaw, roll in degrees; R = Ry(yaw) Rx(pitch) Rz(roll)."""
    from scipy.spatial.transform import Rotation

    yaw, pitch, roll = Rotation.from_rotvec(rotation_vector).as_euler("YXZ", degrees=True).tolist()
    return pitch, yaw, roll


def _to_rotation_vector(angles: Sequence[float]) -> list[float]:
    """The inverse of `_to_angles`."""
    from scipy.spatial.transform import Rotation

    pitch, yaw, roll = angles
    vector: list[float] = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_rotvec().tolist()
    return vector
