"""A clip as a rig that other programs can play: a resting mesh, named morph targets, five joints, and their curves.

FLAME's order is that of glTF and UsdSkel: blendshapes move the resting mesh, then the joints turn it. So a clip plays
there exactly as here, but for two things: expression moves our joints by up to 0.1 mm, theirs stay; and their vertices
follow at most four joints. The corrections of the pose (FLAME, Li et al. 2017, equation 4) are linear in the elements
of the joints' rotation matrices, so each becomes a morph target of its own, played with those elements as weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fields_core.datatypes import HeadMesh
from fields_core.export.morphs import EYELIDS, SMALLEST_MOVE, MorphTargets
from fields_core.head.model import HeadModel
from fields_core.head.skinning import blend, pose_feature, rodrigues
from fields_core.takes.clip import Clip
from fields_core.takes.frame_pose import rest_joints

JOINTS = ("root", "neck", "jaw", "leftEye", "rightEye")
JOINT_PARENTS = (-1, 0, 1, 1, 1)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ClipRig:
    """One head and its animation, K frames."""

    targets: MorphTargets
    """Of the resting mesh; its weights are those of the first frame."""
    mesh: HeadMesh
    """The resting mesh with its layout."""
    weights: Floats
    """(K, M)"""
    joints: Floats
    """(5, 3) metres, at rest."""
    rotations: Floats
    """(K, 5, 4) quaternions x, y, z, w of each joint relative to its parent, without sudden changes of sign."""
    skinning: Floats
    """(V, 5)"""

    @property
    def offsets(self) -> Floats:
        """(5, 3) metres: each joint relative to its parent."""
        parents = [self.joints[parent] if parent >= 0 else np.zeros(3) for parent in JOINT_PARENTS]
        return np.asarray(self.joints - np.stack(parents), np.float32)


def rig_of(clip: Clip, head: HeadModel) -> ClipRig:
    """Take a clip apart."""
    code = clip.code.to(torch.float64)
    count = head.n_expression
    rest = blend(head.template.double(), head.directions[: head.n_shape].double(), code.shape[:1])[0]
    directions = head.directions[head.n_shape :].double().view(count + 2, -1, 3)
    names, weights = [*head.expression_names], [code.expression]
    used = [*range(count)]
    if "eyeBlinkLeft" not in head.expression_names or bool(code.eyelids.any()):
        names, weights, used = [*names, *EYELIDS], [*weights, code.eyelids], [*range(count + 2)]
    pose = torch.stack([code.head_pose, code.neck_pose, code.jaw_pose, code.eye_pose[:, :3], code.eye_pose[:, 3:]], 1)
    correctives = pose_feature(rodrigues(pose))[:, head.pose_columns]
    names += [f"pose{int(column)}" for column in head.pose_columns]
    displacements = torch.cat([directions[used], head.pose_directions.double().view(len(correctives[0]), -1, 3)])
    moves = displacements.numpy().astype(np.float32)
    moves[np.abs(moves).max(axis=2) < SMALLEST_MOVE] = 0
    curves = torch.cat([*weights, correctives], 1).numpy().astype(np.float32)
    neutral = rest.numpy().astype(np.float32)
    mesh = HeadMesh(
        neutral, head.faces.numpy().astype(np.int32), head.uv.numpy(), head.uv_faces.numpy().astype(np.int32),
        np.zeros((0, 3), np.float32),
    )  # fmt: skip
    return ClipRig(
        MorphTargets(neutral, tuple(names), moves, curves[0]), mesh, curves,
        rest_joints(code[0], head)[0].numpy().astype(np.float32), _quaternions(pose.numpy()),
        head.skinning_weights.numpy(),
    )  # fmt: skip


def four_joints(skinning: Floats) -> tuple[NDArray[np.uint16], Floats]:
    """(V, 4) joints and (V, 4) weights that sum to 1, the heaviest first; unused places are joint 0, weight 0."""
    order = np.argsort(-skinning, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(skinning, order, 1)
    weights = weights / weights.sum(1, keepdims=True)
    return np.where(weights > 0, order, 0).astype(np.uint16), weights.astype(np.float32)


def _quaternions(pose: NDArray[np.float64]) -> Floats:
    count = len(pose)
    turns = Rotation.from_rotvec(pose.reshape(-1, 3)).as_quat().reshape(count, len(JOINTS), 4)
    for joint in range(len(JOINTS)):
        against = np.sum(turns[1:, joint] * turns[:-1, joint], axis=1) < 0
        turns[1:, joint] *= np.where(np.cumsum(against) % 2, -1.0, 1.0)[:, None]
    return np.asarray(turns, np.float32)
