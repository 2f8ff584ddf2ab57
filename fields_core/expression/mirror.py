"""The expression as a mirror shows it, and the one that is the same on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.errors import ModelFileError
from fields_core.head.model import HeadModel


def mirrored(code: FaceCode, head: HeadModel) -> FaceCode:
    """Expression, jaw, eyelids and gaze with left and right exchanged; identity, head pose and camera are kept.

    Raises:
        ModelFileError: the head model does not name the sides of its coefficients.
    """
    order = torch.tensor(_partners(head), device=code.expression.device)
    flip = code.jaw_pose.new_tensor([1.0, -1.0, -1.0])  # a rotation vector is an axial vector: x survives x -> -x
    return code.replace(
        expression=code.expression[:, order],
        jaw_pose=code.jaw_pose * flip,
        eyelids=code.eyelids.flip(1),
        eye_pose=torch.cat([code.eye_pose[:, 3:] * flip, code.eye_pose[:, :3] * flip], 1),
    )


def symmetrised(code: FaceCode, head: HeadModel) -> FaceCode:
    """Halfway between a code and its mirror image: the same on both sides. Gaze is kept.

    Raises:
        ModelFileError: see `mirrored`.
    """
    other = mirrored(code, head)
    expression = (code.expression + other.expression) / 2.0
    for left, right in _one_way(head):  # to the left and to the right at once is nowhere
        expression[:, [left, right]] = 0.0
    return code.replace(
        expression=expression, jaw_pose=_mean(code.jaw_pose, other.jaw_pose), eyelids=_mean(code.eyelids, other.eyelids)
    )


def has_sides(head: HeadModel) -> bool:
    """Whether the head model names the sides of its coefficients."""
    return any(name.endswith(("Left", "Right")) for name in head.expression_names)


def _mean(first: Tensor, second: Tensor) -> Tensor:
    return (first + second) / 2.0


def _partners(head: HeadModel) -> Sequence[int]:
    """For each coefficient the one of the other side; itself where it has none."""
    if not has_sides(head):
        raise ModelFileError(
            f"The head model {head.name} cannot be mirrored by its coefficients",
            expected="names that end in Left and Right",
            found=", ".join(head.expression_names[:3]),
            remedy="Use the open head.",
        )
    columns = {name: column for column, name in enumerate(head.expression_names)}
    return [columns.get(_other_side(name), column) for name, column in columns.items()]


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def _one_way(head: HeadModel) -> list[tuple[int, int]]:
    """Units that move the whole mouth or jaw to one side."""
    names = head.expression_names
    pairs = (("mouthLeft", "mouthRight"), ("jawLeft", "jawRight"))
    return [(names.index(left), names.index(right)) for left, right in pairs if left in names and right in names]
