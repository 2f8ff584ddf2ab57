"""In which unit and axes the numbers of a file are, and what each 3D program expects of each format.

OBJ, PLY and STL say neither their unit nor their axes, so a file looks right only where writer and reader agree. A
`Target` holds, for one program, the space in which a head arrives upright and life-size when it is imported with that
program's own settings. GLB fixes metres and +Y up (glTF 2.0, section 3.4) and is the same for all; USD says its unit
and up axis in the file and is right-handed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import HeadMesh
from fields_core.errors import ExportError

Unit = Literal["m", "cm", "mm", "in"]
UpAxis = Literal["y", "z"]

PER_METRE: dict[Unit, float] = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "in": 1.0 / 0.0254}
UNIT_NAMES: dict[Unit, str] = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}

# Rows: where x, y and z of the file come from in the model frame (+X the person's left, +Y up, +Z out of the face).
_AXES: dict[tuple[UpAxis, bool], tuple[tuple[int, int, int], ...]] = {
    ("y", False): ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ("z", False): ((1, 0, 0), (0, 0, -1), (0, 1, 0)),  # Blender: the front view looks along +Y
    ("y", True): ((-1, 0, 0), (0, 1, 0), (0, 0, 1)),  # Unity: +Z forward, +X to one's right
    ("z", True): ((0, 0, 1), (-1, 0, 0), (0, 1, 0)),  # Unreal: +X forward, +Y to one's right
}
_OUT_OF_THE_FACE: dict[tuple[UpAxis, bool], str] = {
    ("y", False): "+Z",
    ("z", False): "-Y",
    ("y", True): "+Z",
    ("z", True): "+X",
}


@dataclass(frozen=True)
class Space:
    """Unit and axes of a file."""

    unit: Unit = "m"
    up: UpAxis = "y"
    left_handed: bool = False

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit) or self.up not in get_args(UpAxis):
            raise ExportError(
                "There are no such units or axes",
                expected=f"one of {', '.join(get_args(Unit))} and one of {', '.join(get_args(UpAxis))}",
                found=f"{self.unit}, {self.up}",
            )

    @property
    def per_metre(self) -> float:
        return PER_METRE[self.unit]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): model frame in metres -> this space. Its determinant is negative where the space is left-handed."""
        return np.array(_AXES[self.up, self.left_handed], dtype=np.float64) * self.per_metre

    def __str__(self) -> str:
        """For file comments: "metres, +Y up, +Z out of the face"."""
        hand = ", left-handed" if self.left_handed else ""
        out = _OUT_OF_THE_FACE[self.up, self.left_handed]
        return f"{UNIT_NAMES[self.unit]}, +{self.up.upper()} up, {out} out of the face{hand}"

    def place(self, mesh: HeadMesh) -> HeadMesh:
        """A mesh (model frame, metres) in this space.

        Returns:
            ``mesh`` itself where nothing changes. In a left-handed space the corners of every face turn round, so that
            (b - a) x (c - a) points out of the head there too.
        """
        if self == MODEL_SPACE:
            return mesh
        matrix = self.matrix.T
        order = [0, 2, 1] if self.left_handed else [0, 1, 2]
        return replace(
            mesh,
            vertices=(mesh.vertices @ matrix).astype(np.float32),
            landmarks=(mesh.landmarks @ matrix).astype(np.float32),
            faces=mesh.faces[:, order],
            uv_faces=mesh.uv_faces[:, order] if len(mesh.uv_faces) else mesh.uv_faces,
        )


MODEL_SPACE = Space()
_CENTIMETRES = Space("cm")


@dataclass(frozen=True)
class Target:
    """The spaces one program reads the formats in."""

    name: str
    obj: Space = MODEL_SPACE
    ply: Space = MODEL_SPACE
    stl: Space = Space("mm")
    usd: Space = MODEL_SPACE

    def space(self, name: str) -> Space:
        """The space of a format; of those that fix it themselves (GLB) or hold data only (npz, json), the model's."""
        spaces = {"obj": self.obj, "ply": self.ply, "stl": self.stl, "usd": self.usd}
        return spaces.get(name, MODEL_SPACE)


TARGETS: dict[str, Target] = {
    # STL is for slicers, and those take millimetres.
    "general": Target("Any program"),
    # Blender turns OBJ on import (its default: -Z forward, Y up), but takes PLY and STL as they are.
    "blender": Target("Blender", ply=Space("m", "z"), stl=Space("m", "z"), usd=Space("m", "z")),
    # Unity mirrors OBJ on import itself; what reads PLY and STL there takes the numbers as they are.
    "unity": Target("Unity", ply=Space("m", "y", True), stl=Space("m", "y", True)),
    # Unreal converts OBJ's axes, not its unit.
    "unreal": Target(
        "Unreal Engine", _CENTIMETRES, Space("cm", "z", True), Space("cm", "z", True), usd=Space("cm", "z")
    ),
    "maya": Target("Maya", _CENTIMETRES, _CENTIMETRES, _CENTIMETRES, _CENTIMETRES),
}
GENERAL = TARGETS["general"]


def custom_target(space: Space) -> Target:
    """Every format in one space of the user's choice; USD stays right-handed, as its own rules want."""
    return Target("Custom", space, space, space, replace(space, left_handed=False))
