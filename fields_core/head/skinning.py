"""From blendshape coefficients and joint rotations to vertices. Pure functions, any precision, differentiable.

The formulas are those of SMPL (Loper et al., "SMPL: a skinned multi-person linear model", SIGGRAPH Asia 2015, equations
2 to 10), which FLAME (Li et al. 2017, equations 1 to 5) takes over.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def rodrigues(axis_angle: Tensor) -> Tensor:
    """Rotation matrices of axis-angle vectors (Rodrigues' formula; SMPL equation 1).

    R = I + a K + b K K with K the cross-product matrix, a = sin(t) / t, b = (1 - cos t) / t^2, t the angle. Near zero a
    and b are taken from their series, so value and gradient are exact there too.

    Args:
        axis_angle: (..., 3) radians.

    Returns:
        (..., 3, 3).
    """
    square = (axis_angle * axis_angle).sum(-1)
    small = square < 1e-4  # the series below is then exact to 1e-12 relative
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    a = torch.where(small, 1.0 - square / 6.0 * (1.0 - square / 20.0), angle.sin() / angle)
    half = (0.5 * angle).sin() / angle  # 1 - cos t = 2 sin^2(t / 2) loses no digits
    b = torch.where(small, 0.5 - square / 24.0 * (1.0 - square / 30.0), 2.0 * half * half)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*axis_angle.shape[:-1], 3, 3)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + a[..., None, None] * K + b[..., None, None] * (K @ K)


def blend(template: Tensor, directions: Tensor, coefficients: Tensor) -> Tensor:
    """Linear blendshapes (SMPL equation 8; FLAME equations 2, 5).

    Args:
        template: (N, 3) metres.
        directions: (C, 3 N) metres at coefficient 1.
        coefficients: (B, C).

    Returns:
        (B, N, 3) metres.
    """
    return torch.addmm(template.reshape(1, -1), coefficients, directions).view(len(coefficients), *template.shape)


def pose_feature(rotations: Tensor) -> Tensor:
    """What the pose correctives are linear in: R - I of every joint but the root (SMPL equation 9; FLAME equation 4).

    Args:
        rotations: (B, J, 3, 3).

    Returns:
        (B, 9 (J - 1)).
    """
    identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    return (rotations[:, 1:] - identity).flatten(1)


def joint_transforms(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Each joint's motion from the rest pose along the kinematic chain (SMPL equations 3 and 4).

    Args:
        rotations: (B, J, 3, 3) of each joint about itself, in its parent's frame.
        joints: (B, J, 3) rest positions, metres.
        parents: the parent of each joint; a parent comes before its children; the root's is negative.

    Returns:
        R (B, J, 3, 3) and t (B, J, 3): a point x that is fast to joint j goes to R_j x + t_j.
    """
    world_rotations: list[Tensor] = []
    world_joints: list[Tensor] = []
    for joint, parent in enumerate(parents):
        if parent < 0:
            world_rotations.append(rotations[:, joint])
            world_joints.append(joints[:, joint])
        else:
            bone = (joints[:, joint] - joints[:, parent]).unsqueeze(-1)
            world_rotations.append(world_rotations[parent] @ rotations[:, joint])
            world_joints.append(world_joints[parent] + (world_rotations[parent] @ bone).squeeze(-1))
    R = torch.stack(world_rotations, 1)
    t = torch.stack(world_joints, 1) - (R @ joints.unsqueeze(-1)).squeeze(-1)
    return R, t


def skin(vertices: Tensor, weights: Tensor, rotations: Tensor, translations: Tensor) -> Tensor:
    """Linear blend skinning (SMPL equation 2).

    Args:
        vertices: (B, V, 3) rest pose, metres.
        weights: (V, J).
        rotations: (B, J, 3, 3) and
        translations: (B, J, 3) from `joint_transforms`.

    Returns:
        (B, V, 3) metres.
    """
    transforms = torch.cat([rotations, translations.unsqueeze(-1)], -1).flatten(2)  # (B, J, 12)
    per_vertex = (weights @ transforms).reshape(*vertices.shape, 4)  # (B, V, 3, 4)
    return (per_vertex[..., :3] * vertices.unsqueeze(-2)).sum(-1) + per_vertex[..., 3]
