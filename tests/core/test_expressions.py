from __future__ import annotations

import numpy as np
import pytest

from fields_core.data.expressions import Expression, ExpressionGenerator
from fields_core.data.facs import JAW, load_facs
from fields_core.data.sample import NO_LABEL
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.errors import ModelFileError
from fields_core.head import HeadModel, load_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head()


@pytest.fixture(scope="module")
def generator(head: HeadModel) -> ExpressionGenerator:
    return ExpressionGenerator(head)


@pytest.fixture(scope="module")
def drawn(generator: ExpressionGenerator) -> list[Expression]:
    rng = np.random.default_rng(5)
    return [generator.draw(rng) for _ in range(500)]


def column(head: HeadModel, drawn: list[Expression], name: str) -> np.ndarray:
    return np.array([expression.units[head.expression_names.index(name)] for expression in drawn])


def test_every_draw_stays_within_what_a_face_can_do(head: HeadModel, drawn: list[Expression]) -> None:
    bounds = head.expression_bounds.numpy()
    for expression in drawn:
        assert (expression.units >= bounds[:, 0]).all()
        assert (expression.units <= bounds[:, 1]).all()
        assert 0.0 <= expression.jaw[0] <= np.float32(head.jaw_open_radians)
        assert np.abs(expression.jaw[1:]).max() <= 0.05
        assert np.abs(expression.gaze).max() < 0.7


def test_lips_close_only_as_far_as_the_jaw_is_open(head: HeadModel, drawn: list[Expression]) -> None:
    closed = column(head, drawn, "mouthClose")
    opened = np.array([expression.jaw[0] for expression in drawn]) / np.float32(head.jaw_open_radians)
    assert (closed <= opened).all()
    assert closed.max() > 0.1


def test_opposite_directions_exclude_each_other(head: HeadModel, drawn: list[Expression]) -> None:
    for part in ("jaw", "mouth"):
        assert (column(head, drawn, f"{part}Left") * column(head, drawn, f"{part}Right") == 0).all()


def test_closed_lids_are_not_wide(head: HeadModel, drawn: list[Expression]) -> None:
    closed, wide = column(head, drawn, "eyeBlinkLeft"), column(head, drawn, "eyeWideLeft")
    assert (closed + wide <= 1.0 + 1e-6).all()
    assert 0.01 < (closed > 0.6).mean() < 0.2


def test_most_faces_are_nearly_symmetric(head: HeadModel, drawn: list[Expression]) -> None:
    usual = [expression for expression in drawn if expression.label != Emotion.CONTEMPT]
    difference = np.abs(column(head, usual, "mouthSmileLeft") - column(head, usual, "mouthSmileRight"))
    assert np.quantile(difference, 0.8) < 0.1
    assert difference.max() > 0.0


def test_contempt_shows_on_one_side(head: HeadModel, generator: ExpressionGenerator) -> None:
    rng = np.random.default_rng(0)
    faces = [generator.emotion(rng, Emotion.CONTEMPT, 1.0) for _ in range(40)]
    left, right = column(head, faces, "mouthDimpleLeft"), column(head, faces, "mouthDimpleRight")
    shown = np.maximum(left, right) > 0.3
    assert shown.mean() > 0.7
    assert (np.minimum(left, right)[shown] < 0.5 * np.maximum(left, right)[shown]).all()


def test_all_kinds_of_expression_occur(drawn: list[Expression]) -> None:
    labels = [expression.label for expression in drawn]
    assert set(labels) == {NO_LABEL, *Emotion}
    for expression in drawn:
        assert (expression.valence_arousal is None) == (expression.label == NO_LABEL)
        assert expression.valence_arousal is None or np.abs(expression.valence_arousal).max() <= 1.0


@pytest.mark.parametrize("emotion", list(Emotion)[1:])
def test_an_emotion_moves_the_units_of_its_most_frequent_action_unit(
    head: HeadModel, generator: ExpressionGenerator, emotion: Emotion
) -> None:
    table = load_facs()
    rng = np.random.default_rng(1)
    faces = [generator.emotion(rng, emotion, 0.9) for _ in range(60)]
    rest = [generator.emotion(rng, emotion, 0.0) for _ in range(60)]
    wanted = {unit for units in table.prototypes.get(emotion, ()) for unit in units}
    for unit, chance in table.probabilities[emotion].items():
        if chance < 0.9 or (wanted and unit not in wanted):
            continue
        for name in set(table.action_units[unit]) - {JAW}:
            strong, weak = column(head, faces, name).mean(), column(head, rest, name).mean()
            assert strong > weak + 0.08, (unit, name)


def test_a_stronger_emotion_is_more_intense(head: HeadModel, generator: ExpressionGenerator) -> None:
    intensity = ExpressionIntensity(head, generator.intensity_scale)
    for emotion in list(Emotion)[1:]:
        rng = np.random.default_rng(2)
        levels = [
            float(intensity(generator.code(head, [generator.emotion(rng, emotion, s) for _ in range(50)])).median())
            for s in (0.2, 0.6, 1.0)
        ]
        assert levels[0] < levels[1] < levels[2], emotion


def test_the_intensity_scale_is_the_95th_percentile_of_new_draws(
    head: HeadModel, generator: ExpressionGenerator, drawn: list[Expression]
) -> None:
    intensity = ExpressionIntensity(head, generator.intensity_scale)(generator.code(head, drawn))
    assert 0.015 < (intensity > 1.0).double().mean().item() < 0.1


def test_draws_follow_from_the_seed(generator: ExpressionGenerator) -> None:
    first, second = (generator.draw(np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first.units, second.units)
    assert np.array_equal(first.gaze, second.gaze)
    assert not np.array_equal(first.units, generator.draw(np.random.default_rng(10)).units)


def test_a_head_without_named_units_is_refused(head: HeadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "expression_names", tuple(f"expression {n}" for n in range(head.n_expression)))
    with pytest.raises(ModelFileError, match="FACS"):
        ExpressionGenerator(head)
