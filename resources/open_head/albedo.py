"""The colour of the open head: skin, lips, brows, eyes and short hair, painted by formula, and a linear model of it.

There is no free texture of skin to build on, so everything here is made from smooth functions of the place on the head
and of seeded noise. No light is painted in. Colours are sRGB in [0, 1], lengths millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, zoom

from resources.open_head.texels import Texels
from resources.open_head.uv import Island

Map = NDArray[np.float64]

_TONES = np.array(
    [
        [0.93, 0.78, 0.71],
        [0.86, 0.68, 0.58],
        [0.74, 0.55, 0.44],
        [0.58, 0.40, 0.30],
        [0.41, 0.27, 0.20],
        [0.24, 0.155, 0.12],
    ]
)
"""Skin from light to very dark at melanin 0, .2, .4 ... 1."""
_HAIRS = np.array([[0.72, 0.57, 0.38], [0.42, 0.28, 0.18], [0.20, 0.14, 0.11], [0.08, 0.065, 0.06]])
"""Hair from blond to black at darkness 0, 1/3, 2/3, 1."""
_IRISES = np.array([[0.42, 0.53, 0.62], [0.42, 0.45, 0.33], [0.36, 0.24, 0.13], [0.18, 0.11, 0.07]])
"""Irises from blue over green to dark brown at 0, 1/3, 2/3, 1."""
_IRIS_DEGREES, _PUPIL_DEGREES = 25.0, 9.5
_HAIRLINE = np.array(
    [[0, 63], [10, 64], [20, 66], [27, 62], [34, 50], [42, 38], [52, 27], [61, 16], [69, -6], [75, -16], [81, -12],
     [86, 10], [96, 17], [106, 12], [115, -12], [124, -46], [150, -60], [180, -64]]
)  # fmt: skip
"""Degrees round the head from straight ahead; height of the hairline above the eyes."""
_HAIR_AXIS = -70.0  # z of the vertical line those degrees are measured about
_BROW = np.array(
    [
        [9, 13.0, 4.0],
        [14, 15.0, 4.6],
        [24, 18.0, 4.3],
        [34, 20.2, 3.6],
        [44, 19.6, 2.6],
        [52, 16.4, 1.6],
        [56, 14.0, 0.6],
    ]
)
"""Distance from the midline, height above the eyes, half the thickness."""


@dataclass(frozen=True)
class Complexion:
    """What one person's colours are. All in [0, 1] with the ordinary face at the default."""

    melanin: float = 0.25
    warmth: float = 0.5
    redness: float = 0.4
    blush: float = 0.4
    lip_colour: float = 0.5
    lip_redness: float = 0.5
    mottling: float = 0.4
    freckles: float = 0.0
    eye_rings: float = 0.3
    brow_density: float = 0.7
    brow_thickness: float = 0.5
    brow_height: float = 0.5
    hair_darkness: float = 0.62
    hair_amount: float = 0.9
    stubble: float = 0.0
    iris: float = 0.6
    sclera: float = 0.5


