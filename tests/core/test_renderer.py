"""Pictures of heads."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.head import HeadModel
from fields_core.render.reference import ReferenceRasterizer
from fields_core.render.renderer import HeadRenderer, sample_texture
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def test_the_neutral_head_is_seen_in_the_middle(head: HeadModel) -> None:
    rendered = HeadRenderer(head).shade(head.neutral_code(2), size=64)
    assert rendered.image.shape == (2, 3, 64, 64)
    assert rendered.mask.shape == (2, 1, 64, 64)
    assert 0.1 < float(rendered.mask.mean()) < 0.7
    assert float(rendered.mask[..., 32, 32].min()) == 1.0
    assert float((rendered.image * (1 - rendered.mask)).abs().max()) == 0.0
    assert torch.equal(rendered.mask[:, 0] > 0, rendered.pix_to_face >= 0)


def test_what_is_seen_faces_the_viewer_and_the_nose_is_nearest(head: HeadModel) -> None:
    rendered = HeadRenderer(head).shade(head.neutral_code(), size=64)
    inside = rendered.mask[0, 0] > 0
    assert float((rendered.normals[0, 2][inside] > -0.2).float().mean()) > 0.99
    middle = rendered.depth[0, 0, 30:34, 30:34].mean()
    assert float(middle) < float(rendered.depth[0, 0][inside].quantile(0.1))


def test_neutral_light_shows_the_albedo(head: HeadModel) -> None:
    rendered = HeadRenderer(head).shade(head.neutral_code(), size=32)
    assert torch.allclose(rendered.image, rendered.albedo, atol=1e-5)


def test_clay_ignores_albedo_and_lighting(head: HeadModel) -> None:
    code = head.neutral_code()
    other = code.replace(albedo=code.albedo + 2, lighting=code.lighting * 0.3)
    renderer = HeadRenderer(head)
    assert torch.equal(renderer.clay(code, 32).image, renderer.clay(other, 32).image)
    assert not torch.equal(renderer.shade(code, 32).image, renderer.shade(other, 32).image)


@pytest.mark.parametrize("turn", [0.0, 0.6, -0.6])
def test_light_from_the_persons_left_brightens_the_right_of_the_picture_however_the_head_turns(
    head: HeadModel, turn: float
) -> None:
    code = head.neutral_code()
    lighting = code.lighting.clone()
    lighting[:, 1] = 0.5
    rendered = HeadRenderer(head).shade(
        code.replace(lighting=lighting, head_pose=torch.tensor([[0.0, turn, 0.0]]), albedo=code.albedo * 0), 48
    )
    shading = (rendered.image / rendered.albedo.clamp(min=1e-3))[0, 0]
    rows = rendered.mask[0, 0].sum(1) > 10
    for row in torch.nonzero(rows)[:, 0].tolist():
        columns = torch.nonzero(rendered.mask[0, 0, row])[:, 0]
        assert float(shading[row, columns[-3]]) > float(shading[row, columns[2]]) + 0.3


def test_a_texture_appears_where_its_coordinates_say(head: HeadModel) -> None:
    u = (torch.arange(64) + 0.5) / 64
    ramp = torch.stack([u.expand(64, 64), 1 - u[:, None].expand(64, 64), torch.zeros(64, 64)])[None]
    image = HeadRenderer(head).textured(head.neutral_code(), ramp, 64).image[0]
    assert float(image[0, 32, 40] - image[0, 32, 24]) > 0.1  # u grows to the right in the egg's layout
    assert float(image[1, 24, 32] - image[1, 40, 32]) > 0.1  # v grows upwards


def test_sampling_at_texel_centres_returns_the_texels() -> None:
    texels = torch.rand(1, 3, 4, 4)
    centre = (torch.arange(4) + 0.5) / 4
    v, u = torch.meshgrid(1 - centre, centre, indexing="ij")
    assert torch.allclose(sample_texture(texels, torch.stack([u, v])[None]), texels, atol=1e-6)


@pytest.mark.parametrize("name", ["shape", "expression", "head_pose", "jaw_pose", "camera", "lighting", "albedo"])
def test_gradients_reach_every_part_of_the_code(head: HeadModel, name: str) -> None:
    code = head.neutral_code()
    lighting = code.lighting.clone()
    lighting[:, 1:4] = torch.tensor([0.5, 0.3, 0.4])
    leaf = (lighting if name == "lighting" else getattr(code, name).clone()).requires_grad_()
    rendered = HeadRenderer(head).shade(code.replace(lighting=lighting).replace(**{name: leaf}), 32)
    (gradient,) = torch.autograd.grad((rendered.image * torch.linspace(0, 1, 32)).sum(), leaf)
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().max()) > 0


def test_the_gradient_of_the_picture_is_its_derivative() -> None:
    """Finite differences in float64, with the silhouette held by one pix_to_face."""
    head = HeadModel(tiny_head()).double()
    code = head.neutral_code().to(torch.float64)
    lighting = code.lighting.clone()
    lighting[:, 1:4] = 0.4
    code = code.replace(lighting=lighting)
    frozen = ReferenceRasterizer()

    class Held:
        seen: Tensor | None = None

        def __call__(self, vertices: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
            if self.seen is None:
                self.seen = frozen(vertices, faces, height, width)
            return self.seen

    renderer = HeadRenderer(head, Held())

    def picture(pose: Tensor, expression: Tensor) -> Tensor:
        return renderer.clay(code.replace(head_pose=pose, expression=expression), 7).image

    pose = torch.tensor([[0.1, 0.2, -0.1]], dtype=torch.float64, requires_grad=True)
    expression = torch.full((1, head.n_expression), 0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(picture, (pose, expression))


def test_a_head_without_albedo_is_grey() -> None:
    file = tiny_head()
    bare = replace(
        file,
        albedo_dirs=file.albedo_dirs[:0],
        albedo_scales=file.albedo_scales[:0],
        vt=file.vt[:0],
        ft=file.ft[:0],
    )
    head = HeadModel(bare)
    code: FaceCode = head.neutral_code()
    image = HeadRenderer(head).shade(code, 32).image[0, :, 16, 16]
    assert float(image.std()) < 1e-6
    assert math.isclose(float(image[0]), 0.75, abs_tol=1e-4)
