import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck, gradgradcheck

from fields_core.head.model_file import PARENTS
from fields_core.head.skinning import blend, joint_transforms, pose_feature, rodrigues, skin


def test_rodrigues_agrees_with_an_independent_rotation_library() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 3)) * np.linspace(0, 2, 50)[:, None]
    expected = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(rodrigues(torch.from_numpy(vectors)).numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-8, 1e-4, 9.99e-3, 1.01e-2, 0.1, 1.0, math.pi, 6.0])
def test_rodrigues_is_a_rotation_at_every_angle_and_in_both_precisions(angle: float) -> None:
    axis = torch.tensor([2.0, -1.0, 3.0], dtype=torch.float64)
    vector = axis / axis.norm() * angle
    for dtype, tolerance in ((torch.float64, 1e-14), (torch.float32, 1e-6)):
        R = rodrigues(vector.to(dtype))
        assert R.dtype == dtype
        torch.testing.assert_close(R @ R.mT, torch.eye(3, dtype=dtype), atol=tolerance, rtol=0)
        assert torch.linalg.det(R).item() == pytest.approx(1.0, abs=tolerance)
        assert (R.trace().item() - 1) / 2 == pytest.approx(math.cos(angle), abs=tolerance)


def test_rodrigues_takes_any_batch_shape() -> None:
    vectors = torch.randn(2, 0, 3), torch.randn(4, 2, 3), torch.randn(3)
    assert [tuple(rodrigues(v).shape) for v in vectors] == [(2, 0, 3, 3), (4, 2, 3, 3), (3, 3)]


@pytest.mark.parametrize("scale", [0.0, 1e-6, 5e-3, 1.0])
def test_rodrigues_has_exact_first_and_second_derivatives_also_at_zero(scale: float) -> None:
    vector = torch.tensor([[0.3, -0.5, 0.8]], dtype=torch.float64) * scale
    vector.requires_grad_()
    assert gradcheck(rodrigues, (vector,), eps=1e-7)
    assert gradgradcheck(rodrigues, (vector,), eps=1e-5, atol=1e-5)


def test_rodrigues_at_zero_has_the_cross_product_matrices_as_its_gradient() -> None:
    J = torch.autograd.functional.jacobian(rodrigues, torch.zeros(3, dtype=torch.float64))
    assert J[2, 1, 0] == 1
    assert J[1, 2, 0] == -1
    assert torch.isfinite(J).all()
    assert torch.equal(J, -J.transpose(0, 1))


def test_blend_adds_each_direction_by_its_coefficient() -> None:
    template, directions = torch.randn(5, 3), torch.randn(2, 15)
    found = blend(template, directions, torch.tensor([[2.0, 0.0], [0.0, -1.0]]))
    torch.testing.assert_close(found[0], template + 2 * directions[0].view(5, 3))
    torch.testing.assert_close(found[1], template - directions[1].view(5, 3))


def test_pose_feature_is_zero_at_rest_and_leaves_the_root_out() -> None:
    rotations = torch.eye(3).repeat(1, 5, 1, 1)
    rotations[:, 0] = rodrigues(torch.tensor([1.0, 0.0, 0.0]))
    assert torch.equal(pose_feature(rotations), torch.zeros(1, 36))
    rotations[:, 2] = rodrigues(torch.tensor([0.5, 0.0, 0.0]))
    changed = pose_feature(rotations)[0].nonzero().ravel().tolist()
    assert changed == [13, 14, 16, 17]  # the jaw's yy, yz, zy, zz


def test_a_rotated_parent_carries_its_children_rigidly() -> None:
    joints = torch.randn(1, 5, 3, dtype=torch.float64)
    rotations = torch.eye(3, dtype=torch.float64).repeat(1, 5, 1, 1)
    rotations[0, 1] = rodrigues(torch.tensor([0.2, 0.9, -0.4], dtype=torch.float64))
    R, t = joint_transforms(rotations, joints, PARENTS)
    for child in (2, 3, 4):
        torch.testing.assert_close(R[0, child], R[0, 1])
        torch.testing.assert_close(t[0, child], t[0, 1])
    torch.testing.assert_close(R[0, 1] @ joints[0, 1] + t[0, 1], joints[0, 1])  # a joint turns about itself
    torch.testing.assert_close(t[0, 0], torch.zeros(3, dtype=torch.float64))


def test_half_a_weight_moves_a_vertex_half_the_way() -> None:
    vertices = torch.tensor([[[1.0, 2.0, 3.0]]])
    weights = torch.tensor([[0.5, 0.5]])
    still, moved = torch.zeros(3), torch.tensor([4.0, 0.0, -2.0])
    found = skin(vertices, weights, torch.eye(3).repeat(1, 2, 1, 1), torch.stack([still, moved])[None])
    torch.testing.assert_close(found, vertices + moved / 2)
