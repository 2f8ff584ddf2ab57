"""The lights that the head stands in: key, fill and rim, of which the key light can be turned."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyvista as pv

from fields_core.render.sketch import Lamp

AZIMUTH, ELEVATION = -37.0, 34.0  # degrees: where the key light stands until it is turned
# Key, fill and rim light in the camera's frame (x right, y up, z towards the camera), with intensity and colour.
_LIGHTS = (
    ((-0.9, 1.0, 1.2), 0.72, "#fff4e8"),
    ((1.3, 0.1, 0.9), 0.30, "#dbe8ff"),
    ((0.7, 1.1, -1.3), 0.55, "#cfe4ff"),
)


def put_up(renderer: Any) -> None:
    """Give a renderer these lights, and no others."""
    renderer.remove_all_lights()
    for position, intensity, colour in _LIGHTS:
        renderer.add_light(pv.Light(position=position, color=colour, intensity=intensity, light_type="camera light"))


@lru_cache
def rgb(colour: str) -> tuple[float, float, float]:
    """[0, 1]; pyvista takes a tenth of a millisecond for it."""
    return pv.Color(colour).float_rgb


@lru_cache(maxsize=1)
def lamps(azimuth: float, elevation: float) -> list[Lamp]:
    """The lights with the key light turned."""
    positions = [_key_place(azimuth, elevation), *(position for position, _, _ in _LIGHTS[1:])]
    made = []
    for position, (_, intensity, colour) in zip(positions, _LIGHTS, strict=True):
        red, green, blue = rgb(colour)
        made.append(Lamp(position, (intensity * red, intensity * green, intensity * blue)))
    return made


def aim(renderer: Any, azimuth: float, elevation: float) -> None:
    """Turn the key light; the others stay."""
    renderer.lights[0].position = _key_place(azimuth, elevation)


def _key_place(azimuth: float, elevation: float) -> tuple[float, float, float]:
    sideways, above = np.radians([azimuth, elevation])
    distance = float(np.linalg.norm(_LIGHTS[0][0]))
    direction = (np.sin(sideways) * np.cos(above), np.sin(above), np.cos(sideways) * np.cos(above))
    x, y, z = (distance * float(part) for part in direction)
    return x, y, z
