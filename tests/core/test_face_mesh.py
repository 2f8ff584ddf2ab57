from __future__ import annotations

import numpy as np

from fields_core.datatypes import LANDMARK_COUNT
from fields_core.face_mesh import EYELID_PAIRS, FACE_OVAL, LIP_PAIRS, mirrored_landmarks


def test_a_mirror_swaps_the_sides_and_keeps_the_midline() -> None:
    partners = mirrored_landmarks()
    assert np.array_equal(partners[partners], np.arange(LANDMARK_COUNT))
    for one, other in ((33, 263), (61, 291), (78, 308), (234, 454), (468, 473), (469, 476), (105, 334)):
        assert partners[one] == other
    for midline in (1, 4, 10, 13, 14, 152, 168):
        assert partners[midline] == midline


def test_named_sets_are_their_own_mirror_images() -> None:
    partners = mirrored_landmarks()
    assert set(partners[list(FACE_OVAL)]) == set(FACE_OVAL)
    for pairs in (EYELID_PAIRS, LIP_PAIRS):
        assert {(partners[upper], partners[lower]) for upper, lower in pairs} == set(pairs)
