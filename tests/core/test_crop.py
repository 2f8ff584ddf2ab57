"""Crops: upright, antialiased, and exactly invertible."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fields_core.camera import image_to_pixels, pixels_to_image
from fields_core.datatypes import CROP_SIZE, DetectedFace
from fields_core.detection.crop import crop_face, invert, sample, square_similarity, to_image, to_photo, transform
from fields_core.detection.photo_file import photo_from_array


def smooth_photo(width: int = 640, height: int = 480) -> np.ndarray:
    """Red grows to the right, green downwards, blue is a slow wave."""
    y, x = np.mgrid[:height, :width]
    blue = 127 + 100 * np.sin(x / 40.0) * np.cos(y / 50.0)
    return np.stack([x * 255 / width, y * 255 / height, blue], -1).round().astype(np.uint8)


def face_at(left: float, top: float, width: float, height: float, rotation: int = 0) -> DetectedFace:
    points = np.random.default_rng(0).uniform(0, 1, (478, 3)).astype(np.float32)
    points[:2, :2] = [[0, 0], [1, 1]]
    points = points * [width, height, 10.0] + [left, top, 0.0]
    return DetectedFace((left, top, left + width, top + height), points.astype(np.float32), {}, rotation)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("scale", [1.0, 1.4, 3.0])
def test_points_survive_the_round_trip(rotation: int, scale: float) -> None:
    photo, face = photo_from_array(smooth_photo()), face_at(100.3, 50.7, 180.1, 220.9, rotation)
    crop = crop_face(photo, face, scale)
    points = np.random.default_rng(1).uniform(-500, 900, (100, 2))
    assert np.abs(to_photo(to_image(points, crop), crop) - points).max() < 1e-6
    assert np.abs(to_photo(crop.landmarks, crop) - face.landmarks[:, :2]).max() < 1e-3  # stored as float32


def test_image_frame_is_the_cameras() -> None:
    crop = crop_face(photo_from_array(smooth_photo()), face_at(100, 50, 180, 220))
    points = np.random.default_rng(2).uniform(-1, 1, (20, 2))
    pixels = image_to_pixels(torch.from_numpy(points), CROP_SIZE)
    np.testing.assert_allclose(to_photo(points, crop), transform(crop.crop_to_photo, pixels.numpy()), atol=1e-9)
    back = pixels_to_image(torch.from_numpy(transform(invert(crop.crop_to_photo), to_photo(points, crop))), CROP_SIZE)
    np.testing.assert_allclose(back.numpy(), points, atol=1e-9)


def test_box_fills_its_share_of_the_crop() -> None:
    crop = crop_face(photo_from_array(smooth_photo()), face_at(100, 50, 150, 200), scale=1.6)
    assert crop.image.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert np.ptp(crop.landmarks[:, 1]) == pytest.approx(2 / 1.6, abs=1e-5)
    assert (crop.landmarks.max(0) + crop.landmarks.min(0)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [90.0, 160.0, 300.0])
def test_crop_pixels_are_the_photos_pixels(rotation: int, size: float) -> None:
    pixels = smooth_photo()
    face = face_at(320 - size / 2, 240 - size / 2, size, size, rotation)
    crop = crop_face(photo_from_array(pixels), face, scale=1.4)
    grid = np.stack(np.meshgrid(np.arange(4, 220, 9), np.arange(4, 220, 9)), -1).astype(float)
    where = transform(crop.crop_to_photo, grid)
    inside = ((where >= 1) & (where <= [638, 478])).all(-1)
    y, x = where[inside].T[::-1]
    truth = np.stack([x * 255 / 640, y * 255 / 480, 127 + 100 * np.sin(x / 40) * np.cos(y / 50)], -1)
    shown = crop.image[tuple(grid[inside].astype(int).T[::-1])]
    assert np.abs(shown - truth).max() < 3.0
    assert np.abs((shown - truth).mean(0)).max() < 0.6  # no shift by half a pixel


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_crop_at_unit_scale_is_the_turned_photo_exactly(rotation: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), np.uint8)
    middle = np.full(2, (CROP_SIZE - 1) / 2)
    shown = sample(pixels, square_similarity(middle, CROP_SIZE, CROP_SIZE, rotation), CROP_SIZE)
    np.testing.assert_array_equal(shown, np.rot90(pixels, rotation // 90))


def test_rotation_turns_the_eyes_level() -> None:
    right_eye, left_eye = np.array([100.0, 100.0]), np.array([140.0, 160.0])  # as seen in the photo
    degrees = math.degrees(math.atan2(60, 40))
    inverse = invert(square_similarity((right_eye + left_eye) / 2, 200, 100, degrees))
    shown = transform(inverse, np.stack([right_eye, left_eye]))
    assert shown[0, 1] == pytest.approx(shown[1, 1])
    assert shown[0, 0] < shown[1, 0]


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than any crop pixel: only their mean may remain
    crop = crop_face(photo_from_array(stripes), face_at(400, 400, 1100, 1100))
    assert np.abs(crop.image[8:-8, 8:-8].astype(int) - 127).max() <= 20  # a wrong lookup shows 0 or 255


def test_outside_of_the_photo_is_grey() -> None:
    crop = crop_face(photo_from_array(np.zeros((200, 200, 3), np.uint8)), face_at(-150, 50, 100, 100), scale=1.0)
    assert (crop.image == 128).all()
    half = crop_face(photo_from_array(np.zeros((200, 200, 3), np.uint8)), face_at(-50, 50, 100, 100), scale=1.0)
    assert (half.image[:, :100] == 128).all()
    assert (half.image[:, 124:] == 0).all()


def test_crop_leaves_the_photo_alone() -> None:
    photo = photo_from_array(smooth_photo())
    before = photo.pixels.copy()
    crop = crop_face(photo, face_at(100, 50, 180, 220))
    crop.image[:] = 0
    np.testing.assert_array_equal(photo.pixels, before)


def test_photo_wider_than_opencv_can_warp_is_cropped() -> None:
    pixels = np.zeros((200, 40000, 3), np.uint8)
    pixels[:, 38050:38100] = 200
    crop = crop_face(photo_from_array(pixels), face_at(38000, 20, 160, 100))
    bright = np.flatnonzero(crop.image[100, :, 0] > 100)
    ends = to_photo(np.stack([(2 * bright[[0, -1]] + 1) / CROP_SIZE - 1, [0, 0]], -1), crop)
    assert ends[:, 0] == pytest.approx([38050, 38099], abs=1)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        crop_face(photo_from_array(smooth_photo()), face_at(100, 50, 180, 220), scale)


def test_bad_landmarks_are_refused() -> None:
    photo, face = photo_from_array(smooth_photo()), face_at(100, 50, 180, 220)
    for value in (np.nan, np.inf, 5.0):
        with pytest.raises(ValueError, match="landmarks"):
            crop_face(photo, replace(face, landmarks=np.full((478, 3), value, np.float32)))
