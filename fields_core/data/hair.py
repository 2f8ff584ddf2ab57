"""Hair for synthetic heads: a shell over the scalp, so that no encoder learns that people are bald.

The shell is grown on the posed head and moves with it. It is not part of any head model and no code describes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.data.head_painter import Floats, Ints
from fields_core.head.model import HeadModel

_SIDE = 256  # texels
_COLOURS = np.array(  # sRGB
    [
        (0.05, 0.045, 0.045),  # black
        (0.12, 0.085, 0.065),
        (0.22, 0.14, 0.09),  # brown
        (0.36, 0.24, 0.14),
        (0.58, 0.42, 0.24),  # fair
        (0.74, 0.6, 0.4),
        (0.42, 0.18, 0.08),  # red
        (0.5, 0.49, 0.48),  # grey
        (0.8, 0.79, 0.77),
    ]
)
_CROWN = 0.09  # metres above the eyes
_EYE_TO_HAIRLINE = 0.062  # metres above the eyes, where the open head's scalp begins


@dataclass(frozen=True)
class Hairstyle:
    """What one head wears. Lengths in metres."""

    thickness: float
    length: float
    """How far the hair at the sides and the back hangs below the scalp."""
    fringe: float
    """How far it hangs over the forehead."""
    parting: float
    """Where the fringe is drawn apart, -1 to 1 across the forehead."""
    roughness: float
    colour: tuple[float, float, float]
    is_cap: bool


@dataclass(frozen=True, eq=False)
class HairShell:
    """The shell in the model frame; see `PaintedSurface`."""

    points: Floats
    """(N, 3) metres, model frame."""
    faces: Ints
    uv: Floats
    texels: Floats


def draw_hairstyle(rng: np.random.Generator, painted: Floats) -> Hairstyle | None:
    """A random one; None leaves the head as the head model paints it.

    Args:
        painted: (3,) colour that the head model gives the scalp; most hair has it.
    """
    kind = rng.random()
    if kind < 0.22:
        return None
    base = _COLOURS[int(rng.choice(len(_COLOURS), p=[0.2, 0.2, 0.15, 0.12, 0.1, 0.07, 0.05, 0.06, 0.05]))]
    base = painted.astype(np.float64) if rng.random() < 0.6 else base
    colour = np.clip(base * np.exp(rng.normal(0.0, 0.12)) + rng.normal(0.0, 0.01, 3), 0.02, 0.95)
    if kind < 0.27:
        return Hairstyle(0.010, 0.0, float(rng.uniform(0.0, 0.02)), 0.0, 0.0, _rgb(rng.random(3) ** 1.5), True)
    is_long = rng.random() < 0.45
    return Hairstyle(
        thickness=float(rng.uniform(0.008, 0.03) if is_long else rng.uniform(0.003, 0.03)),
        length=float(rng.uniform(0.03, 0.2)) if is_long else float(rng.uniform(0.0, 0.02)),
        fringe=float(rng.uniform(0.0, 0.045)) if rng.random() < 0.45 else 0.0,
        parting=float(rng.uniform(-0.9, 0.9)),
        roughness=float(rng.uniform(0.1, 0.6)),
        colour=_rgb(colour),
        is_cap=False,
    )


class Hairdresser:
    """Grows hair on the scalp of a head model.

    Attributes:
        crown_uv: (N, 2) places on the texture, v up, where the head model paints the hair.
    """

    def __init__(self, head: HeadModel) -> None:
        scalp = (head.region("scalp") & ~head.region("face")).cpu().numpy()
        faces = head.faces.cpu().numpy()
        kept = faces[scalp[faces].all(axis=1)]
        self._vertices, flat = np.unique(kept, return_inverse=True)
        self._faces: Ints = flat.reshape(-1, 3).astype(np.int64)
        rest = head.template.cpu().numpy()[self._vertices].astype(np.float64)
        eyes = head.template.cpu().numpy()[head.region("eyeballs").cpu().numpy()].mean(axis=0)
        self._rest = rest - eyes
        x, y, z = self._rest.T
        side = np.abs(x) / 0.075
        # The hairline falls from the forehead to the ears; hair is thin there and full behind it.
        hairline = _EYE_TO_HAIRLINE - 0.5 * np.clip(-0.01 - z, 0.0, None)
        self._fullness = np.clip((y - hairline) / 0.018 + 0.1, 0.1, 1.0) * (z > -0.07) + 1.0 * (z <= -0.07)
        self._hanging = _smooth((0.035 - y) / 0.05) * _smooth((-0.045 - z) / 0.02)
        self._front = _smooth((0.095 - y) / 0.03) * _smooth((z + 0.045) / 0.02)
        self._across = np.clip(x / 0.06, -1.0, 1.0)
        self._outwards = np.column_stack([np.sign(x) * np.clip(side, 0.3, 1.0), np.zeros_like(x), np.zeros_like(x)])
        angle = np.arctan2(x, z)
        radius = 0.48 * np.arccos(np.clip(y / np.linalg.norm(self._rest, axis=1), -1.0, 1.0)) / 2.4
        crown = kept[(head.template.cpu().numpy()[kept][:, :, 1] - eyes[1]).min(axis=1) > _CROWN]
        chosen = np.flatnonzero(np.isin(faces, crown).all(axis=1))
        self.crown_uv: Floats = head.uv.cpu().numpy()[np.unique(head.uv_faces.cpu().numpy()[chosen])]
        self._uv = np.clip(np.column_stack([0.5 + radius * np.sin(angle), 0.5 + radius * np.cos(angle)]), 0.0, 1.0)

    def grow(
        self,
        rng: np.random.Generator,
        style: Hairstyle,
        vertices: Floats,
        normals: Floats,
        rotation: NDArray[np.float64],
    ) -> HairShell:
        """Grow hair on a posed head.

        Args:
            vertices: (V, 3) metres, model frame.
            normals: (V, 3) unit, model frame.
            rotation: (3, 3) of the head, from rest.
        """
        bumps = np.zeros(len(self._rest))
        for _ in range(3):
            wave = rng.normal(0.0, 1.0, 3) * rng.uniform(25.0, 90.0)
            bumps += np.sin(self._rest @ wave + rng.uniform(0.0, 6.28)) / 3.0
        thickness = style.thickness * self._fullness * (1.0 + style.roughness * bumps)
        parted = _smooth((np.abs(self._across - style.parting) - 0.05) / 0.5)
        fall = style.length * self._hanging * (1.0 + 0.15 * bumps)
        fringe = style.fringe * self._front * parted * (1.0 + 0.3 * bumps)
        shift = np.zeros_like(self._rest)
        shift[:, 1] -= fall + fringe
        shift[:, 2] += 0.45 * fringe + 0.25 * fall  # the forehead slopes; long hair falls in front of the shoulders
        shift += self._outwards * (0.35 * self._hanging * style.thickness)[:, None]
        points = vertices[self._vertices] + normals[self._vertices] * thickness[:, None] + shift @ rotation.T
        return HairShell(points.astype(np.float32), self._faces, self._uv.astype(np.float32), _strands(rng, style))


def _strands(rng: np.random.Generator, style: Hairstyle) -> Floats:
    """(S, S, 3) strands that run from the crown outwards."""
    colour = np.array(style.colour, np.float32)
    if style.is_cap:
        weave = rng.normal(1.0, 0.03, (_SIDE, _SIDE, 1)).astype(np.float32)
        return np.clip(colour * weave, 0.0, 1.0)
    polar = rng.normal(0.0, 1.0, (_SIDE, 8)).astype(np.float32)  # rows are directions, columns distances
    polar += 0.7 * cv2.resize(rng.normal(0.0, 1.0, (_SIDE // 8, 4)).astype(np.float32), (8, _SIDE))
    polar = cv2.resize(polar, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    flags = cv2.WARP_POLAR_LINEAR | cv2.WARP_INVERSE_MAP | cv2.WARP_FILL_OUTLIERS | cv2.INTER_LINEAR
    half = _SIDE / 2.0
    streaks = cv2.warpPolar(polar, (_SIDE, _SIDE), (half, half), half, flags)
    strength = float(rng.uniform(0.1, 0.3))
    return np.clip(colour * np.exp(strength * streaks)[..., None], 0.0, 1.0).astype(np.float32)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(values, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _rgb(colour: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(colour[0]), float(colour[1]), float(colour[2])
