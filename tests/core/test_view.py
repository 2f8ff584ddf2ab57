from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fields_core.camera import project
from fields_core.data.sample import Sample
from fields_core.data.view import EvaluationView, Placement, TrainingView, look
from fields_core.datatypes import FaceCode
from fields_core.head import load_head

SIZE = 256


def dotted(point: tuple[float, float], code: FaceCode | None = None) -> Sample:
    """A black picture with one soft white dot, and a landmark on it."""
    x, y = (((value + 1.0) * SIZE - 1.0) / 2.0 for value in point)
    columns, rows = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    dot = 255.0 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18.0)
    image = np.repeat(dot[..., None], 3, axis=2).astype(np.uint8)
    return Sample("dot", "test", image, np.full((478, 2), point, np.float32), code=code)


def dot_of(sample: Sample) -> np.ndarray:
    """The dot's centre of mass, image frame."""
    weights = sample.image[..., 0].astype(np.float64) ** 2
    size = len(weights)
    rows, columns = np.mgrid[:size, :size]
    centre = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    return (2.0 * centre + 1.0) / size - 1.0


@pytest.mark.parametrize(
    "placement",
    [
        Placement(),
        Placement(zoom=1.5, centre=(0.1, -0.2)),
        Placement(turn=math.radians(30)),
        Placement(mirror=True),
        Placement(zoom=1.1, centre=(-0.1, 0.1), turn=-0.3, mirror=True),
    ],
)
def test_landmarks_stay_on_the_pixels_they_mark(placement: Placement) -> None:
    seen = look(dotted((0.2, -0.3)), placement)
    assert seen.image.shape == (224, 224, 3)
    assert seen.landmarks is not None
    assert seen.landmarks[1] == pytest.approx(dot_of(seen), abs=0.004)  # half a pixel; 1 is on the midline


def test_a_turn_is_clockwise_on_the_screen() -> None:
    seen = look(dotted((0.0, -0.4)), Placement(zoom=1.0, turn=math.radians(90)))
    assert seen.landmarks is not None
    assert seen.landmarks[0] == pytest.approx([0.4, 0.0], abs=1e-6)


def test_the_camera_of_the_truth_follows_the_view() -> None:
    zeros = torch.zeros(1, 3)
    point = torch.tensor([[[0.02, 0.05, 0.01]]])
    code = FaceCode(zeros, zeros, zeros, zeros, zeros, torch.zeros(1, 6), torch.zeros(1, 2), zeros, zeros, zeros)
    code = code.replace(camera=torch.tensor([[5.0, 0.01, -0.02]]))
    where = project(point, code.camera)[0, 0, :2]
    seen = look(dotted((where[0].item(), where[1].item()), code), Placement(zoom=1.4, centre=(0.15, -0.05)))
    assert seen.code is not None
    assert seen.landmarks is not None
    assert project(point, seen.code.camera)[0, 0, :2].tolist() == pytest.approx(seen.landmarks[0].tolist(), abs=1e-5)


def test_samples_with_3d_truth_are_neither_turned_nor_mirrored() -> None:
    code = load_head().neutral_code()
    sample = dotted((0.1, 0.1), code)
    for placement in (Placement(turn=0.1), Placement(mirror=True)):
        with pytest.raises(ValueError, match="neither turned nor mirrored"):
            look(sample, placement)
    view = TrainingView(np.random.default_rng(0))
    assert all(view(sample).code is not None for _ in range(20))


def test_training_views_follow_from_their_seed_and_differ_from_each_other() -> None:
    sample = dotted((0.0, 0.0))
    first = [TrainingView(np.random.default_rng(3))(sample).image for _ in range(2)]
    assert np.array_equal(first[0], first[1])
    view = TrainingView(np.random.default_rng(3))
    assert not np.array_equal(view(sample).image, view(sample).image)


def test_the_evaluation_view_shows_the_box_times_1_4() -> None:
    seen = EvaluationView()(dotted((0.5, 0.0)))
    assert seen.landmarks is not None
    assert seen.landmarks[0, 0] == pytest.approx(0.5 * 1.8 / 1.4, abs=1e-6)
