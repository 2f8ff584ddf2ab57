"""What the rest of the program may take for granted about the committed open head."""

import numpy as np
import pytest
import torch

from fields_core.assets import find_asset
from fields_core.datatypes import FaceCode
from fields_core.head import HeadModel, load_head

MILLIMETRE = 1e-3
UPPER_LID, LOWER_LID = {"Left": 386, "Right": 159}, {"Left": 374, "Right": 145}
UPPER_LIP, LOWER_LIP, CHIN, NOSE = 13, 14, 152, 4
IRIS = {"Left": 473, "Right": 468}


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head(find_asset("open_head.npz"))


def with_unit(head: HeadModel, *names: str) -> FaceCode:
    code = head.neutral_code()
    for name in names:
        code.expression[0, head.expression_names.index(name)] = 1.0
    return code


def landmarks(head: HeadModel, code: FaceCode) -> torch.Tensor:
    return head.landmarks(head(code))[0]


def test_it_is_small_and_has_all_that_was_promised(head: HeadModel) -> None:
    assert find_asset("open_head.npz").stat().st_size <= 6e6
    assert head.name == "open-head-1"
    assert head.licence == "CC0-1.0"
    assert (head.n_shape, head.n_expression) == (100, 42)
    assert head.n_albedo >= 20
    assert len(head.faces) == len(head.uv_faces) >= 9_500
    assert head.landmark_ids.tolist() == list(range(478))
    assert (len(head.landmarks_105), len(head.landmarks_68)) == (105, 68)
    assert {"face", "lips", "eyes", "brows", "nose", "ears", "neck", "scalp"} <= set(head.region_names)
    assert all(head.region(name).any() for name in head.region_names)


def test_its_units_are_arkit_s_without_gaze_jaw_and_tongue(head: HeadModel) -> None:
    names = set(head.expression_names)
    assert {"eyeBlinkLeft", "mouthSmileRight", "mouthClose", "browInnerUp", "jawLeft", "noseSneerLeft"} <= names
    assert not names & {"jawOpen", "tongueOut", "eyeLookUpLeft"}
    assert head.expression_bounds.unique(dim=0).tolist() == [[0.0, 1.0]]


def test_it_is_a_head_of_human_size_that_looks_along_z(head: HeadModel) -> None:
    size = head.template.max(0).values - head.template.min(0).values
    assert 0.14 < size[0] < 0.22
    assert 0.24 < size[1] < 0.36
    points = landmarks(head, head.neutral_code())
    assert points[NOSE, 2] > points[list(IRIS.values()), 2].max() + 20 * MILLIMETRE
    assert points[NOSE, 1] > points[CHIN, 1] + 40 * MILLIMETRE
    assert 55 * MILLIMETRE < points[IRIS["Left"], 0] - points[IRIS["Right"], 0] < 70 * MILLIMETRE


def test_its_faces_look_outwards(head: HeadModel) -> None:
    corners = head.template.double()[head.faces]
    volume = torch.linalg.det(corners).sum() / 6
    assert 2e-3 < volume < 6e-3  # cubic metres; negative were it inside out


def test_a_blink_closes_its_own_eye_and_leaves_the_other_open(head: HeadModel) -> None:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        points = landmarks(head, with_unit(head, f"eyeBlink{side}"))
        assert points[UPPER_LID[side], 1] - points[LOWER_LID[side], 1] < 2 * MILLIMETRE
        assert points[UPPER_LID[other], 1] - points[LOWER_LID[other], 1] > 5 * MILLIMETRE


def test_eyelids_do_what_the_blinks_do(head: HeadModel) -> None:
    closed = head.neutral_code().replace(eyelids=torch.ones(1, 2))
    torch.testing.assert_close(head(closed), head(with_unit(head, "eyeBlinkLeft", "eyeBlinkRight")), atol=1e-5, rtol=0)


def test_the_jaw_opens_the_mouth_and_mouth_close_closes_it_again(head: HeadModel) -> None:
    jaw = torch.tensor([[head.jaw_open_radians, 0.0, 0.0]])
    rest = landmarks(head, head.neutral_code())
    opened = landmarks(head, head.neutral_code().replace(jaw_pose=jaw))
    closed = landmarks(head, with_unit(head, "mouthClose").replace(jaw_pose=jaw))
    gap = [points[UPPER_LIP, 1] - points[LOWER_LIP, 1] for points in (rest, opened, closed)]
    assert opened[CHIN, 1] < rest[CHIN, 1] - 15 * MILLIMETRE
    assert gap[0] < 4 * MILLIMETRE
    assert gap[1] > 20 * MILLIMETRE
    assert gap[2] < 0.4 * gap[1]
    torch.testing.assert_close(opened[NOSE], rest[NOSE], atol=2 * MILLIMETRE, rtol=0)


def test_a_smile_lifts_and_widens_its_corner_of_the_mouth(head: HeadModel) -> None:
    change = landmarks(head, with_unit(head, "mouthSmileLeft")) - landmarks(head, head.neutral_code())
    assert change[291, 0] > 2 * MILLIMETRE  # the left corner, outwards
    assert change[291, 1] > 2 * MILLIMETRE
    assert change[61].norm() < 0.3 * change[291].norm()


def test_eyes_look_where_their_angles_say(head: HeadModel) -> None:
    rest = landmarks(head, head.neutral_code())
    for joint, side in enumerate(("Left", "Right")):
        for axis, direction in ((0, (0, -1)), (1, (1, 0))):
            gaze = torch.zeros(1, 6)
            gaze[0, 3 * joint + axis] = 0.3
            moved = landmarks(head, head.neutral_code().replace(eye_pose=gaze))[IRIS[side], :2] - rest[IRIS[side], :2]
            assert torch.dot(moved, torch.tensor(direction).float()) > 3 * MILLIMETRE


def test_the_mean_head_is_symmetric_in_its_landmarks(head: HeadModel) -> None:
    points = landmarks(head, head.neutral_code()).numpy()
    mirrored = points * np.float32([-1, 1, 1])
    nearest = np.linalg.norm(points[:, None] - mirrored[None], axis=-1).min(1)
    assert np.median(nearest) < 0.5 * MILLIMETRE
    assert nearest.max() < 5 * MILLIMETRE


def test_random_identities_differ_and_are_still_heads(head: HeadModel) -> None:
    generator = torch.Generator().manual_seed(0)
    code = head.neutral_code(16).replace(shape=torch.randn(16, 100, generator=generator))
    vertices = head(code)
    assert torch.isfinite(vertices).all()
    change = (vertices - head.template).norm(dim=-1).mean(1)
    assert (change > 1 * MILLIMETRE).all()
    assert (change < 25 * MILLIMETRE).all()


def test_its_albedo_is_skin_and_varies(head: HeadModel) -> None:
    mean = head.albedo(torch.zeros(1, head.n_albedo), 64)
    red, green, blue = mean[0].mean((1, 2))
    assert red > green > blue
    darker = head.albedo(torch.eye(head.n_albedo)[:1] * 2, 64)
    assert (darker - mean).abs().mean() > 0.01
