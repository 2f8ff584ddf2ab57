"""Draws expressions that a face can make: emotions, speech, blinks, loose combinations, and rest."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.facs import JAW, FacsTable, load_facs
from fields_core.data.sample import NO_LABEL
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import intensity_scale
from fields_core.errors import ModelFileError
from fields_core.head.model import HeadModel

Recipe = dict[str, float]  # ARKit units, `JAW` among them, and how far each goes, in [0, 1]

_SHARES = {"neutral": 0.15, "emotion": 0.5, "speech": 0.15, "loose": 0.2}
_MEASURED = 2000  # expressions that the intensity scale is measured on
_MEASURED_SEED = 20251121
_SIDES = ("Left", "Right")
_ONE_WAY = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")  # directions, not sides of the face
_BLUNT = 0.06  # spread of the difference between the sides
_LOPSIDED = 0.3  # the same of the faces that are not nearly symmetric
_LOPSIDED_SHARE = 0.1
_LAUGHING_SHARE = 0.3  # of smiles that show teeth; CK+ has posed ones, which open the jaw less often
_GAZE_LIMIT = np.array([0.35, 0.55])  # radians down/up, left/right

VISEME_NAMES = ("aa", "eh", "ee", "oh", "oo", "p b", "m", "f v", "th d", "s", "sh", "r")  # of `VISEMES`, in order
# Ours: mouth shapes of speech, after the usual fifteen visemes.
VISEMES: tuple[Recipe, ...] = tuple(
    {
        unit: level
        for name, level in viseme.items()
        for unit in ([name] if name[0] != "_" else [f"{name[1:]}{side}" for side in _SIDES])
    }
    for viseme in (
        {JAW: 0.55, "_mouthLowerDown": 0.2, "_mouthUpperUp": 0.15},  # aa
        {JAW: 0.22, "_mouthStretch": 0.3, "_mouthSmile": 0.15, "_mouthLowerDown": 0.3, "_mouthUpperUp": 0.2},  # eh
        {JAW: 0.12, "_mouthSmile": 0.25, "_mouthStretch": 0.25, "_mouthLowerDown": 0.35},  # ee
        {JAW: 0.38, "mouthFunnel": 0.7},  # oh
        {JAW: 0.12, "mouthPucker": 0.8, "mouthFunnel": 0.25},  # oo
        {"_mouthPress": 0.5, "mouthRollUpper": 0.2, "mouthRollLower": 0.25},  # p, b
        {JAW: 0.25, "mouthClose": 0.25},  # m
        {JAW: 0.1, "mouthRollLower": 0.6, "_mouthUpperUp": 0.3},  # f, v
        {JAW: 0.2, "_mouthLowerDown": 0.3, "_mouthUpperUp": 0.1},  # th, d
        {JAW: 0.05, "_mouthStretch": 0.25, "_mouthLowerDown": 0.35, "_mouthUpperUp": 0.2},  # s
        {JAW: 0.12, "mouthFunnel": 0.6, "mouthPucker": 0.2, "_mouthLowerDown": 0.25},  # sh
        {JAW: 0.15, "mouthFunnel": 0.4, "mouthPucker": 0.3},  # r
    )
)


@dataclass(frozen=True, eq=False)
class Expression:
    """One face's expression and what it means."""

    units: NDArray[np.float32]
    """(E,) in [0, 1], as `HeadModel.expression_names`."""
    jaw: NDArray[np.float32]
    """(3,) radians."""
    gaze: NDArray[np.float32]
    """(6,) radians, left then right eye."""
    label: int
    """An `Emotion`, or NO_LABEL where the expression means none."""
    valence_arousal: tuple[float, float] | None
    """In [-1, 1]; None without a label."""


