"""The derivative of axis-angle rotations, for the fit's analytic Jacobian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

_SMALL = 1e-6  # radians; below this the first order terms are exact to double precision


def cross_matrix(vectors: Array) -> Array:
    """(..., 3) -> (..., 3, 3) with ``cross_matrix(v) @ w == cross(v, w)``."""
    matrix = np.zeros((*vectors.shape[:-1], 3, 3))
    matrix[..., 2, 1], matrix[..., 1, 2] = vectors[..., 0], -vectors[..., 0]
    matrix[..., 0, 2], matrix[..., 2, 0] = vectors[..., 1], -vectors[..., 1]
    matrix[..., 1, 0], matrix[..., 0, 1] = vectors[..., 2], -vectors[..., 2]
    return matrix


def rotation_matrices(vectors: Array) -> Array:
    """Axis-angle (..., 3) radians -> (..., 3, 3)."""
    matrices = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    return np.asarray(matrices, dtype=np.float64).reshape(*vectors.shape, 3)


def axis_angles(matrices: Array) -> Array:
    """Rotation matrices (B, 3, 3) -> axis-angle (B, 3), angles in [0, pi]."""
    return np.asarray(Rotation.from_matrix(matrices).as_rotvec(), dtype=np.float64)


def rotation_derivatives(vectors: Array, matrices: Array) -> Array:
    """d R / d v_k for axis-angle ``vectors`` (..., 3) with ``matrices = rotation_matrices(vectors)``.

    Gallego and Yezzi 2015 ("A compact formula for the derivative of a 3-D rotation in exponential coordinates",
    equation 9).

    Returns:
        (..., 3, 3, 3): [..., k, :, :] is the derivative with respect to component k.
    """
    squared = (vectors**2).sum(-1)[..., None, None, None]
    columns = np.swapaxes(np.eye(3) - matrices, -1, -2)  # row k holds (I - R) e_k
    cross = cross_matrix(vectors)
    turned = cross_matrix(columns @ np.swapaxes(cross, -1, -2))  # row k: vector x (I - R) e_k
    numerator = vectors[..., :, None, None] * cross[..., None, :, :] + turned
    general = numerator / np.maximum(squared, _SMALL**2)
    tangent = np.where(squared < _SMALL**2, cross_matrix(np.eye(3)), general)
    return np.asarray(tangent @ matrices[..., None, :, :])
