"""A head model seen through its landmarks only: their image positions and the exact derivatives, without any mesh.

Skinning and barycentric interpolation are both linear in the vertices, so for each joint they fold into one matrix per
landmark: with b the barycentric and w the skinning weights, a landmark is sum_j R_j (sum_k b_k w_kj (v_k - J_j)) +
sum_j w_j J_j. Neck rotation is zero throughout, so root and neck move together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fields_core.fitting.rotation import rotation_derivatives, rotation_matrices
from fields_core.head.model import HeadModel

Array = NDArray[np.float64]

_JAW, _LEFT_EYE, _RIGHT_EYE = 2, 3, 4


@dataclass(frozen=True)
class Unknowns:
    """Where each quantity sits in the vector that the solver sees."""

    n_shape: int
    n_expression: int

    camera = slice(0, 3)
    """scale, tx, ty."""
    head_pose = slice(3, 6)
    jaw_pose = slice(6, 9)
    gaze = slice(9, 12)
    """Pitch of both eyes, mean yaw, vergence (left yaw minus right yaw), radians."""
    eyelids = slice(12, 14)

    @cached_property
    def shape(self) -> slice:
        return slice(14, 14 + self.n_shape)

    @cached_property
    def expression(self) -> slice:
        return slice(14 + self.n_shape, self.size)

    @property
    def linear(self) -> slice:
        """Eyelids, shape and expression: what vertices depend on linearly."""
        return slice(12, self.size)

    @property
    def size(self) -> int:
        return 14 + self.n_shape + self.n_expression


@dataclass(frozen=True, eq=False)
class _Joint:
    """What one rotating joint does to the landmarks it moves."""

    rows: NDArray[np.intp]
    """(l,) landmarks concerned."""
    base: Array
    """(3, l) metres, relative to the joint."""
    directions: Array
    """(3, l, C + K) their derivative with respect to the linear unknowns and the pose features."""


class LandmarkModel:
    """Landmarks of a batch of faces as a function of the solver's unknowns.

    Args:
        head: a head model with landmarks.
        n_shape: how many leading shape coefficients are unknowns.
        identity: (S,) shape coefficients of the person seen, where they are known; None is the mean head. Unknown
            coefficients count from there.

    Attributes:
        unknowns: the layout of the solver's vector.
        count: number of landmarks L.
    """

    def __init__(self, head: HeadModel, n_shape: int, identity: Array | None = None) -> None:
        self.unknowns = Unknowns(min(n_shape, head.n_shape), head.n_expression)
        corners = head.landmark_corners.cpu().numpy()  # (L, 3)
        barycentric = _numpy(head.landmark_barycentrics)  # (L, 3)
        self.count = len(corners)
        self._feature_columns = head.pose_columns.cpu().numpy()
        order = _linear_rows(head, self.unknowns.n_shape)
        linear = np.moveaxis(_numpy(head.directions[order]).reshape(len(order), -1, 3), 0, -1)  # (V, 3, C)
        features = np.moveaxis(_numpy(head.pose_directions).reshape(len(self._feature_columns), -1, 3), 0, -1)
        template, weights = _numpy(head.template), _numpy(head.skinning_weights)
        joint_base = _numpy(head.joint_template)  # (5, 3)
        if identity is not None:
            template = template + (identity @ _numpy(head.directions[: head.n_shape])).reshape(-1, 3)
            joint_base = joint_base + (identity @ _numpy(head.joint_directions[: head.n_shape])).reshape(-1, 3)
        joint_directions = np.zeros((5, 3, len(order) + features.shape[2]))  # joints do not follow the eyelids
        joint_directions[..., 2 : len(order)] = np.moveaxis(
            _numpy(head.joint_directions[order[2:]]).reshape(-1, 5, 3), 0, -1
        )

        directions = np.concatenate([linear, features], axis=2)
        self._joints: list[_Joint] = []
        skin = weights[corners] * barycentric[..., None]  # (L, 3 corners, 5)
        rigid = skin[..., :2].sum(-1)  # root and neck
        base = np.einsum("lk,lkd->dl", rigid, template[corners])
        fixed = np.einsum("lk,lkdc->dlc", rigid, directions[corners])
        for joint in (_JAW, _LEFT_EYE, _RIGHT_EYE):
            share = skin[..., joint].sum(-1)  # (L,)
            rows = np.flatnonzero(share > 1e-9)
            offset = np.einsum("lk,lkd->dl", skin[rows, :, joint], template[corners[rows]])
            turned = np.einsum("lk,lkdc->dlc", skin[rows, :, joint], directions[corners[rows]])
            pivot = joint_base[joint][:, None] * share[rows]
            pivot_directions = joint_directions[joint][:, None, :] * share[rows, None]
            self._joints.append(_Joint(rows, offset - pivot, turned - pivot_directions))
            base[:, rows] += pivot
            fixed[:, rows] += pivot_directions
        self._root_base, self._root_directions = joint_base[0], joint_directions[0]
        self._base = base - joint_base[0][:, None]  # relative to the root
        self._directions = fixed - joint_directions[0][:, None, :]

    @cached_property
    def template(self) -> Array:
        """(L, 3) metres: the landmarks of the mean head at rest."""
        x = np.zeros((1, self.unknowns.size))
        return np.asarray(self.positions(x)[0])

    def positions(self, x: Array) -> Array:
        """Landmarks in the model frame with the head unrotated, (B, N) -> (B, L, 3) metres."""
        linear, rotations = self._joint_rotations(x)
        relative, _ = self._unrotated(linear, rotations[1:])
        root = self._root_base + linear @ self._root_directions.T
        return np.asarray(np.swapaxes(relative + root[:, :, None], 1, 2))

    def points(self, x: Array) -> Array:
        """Landmarks in the image frame, (B, N) -> (B, 2, L) x and y: `project` without the derivative."""
        linear, rotations = self._joint_rotations(x)
        relative, _ = self._unrotated(linear, rotations[1:])
        return self._seen(x, linear, rotations[0], relative)

    def project(self, x: Array) -> tuple[Array, Array]:
        """Landmarks in the image frame and their derivative.

        Args:
            x: (B, N) unknowns.

        Returns:
            (B, 2, L) x and y, image frame, and (B, 2, L, N).
        """
        u = self.unknowns
        batch, n_linear = len(x), u.linear.stop - u.linear.start
        linear, (G, *rotations) = self._joint_rotations(x)
        dG, *derivatives = self._rotation_derivatives(x, [G, *rotations])  # (B, 3 components, 3, 3)
        relative, parts = self._unrotated(linear, rotations)  # (B, 3, L), per joint (B, 3, l)
        scale = x[:, :1]
        flip = scale[:, :, None] * np.array([[1.0], [-1.0]])  # (B, 2, 1)
        points = self._seen(x, linear, G, relative)

        jacobian = np.zeros((batch, 2, self.count, u.size))
        jacobian[..., 0] = points / scale[:, :, None]
        jacobian[:, 0, :, 1] = scale
        jacobian[:, 1, :, 2] = -scale
        turned = dG[:, :, :2] @ relative[:, None]  # (B, 3, 2, L)
        jacobian[..., u.head_pose] = np.moveaxis(turned * flip[:, None], 1, -1)
        M = flip * G[:, :2]  # (B, 2, 3)
        full = (M @ self._directions.reshape(3, -1)).reshape(batch, 2, self.count, -1)
        for joint, R in zip(self._joints, rotations, strict=True):
            shape = (batch, 2, len(joint.rows), -1)
            full[:, :, joint.rows] += (M @ R @ joint.directions.reshape(3, -1)).reshape(shape)
        full += (flip * self._root_directions[:2].reshape(2, -1)[None, :, :])[:, :, None, :]
        jacobian[..., u.linear] = full[..., :n_linear]
        by_feature = full[..., n_linear:]
        for k, (joint, part) in enumerate(zip(self._joints, parts, strict=True)):
            columns = self._joint_columns(k)
            for component, unknown, factor in _components(k):
                dR = derivatives[k][:, component]
                jacobian[:, :, joint.rows, unknown] += factor * (M @ dR @ part)
                if columns.size:
                    change = dR.reshape(batch, 9)[:, self._feature_columns[columns] % 9]
                    jacobian[..., unknown] += factor * np.einsum("bdlk,bk->bdl", by_feature[..., columns], change)
        return points, jacobian

    def eye_poses(self, x: Array) -> Array:
        """(B, N) -> (B, 6) axis-angle of the left, then the right eyeball."""
        pitch, yaw, vergence = np.moveaxis(x[:, self.unknowns.gaze], 1, 0)
        roll = np.zeros_like(pitch)
        return np.stack([pitch, yaw + vergence / 2, roll, pitch, yaw - vergence / 2, roll], axis=1)

    def _seen(self, x: Array, linear: Array, G: Array, relative: Array) -> Array:
        """(B, 2, L) image frame: landmarks relative to the root, turned by the head pose, through the camera."""
        flip = x[:, :1, None] * np.array([[1.0], [-1.0]])  # (B, 2, 1)
        shift = self._root_base[:2] + linear @ self._root_directions[:2].T + x[:, 1:3]  # (B, 2)
        return np.asarray(flip * (G[:, :2] @ relative + shift[:, :, None]))

    def _vectors(self, x: Array) -> Array:
        """(B, 4, 3) axis-angle of head, jaw, left and right eye."""
        u = self.unknowns
        return np.concatenate([x[:, u.head_pose], x[:, u.jaw_pose], self.eye_poses(x)], axis=1).reshape(len(x), 4, 3)

    def _rotation_derivatives(self, x: Array, rotations: list[Array]) -> list[Array]:
        """(B, 3 components, 3, 3) of head, jaw, left and right eye."""
        return list(np.moveaxis(rotation_derivatives(self._vectors(x), np.stack(rotations, axis=1)), 1, 0))

    def _joint_rotations(self, x: Array) -> tuple[Array, list[Array]]:
        """The linear unknowns with the pose features behind them (B, C + K), and R of head, jaw, left and right eye."""
        rotations = list(np.moveaxis(rotation_matrices(self._vectors(x)), 1, 0))
        features = np.zeros((len(x), 36))  # FLAME: (R - I) of joints 1 to 4, nine each
        for k, R in enumerate(rotations[1:]):
            features[:, 9 * (k + 1) : 9 * (k + 2)] = (R - np.eye(3)).reshape(-1, 9)
        linear = np.concatenate([x[:, self.unknowns.linear], features[:, self._feature_columns]], axis=1)
        return linear, rotations

    def _unrotated(self, linear: Array, rotations: list[Array]) -> tuple[Array, list[Array]]:
        """Landmarks relative to the root with the head unrotated (B, 3, L), and each joint's part before it turns."""
        relative = self._base + np.moveaxis(self._directions @ linear.T, -1, 0)
        parts = [joint.base + np.moveaxis(joint.directions @ linear.T, -1, 0) for joint in self._joints]
        for joint, R, part in zip(self._joints, rotations, parts, strict=True):
            relative[:, :, joint.rows] += R @ part
        return relative, parts

    def _joint_columns(self, k: int) -> NDArray[np.intp]:
        """Which pose features belong to the k-th of jaw, left eye, right eye."""
        return np.flatnonzero(self._feature_columns // 9 == k + 1)


def _components(k: int) -> tuple[tuple[int, int, float], ...]:
    """How the k-th of jaw, left eye, right eye turns: (axis-angle component, unknown, factor)."""
    if k == 0:
        return ((0, 6, 1.0), (1, 7, 1.0), (2, 8, 1.0))
    return ((0, 9, 1.0), (1, 10, 1.0), (1, 11, 0.5 if k == 1 else -0.5))


def _linear_rows(head: HeadModel, n_shape: int) -> list[int]:
    """The head's blendshapes in the order of `Unknowns.linear`: eyelids, leading shapes, expressions."""
    units = head.n_shape + head.n_expression
    return [units, units + 1, *range(n_shape), *range(head.n_shape, units)]


def _numpy(tensor: Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()