class Painter:
    """Paints complexions onto one texel map. The noise is fixed, so that complexions differ by their values alone."""

    def __init__(self, texels: Texels, seed: int = 7) -> None:
        self._texels = texels
        rng = np.random.default_rng(seed)
        self._tables = [rng.random((256, 256)) for _ in range(6)]
        t = texels
        self._head = t.island == Island.HEAD
        self._skin = np.isin(t.island, (Island.HEAD, Island.NECK, Island.LEFT_SOCKET, Island.RIGHT_SOCKET))
        self._front = _ramp(t.z, -25, 0) * self._head
        around, up = np.degrees(np.arctan2(np.abs(t.x), t.z - _HAIR_AXIS)), t.y
        self._fine = self._noise(0, t.x * 1.1 + t.z * 0.7, up * 1.1)
        self._patchy = (
            self._noise(1, t.x / 9 + t.z / 13, up / 9) * 0.6 + self._noise(2, t.x / 3, up / 3 + t.z / 4) * 0.4
        )
        strands = self._noise(3, around * 2.6, up / 7) * 0.7 + self._noise(4, around * 1.1 + up / 3, up / 14) * 0.3
        self._strands = strands
        above = up - np.interp(around, *_HAIRLINE.T)
        not_ear = 1 - _ramp(np.abs(t.x), 78, 81) * _ramp(t.y, 17, 12)
        self._hair = np.where(self._head, _ramp(above + 9 * (strands - 0.5), -3, 9) * not_ear, 0.0)
        self._spots = self._freckle_field()

    def paint(self, look: Complexion) -> Map:
        """(S, S, 3) sRGB of one complexion."""
        t = self._texels
        hair = _palette(_HAIRS, look.hair_darkness)
        tone = _palette(_TONES, look.melanin)
        colour = np.broadcast_to(tone * _tint(look.warmth), (*t.x.shape, 3)).copy()
        self._paint_skin(colour, look)
        self._paint_lips(colour, look, tone)
        self._paint_lids(colour, look)
        shadow = 0.55 * look.stubble * self._beard() * (0.65 + 0.7 * (self._fine - 0.5))
        _blend(colour, 0.5 * tone + 0.5 * hair * [0.8, 0.9, 1.0], shadow)
        _blend(colour, np.minimum(hair, 0.75 * tone), self._brows(look))
        scalp = hair * (0.72 + 0.56 * self._strands[..., None])
        _blend(colour, scalp, self._hair * (0.94 * look.hair_amount))
        self._paint_eyes(colour, look)
        self._paint_mouth(colour, tone)
        return np.clip(colour, 0.0, 1.0)

    def _noise(self, table: int, across: Map, along: Map) -> Map:
        """Smooth noise in [0, 1], one random value a unit of the two coordinates."""
        where = np.stack([across, along])
        sampled: Map = map_coordinates(self._tables[table], where % 256, order=1, mode="grid-wrap")
        return sampled

    def _bump(self, x: float, y: float, width: float, height: float) -> Map:
        """A soft ellipse on both sides of the face."""
        t = self._texels
        bump: Map = np.exp(-(((np.abs(t.x) - x) / width) ** 2) - ((t.y - y) / height) ** 2) * self._front
        return bump

    def _freckle_field(self) -> Map:
        t = self._texels
        turned = self._noise(4, (t.x + 0.7 * t.y) / 1.9, (t.y - 0.7 * t.x) / 1.9)
        cells = self._noise(5, t.x / 1.9, t.y / 1.9) * turned  # of two lattices, so that neither shows
        where = self._bump(26, -22, 24, 16) + 0.9 * self._bump(0, -20, 14, 12) + 0.4 * self._bump(18, 45, 30, 18)
        return _ramp(cells, 0.42, 0.62) * np.minimum(where, 1.0)

    def _paint_skin(self, colour: Map, look: Complexion) -> None:
        t = self._texels
        light = 1 - 0.6 * look.melanin  # blood shows less through dark skin
        flush = (
            look.redness * (0.45 * self._bump(0, -33, 16, 10) + 0.35 * self._bump(0, -88, 22, 10))
            + look.blush * 0.8 * self._bump(40, -34, 20, 15)
            + 0.35 * look.redness * _ramp(np.abs(t.x), 74, 82) * _ramp(np.abs(t.y), 45, 30)
        )
        colour *= 1 - (0.30 * light * flush)[..., None] * np.array([0.10, 1.0, 0.85])
        rings = look.eye_rings * (self._bump(27, -13, 15, 6) + 0.6 * self._bump(17, -4, 7, 9))
        colour *= 1 - rings[..., None] * np.array([0.17, 0.20, 0.17])
        colour *= 1 - 0.05 * self._bump(0, -52, 5, 9)[..., None]
        uneven = 0.10 * look.mottling * (self._patchy - 0.5) + 0.035 * (self._fine - 0.5)
        colour *= 1 + np.where(self._skin, uneven, 0.0)[..., None] * np.array([0.8, 1.1, 1.2])
        colour *= 1 - 0.42 * look.freckles * self._spots[..., None] * np.array([0.6, 1.0, 1.1])

    def _paint_lips(self, colour: Map, look: Complexion, tone: Map) -> None:
        t = self._texels
        pale = tone * np.array([0.95, 0.78, 0.78])
        red = (0.85 * tone + 0.15 * np.array([0.62, 0.22, 0.24])) * np.array([0.93, 0.66, 0.67])
        lip = (1 - look.lip_redness) * pale + look.lip_redness * red
        lines = self._noise(2, t.x * 0.9, t.y / 6)
        edge = 7.0 + 0.35 * (self._patchy - 0.5)
        inside = _ramp(t.lips, edge + 0.55, edge - 0.75)
        lip_colour = lip * (0.93 + 0.14 * lines[..., None]) * (0.82 + 0.18 * _ramp(t.lips, 1.0, 4.0)[..., None])
        _blend(colour, lip_colour, inside * (0.55 + 0.45 * look.lip_colour))

    def _paint_lids(self, colour: Map, look: Complexion) -> None:
        t = self._texels
        upper = _ramp(t.y, -1.5, 1.5)
        wet = _ramp(t.lids, 1.9, 1.1) * self._head
        _blend(colour, colour * [1.0, 0.74, 0.72], wet)
        crease = np.exp(-(((t.lids - 6.6) / 0.9) ** 2)) * upper
        colour *= 1 - 0.14 * crease[..., None] * np.array([0.9, 1.0, 1.0])
        lid = _ramp(t.lids, 7.0, 5.0) * upper * self._head
        colour *= 1 - 0.08 * lid[..., None] * np.array([0.7, 1.0, 1.0])
        line = np.exp(-(((t.lids - (2.3 + 1.4 * upper)) / 0.75) ** 2))
        lashes = line * (0.20 + 0.72 * upper) * _ramp(np.abs(t.x), 19, 25)
        _blend(colour, np.array([0.10, 0.07, 0.06]) + 0.15 * colour, lashes * self._head)

    def _beard(self) -> Map:
        t = self._texels
        jaw = _ramp(t.y, -42, -58) * _ramp(np.abs(t.x), 74, 60) * _ramp(t.z, -60, -35)
        cheek = _ramp(np.abs(t.x) - 0.45 * (t.y + 60), 20, 38)
        below = _ramp(t.y, -60, -74)
        lip = self._bump(0, -54, 26, 7)
        throat = _ramp(t.y, -128, -112)
        beard: Map = np.maximum(jaw * np.maximum(cheek, below), lip) * throat * _ramp(t.lips, 7.2, 8.4) * self._skin
        return beard

    def _brows(self, look: Complexion) -> Map:
        """Single hairs: noise stretched along the direction of growth, upward at the nose and outward at the temple."""
        t = self._texels
        out = np.abs(t.x)
        middle = np.interp(out, _BROW[:, 0], _BROW[:, 1]) + 3.0 * (look.brow_height - 0.5)
        half = np.interp(out, _BROW[:, 0], _BROW[:, 2]) * (0.62 + 0.76 * look.brow_thickness)
        across = (t.y - middle) / half
        # Coordinates along and across the hairs, which lean outward more and more: the integrals of cos and sin.
        line = np.arange(0.0, 60.0, 0.5)
        lean = np.radians(np.interp(line, [9, 16, 28, 56], [76, 50, 22, -6]))
        sine, cosine = np.sin(lean), np.cos(lean)
        rise = t.y - middle
        sine_here, cosine_here = np.interp(out, line, sine), np.interp(out, line, cosine)
        between = np.interp(out, line, np.cumsum(sine) * 0.5) - rise * cosine_here
        along = np.interp(out, line, np.cumsum(cosine) * 0.5) + rise * sine_here
        hairs = self._noise(0, between * 2.2 + 40 * (t.x > 0), along / 5)
        body = np.clip(1.3 - 1.1 * across**2 + 0.9 * (hairs - 0.5), 0, 1) * _ramp(out, 7.5, 15) * _ramp(out, 57, 46)
        strength = body * (0.45 + 0.7 * _ramp(hairs, 0.25, 0.75))
        brows: Map = np.clip(strength * (0.45 + 0.6 * look.brow_density), 0, 0.95) * self._front
        return brows

    def _paint_eyes(self, colour: Map, look: Complexion) -> None:
        t = self._texels
        eye = t.gaze < 180
        degrees, around = t.gaze[eye], t.around[eye]
        white = np.array([0.90, 0.87, 0.85]) * (0.9 + 0.2 * look.sclera - 0.05)
        white = white * (1 - _ramp(degrees, 38, 62)[..., None] * np.array([0.02, 0.14, 0.15]))
        fibres = self._noise(3, around * 22, degrees / 9)
        iris = _palette(_IRISES, look.iris) * (0.70 + 0.6 * fibres[..., None])
        iris = (
            iris * (1.25 - 0.45 * _ramp(degrees, 12, 22)[..., None]) * (1 - 0.45 * _ramp(degrees, 21.5, 25)[..., None])
        )
        _blend(white, iris, _ramp(degrees, _IRIS_DEGREES + 0.9, _IRIS_DEGREES - 0.9))
        _blend(white, np.array([0.02, 0.02, 0.02]), _ramp(degrees, _PUPIL_DEGREES + 0.7, _PUPIL_DEGREES - 0.7))
        colour[eye] = white

    def _paint_mouth(self, colour: Map, tone: Map) -> None:
        t = self._texels
        flesh = np.array([0.58, 0.25, 0.24])
        mouth = t.island == Island.MOUTH
        deep = _ramp(t.z[mouth], 26, 0)[..., None]
        colour[mouth] = (1 - deep) * (0.5 * flesh + 0.5 * tone * [0.8, 0.45, 0.45]) + deep * 0.35 * flesh
        colour[t.island == Island.TONGUE] = np.array([0.66, 0.36, 0.35])
        teeth = np.isin(t.island, (Island.UPPER_TEETH, Island.LOWER_TEETH))
        colour[teeth] = np.array([0.88, 0.85, 0.78])
        socket = np.isin(t.island, (Island.LEFT_SOCKET, Island.RIGHT_SOCKET))
        colour[socket] = colour[socket] * [0.98, 0.72, 0.70]


