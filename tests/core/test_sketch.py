"""The quick picture of a head: where things are, which is in front, how they are lit, and what covers them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fields_core.render.sketch import Lamp, Sketch, Skin, Viewpoint, compile_sketch

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
FLAT = Skin(WHITE, ambient=1.0, diffuse=0.0, specular=0.0, power=1.0)
MATT = Skin(WHITE, ambient=0.0, diffuse=1.0, specular=0.0, power=1.0)
SHINY = Skin(WHITE, ambient=0.0, diffuse=0.0, specular=1.0, power=8.0)
AHEAD = Lamp((0.0, 0.0, 2.0), WHITE)

SQUARE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def moved(y: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    return SQUARE + np.array([0.0, y, z])


def view(width: int = 40, height: int = 40) -> Viewpoint:
    """Looks along -z from two metres away, without perspective; nearer is smaller."""
    to_camera = np.eye(4)
    to_camera[2, 3] = -2.0
    to_clip = np.diag([1.0, 1.0, -0.1, 1.0])
    return Viewpoint(to_camera, to_clip, width, height)


def sketch(faces: NDArray[np.int64] = FACES, **more: NDArray[np.generic]) -> Sketch:
    points = int(faces.max()) + 1
    return Sketch(faces, np.arange(points), faces, **more)  # type: ignore[arg-type]


def drawn(vertices: NDArray[np.float64] = SQUARE, skin: Skin = FLAT, lamps: tuple[Lamp, ...] = (AHEAD,)) -> np.ndarray:
    picture: np.ndarray = sketch()(vertices, view(), lamps, skin, (BLACK, BLACK))
    return picture


def test_a_square_covers_its_pixels_and_nothing_else() -> None:
    picture = drawn()
    assert picture.shape == (40, 40, 4)
    assert (picture[..., 3] == 255).all()
    assert (picture[10:30, 10:30, :3] == 255).all()
    outside = picture[..., :3].copy()
    outside[10:30, 10:30] = 0
    assert not outside.any()


def test_the_first_row_is_the_lowest() -> None:
    picture = drawn(moved(y=-0.5))
    assert picture[5, 20, 0] == 255
    assert picture[35, 20, 0] == 0


def test_the_ground_goes_from_the_lower_colour_to_the_upper() -> None:
    picture = sketch()(SQUARE, view(), (AHEAD,), FLAT, ((0.0, 0.0, 0.0), (1.0, 0.5, 0.0)))
    left = picture[:, 0].astype(int)
    assert (np.diff(left[:, 0]) >= 0).all()
    assert left[0, 0] < 8
    assert left[-1, 0] > 247
    assert abs(left[-1, 1] - 126) < 3
    assert not left[:, 2].any()


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_what_is_nearer_hides_what_is_behind_in_any_order(order: list[int]) -> None:
    near, far = moved(z=0.5), SQUARE
    vertices = np.concatenate([near, far])
    faces = np.concatenate([[FACES, FACES + 4][part] for part in order])
    uv = np.repeat([[0.25, 0.5], [0.75, 0.5]], 4, axis=0)
    texture = np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8)
    picture = sketch(faces, uv=uv, texture=texture)(vertices, view(), (AHEAD,), FLAT, (BLACK, BLACK))
    assert picture[20, 20, :3].tolist() == [255, 0, 0]


def test_light_falls_off_with_the_angle() -> None:
    slanted = Lamp((np.sin(np.radians(60.0)), 0.0, np.cos(np.radians(60.0))), WHITE)
    assert abs(int(drawn(skin=MATT, lamps=(slanted,))[20, 20, 0]) - 128) <= 1
    assert drawn(skin=MATT)[20, 20, 0] == 255
    behind = Lamp((0.0, 0.0, -1.0), WHITE)
    assert drawn(skin=MATT, lamps=(behind,))[20, 20, 0] == 0


def test_both_sides_are_lit() -> None:
    turned = SQUARE * (-1.0, 1.0, 1.0)  # now clockwise: seen from its inner side
    assert drawn(turned, MATT)[20, 20, 0] == 255


def test_a_highlight_stands_where_the_mirror_would() -> None:
    leaning = Lamp((0.9, 0.0, 2.0), WHITE)  # mirrored at the right edge, it shines towards the camera
    bright = drawn(SQUARE * 1.8, SHINY, (leaning,))[20, :, 0].astype(int)
    right, left = ((4.0 + side * 0.81) / np.sqrt(4.81 * 5.62) for side in (1, -1))  # cosines at the corners
    assert abs(bright[37] - 255 * right**8) < 8
    assert abs(bright[2] - 255 * left**8) < 8
    away = Lamp((1.0, 0.0, 0.2), WHITE)
    assert drawn(skin=SHINY, lamps=(away,))[20, 20, 0] < 5


def test_lamps_add_up_and_keep_their_colours() -> None:
    lamps = (Lamp((0, 0, 1), (0.5, 0.0, 0.0)), Lamp((0, 0, 1), (0.25, 0.5, 0.0)))
    red, green, blue = (int(value) for value in drawn(skin=MATT, lamps=lamps)[20, 20, :3])
    assert abs(red - 191) <= 1
    assert abs(green - 128) <= 1
    assert blue == 0


def test_a_texture_is_the_right_way_up_and_mixed_between_its_pixels() -> None:
    uv = SQUARE[:, :2] + 0.5
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, :, 0] = 255  # the first row is v = 1
    picture = sketch(uv=uv, texture=texture)(SQUARE, view(), (AHEAD,), FLAT, (BLACK, BLACK))
    column = picture[10:30, 20, 0].astype(int)
    assert column[0] < 20
    assert column[-1] > 235
    assert abs(column[10] - 128) < 20
    assert (np.diff(column) >= 0).all()


def test_light_is_cut_off_before_the_texture_covers_it() -> None:
    bright = Skin(WHITE, ambient=3.0, diffuse=0.0, specular=0.0, power=1.0)
    grey = np.full((1, 1, 3), 100, np.uint8)
    picture = sketch(uv=np.zeros((4, 2)), texture=grey)(SQUARE, view(), (), bright, (BLACK, BLACK))
    assert picture[20, 20, :3].tolist() == [100, 100, 100]


def test_what_is_behind_the_camera_or_not_finite_is_left_out() -> None:
    behind = Viewpoint(np.eye(4), np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, -1, -1]]), 16, 16)
    assert not sketch()(SQUARE, behind, (AHEAD,), FLAT, (BLACK, BLACK))[..., :3].any()
    broken = SQUARE.copy()
    broken[2] = np.nan
    assert not drawn(broken)[..., :3].any()


def test_a_picture_of_another_size_follows_and_input_is_left_alone() -> None:
    artist, vertices = sketch(), SQUARE.copy()
    for size in ((40, 40), (30, 20), (64, 48)):
        picture = artist(vertices, view(*size), (AHEAD,), FLAT, (BLACK, BLACK))
        assert picture.shape == (size[1], size[0], 4)
        assert abs(float((picture[..., 0] == 255).mean()) - 0.25) < 0.02
    assert (vertices == SQUARE).all()


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 4 vertices, found 3"):
        drawn(SQUARE[:3])
    with pytest.raises(ValueError, match="coordinates"):
        sketch(texture=np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="one of 3 points"):
        Sketch(FACES, np.arange(3), FACES)


def test_the_machine_code_can_be_made_beforehand() -> None:
    compile_sketch()
    compile_sketch()
