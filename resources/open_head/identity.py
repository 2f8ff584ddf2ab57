"""Random people from the source's macro and local controls, and the linear model of their differences."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology

EYE_MIDPOINT = np.array([0.0, 0.024, 0.040])
"""Metres: where FLAME has it, about."""
SPREAD = {"head": 0.12, "forehead": 0.14, "neck": 0.10, "ears": 0.20, "eyes": 0.18, "nose": 0.20, "mouth": 0.18}
SPREAD |= {"chin": 0.18, "cheek": 0.20, "eyebrows": 0.20}
"""Standard deviation of the local controls, by folder; larger values give caricatures."""
_EAR_SHAPE_SPREAD = 0.12
_SIDE_SPREAD = 0.025  # between the left and the right of a paired control
_ASYMMETRY_SPREAD = 0.05
_LIMIT = 0.6
_OPPOSITES = (
    *(("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex")),
    ("compress", "uncompress"),
)
_RACES = ("african", "asian", "caucasian")
_GENDERS = ("female", "male")
JOINT_MARKERS = {"neck": (14534, 14542), "head": (14070, 14078), "mouth": (14590, 14598)}
"""Source vertices of the cubes that mark joints."""


@dataclass(frozen=True, eq=False)
class Samples:
    """n people, rigidly aligned to their symmetric mean."""

    vertices: NDArray[np.float64]
    """(n, V, 3) metres, model frame."""
    joints: NDArray[np.float64]
    """(n, 3, 3) metres: the markers of `JOINT_MARKERS`."""


@dataclass(frozen=True, eq=False)
class ShapeBasis:
    """Mean and principal components."""

    mean: NDArray[np.float64]
    """(V, 3) metres; exactly mirror symmetric."""
    directions: NDArray[np.float64]
    """(V, 3, S) metres per standard deviation; each exactly symmetric or antisymmetric."""
    explained: float
    """Share of the samples' variance."""


def draw_samples(source: Source, topology: HeadTopology, count: int, seed: int) -> Samples:
    """People drawn at random over gender, age from young adult to old, ethnicity, build and all local controls."""
    coefficients, names = _draw_coefficients(source, count, np.random.default_rng(seed))
    markers = np.stack([source.mesh.vertices[a:b].mean(axis=0) for a, b in JOINT_MARKERS.values()])
    base = np.concatenate([topology.lift @ source.mesh.vertices, markers])
    moves = np.empty((len(names), base.size))
    for row, name in zip(moves, names, strict=True):
        target = source.target(name)
        lifted = [topology.lift @ target, np.stack([target[a:b].mean(axis=0) for a, b in JOINT_MARKERS.values()])]
        row[:] = np.concatenate(lifted).ravel()
    points = base + (coefficients @ moves).reshape(count, -1, 3)
    points = _align(points, source, topology)
    split = len(topology.parts)
    return Samples(points[:, :split], points[:, split:])


def shape_basis(vertices: NDArray[np.float64], topology: HeadTopology, components: int) -> ShapeBasis:
    """Principal components of the samples (n, V, 3) and their mirror images.

    With every sample counted together with its mirror image, the mean is symmetric and the covariance splits into that
    of the symmetric parts and that of the antisymmetric ones.
    """
    mirrored = topology.reflect(vertices, axis=1)
    mean = ((vertices + mirrored) / 2).mean(axis=0)
    count = len(vertices)
    variances, directions, total = [], [], 0.0
    for part in ((vertices + mirrored) / 2 - mean, (vertices - mirrored) / 2):
        rows = part.reshape(count, -1)
        values, vectors = np.linalg.eigh(rows @ rows.T / count)
        values, vectors = values[::-1][:components], vectors[:, ::-1][:, :components]
        total += float((rows**2).sum()) / count
        variances.append(values)
        directions.append(rows.T @ vectors / np.sqrt(count))  # column norms are the standard deviations
    order = np.argsort(-np.concatenate(variances), kind="stable")[:components]
    chosen = np.concatenate(directions, axis=1)[:, order]
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(components)])
    explained = float(np.concatenate(variances)[order].sum()) / total
    return ShapeBasis(mean, chosen.reshape(*mean.shape, components), explained)


def head_vertices(source: Source, topology: HeadTopology) -> NDArray[np.bool_]:
    """(V,) the skin that moves with the skull and not with the neck."""
    rigid: NDArray[np.bool_] = topology.lift @ source.bone_weights("head", subtree=True) > 0.95
    return rigid & topology.part("skin")


