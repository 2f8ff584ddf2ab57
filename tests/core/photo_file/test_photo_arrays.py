"""Arrays that become photos, and those that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from fields_core.detection import photo_file
from fields_core.detection.photo_file import photo_from_array
from fields_core.errors import PhotoError


def test_large_array_is_shrunk_to_the_working_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_file, "WORKING_PIXELS", 1000)
    photo = photo_from_array(np.full((90, 120, 3), 7, np.uint8))
    assert photo.width * photo.height <= 1000
    assert (photo.pixels == 7).all()


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.full((20, 30, 3), 51, np.uint8)),
        np.full((40, 60, 3), 51, np.uint8)[::-2, ::-2],
        np.full((20, 30, 3), 51, np.uint8)[..., ::-1],
        np.full((20, 30), 51, np.uint8),
        np.full((20, 30, 1), 51, np.uint8),
        np.full((20, 30, 3), 0.2, np.float32),
        np.full((20, 30), 0.2, np.float16),
        np.full((20, 30), 51 * 257, np.uint16),
        np.full((20, 30), 51 * 257, ">u2"),
        np.dstack([np.full((20, 30), 51, np.uint8), np.full((20, 30), 255, np.uint8)]),
    ],
)
def test_arrays_of_any_layout_and_type_are_taken(array: np.ndarray) -> None:
    before = array.copy()
    photo = photo_from_array(array)
    assert photo.pixels.shape == (20, 30, 3)
    assert photo.pixels.flags.c_contiguous
    assert (photo.pixels == 51).all()
    np.testing.assert_array_equal(array, before)


def test_photo_does_not_share_memory_with_the_array() -> None:
    frame = np.zeros((20, 30, 3), np.uint8)
    photo = photo_from_array(frame)
    frame[:] = 255
    assert (photo.pixels == 0).all()


def test_bool_array_is_black_and_white() -> None:
    assert set(np.unique(photo_from_array(np.eye(20, dtype=bool)).pixels)) == {0, 255}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 0, 3), np.uint8), "empty"),
        (np.zeros((20, 0), np.uint8), "empty"),
        (np.zeros((1, 1, 3), np.uint8), "too small"),
        (np.zeros(20, np.uint8), "not a picture"),
        (np.zeros((), np.uint8), "not a picture"),
        (np.zeros((20, 20, 5), np.uint8), "not a picture"),
        (np.zeros((20, 20, 0), np.uint8), "not a picture"),
        (np.zeros((2, 20, 20, 3), np.uint8), "not a picture"),
        (np.zeros((3, 20, 20), np.float32), "not a picture"),
        (np.zeros((20, 20, 3), np.int64), "wrong type"),
        (np.zeros((20, 20, 3), np.complex64), "wrong type"),
        (np.array([["a"] * 20] * 20), "wrong type"),
        (np.full((20, 20), None, object), "wrong type"),
        (np.full((20, 20, 3), np.nan), "not finite"),
        (np.full((20, 20, 3), -np.inf), "not finite"),
        (np.full((20, 20, 3), 200.0), "out of range"),
        (np.full((20, 20, 3), -0.5), "out of range"),
    ],
)
def test_bad_array_raises_a_clear_error(array: np.ndarray, message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        photo_from_array(array)
