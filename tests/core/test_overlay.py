"""The head over its photo, and turning around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fields_core.datatypes import DetectedFace, FaceCrop, Photo, Reconstruction
from fields_core.errors import SettingsError
from fields_core.head import HeadModel
from fields_core.render.overlay import OverlayMode, render_overlay
from fields_core.render.turntable import turntable_frames
from tests.heads import tiny_head

MODES: tuple[OverlayMode, ...] = ("shaded", "wireframe", "landmarks")


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def reconstruction(head: HeadModel) -> Reconstruction:
    """An egg in the right upper quarter of a blue photo, 112 pixels wide."""
    code = head.neutral_code()
    crop_to_photo = np.array([[0.5, 0.0, 200.0], [0.0, 0.5, 20.0]])
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[..., 2] = 200
    landmarks = np.zeros((478, 2), np.float32)
    return Reconstruction(
        photo=Photo(pixels),
        face=DetectedFace((200, 20, 312, 132), np.zeros((478, 3), np.float32), {}),
        crop=FaceCrop(np.zeros((224, 224, 3), np.uint8), crop_to_photo, landmarks),
        code=code,
        mesh=head.mesh(code),
        landmark_error=0.01,
    )


@pytest.mark.parametrize("mode", MODES)
def test_only_the_face_is_drawn_over(head: HeadModel, reconstruction: Reconstruction, mode: OverlayMode) -> None:
    before = reconstruction.photo.pixels.copy()
    picture = render_overlay(reconstruction, head, 0.8, mode)
    assert picture.shape == before.shape
    assert picture.dtype == np.uint8
    changed = (picture != before).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert columns.min() >= 200
    assert columns.max() < 312
    assert rows.min() >= 20
    assert rows.max() < 132
    assert np.array_equal(reconstruction.photo.pixels, before)


def test_the_drawn_head_lies_where_its_camera_puts_it(head: HeadModel, reconstruction: Reconstruction) -> None:
    shift = replace(reconstruction, code=reconstruction.code.replace(camera=torch.tensor([[5.0, 0.02, 0.0]])))
    columns = []
    for one in (reconstruction, shift):
        changed = (render_overlay(one, head, 1.0) != one.photo.pixels).any(axis=-1)
        columns.append(np.nonzero(changed)[1].mean())
    # .02 m times 5 units a metre is .1 units: 11.2 crop pixels, 5.6 photo pixels.
    assert columns[1] - columns[0] == pytest.approx(5.6, abs=0.5)


def test_opacity_nothing_shows_the_photo(head: HeadModel, reconstruction: Reconstruction) -> None:
    for mode in MODES:
        assert np.array_equal(render_overlay(reconstruction, head, 0.0, mode), reconstruction.photo.pixels)


def test_a_face_that_hangs_over_the_edge_is_cut(head: HeadModel, reconstruction: Reconstruction) -> None:
    for x in (-60.0, 265.0, 5000.0):
        crop = replace(reconstruction.crop, crop_to_photo=np.array([[0.5, 0.0, x], [0.0, 0.5, 160.0]]))
        picture = render_overlay(replace(reconstruction, crop=crop), head)
        assert picture.shape == (240, 320, 3)
        assert (picture != reconstruction.photo.pixels).any() == (x < 320)


def test_a_turned_crop_turns_the_head(head: HeadModel, reconstruction: Reconstruction) -> None:
    crop = replace(reconstruction.crop, crop_to_photo=np.array([[0.0, -0.5, 250.0], [0.5, 0.0, 60.0]]))
    changed = (render_overlay(replace(reconstruction, crop=crop), head, 1.0) != reconstruction.photo.pixels).any(-1)
    rows, columns = np.nonzero(changed)
    assert np.ptp(columns) > 1.2 * np.ptp(rows)  # the egg is taller than wide; now it lies on its side


def test_wrong_settings_are_refused(head: HeadModel, reconstruction: Reconstruction) -> None:
    with pytest.raises(SettingsError, match="opacity"):
        render_overlay(reconstruction, head, 1.5)
    with pytest.raises(SettingsError, match="opacity"):
        render_overlay(reconstruction, head, float("nan"))
    with pytest.raises(SettingsError, match="x-ray"):
        render_overlay(reconstruction, head, 0.5, "x-ray")  # type: ignore[arg-type]


def test_a_turntable_starts_at_the_front_and_goes_once_around(head: HeadModel) -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[:, 4:12, 0] = 255  # the middle half of the egg's layout is its front
    code = head.neutral_code().replace(head_pose=torch.tensor([[0.3, 0.8, 0.2]]))
    frames = list(turntable_frames(head, code, red, count=4, size=48))
    assert [frame.shape for frame in frames] == [(48, 48, 3)] * 4
    middle = [int(frame[20:28, 20:28, 0].mean()) for frame in frames]
    assert middle[0] > 120
    assert middle[2] < 40
    left, right = (frames[1][20:28, columns, 0].mean() for columns in (slice(12, 20), slice(28, 36)))
    assert right > left + 50  # turned to its left: the face is on the viewer's right


def test_a_turntable_needs_no_texture(head: HeadModel) -> None:
    file = tiny_head()
    bare = HeadModel(replace(file, vt=file.vt[:0], ft=file.ft[:0]))
    for model in (head, bare):
        (frame,) = turntable_frames(model, model.neutral_code(), count=1, size=32)
        assert frame.std() > 10


def test_a_turntable_without_frames_is_refused(head: HeadModel) -> None:
    with pytest.raises(SettingsError):
        turntable_frames(head, head.neutral_code(), count=0)
