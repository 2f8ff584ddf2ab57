"""Spherical-harmonics light."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fields_core.render.lighting import estimate_lighting, sh_basis, sh_shading


def directions(count: int, seed: int = 0) -> Tensor:
    raw = torch.randn((count, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(raw, dim=-1)


def ball_picture(size: int = 24) -> tuple[Tensor, Tensor]:
    """Normals (1, 3, H, W) of a ball seen from the front and its mask (1, 1, H, W)."""
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    y, x = torch.meshgrid(-line, line, indexing="ij")
    mask = (x * x + y * y < 0.95).double()[None, None]
    z = (1 - x * x - y * y).clamp(min=0.05).sqrt()
    return functional.normalize(torch.stack([x, y, z])[None], dim=1), mask


def some_light() -> Tensor:
    lighting = torch.zeros(1, 9, 3, dtype=torch.float64)
    lighting[:, 0] = 2.6
    lighting[:, 1] = torch.tensor([0.5, 0.4, 0.3])
    lighting[:, 3] = 0.4
    lighting[:, 8] = 0.1
    return lighting


def test_the_basis_is_orthogonal_over_the_sphere() -> None:
    basis = sh_basis(directions(200_000))
    gram = basis.T @ basis / len(basis)
    assert torch.allclose(gram / gram.diagonal().outer(gram.diagonal()).sqrt(), torch.eye(9).double(), atol=0.02)


def test_a_cosine_lit_from_one_side_is_what_order_two_makes_of_it() -> None:
    """Ramamoorthi and Hanrahan: second order holds a clamped cosine to a few per cent of its peak."""
    normals = directions(100_000)
    target = normals[:, 2].clamp(min=0)
    basis = sh_basis(normals)
    light = torch.linalg.lstsq(basis, target[:, None]).solution
    assert float((basis @ light - target[:, None]).square().mean().sqrt()) < 0.05


def test_plain_light_shows_the_albedo_as_it_is() -> None:
    normals, mask = ball_picture()
    lighting = estimate_lighting(torch.zeros_like(normals), normals, torch.zeros_like(normals), torch.zeros_like(mask))
    assert torch.allclose(sh_shading(directions(50)[None], lighting), torch.ones(1, 50, 3).double())


def test_estimated_light_is_the_light_that_made_the_picture() -> None:
    normals, mask = ball_picture()
    albedo = torch.rand((1, 3, 24, 24), generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.4 + 0.4
    photo = albedo * sh_shading(normals.permute(0, 2, 3, 1), some_light()).permute(0, 3, 1, 2)
    found = estimate_lighting(photo, normals, albedo, mask)
    again = albedo * sh_shading(normals.permute(0, 2, 3, 1), found).permute(0, 3, 1, 2)
    assert float(((again - photo).abs() * mask).max()) < 0.02


def test_a_dark_patch_does_not_count_as_light() -> None:
    normals, mask = ball_picture()
    albedo = torch.full_like(normals, 0.6)
    photo = albedo * sh_shading(normals.permute(0, 2, 3, 1), some_light()).permute(0, 3, 1, 2)
    bearded = photo.clone()
    bearded[..., 16:20, 8:16] = 0.05
    found = estimate_lighting(bearded, normals, albedo, mask)
    again = albedo * sh_shading(normals.permute(0, 2, 3, 1), found).permute(0, 3, 1, 2)
    assert float(((again - photo).abs() * mask).mean()) < 0.02