class ExpressionGenerator:
    """Draws expressions for a head model with ARKit's units."""

    def __init__(self, head: HeadModel, table: FacsTable | None = None) -> None:
        """
        Args:
            head: its expression coefficients must have ARKit's names.
            table: None takes the one that comes with the program.

        Raises:
            ModelFileError: the head model names its coefficients otherwise.
        """
        self._table = table if table is not None else load_facs()
        self._columns = {name: column for column, name in enumerate(head.expression_names)}
        wanted = {name for recipe in self._table.action_units.values() for name in recipe} - {JAW}
        missing = sorted(wanted - self._columns.keys())
        if missing:
            raise ModelFileError(
                f"The head model {head.name} has no expressions that FACS could name",
                expected="ARKit's units as expression names",
                found=f"none named {missing[0]}",
                remedy="Use the open head.",
            )
        self._jaw_open = head.jaw_open_radians
        self._pairs = tuple(
            name.removesuffix("Left")
            for name in head.expression_names
            if name.endswith("Left") and name not in _ONE_WAY and name.replace("Left", "Right") in self._columns
        )
        paired = {f"{pair}{side}" for pair in self._pairs for side in _SIDES}
        singles = tuple((name,) for name in (*self._columns, JAW) if name not in paired)
        self._groups = singles + tuple((f"{pair}Left", f"{pair}Right") for pair in self._pairs)
        self._head = head

    @functools.cached_property
    def intensity_scale(self) -> float:
        """d95 of its own expressions in metres (see `ExpressionIntensity`), always the same for a head. Measured when
        first asked for: that takes seconds."""
        rng = np.random.default_rng(_MEASURED_SEED)
        return intensity_scale(self._head, self.code(self._head, [self.draw(rng) for _ in range(_MEASURED)]))

    def draw(self, rng: np.random.Generator) -> Expression:
        """An expression of any kind."""
        kind = rng.choice(list(_SHARES), p=list(_SHARES.values()))
        if kind == "emotion":
            emotion = Emotion(int(rng.integers(1, len(Emotion))))
            return self.emotion(rng, emotion, float(0.2 + 0.8 * rng.beta(1.8, 1.0)))
        if kind == "neutral":
            return self._finished(rng, self._noise(rng, 0.06), Emotion.NEUTRAL, 0.0)
        recipe = self._speech(rng) if kind == "speech" else self._loose(rng)
        return self._finished(rng, _sum(recipe, self._noise(rng, 0.1)), NO_LABEL, 0.0)

    def emotion(self, rng: np.random.Generator, emotion: Emotion, strength: float) -> Expression:
        """An expression of an emotion: its action units by their frequency in CK+, or one of its prototypes.

        Args:
            strength: in [0, 1], how far the action units go.
        """
        recipe: Recipe = {}
        for unit in self._action_units(rng, emotion):
            level = strength * float(np.clip(rng.normal(1.05, 0.2), 0.4, 1.4))
            recipe = _sum(recipe, _scaled(self._table.action_units.get(unit, {}), level))
        if emotion == Emotion.CONTEMPT:  # the one emotion of a single side (Ekman and Friesen 1986)
            recipe = _one_side(recipe, _SIDES[int(rng.integers(2))], float(rng.uniform(0.0, 0.35)))
        elif rng.random() < 0.2:
            recipe = _sum(_scaled(recipe, 0.9), _scaled(self._speech(rng), 0.5))
        return self._finished(rng, _sum(recipe, self._noise(rng, 0.08)), emotion, strength)

    @staticmethod
    def code(head: HeadModel, expressions: Sequence[Expression]) -> FaceCode:
        """Neutral heads with these expressions."""
        neutral = head.neutral_code(len(expressions))
        return neutral.replace(
            expression=torch.from_numpy(np.stack([expression.units for expression in expressions])).to(neutral.shape),
            jaw_pose=torch.from_numpy(np.stack([expression.jaw for expression in expressions])).to(neutral.shape),
            eye_pose=torch.from_numpy(np.stack([expression.gaze for expression in expressions])).to(neutral.shape),
        )

    def _action_units(self, rng: np.random.Generator, emotion: Emotion) -> list[int]:
        prototypes = self._table.prototypes.get(emotion, ())
        if prototypes and rng.random() < 0.4:
            chosen = list(prototypes[int(rng.integers(len(prototypes)))])
        else:
            chances = self._table.probabilities.get(emotion, {})
            chosen = [unit for unit, chance in chances.items() if rng.random() < chance]
            chosen = chosen or [max(chances, key=lambda unit: chances[unit])] if chances else chosen
        if emotion == Emotion.HAPPY and 25 in chosen and rng.random() < _LAUGHING_SHARE:
            chosen.append(26)
        if {25, 26, 27} & set(chosen):  # lips that part cannot be pressed
            chosen = [unit for unit in chosen if unit not in (23, 24)]
        return chosen

    def _speech(self, rng: np.random.Generator) -> Recipe:
        """Between two visemes."""
        first, second = rng.integers(len(VISEMES), size=2)
        share = float(rng.uniform(0.0, 1.0))
        recipe = _sum(_scaled(VISEMES[first], share), _scaled(VISEMES[second], 1.0 - share))
        return _scaled(recipe, float(rng.uniform(0.5, 1.3)))

    def _loose(self, rng: np.random.Generator) -> Recipe:
        """A few units that happen to move together."""
        chosen = rng.choice(len(self._groups), size=int(rng.integers(1, 6)), replace=False)
        return {
            unit: float(level) for group in chosen for level in [rng.beta(1.5, 1.7)] for unit in self._groups[group]
        }

    def _noise(self, rng: np.random.Generator, largest: float) -> Recipe:
        """No face at rest is exactly neutral."""
        moved = [group for group in self._groups if rng.random() < 0.15]
        return {unit: level for group in moved for level in [float(rng.uniform(0.0, largest))] for unit in group}

    def _finished(self, rng: np.random.Generator, recipe: Recipe, label: int, strength: float) -> Expression:
        gaze = self._gaze(rng)
        recipe = self._lids(rng, recipe, float(gaze[0]))
        recipe = self._sides(rng, recipe)
        levels = possible(recipe)
        units = np.zeros(len(self._columns), np.float32)
        for name, level in levels.items():
            if name in self._columns:
                units[self._columns[name]] = level
        opening = levels.get(JAW, 0.0)
        sideways = rng.normal(0.0, 0.012, 2).clip(-0.04, 0.04) * min(1.0, 4.0 * opening)
        jaw = np.array([opening * self._jaw_open, *sideways], np.float32)
        if "mouthClose" in self._columns:
            closing = self._columns["mouthClose"]  # float32 may have rounded the jaw down
            units[closing] = min(units[closing], jaw[0] / np.float32(self._jaw_open))
        return Expression(units, jaw, gaze, int(label), self._affect(rng, label, strength))

    def _affect(self, rng: np.random.Generator, label: int, strength: float) -> tuple[float, float] | None:
        if label == NO_LABEL:
            return None
        centre = np.array(self._table.affect(Emotion(label))) * strength
        valence, arousal = np.clip(centre + rng.normal(0.0, 0.06, 2), -1.0, 1.0)
        return float(valence), float(arousal)

    @staticmethod
    def _gaze(rng: np.random.Generator) -> NDArray[np.float32]:
        """Both eyes look at one point, mostly near the camera."""
        spread = 0.05 if rng.random() < 0.5 else 0.22
        down, left = np.clip(rng.normal(0.0, spread, 2) * [0.7, 1.0], -_GAZE_LIMIT, _GAZE_LIMIT)
        vergence = abs(rng.normal(0.0, 0.015))
        return np.array([down, left - vergence, 0.0, down, left + vergence, 0.0], np.float32)

    @staticmethod
    def _lids(rng: np.random.Generator, recipe: Recipe, down: float) -> Recipe:
        """Blinks, winks and lids that hang a little."""
        fate = rng.random()
        if max(recipe.get(f"eyeWide{side}", 0.0) for side in _SIDES) > 0.25:
            return recipe
        closure = np.full(2, rng.uniform(0.0, 0.12) if rng.random() < 0.5 else 0.0)
        if fate < 0.05:
            closure[:] = rng.uniform(0.75, 1.0)
        elif fate < 0.08:
            closure[:] = rng.uniform(0.2, 0.75)
        elif fate < 0.095:
            closure[int(rng.integers(2))] = rng.uniform(0.6, 1.0)
        closure += 0.3 * max(0.0, down)
        return _sum(recipe, {f"eyeBlink{side}": float(amount) for side, amount in zip(_SIDES, closure, strict=True)})

    def _sides(self, rng: np.random.Generator, recipe: Recipe) -> Recipe:
        """Make the sides differ a little: no face is symmetric."""
        spread = _LOPSIDED if rng.random() < _LOPSIDED_SHARE else _BLUNT
        changed = dict(recipe)
        for pair in self._pairs:
            if pair == "eyeBlink":
                continue
            tilt = float(np.clip(rng.normal(0.0, spread), -0.7, 0.7))
            for side, sign in zip(_SIDES, (1.0, -1.0), strict=True):
                name = f"{pair}{side}"
                if name in changed:
                    changed[name] *= 1.0 + sign * tilt / 2.0
        return changed


