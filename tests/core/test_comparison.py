"""Distances between heads: nothing for a moved head, the edit for an edited one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fields_core.errors import SettingsError
from fields_core.head.comparison import rigidly_aligned, vertex_distances
from tests.heads import tiny_head

V = tiny_head().v_template


def test_a_head_that_only_moved_is_the_same_head() -> None:
    moved = V @ Rotation.from_rotvec([0.2, -1.1, 0.4]).as_matrix().T + [0.1, -0.2, 0.3]
    assert vertex_distances(V, moved).max() > 50
    assert vertex_distances(rigidly_aligned(moved, V), V).max() < 1e-3


def test_alignment_never_mirrors() -> None:
    mirrored = V * [-1, 1, 1] + V.std() * np.random.default_rng(0).normal(size=V.shape)
    aligned = rigidly_aligned(mirrored, V)
    turn = np.linalg.lstsq(mirrored - mirrored.mean(0), aligned - aligned.mean(0), rcond=None)[0]
    assert np.linalg.det(turn) == pytest.approx(1)


def test_distances_are_millimetres() -> None:
    other = V.copy()
    other[5] += (0.003, 0, 0.004)
    distances = vertex_distances(other, V)
    assert distances[5] == pytest.approx(5, rel=1e-4)
    assert np.delete(distances, 5).max() == 0


def test_heads_of_two_models_are_refused() -> None:
    with pytest.raises(SettingsError, match="cannot be compared"):
        vertex_distances(V, V[:-1])
    with pytest.raises(SettingsError, match="cannot be compared"):
        rigidly_aligned(V[:-1], V)
