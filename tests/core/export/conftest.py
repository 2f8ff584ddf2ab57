"""A head with a code that moves all of it, and its reconstruction."""

from __future__ import annotations

import pytest
import torch

from fields_core.datatypes import FaceCode, Reconstruction
from fields_core.head import HeadModel
from tests.heads import tiny_head
from tests.reconstructions import fake_reconstruction


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def code(head: HeadModel) -> FaceCode:
    """A turned head with a half open, slightly sideways mouth, and every unit on a little."""
    generator = torch.Generator().manual_seed(1)
    return head.neutral_code().replace(
        shape=torch.randn(1, head.n_shape, generator=generator),
        expression=0.5 * torch.rand(1, head.n_expression, generator=generator),
        head_pose=torch.tensor([[0.1, 0.4, -0.05]]),
        neck_pose=torch.tensor([[0.05, 0.0, 0.02]]),
        jaw_pose=torch.tensor([[0.21, 0.03, 0.01]]),
        eye_pose=torch.tensor([[0.1, 0.2, 0.0, 0.1, 0.2, 0.0]]),
        eyelids=torch.tensor([[0.3, 0.1]]),
    )


@pytest.fixture(scope="module")
def reconstruction(head: HeadModel, code: FaceCode) -> Reconstruction:
    return fake_reconstruction(head, code)
