"""How far two heads of the same head model are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import SettingsError

Points = NDArray[np.floating]


def vertex_distances(vertices: Points, reference: Points) -> NDArray[np.float64]:
    """The distance of each vertex from the same vertex of another head.

    Args:
        vertices: (V, 3) metres.
        reference: (V, 3) metres, same head model, same frame (see `rigidly_aligned`).

    Returns:
        (V,) millimetres.

    Raises:
        SettingsError: the heads have different numbers of vertices.
    """
    _check(vertices, reference)
    return 1000.0 * np.linalg.norm(vertices.astype(np.float64) - reference, axis=1)


def rigidly_aligned(moving: Points, fixed: Points) -> NDArray[np.float64]:
    """``moving`` turned and shifted (not scaled) to lie on ``fixed`` as closely as it can, in the mean of squares.

    Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976, by singular value decomposition.

    Args:
        moving: (V, 3) metres.
        fixed: (V, 3) metres.

    Returns:
        (V, 3) metres.

    Raises:
        SettingsError: the heads have different numbers of vertices.
    """
    _check(moving, fixed)
    a, b = moving.astype(np.float64), fixed.astype(np.float64)
    centre_a, centre_b = a.mean(axis=0), b.mean(axis=0)
    u, _, vt = np.linalg.svd((a - centre_a).T @ (b - centre_b))
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return (a - centre_a) @ (u @ mirror @ vt) + centre_b


def _check(a: Points, b: Points) -> None:
    if a.shape != b.shape:
        raise SettingsError(
            "These heads cannot be compared",
            expected="two heads of the same head model",
            found=f"{len(a)} and {len(b)} vertices",
        )
