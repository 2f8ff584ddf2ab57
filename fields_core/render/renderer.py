"""Pictures of heads, differentiable with respect to every part of the code."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from fields_core.camera import project
from fields_core.datatypes import CROP_SIZE, FaceCode
from fields_core.head import HeadModel
from fields_core.render.interpolation import SeenPixels, blended, interpolate, vertex_normals
from fields_core.render.lighting import clay_lighting, sh_basis
from fields_core.render.rasterizer import Rasterizer, choose_rasterizer

CLAY = 0.75  # sRGB of the grey that heads without colour are made of


@dataclass(frozen=True, eq=False)
class RenderedHead:
    """What a camera sees of a batch of B heads."""

    image: Tensor
    """(B, 3, H, W) RGB; 0 on the background."""
    mask: Tensor
    """(B, 1, H, W) 1 where the head is seen, else 0."""
    normals: Tensor
    """(B, 3, H, W) unit, model frame; 0 on the background."""
    depth: Tensor
    """(B, 1, H, W) z of the image frame, less is nearer; 0 on the background."""
    albedo: Tensor
    """(B, 3, H, W) colour before light."""
    pix_to_face: Tensor = field(repr=False)
    """(B, H, W) face numbers, -1 on the background."""
    barycentrics: Tensor = field(repr=False)
    """(B, H, W, 3)."""


class HeadRenderer:
    """Draws the heads of one head model.

    All pictures are square, in the image frame of the code's camera. Everything but the silhouette is differentiable.
    """

    def __init__(self, head: HeadModel, rasterizer: Rasterizer | None = None) -> None:
        """Args:
        head: whose codes are drawn.
        rasterizer: None chooses by the device of the head.
        """
        self._head = head
        self._rasterizer = rasterizer if rasterizer is not None else choose_rasterizer(head.faces.device)

    def shade(self, code: FaceCode, size: int = CROP_SIZE) -> RenderedHead:
        """The head as its code says: its albedo in its light. A head model without albedo is grey."""
        return self._draw(code, self._albedo_map(code), code.lighting, size)

    def clay(self, code: FaceCode, size: int = CROP_SIZE) -> RenderedHead:
        """A grey head in a fixed light: shape alone."""
        return self._draw(code, None, clay_lighting(code.lighting), size)

    def textured(self, code: FaceCode, texture: Tensor, size: int = CROP_SIZE) -> RenderedHead:
        """The head with a texture, without light of its own.

        Args:
            texture: (B or 1, 3, T, T) RGB in [0, 1], first row at v = 1.
        """
        return self._draw(code, texture.expand(len(code), -1, -1, -1), None, size)

    def texture_coordinates(self, rendered: RenderedHead) -> Tensor:
        """Where in the texture each pixel is: (B, 2, H, W), v up; 0 on the background."""
        uv = self._head.uv.to(rendered.barycentrics.dtype).expand(len(rendered.mask), -1, -1)
        return interpolate(uv, self._head.uv_faces, rendered.pix_to_face, rendered.barycentrics)

    def _albedo_map(self, code: FaceCode) -> Tensor | None:
        if self._head.n_albedo == 0 or len(self._head.uv) == 0:
            return None
        return self._head.albedo(code.albedo)

    def _draw(self, code: FaceCode, texture: Tensor | None, lighting: Tensor | None, size: int) -> RenderedHead:
        posed = self._head(code)
        points = project(posed, code.camera)
        pix_to_face = self._rasterizer(points, self._head.faces, size, size)
        return draw_surface(
            Surface(points, vertex_normals(posed, self._head.faces), self._head.faces),
            pix_to_face,
            None if texture is None else Texture(self._head.uv, self._head.uv_faces, texture),
            lighting,
        )


@dataclass(frozen=True, eq=False)
class Surface:
    """Posed meshes that share their faces."""

    points: Tensor
    """(B, V, 3) image frame."""
    normals: Tensor
    """(B, V, 3) model frame."""
    faces: Tensor
    """(F, 3)."""


@dataclass(frozen=True, eq=False)
class Texture:
    """Pictures wrapped around a surface."""

    uv: Tensor
    """(T, 2), v up."""
    uv_faces: Tensor
    """(F, 3)."""
    texels: Tensor
    """(B, 3, T, T) RGB in [0, 1], first row at v = 1."""


def draw_surface(
    surface: Surface, pix_to_face: Tensor, texture: Texture | None, lighting: Tensor | None
) -> RenderedHead:
    """Recompute, differentiably, what is seen at each pixel.

    Args:
        pix_to_face: (B, H, W) of the surface's points.
        texture: None for grey.
        lighting: (B or 1, 9, 3); None shows the texture as it is.
    """
    seen = SeenPixels.of(pix_to_face, surface.points.dtype)
    corners = seen.corners(torch.cat([surface.points, surface.normals], dim=-1), surface.faces)
    shares = seen.barycentrics(corners)
    values = blended(corners[..., 2:], shares)
    normals = functional.normalize(values[:, 1:], dim=1, eps=1e-8)
    albedo = _albedo(seen, shares, texture)
    colours = albedo if lighting is None else albedo * _light(seen, normals, lighting)
    return RenderedHead(
        image=seen.picture(colours),
        mask=(pix_to_face >= 0)[:, None].to(surface.points.dtype),
        normals=seen.picture(normals),
        depth=seen.picture(values[:, :1]),
        albedo=seen.picture(albedo),
        pix_to_face=pix_to_face,
        barycentrics=seen.picture(shares).permute(0, 2, 3, 1),
    )


def _albedo(seen: SeenPixels, shares: Tensor, texture: Texture | None) -> Tensor:
    """(N, 3) colours without light."""
    if texture is None:
        return shares.new_full((1, 3), CLAY).expand(len(shares), -1)
    uv = texture.uv.to(shares.dtype)
    where = seen.picture(blended(uv[texture.uv_faces[seen.faces]], shares))
    texels = sample_texture(texture.texels.to(shares.dtype), where)
    return texels.permute(0, 2, 3, 1).flatten(0, 2)[seen.numbers]


def _light(seen: SeenPixels, normals: Tensor, lighting: Tensor) -> Tensor:
    """(N, 3) how bright white would be at each pixel."""
    basis = sh_basis(normals)
    if len(lighting) == 1:
        return basis @ lighting[0]
    counts = torch.bincount(seen.items, minlength=len(lighting)).tolist()  # pixels are in the order of the pictures
    return torch.cat([part @ light for part, light in zip(torch.split(basis, counts), lighting, strict=True)])


def sample_texture(texels: Tensor, uv: Tensor) -> Tensor:
    """Bilinear lookup.

    Args:
        texels: (B, C, T, T), first row at v = 1; texel i of n has its centre at u = (i + 1/2) / n.
        uv: (B, 2, H, W), v up.

    Returns:
        (B, C, H, W).
    """
    grid = torch.stack([2.0 * uv[:, 0] - 1.0, 1.0 - 2.0 * uv[:, 1]], dim=-1)
    return functional.grid_sample(texels, grid, mode="bilinear", padding_mode="border", align_corners=False)
