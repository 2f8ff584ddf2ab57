"""PyTorch3D's rasterizer behind our protocol. The only file that imports pytorch3d."""

from __future__ import annotations

import torch
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.structures import Meshes
from torch import Tensor

from fields_core.render.rasterizer import check_indices, check_input


class Torch3dRasterizer:
    """PyTorch3D (Ravi et al., "Accelerating 3D Deep Learning with PyTorch3D", 2020); the choice on CUDA.

    Its normalised device coordinates have +X left and +Y up and span [-1, 1] over the shorter side of the picture; what
    has negative z is hidden (PyTorch3D, docs/notes/cameras.md and renderer.md).
    """

    def __call__(self, vertices: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
        """See `fields_core.render.rasterizer.Rasterizer`."""
        check_input(vertices, faces, height, width)
        check_indices(faces, vertices.shape[1])
        if len(vertices) == 0 or len(faces) == 0:
            return vertices.new_full((len(vertices), height, width), -1, dtype=torch.int64)
        points, corners = _drawable(vertices.detach().float(), faces.long())
        shorter = min(height, width)
        stretch = points.new_tensor([-width / shorter, -height / shorter, 1.0])
        meshes = Meshes(verts=points * stretch, faces=corners)
        packed, _, _, _ = rasterize_meshes(meshes, image_size=(height, width), blur_radius=0.0, faces_per_pixel=1)
        packed = packed[..., 0]
        first = torch.arange(len(points), device=packed.device)[:, None, None] * len(faces)
        return torch.where(packed >= 0, packed - first, packed)


def _drawable(vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Move all depths to [1, 2] and collapse the faces that must not be drawn.

    Depth must be positive and is compared in float32. PyTorch3D draws nothing for a face without area, so that is what
    a face with a vertex that is not finite becomes; the count of faces, and so their numbers, must stay.

    Args:
        vertices: (B, V, 3) image frame.
        faces: (F, 3).

    Returns:
        (B, V, 3) and (B, F, 3).
    """
    finite = torch.isfinite(vertices).all(dim=-1)
    points = torch.where(finite[..., None], vertices, torch.zeros_like(vertices))
    nearest = points[..., 2].amin(dim=1)[:, None]
    span = (points[..., 2].amax(dim=1)[:, None] - nearest).clamp(min=torch.finfo(points.dtype).tiny)
    points = torch.cat([points[..., :2], (1.0 + (points[..., 2] - nearest) / span)[..., None]], dim=-1)
    whole = finite[:, faces].all(dim=-1, keepdim=True)
    return points, torch.where(whole, faces, faces[:, :1])