@dataclass(frozen=True, eq=False)
class AlbedoModel:
    """albedo = mean / 255 + sum over a of coefficient * dirs[a] / 127 * scales[a], sRGB in [0, 1]."""

    mean: NDArray[np.uint8]
    """(H, H, 3) sRGB."""
    dirs: NDArray[np.int8]
    """(A, h, h, 3)."""
    scales: NDArray[np.float32]
    """(A,) greatest change a standard deviation makes anywhere, sRGB in [0, 1]."""


def sample_complexions(count: int, seed: int) -> list[Complexion]:
    """People: all tones equally likely; dark skin with dark hair and eyes, light skin with freckles and fair hair."""
    rng = np.random.default_rng(seed)
    people = []
    for _ in range(count):
        values = {f.name: float(rng.uniform()) for f in fields(Complexion)}
        melanin = values["melanin"]
        fair = max(0.0, 1 - 1.6 * melanin)
        values["hair_darkness"] = 1 - values["hair_darkness"] * (0.15 + 0.85 * fair)
        values["iris"] = 1 - values["iris"] * (0.15 + 0.85 * fair)
        values["freckles"] = max(0.0, values["freckles"] - 0.4) * 1.6 * fair
        values["stubble"] = max(0.0, values["stubble"] - 0.5) * 2
        values["hair_amount"] = 1.0 if values["hair_amount"] > 0.2 else 0.25
        people.append(Complexion(**values))
    return people