def _align(points: NDArray[np.float64], source: Source, topology: HeadTopology) -> NDArray[np.float64]:
    """Rotate and shift everyone onto the mean head, and the mean's eyes to their place."""
    rigid = np.flatnonzero(head_vertices(source, topology))
    split = len(topology.parts)
    for _ in range(2):
        reference = points.mean(axis=0)
        reference[:split] = (reference[:split] + topology.reflect(reference[:split])) / 2
        eyes = [topology.eye_centre(reference[:split], part) for part in ("l_eye", "r_eye")]
        reference += EYE_MIDPOINT - (eyes[0] + eyes[1]) / 2
        points = np.stack([_rigid(person, person[rigid], reference[rigid]) for person in points])
    return points


def _rigid(points: NDArray[np.float64], here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points moved by the rotation and shift that take ``here`` to ``there`` best (Kabsch 1976)."""
    a, b = here.mean(axis=0), there.mean(axis=0)
    u, _, vt = np.linalg.svd((here - a).T @ (there - b))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    moved: NDArray[np.float64] = (points - a) @ (u @ vt) + b
    return moved


def _draw_coefficients(
    source: Source, count: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], list[str]]:
    """(count, K) weights of K morph targets."""
    columns: dict[str, NDArray[np.float64]] = {}
    _draw_macro(columns, count, random)
    for folder, spread in SPREAD.items():
        for negative, positive in _controls(source.target_names(folder)):
            sd = _EAR_SHAPE_SPREAD if "ear-shape" in positive else spread
            value = np.clip(random.normal(0, sd, count), -_LIMIT, _LIMIT)
            sides = ("l-", "r-") if positive.split("/")[1].startswith("l-") else ("",)
            for side in sides:
                own = np.clip(value + random.normal(0, _SIDE_SPREAD, count), -1, 1) if side else value
                columns[positive.replace("/l-", f"/{side}")] = np.maximum(own, 0)
                if negative:
                    columns[negative.replace("/l-", f"/{side}")] = np.maximum(-own, 0)
    for left in source.target_names("asym"):
        if left.startswith("asym/asym-") and left.endswith("-l"):
            value = random.normal(0, _ASYMMETRY_SPREAD, count)
            columns[left] = np.maximum(-value, 0)
            columns[left.removesuffix("-l") + "-r"] = np.maximum(value, 0)
    return np.stack(list(columns.values()), axis=1), list(columns)


def _draw_macro(columns: dict[str, NDArray[np.float64]], count: int, random: np.random.Generator) -> None:
    male = random.beta(0.6, 0.6, count)
    stages = [random.uniform(low, high, count) for low, high in ((0.42, 0.5), (0.5, 0.65), (0.65, 1.0))]
    age = np.choose(random.choice(3, size=count, p=[0.1, 0.55, 0.35]), stages)
    race = random.dirichlet([0.5] * 3, count)
    muscle = np.clip(random.normal(0.5, 0.15, count), 0, 1)
    weight = np.clip(random.normal(0.5, 0.18, count), 0, 1)
    gender_of = {"female": 1 - male, "male": male}
    age_of = _between(age, {"child": 0.1875, "young": 0.5, "old": 1.0})
    muscle_of = _between(muscle, {"minmuscle": 0.0, "averagemuscle": 0.5, "maxmuscle": 1.0})
    weight_of = _between(weight, {"minweight": 0.0, "averageweight": 0.5, "maxweight": 1.0})
    for gender in _GENDERS:
        for stage, share in age_of.items():
            for index, name in enumerate(_RACES):
                columns[f"macrodetails/{name}-{gender}-{stage}"] = race[:, index] * gender_of[gender] * share
            for m, muscle_share in muscle_of.items():
                for w, weight_share in weight_of.items():
                    product = gender_of[gender] * share * muscle_share * weight_share
                    columns[f"macrodetails/universal-{gender}-{stage}-{m}-{w}"] = product


def _between(value: NDArray[np.float64], stops: dict[str, float]) -> dict[str, NDArray[np.float64]]:
    """The weights of linear interpolation between named stops."""
    places = np.array(list(stops.values()))
    return {name: np.interp(value, places, row) for name, row in zip(stops, np.eye(len(places)), strict=True)}


def _controls(names: list[str]) -> list[tuple[str, str]]:
    """(negative, positive) targets of each control, "" where it only goes one way; of paired ones the left."""
    result = []
    for name in names:
        if "/r-" in name:
            continue
        for low, high in _OPPOSITES:
            if re.search(rf"-{high}$", name):
                negative = re.sub(rf"-{high}$", f"-{low}", name)
                result.append((negative if negative in names else "", name))
                break
            if re.search(rf"-{low}$", name):
                break
        else:
            result.append(("", name))
    return result
