"""Light from all around, as nine spherical-harmonics coefficients for each colour.

A matte surface answers to light so smoothly that second order holds 99 % of it (Ramamoorthi and Hanrahan, "An Efficient
Representation for Irradiance Environment Maps", SIGGRAPH 2001, equations 3 and 8-11): the shading at normal n is
``sum_k c_k b_k(n) l_k`` with b = 1, x, y, z, xy, xz, yz, x² - y², 3z² - 1. The factors c_k are the harmonics' own times
the cosine lobe's 2/3 pi and pi/4 for orders 1 and 2, and order 0 taken with 1: DECA's order and scale (Feng et al.
2021, section 3), so that its lights mean the same here. Colours are sRGB values taken as they are, as in DECA.

Normals are those of the posed head in the model frame.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FACTORS = (
    1.0 / math.sqrt(4.0 * math.pi),
    *3 * (2.0 * math.pi / 3.0 * math.sqrt(3.0 / (4.0 * math.pi)),),
    *3 * (math.pi / 4.0 * 3.0 * math.sqrt(5.0 / (12.0 * math.pi)),),
    math.pi / 4.0 * 1.5 * math.sqrt(5.0 / (12.0 * math.pi)),
    math.pi / 4.0 * 0.5 * math.sqrt(5.0 / (4.0 * math.pi)),
)
_PRIOR = (0.0, 1e-3, 1e-3, 1e-3, *5 * (1e-2,))  # of the mean pixel: pull towards light that is the same all around
_ROUNDS = 5
_OUTLIER = 0.05  # sRGB; a residual this large counts half as much in Huber's sense
_FAINTEST = 1e-6


def sh_basis(normals: Tensor) -> Tensor:
    """The nine basis functions, factors included.

    Args:
        normals: (..., 3) unit, model frame.

    Returns:
        (..., 9).
    """
    x, y, z = normals.unbind(-1)
    functions = [torch.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3.0 * z * z - 1.0]
    return torch.stack(functions, dim=-1) * normals.new_tensor(FACTORS)


def sh_shading(normals: Tensor, lighting: Tensor) -> Tensor:
    """How bright white would be at each point.

    Args:
        normals: (B, ..., 3) unit, model frame.
        lighting: (B, 9, 3).

    Returns:
        (B, ..., 3) RGB, 1 = as bright as the albedo.
    """
    return torch.einsum("b...k,bkc->b...c", sh_basis(normals), lighting)


def clay_lighting(like: Tensor) -> Tensor:
    """A soft key light from above and in front, to see shape by: (1, 9, 3)."""
    lighting = like.new_zeros(1, 9, 3)
    lighting[:, 0] = 0.62 / FACTORS[0]
    lighting[:, 1] = 0.10 / FACTORS[1]
    lighting[:, 2] = 0.22 / FACTORS[2]
    lighting[:, 3] = 0.30 / FACTORS[3]
    return lighting


@torch.no_grad()
def estimate_lighting(photo: Tensor, normals: Tensor, albedo: Tensor, mask: Tensor) -> Tensor:
    """The light under which a head of this albedo looks like the photo.

    Iteratively reweighted least squares with Huber's weights (Holland and Welsch 1977), so that hair, beards and
    highlights do not count as light.

    Args:
        photo: (B, 3, H, W) sRGB in [0, 1].
        normals: (B, 3, H, W) unit, model frame.
        albedo: (B, 3, H, W) sRGB in [0, 1].
        mask: (B, 1, H, W) weights, zero where the pixel does not show this skin.

    Returns:
        (B, 9, 3); the plain light that shows the albedo as it is where the mask is empty.
    """
    basis = sh_basis(normals.permute(0, 2, 3, 1)).flatten(1, 2)  # (B, N, 9)
    target = photo.permute(0, 2, 3, 1).flatten(1, 2)
    colour = albedo.permute(0, 2, 3, 1).flatten(1, 2)
    weight = mask.permute(0, 2, 3, 1).flatten(1, 2).to(photo.dtype).clamp(min=0.0)  # (B, N, 1)
    total = weight.sum(dim=1)  # (B, 1)
    plain = photo.new_zeros(len(photo), 9, 3)
    plain[:, 0] = 1.0 / FACTORS[0]
    prior = torch.diag(photo.new_tensor(_PRIOR) + _FAINTEST)
    lighting = plain
    robust = torch.ones_like(target)
    for _ in range(_ROUNDS):
        importance = weight * robust  # (B, N, 3)
        scale = (importance * colour.square()).sum(dim=1) + _FAINTEST  # (B, 3)
        share = (importance * colour.square()).transpose(1, 2)  # (B, 3, N)
        normal = (basis.transpose(1, 2)[:, None] * share[:, :, None]) @ basis[:, None]  # (B, 3, 9, 9)
        normal = (
            normal / scale[..., None, None] + prior + _FAINTEST * torch.eye(9, dtype=photo.dtype, device=photo.device)
        )
        right = (importance * colour * target).transpose(1, 2) @ basis / scale[..., None]  # (B, 3, 9)
        lighting = torch.linalg.solve(normal, right).transpose(1, 2)
        residual = (colour * (basis @ lighting) - target).abs()
        robust = (_OUTLIER / residual.clamp(min=_FAINTEST)).clamp(max=1.0)
    return torch.where((total > 0)[..., None], lighting, plain)
