"""Names and bindings of everything a slider can change."""

from __future__ import annotations

import pytest
import torch

from fields_app.parameters import GROUPS, Parameter, parameters_of, read_all
from fields_core.head.model import HeadModel
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def parameters(head: HeadModel) -> tuple[Parameter, ...]:
    return parameters_of(head)


def by_key(parameters: tuple[Parameter, ...], key: str) -> Parameter:
    return next(p for p in parameters if p.key == key)


def test_every_expression_component_has_a_parameter_with_its_own_key(
    head: HeadModel, parameters: tuple[Parameter, ...]
) -> None:
    keys = [p.key for p in parameters]
    assert set(head.expression_names) <= set(keys)
    assert len(keys) == len(set(keys))


def test_every_parameter_belongs_to_a_group_that_is_shown(parameters: tuple[Parameter, ...]) -> None:
    assert {p.group for p in parameters} <= set(GROUPS)


@pytest.mark.parametrize(
    ("key", "label", "short", "group", "side"),
    [
        ("mouthSmileLeft", "Mouth smile L", "Smile", "Mouth", "L"),
        ("browInnerUp", "Brow inner up", "Inner up", "Brows", ""),
        ("mouthLeft", "Mouth left", "Left", "Mouth", ""),
        ("jawOpen", "Jaw open", "Open", "Jaw", ""),
        ("gazeSidewaysRight", "Gaze sideways R", "Sideways", "Gaze", "R"),
    ],
)
def test_names_are_readable(
    parameters: tuple[Parameter, ...], key: str, label: str, short: str, group: str, side: str
) -> None:
    found = by_key(parameters, key)
    assert (found.label, found.short, found.group, found.side) == (label, short, group, side)


def test_what_is_written_is_read_back_and_nothing_else_changes(
    head: HeadModel, parameters: tuple[Parameter, ...]
) -> None:
    start = head.neutral_code()
    for i, parameter in enumerate(parameters):
        value = parameter.minimum + 0.7 * (parameter.maximum - parameter.minimum)
        values = read_all(parameters, parameter.write(start, value))
        assert values[i] == pytest.approx(value, abs=1e-4)
        others = [v for j, v in enumerate(values) if j != i]
        assert others == pytest.approx([0.0] * len(others), abs=1e-4)


def test_head_angles_are_independent_of_each_other(head: HeadModel, parameters: tuple[Parameter, ...]) -> None:
    code = by_key(parameters, "headTurn").write(head.neutral_code(), 50.0)
    code = by_key(parameters, "headNod").write(code, -20.0)
    code = by_key(parameters, "headTilt").write(code, 15.0)
    values = dict(zip([p.key for p in parameters], read_all(parameters, code), strict=True))
    assert [values["headTurn"], values["headNod"], values["headTilt"]] == pytest.approx([50, -20, 15], abs=1e-3)


def test_writing_does_not_touch_the_given_code(head: HeadModel, parameters: tuple[Parameter, ...]) -> None:
    code = head.neutral_code()
    for parameter in parameters:
        parameter.write(code, parameter.maximum)
    assert torch.count_nonzero(code.expression) == 0
    assert torch.count_nonzero(code.head_pose) == 0


def test_values_beyond_the_bounds_are_clamped(head: HeadModel, parameters: tuple[Parameter, ...]) -> None:
    smile = by_key(parameters, "mouthSmileLeft")
    code = smile.write(head.neutral_code(), 7.0)
    assert read_all((smile,), code) == (1.0,)


def test_jaw_open_of_one_is_the_head_models_own_angle(head: HeadModel, parameters: tuple[Parameter, ...]) -> None:
    code = by_key(parameters, "jawOpen").write(head.neutral_code(), 1.0)
    assert float(code.jaw_pose[0, 0]) == pytest.approx(head.jaw_open_radians)


def test_a_positive_head_turn_brings_the_nose_to_the_persons_left(
    head: HeadModel, parameters: tuple[Parameter, ...]
) -> None:
    start = head.neutral_code()
    front = int(head(start)[0, :, 2].argmax())
    turned = head(by_key(parameters, "headTurn").write(start, 30.0))[0]
    assert float(turned[front, 0]) > 0.02