def _sum(first: Recipe, second: Recipe) -> Recipe:
    return {name: first.get(name, 0.0) + second.get(name, 0.0) for name in {**first, **second}}


def _scaled(recipe: Mapping[str, float], factor: float) -> Recipe:
    return {name: level * factor for name, level in recipe.items()}


def _one_side(recipe: Recipe, side: str, rest: float) -> Recipe:
    other = _SIDES[1 - _SIDES.index(side)]
    return {name: level * (rest if name.endswith(other) else 1.0) for name, level in recipe.items()}


def possible(recipe: Recipe) -> Recipe:
    """The nearest thing that muscles, lips and lids allow."""
    levels = {name: float(np.clip(level, 0.0, 1.0)) for name, level in recipe.items()}

    def level(name: str) -> float:
        return levels.get(name, 0.0)

    def weaken(names: Sequence[str], factor: float) -> None:
        levels.update({name: levels[name] * max(0.0, factor) for name in names if name in levels})

    for one, other in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        weaken([one if level(one) < level(other) else other], 0.0)
    for side in _SIDES:
        # Lids that close can neither widen nor squint on top of it.
        weaken([f"eyeWide{side}", f"eyeSquint{side}"], 1.0 - level(f"eyeBlink{side}"))
        weaken([f"eyeSquint{side}"], 1.0 - 0.5 * level(f"eyeWide{side}"))
        # Antagonists at the lip corner: the weaker one shows half.
        smile, frown = f"mouthSmile{side}", f"mouthFrown{side}"
        weaken([smile if level(smile) < level(frown) else frown], 0.5)
    # One ring of muscle closes, rounds and rolls the lips: round lips are not drawn wide, open ones not pressed.
    rounded = max(level("mouthPucker"), level("mouthFunnel"))
    wide = [f"{name}{side}" for name in ("mouthSmile", "mouthStretch", "mouthDimple") for side in _SIDES]
    weaken(wide, 1.0 - 0.7 * rounded)
    apart = [level(f"{name}{side}") for name in ("mouthUpperUp", "mouthLowerDown") for side in _SIDES]
    opened = min(1.0, 2.5 * max(level(JAW) - level("mouthClose"), 0.0) + max(apart))
    pressed = ["mouthPressLeft", "mouthPressRight", "mouthRollUpper", "mouthRollLower", "mouthShrugUpper"]
    weaken(pressed, 1.0 - 0.7 * opened)
    weaken(["cheekPuff"], 1.0 - 2.0 * opened)
    weaken(["mouthShrugLower"], 1.0 - level(JAW))
    if "mouthClose" in levels:  # ARKit: lips that close an open jaw
        levels["mouthClose"] = min(levels["mouthClose"], level(JAW))
    return levels
