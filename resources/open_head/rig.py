"""Joints, skinning weights and pose correctives in FLAME's layout: root, neck, jaw, left eye, right eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resources.open_head.identity import EYE_MIDPOINT, Samples, ShapeBasis
from resources.open_head.source import Source
from resources.open_head.topology import HeadTopology

PARENTS = (-1, 0, 1, 1, 1)
JAW_PIVOT = EYE_MIDPOINT + np.array([0.0, -0.0497, -0.0521])
"""Metres, on the mean head: the axis that explains jawOpen best."""
LOOK_DOWN_RADIANS, LOOK_UP_RADIANS = np.radians(11.1), np.radians(9.7)
"""How far the eyeball turns in the source's units eyeLookDown and eyeLookUp, whose lids follow the gaze."""
POSE_COLUMNS = (9 + 5, 9 + 7, 18 + 5, 18 + 7, 27 + 5, 27 + 7)
"""Of FLAME's 36 pose features ((R - I) of joints 1 to 4, row by row), the -sin and +sin of rotations about x."""
_FIT_PEOPLE = 400
_RIDGE = 1e-4  # square metres
_STILL = 0.0002  # metres
_ROOT, _NECK, _JAW, _LEFT, _RIGHT = range(5)


@dataclass(frozen=True, eq=False)
class Rig:
    """What the skinning needs besides the template."""

    weights: NDArray[np.float64]
    """(V, 5) rows sum to 1."""
    joint_regressor: NDArray[np.float64]
    """(5, V) rows sum to 1."""
    pose_directions: NDArray[np.float64]
    """(V, 3, 6) metres per unit of the pose features `POSE_COLUMNS`."""
    jaw_open_radians: float
    """Rotation of the jaw about x that is ARKit's jawOpen = 1."""


def build_rig(source: Source, topology: HeadTopology, shape: ShapeBasis, samples: Samples) -> Rig:
    """The rig of the mean head, whose joints follow the identity as the source's joint markers do."""
    jaw_open = topology.face_unit(source, "jawOpen")
    angle = _jaw_angle(shape.mean, jaw_open, topology)
    weights = _weights(source, topology, shape.mean, jaw_open, angle)
    regressor = _joint_regressor(topology, shape.mean, samples, _still(source, topology))
    directions = np.zeros((*shape.mean.shape, len(POSE_COLUMNS)))
    pivot = regressor[_JAW] @ shape.mean
    corrective = _jaw_corrective(shape.mean, jaw_open, weights, angle, pivot) / (2 * np.sin(angle))
    directions[..., 0], directions[..., 1] = -corrective, corrective
    for place, side in ((2, "Left"), (4, "Right")):
        down, up = (topology.face_unit(source, f"eyeLook{way}{side}") for way in ("Down", "Up"))
        lids = (down / np.sin(LOOK_DOWN_RADIANS) - up / np.sin(LOOK_UP_RADIANS)) / 2
        lids[~topology.part("skin")] = 0
        directions[..., place], directions[..., place + 1] = -lids / 2, lids / 2
    return Rig(weights, regressor, directions, angle)


def rotation_x(angle: float) -> NDArray[np.float64]:
    """(3, 3) right-handed rotation about x, radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def blend_rotations(weights: NDArray[np.float64], jaw_angle: float) -> NDArray[np.float64]:
    """(V, 3, 3) what linear blend skinning with weights (V, 5) does to a displacement when the jaw turns about x."""
    jaw = weights[:, _JAW, None, None]
    return (1 - jaw) * np.eye(3) + jaw * rotation_x(jaw_angle)


def solved(matrices: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, 3) x with matrix @ x = vector for each of V."""
    return np.linalg.solve(matrices, vectors[..., None])[..., 0].astype(np.float64, copy=False)


def _jaw_angle(mean: NDArray[np.float64], jaw_open: NDArray[np.float64], topology: HeadTopology) -> float:
    """The rotation of the lower teeth in the unit jawOpen, about `JAW_PIVOT`."""
    teeth = topology.part("lower_teeth")
    before = mean[teeth, 1:]
    after = before + jaw_open[teeth, 1:]
    before, after = before - before.mean(axis=0), after - after.mean(axis=0)
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return float(np.arctan2(cross.sum(), (before * after).sum()))


