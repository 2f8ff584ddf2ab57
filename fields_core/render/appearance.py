"""The colours of a head and the light it stands in, from a photo and a fitted shape.

Albedo and light explain the same pixels, so what one of them may say is fixed: on the visible skin the light is 1 on
average, and the albedo is as bright as the skin in the photo. What varies smoothly with the normal is light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.head import HeadModel
from fields_core.render.lighting import estimate_lighting, sh_basis
from fields_core.render.rasterizer import Rasterizer
from fields_core.render.renderer import HeadRenderer, RenderedHead, sample_texture

_SIZE = 112  # pixels of the pictures that are compared: light and tone are smooth
_ALBEDO_SIZE = 64  # texels
_STEP = 0.05  # standard deviations
_ROUNDS = 3
_PRIOR = 2e-4  # of a pixel's squared error in sRGB, for each squared standard deviation of an albedo coefficient
_OUTLIER = 0.1  # sRGB; shadows, beards and glasses are not of the model and must not pull the tone far
_LEAST_FACING = 0.2
_LEAST_PIXELS = 200
_NOT_SKIN = ("eyeballs", "teeth", "mouth", "scalp", "neck", "ears", "brows")


class AppearanceFitter:
    """Fits albedo coefficients and lighting of one head model; the shape stays as it is."""

    def __init__(self, head: HeadModel, rasterizer: Rasterizer | None = None) -> None:
        self._head = head
        self._renderer = HeadRenderer(head, rasterizer)
        skin = torch.ones(head.n_vertices, dtype=torch.bool, device=head.faces.device)
        if "face" in head.region_names:
            skin = head.region("face").clone()
        for name in _NOT_SKIN:
            if name in head.region_names:
                skin &= ~head.region(name)
        self._skin_faces = skin[head.faces].all(dim=1)
        self._maps = _albedo_maps(head) if head.n_albedo else torch.empty(0)

    @torch.no_grad()
    def fit(self, crops: Sequence[FaceCrop], code: FaceCode) -> FaceCode:
        """Set ``lighting`` and ``albedo`` of a code.

        Args:
            crops: B pictures.
            code: B faces fitted to them.

        Returns:
            The code with lighting and albedo replaced; the light that shows the albedo as it is, and the mean albedo,
            where no skin is seen.
        """
        neutral = self._head.neutral_code(len(code)).to(code.expression.dtype)
        rendered = self._renderer.clay(code, _SIZE)
        photos = _pictures(crops, rendered.image)
        skin = self._skin_faces[rendered.pix_to_face.clamp(min=0)] & (rendered.pix_to_face >= 0)
        lighting, albedo = neutral.lighting.clone(), neutral.albedo.clone()
        for item in range(len(code)):
            seen = skin[item] & (rendered.normals[item, 2] > _LEAST_FACING)
            if int(seen.sum()) >= _LEAST_PIXELS:
                pixels = _Pixels(
                    photos[item][:, seen], rendered.normals[item][:, seen], self._model(rendered, item, seen)
                )
                lighting[item], albedo[item] = _explain(pixels)
        return code.replace(lighting=lighting, albedo=albedo)

    def _model(self, rendered: RenderedHead, item: int, seen: Tensor) -> Tensor:
        """(A + 1, 3, N) the albedo model at the seen pixels: its directions, then its mean."""
        if self._head.n_albedo == 0:
            return rendered.albedo[item][None][..., seen]
        uv = self._renderer.texture_coordinates(rendered)[item][:, seen]
        maps = self._maps.to(uv.dtype)
        return sample_texture(maps.flatten(0, 1)[None], uv[None, :, None])[0, :, 0].view(len(maps), 3, -1)


@dataclass(frozen=True, eq=False)
class _Pixels:
    """N pixels of skin."""

    photo: Tensor
    """(3, N)"""
    normals: Tensor
    """(3, N)"""
    model: Tensor
    """(A + 1, 3, N): albedo directions, then the mean."""


def _explain(pixels: _Pixels) -> tuple[Tensor, Tensor]:
    """Lighting (9, 3) and albedo coefficients (A,), each fitted in turn while the other stays."""
    directions, mean = pixels.model[:-1], pixels.model[-1]
    weight = pixels.normals[2]
    normals, mask = pixels.normals[None, :, None], weight[None, None, None]
    basis = sh_basis(pixels.normals.T)  # (N, 9)
    albedo = mean
    coefficients = mean.new_zeros(len(directions))
    lighting = mean.new_zeros(9, 3)
    for _ in range(_ROUNDS):
        lighting = estimate_lighting(pixels.photo[None, :, None], normals, albedo[None, :, None], mask)[0]
        average = (weight[:, None] * (basis @ lighting)).sum(dim=0) / weight.sum()
        lighting = lighting / average.clamp(min=0.05)
        if len(directions):
            unlit = pixels.photo / (basis @ lighting).T.clamp(min=0.3)
            coefficients = _ridge(directions.flatten(1).T, (unlit - mean).flatten(), weight.repeat(3))
            albedo = (mean + torch.einsum("a,acn->cn", coefficients, directions)).clamp(0.0, 1.0)
    return lighting, coefficients


def _ridge(matrix: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Regression (N, A) -> (N,) with a prior of one standard deviation on each coefficient and Huber's weights."""
    solution = matrix.new_zeros(matrix.shape[1])
    for _ in range(_ROUNDS):
        residual = (target - matrix @ solution).abs()
        importance = weight * (_OUTLIER / residual.clamp(min=_OUTLIER))
        normal = (matrix * importance[:, None]).T @ matrix / importance.sum()
        right = matrix.T @ (importance * target) / importance.sum()
        solution = torch.linalg.solve(normal + _PRIOR * torch.eye(len(right)).to(normal), right)
    return solution.clamp(-3.0, 3.0)


def _albedo_maps(head: HeadModel) -> Tensor:
    """(A + 1, 3, n, n) directions, then the mean. The model is linear until it is clipped: small steps find it."""
    zero = head.neutral_code().albedo
    steps = _STEP * torch.eye(head.n_albedo).to(zero)
    directions = (head.albedo(steps, _ALBEDO_SIZE) - head.albedo(-steps, _ALBEDO_SIZE)) / (2.0 * _STEP)
    return torch.cat([directions, head.albedo(zero, _ALBEDO_SIZE)])


def _pictures(crops: Sequence[FaceCrop], like: Tensor) -> Tensor:
    images = torch.stack([torch.from_numpy(crop.image) for crop in crops]).to(like)
    return functional.interpolate(images.permute(0, 3, 1, 2) / 255.0, (_SIZE, _SIZE), mode="area")
