"""What skin does that the head model's albedo does not know: lines that come with expressions, and facial hair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.data.head_painter import Floats
from fields_core.head.model import HeadModel

_SIDE = 256  # texels
_FINER = 4
_SIDES = ("Left", "Right")
_BEARD_CHANCE = 0.2

# Lines through MediaPipe's landmarks of the person's right half, as (landmark, landmark, share of the second); what
# draws them in; how dark they get.
_Path = tuple[tuple[int, int, float], ...]
_FOLD: _Path = ((129, 203, 0.3), (203, 206, 0.5), (206, 216, 0.5), (216, 212, 0.25))
_CROW: tuple[_Path, ...] = (
    ((130, 226, 0.6), (226, 35, 0.2), (143, 156, 0.6)),
    ((130, 226, 0.6), (226, 143, 0.5), (143, 34, 0.5)),
    ((130, 226, 0.6), (31, 35, 0.5), (111, 143, 0.6)),
)
_FROWN: _Path = ((8, 193, 0.4), (9, 55, 0.5), (9, 107, 0.6))
_FOREHEAD: tuple[_Path, ...] = tuple(
    tuple((low, high, share) for low, high in ((105, 104), (66, 69), (107, 108), (9, 151))) for share in (0.5, 1.1)
)
_UNDER_EYE: _Path = ((133, 243, 0.3), (232, 121, 0.3), (230, 119, 0.3), (228, 117, 0.3))


class SkinPainter:
    """Paints on (S, S, 3) albedo texels of one head model."""

    def __init__(self, head: HeadModel) -> None:
        self._columns = {name: column for column, name in enumerate(head.expression_names)}
        places = _landmark_uv(head)
        mirrored = places.copy()
        mirrored[:, 0] = _mirror_line(head, places) * 2.0 - mirrored[:, 0]
        self._folds = [self._lines(uv, (_FOLD,), 1.3) for uv in (mirrored, places)]
        self._crows = [self._lines(uv, _CROW, 0.8) for uv in (mirrored, places)]
        self._eyes = [self._lines(uv, (_UNDER_EYE,), 1.2) for uv in (mirrored, places)]
        self._frown = sum(self._lines(uv, (_FROWN,), 1.0) for uv in (mirrored, places))
        self._forehead = np.maximum(*(self._lines(uv, _FOREHEAD, 0.7) for uv in (mirrored, places)))
        self._moustache, self._chin, self._cheeks = _beard_maps(head)

    def lined(self, rng: np.random.Generator, texels: Floats, units: NDArray[np.float32]) -> Floats:
        """Texels with the lines of an expression, deeper with age, which is drawn here.

        Args:
            units: (E,) expression coefficients.
        """
        age = float(rng.random())

        def level(name: str, side: str) -> float:
            return float(units[self._columns[name + side]])

        darkness = np.zeros((_SIDE, _SIDE), np.float32)
        for side, fold, crow, under in zip(_SIDES, self._folds, self._crows, self._eyes, strict=True):
            smile, sneer = level("mouthSmile", side), level("noseSneer", side)
            squint = max(level("cheekSquint", side), 0.6 * level("eyeSquint", side), 0.5 * smile)
            darkness += fold * (0.12 * age + (0.25 + 0.2 * age) * min(1.0, smile + 0.9 * sneer))
            darkness += crow * (0.05 * age + (0.1 + 0.25 * age) * squint)
            darkness += under * (0.1 * age + 0.2 * squint)
        down = 0.5 * (level("browDown", "Left") + level("browDown", "Right"))
        up = max(level("browInnerUp", ""), 0.5 * (level("browOuterUp", "Left") + level("browOuterUp", "Right")))
        darkness += self._frown * (0.08 * age + (0.25 + 0.2 * age) * down)
        darkness += self._forehead * (0.08 * age + (0.1 + 0.3 * age) * up)
        # Below each furrow a ridge catches the light.
        ridge = np.roll(darkness, 2, axis=0) - darkness
        return np.clip(texels * (1.0 - darkness + 0.35 * np.clip(ridge, 0.0, None))[..., None], 0.0, 1.0)

    def bearded(self, rng: np.random.Generator, texels: Floats, hair: Floats) -> Floats:
        """Texels with a beard, a moustache or stubble, seldom; unchanged mostly.

        Args:
            hair: (3,) colour of the hair.
        """
        if rng.random() > _BEARD_CHANCE:
            return texels
        parts = (self._moustache, self._chin, self._cheeks)
        style = rng.random()
        wanted = (1.0, 0.0, 0.0) if style < 0.25 else (1.0, 1.0, 0.0) if style < 0.5 else (1.0, 1.0, 1.0)
        amount = np.clip(sum(part * share for part, share in zip(parts, wanted, strict=True)), 0.0, 1.0)
        noise = cv2.GaussianBlur(rng.normal(0.0, 1.8, (_SIDE, _SIDE)).astype(np.float32), (0, 0), 0.6)
        density = float(rng.uniform(0.3, 0.95))
        cover = np.clip(amount * density * (1.0 + 0.25 * noise), 0.0, 0.97)[..., None]
        tone = np.clip(hair * float(rng.uniform(0.6, 1.1)) * np.exp(0.15 * noise)[..., None], 0.0, 1.0)
        return (texels * (1.0 - cover) + tone * cover).astype(np.float32)

    @staticmethod
    def _lines(places: NDArray[np.float64], paths: tuple[_Path, ...], width: float) -> Floats:
        """(S, S) smooth lines in [0, 1] that fade at both ends."""
        canvas = np.zeros((_SIDE * _FINER,) * 2, np.float32)
        for path in paths:
            knots = np.array([places[a] * (1.0 - share) + places[b] * share for a, b, share in path])
            knots = np.column_stack([knots[:, 0], 1.0 - knots[:, 1]]) * _SIDE * _FINER
            t = np.linspace(0.0, len(knots) - 1.0, 40)
            curve = np.column_stack([np.interp(t, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)])
            for start, end, along in zip(curve[:-1], curve[1:], np.linspace(0.0, 1.0, 39), strict=True):
                shade = float(min(1.0, 5.0 * along + 0.2, 5.0 * (1.0 - along) + 0.2))
                ends = [np.round(point).astype(int).tolist() for point in (start, end)]
                cv2.line(canvas, ends[0], ends[1], shade, round(width * _FINER), cv2.LINE_AA)
        return cv2.resize(cv2.GaussianBlur(canvas, (0, 0), 0.6 * _FINER), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)


def _landmark_uv(head: HeadModel) -> NDArray[np.float64]:
    """(478, 2) v up: where the landmarks are on the texture."""
    faces = head.faces.cpu().numpy()
    numbers = {tuple(face): number for number, face in enumerate(faces.tolist())}
    chosen = [numbers[tuple(corners)] for corners in head.landmark_corners.cpu().tolist()]
    corners = head.uv.cpu().numpy()[head.uv_faces.cpu().numpy()[chosen]]
    weights = head.landmark_barycentrics.cpu().numpy()
    return np.einsum("lkc,lk->lc", corners, weights).astype(np.float64)


def _mirror_line(head: HeadModel, places: NDArray[np.float64]) -> float:
    """The u that halves the face."""
    return float(np.mean(places[[1, 4, 5, 9, 151], 0]))


def _beard_maps(head: HeadModel) -> tuple[Floats, Floats, Floats]:
    """(S, S) each: moustache, chin, cheeks and jaw; in [0, 1]."""
    rest = head.template.cpu().numpy().astype(np.float64)
    marks = head.landmarks(head.template[None])[0].cpu().numpy().astype(np.float64)
    nose, lip, low_lip = marks[2], marks[0], marks[17]
    corner = abs(marks[61, 0])
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    skin = (head.region("face") | head.region("neck")) & ~head.region("lips") & ~head.region("mouth")
    allowed = skin.cpu().numpy() & ~head.region("teeth").cpu().numpy() & ~head.region("eyeballs").cpu().numpy()

    def between(values: NDArray[np.float64], low: float, high: float, soft: float) -> NDArray[np.float64]:
        return np.clip((values - low) / soft + 0.5, 0.0, 1.0) * np.clip((high - values) / soft + 0.5, 0.0, 1.0)

    front = rest[:, 2] > lip[2] - 0.045
    moustache = between(y, lip[1] - 0.004, nose[1] - 0.003, 0.004) * between(x, -1.0, corner * 1.05, 0.008) * front
    chin = between(y, marks[152, 1] - 0.012, low_lip[1] - 0.004, 0.006) * between(x, -1.0, corner * 0.9, 0.012) * front
    jaw_line = nose[1] - 0.66 * np.clip(0.055 - x, 0.0, None)
    cheeks = between(y, marks[152, 1] - 0.02, np.minimum(jaw_line, lip[1] - 0.004 + 0.45 * (x - corner)), 0.012)
    cheeks = cheeks * np.clip((x - 0.7 * corner) / 0.01, 0.0, 1.0) * (rest[:, 2] > marks[234, 2] - 0.012)
    maps = _to_texture(head, np.column_stack([moustache, chin, cheeks]) * allowed[:, None])
    return maps[..., 0].copy(), maps[..., 1].copy(), maps[..., 2].copy()


def _to_texture(head: HeadModel, values: NDArray[np.float64]) -> Floats:
    """(V, 3) values in [0, 1] spread over (S, S, 3) texels."""
    canvas = np.zeros((_SIDE, _SIDE, 3), np.float32)
    faces, uv_faces, uv = head.faces.cpu().numpy(), head.uv_faces.cpu().numpy(), head.uv.cpu().numpy()
    corners = np.column_stack([uv[:, 0], 1.0 - uv[:, 1]]) * _SIDE - 0.5
    for face in np.flatnonzero(values[faces].max(axis=(1, 2)) > 0.0):
        polygon = np.round(corners[uv_faces[face]] * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, polygon, values[faces[face]].mean(axis=0).tolist(), cv2.LINE_8, 4)
    return cv2.GaussianBlur(canvas, (0, 0), 1.5)
