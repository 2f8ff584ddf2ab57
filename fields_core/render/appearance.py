"""The colours of a head and the light it stands in, from a photo and a fitted shape.

Albedo and light explain the same pixels, so what one of them may say is fixed: on the visible skin the light is 1 on
average, and the albedo is as bright as the skin in the photo. What varies smoothly with the normal is light.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.head import HeadModel
from fields_core.render.lighting import estimate_lighting, sh_shading
from fields_core.render.rasterizer import Rasterizer
from fields_core.render.renderer import HeadRenderer, RenderedHead, sample_texture

_SIZE = 112  # pixels of the pictures that are compared: light and tone are smooth
_ALBEDO_SIZE = 64  # texels
_ROUNDS = 3
_PRIOR = 2e-3  # of the mean pixel's squared error, for each squared standard deviation of an albedo coefficient
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
        self._directions = _albedo_directions(head)

    @torch.no_grad()
    def fit(self, crops: list[FaceCrop], code: FaceCode) -> FaceCode:
        """Set ``lighting`` and ``albedo`` of a code.

        Args:
            crops: B pictures.
            code: B faces fitted to them.

        Returns:
            The code with lighting and albedo replaced; the light that shows the albedo as it is, and the mean albedo,
            where no skin is seen.
        """
        neutral = self._head.neutral_code(len(code)).to(code.expression.dtype)
        code = code.replace(albedo=neutral.albedo, lighting=neutral.lighting)
        rendered = self._renderer.shade(code, _SIZE)
        photo = _pictures(crops, rendered.image)
        skin = self._skin_faces[rendered.pix_to_face.clamp(min=0)] & (rendered.pix_to_face >= 0)
        facing = rendered.normals[:, 2:].clamp(min=0.0)
        weight = skin[:, None] * facing
        for _ in range(_ROUNDS):
            lighting = estimate_lighting(photo, rendered.normals, rendered.albedo, weight)
            lighting = _with_mean_one(lighting, rendered, weight)
            code = code.replace(lighting=lighting)
            if self._head.n_albedo == 0:
                return code
            shading = sh_shading(rendered.normals.permute(0, 2, 3, 1), lighting).permute(0, 3, 1, 2)
            code = code.replace(albedo=self._albedo(photo / shading.clamp(min=0.3), rendered, weight))
            rendered = self._renderer.shade(code, _SIZE)
        return code

    def _albedo(self, target: Tensor, rendered: RenderedHead, weight: Tensor) -> Tensor:
        """Ridge regression of the colour without light (B, 3, H, W) -> coefficients (B, A)."""
        coefficients = []
        mean = self._head.neutral_code().to(target.dtype)
        base_map = self._head.albedo(mean.albedo, _ALBEDO_SIZE)
        coordinates = self._renderer.texture_coordinates(rendered)
        for item in range(len(target)):
            seen = weight[item, 0] > 0
            if int(seen.sum()) < self._head.n_albedo:
                coefficients.append(mean.albedo[0])
                continue
            uv = coordinates[item : item + 1]
            columns = sample_texture(self._directions.flatten(0, 1)[None].to(uv.dtype), uv)[0].unflatten(0, (-1, 3))
            base = sample_texture(base_map, uv)[0]
            matrix = columns[:, :, seen].flatten(1).T  # (3 N, A)
            error = (target[item] - base)[:, seen].flatten()
            importance = weight[item, 0][seen].repeat(3)
            # The tone decides; what is not of the model (shadows, beards, glasses) must not pull it far.
            importance = importance * (0.25 / error.abs().clamp(min=0.25))
            normal = (matrix * importance[:, None]).T @ matrix / importance.sum()
            right = (matrix * importance[:, None]).T @ error / importance.sum()
            ridge = _PRIOR * torch.eye(len(normal), dtype=normal.dtype, device=normal.device)
            coefficients.append(torch.linalg.solve(normal + ridge, right).clamp(-3.0, 3.0))
        return torch.stack(coefficients)


def _albedo_directions(head: HeadModel) -> Tensor:
    """(A, 3, n, n): the albedo model is linear until it is clipped, so small steps find its directions."""
    step = 0.05
    steps = step * torch.eye(head.n_albedo, device=head.faces.device)
    if head.n_albedo == 0:
        return torch.zeros(0, 3, _ALBEDO_SIZE, _ALBEDO_SIZE)
    return (head.albedo(steps, _ALBEDO_SIZE) - head.albedo(-steps, _ALBEDO_SIZE)) / (2.0 * step)


def _pictures(crops: list[FaceCrop], like: Tensor) -> Tensor:
    images = torch.stack([torch.from_numpy(crop.image) for crop in crops]).to(like)
    return functional.interpolate(images.permute(0, 3, 1, 2) / 255.0, (_SIZE, _SIZE), mode="area")


def _with_mean_one(lighting: Tensor, rendered: RenderedHead, weight: Tensor) -> Tensor:
    """Scale the light (B, 9, 3) so that the weighted mean of each colour's shading is 1."""
    shading = sh_shading(rendered.normals.permute(0, 2, 3, 1), lighting).permute(0, 3, 1, 2)
    total = weight.sum(dim=(2, 3))
    mean = (shading * weight).sum(dim=(2, 3)) / total.clamp(min=1e-6)
    return torch.where((total > 0)[..., None], lighting / mean.clamp(min=0.05)[:, None], lighting)