def _weights(
    source: Source,
    topology: HeadTopology,
    mean: NDArray[np.float64],
    jaw_open: NDArray[np.float64],
    angle: float,
) -> NDArray[np.float64]:
    """The jaw's are the share of the rigid motion each vertex makes: the source's own miss its jawOpen by 4 mm."""
    skin = topology.part("skin")
    rigid = (mean - JAW_PIVOT) @ (rotation_x(angle) - np.eye(3)).T
    jaw = np.clip((jaw_open * rigid).sum(axis=1) / ((rigid**2).sum(axis=1) + 1e-12), 0, 1)
    jaw = np.where(skin | topology.part("tongue"), topology.smooth(jaw, 3), topology.part("lower_teeth"))
    bones = [source.bone_weights(bone, subtree=below) for bone, below in (("head", True), ("neck03", False))]
    neck = topology.lift @ (bones[0] + bones[1] + source.bone_weights("neck02", subtree=False) / 2)
    neck = np.where(skin, np.maximum(np.clip(neck, 0, 1), jaw > 0.3), 1.0)
    weights = np.zeros((len(mean), 5))
    weights[:, _JAW] = jaw
    weights[:, _LEFT], weights[:, _RIGHT] = topology.part("l_eye"), topology.part("r_eye")
    rest = 1 - weights.sum(axis=1)
    weights[:, _NECK] = rest * neck
    weights[:, _ROOT] = rest - weights[:, _NECK]
    mirrored = weights[topology.mirror][:, [_ROOT, _NECK, _JAW, _RIGHT, _LEFT]]
    return np.clip((weights + mirrored) / 2, 0, 1)


def _still(source: Source, topology: HeadTopology) -> NDArray[np.bool_]:
    """(V,) the skin that no face unit moves: joints that hang on it keep their place in every expression."""
    still = topology.part("skin").copy()
    for name in source.face_unit_names():
        if name != "jawOpen":
            still &= np.linalg.norm(topology.face_unit(source, name), axis=1) < _STILL
    return still


def _joint_regressor(
    topology: HeadTopology, mean: NDArray[np.float64], samples: Samples, still: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Joints as weighted means of skin that keeps still, fitted to the joint markers of many people (ridge regression).

    Non-negative weights, as in FLAME, miss the markers by 6 mm; these by less than 1 mm.
    """
    regressor = np.zeros((5, len(mean)))
    for joint, part in ((_LEFT, "l_eye"), (_RIGHT, "r_eye")):
        regressor[joint, topology.eye_poles(part)] = 0.5
    neck, head, mouth = (samples.joints[:, i, 1:] for i in range(3))
    wanted = {_ROOT: neck, _NECK: 0.55 * neck + 0.45 * head, _JAW: mouth + (JAW_PIVOT[1:] - mouth.mean(axis=0))}
    left = np.flatnonzero(still & (mean[:, 0] >= 0))
    right = topology.mirror[left]
    # Pairs share their weight: the joints of a symmetric head lie on the midline exactly.
    people = samples.vertices[:_FIT_PEOPLE]
    pairs = ((people[:, left, 1:] + people[:, right, 1:]) / 2).transpose(0, 2, 1).reshape(-1, len(left))
    normal = pairs.T @ pairs + _RIDGE * np.eye(len(left))
    for joint, places in wanted.items():
        free, ones = np.linalg.solve(normal, np.stack([pairs.T @ places[:_FIT_PEOPLE].ravel(), np.ones(len(left))]).T).T
        share = free + ones * (1 - free.sum()) / ones.sum()
        np.add.at(regressor[joint], left, share / 2)
        np.add.at(regressor[joint], right, share / 2)
    return regressor


def _jaw_corrective(
    mean: NDArray[np.float64],
    jaw_open: NDArray[np.float64],
    weights: NDArray[np.float64],
    angle: float,
    pivot: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(V, 3) what must be added before skinning so that the rotated jaw gives the unit jawOpen exactly."""
    skinned = mean + weights[:, _JAW, None] * ((mean - pivot) @ (rotation_x(angle) - np.eye(3)).T)
    missing = mean + jaw_open - skinned
    return solved(blend_rotations(weights, angle), missing)