def build_albedo(
    fine: Painter, coarse: Painter, components: int = 24, samples: int = 400, seed: int = 11
) -> AlbedoModel:
    """Sample complexions, take their principal components, and put the painted detail into the mean.

    Args:
        fine, coarse: painters of the mean's and of the components' resolution.
        components: A.
    """
    looks = sample_complexions(samples, seed)
    pictures = np.stack([coarse.paint(look).astype(np.float32) for look in looks]) * 255
    mean = pictures.mean(axis=0, dtype=np.float64).astype(np.float32)
    flat = (pictures - mean).reshape(samples, -1)
    variances, vectors = np.linalg.eigh((flat @ flat.T / samples).astype(np.float64))
    order = np.argsort(-variances)[:components]
    directions = (vectors[:, order] / np.sqrt(samples)).T.astype(np.float32) @ flat
    directions *= np.sign(directions.sum(axis=1, keepdims=True))
    scales = np.abs(directions).max(axis=1)
    dirs = np.round(127 * directions / scales[:, None]).astype(np.int8)
    painted = 255 * fine.paint(Complexion())
    ratio = painted.shape[0] // mean.shape[0]
    smooth = painted.reshape(mean.shape[0], ratio, mean.shape[1], ratio, 3).mean(axis=(1, 3))
    detailed = painted + zoom(mean - smooth, (ratio, ratio, 1), order=1, mode="nearest", grid_mode=True)
    return AlbedoModel(
        np.round(np.clip(detailed, 0, 255)).astype(np.uint8),
        dirs.reshape(components, *mean.shape),
        (scales / 255).astype(np.float32),
    )


def _ramp(values: Map, start: float | Map, end: float | Map) -> Map:
    """0 before start, 1 after end, a smooth step between (either may be the greater)."""
    t = np.clip((values - start) / (np.asarray(end) - start), 0.0, 1.0)
    step: Map = t * t * (3 - 2 * t)
    return step


def _blend(colour: Map, other: Map, amount: Map) -> None:
    """Mix ``other`` into ``colour`` in place."""
    colour += amount[..., None] * (other - colour)


def _palette(table: Map, value: float) -> Map:
    knots = np.linspace(0, 1, len(table))
    return np.array([np.interp(value, knots, table[:, channel]) for channel in range(3)])


def _tint(warmth: float) -> Map:
    return 1 + (warmth - 0.5) * np.array([0.02, 0.0, -0.10])
