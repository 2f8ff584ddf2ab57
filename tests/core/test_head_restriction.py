from __future__ import annotations

import pytest
import torch

from fields_core.head.model import HeadModel
from fields_core.head.restriction import restricted
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def face_and_landmarks(head: HeadModel) -> torch.Tensor:
    mask = head.region("face").clone()
    mask[head.landmark_corners] = True
    return mask


def random_code(head: HeadModel):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(0)
    code = head.neutral_code(3)
    return code.replace(
        shape=torch.randn(code.shape.shape, generator=generator),
        expression=torch.rand(code.expression.shape, generator=generator),
        jaw_pose=0.2 * torch.randn(3, 3, generator=generator),
        head_pose=0.3 * torch.randn(3, 3, generator=generator),
        eye_pose=0.2 * torch.randn(3, 6, generator=generator),
        eyelids=torch.rand(3, 2, generator=generator),
    )


def test_kept_vertices_and_landmarks_go_where_they_went(head: HeadModel) -> None:
    mask = face_and_landmarks(head)
    part, code = restricted(head, mask), random_code(head)
    whole, less = head(code), part(code)
    assert 0 < part.n_vertices < head.n_vertices
    assert torch.allclose(less, whole[:, mask], atol=1e-7)
    assert torch.allclose(part.landmarks(less), head.landmarks(whole), atol=1e-7)


def test_faces_and_regions_are_those_of_the_kept_vertices(head: HeadModel) -> None:
    mask = face_and_landmarks(head)
    part, code = restricted(head, mask), random_code(head)
    corners = head(code)[:, head.faces[mask[head.faces].all(dim=1)]]
    assert torch.allclose(part(code)[:, part.faces], corners, atol=1e-7)
    assert len(part.uv_faces) == len(part.faces)
    assert int(part.region("face").sum()) == int(head.region("face").sum())


def test_the_whole_head_is_left_as_it_was(head: HeadModel) -> None:
    before = head.n_vertices, head.faces.clone()
    restricted(head, face_and_landmarks(head))
    assert head.n_vertices == before[0]
    assert torch.equal(head.faces, before[1])


def test_losing_a_landmark_is_refused(head: HeadModel) -> None:
    mask = face_and_landmarks(head)
    mask[head.landmark_corners[0, 0]] = False
    with pytest.raises(ValueError, match="landmarks"):
        restricted(head, mask)
