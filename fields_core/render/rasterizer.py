"""What every rasterizer does, and which one to take.

A rasterizer answers one question, which face is seen at which pixel, and nothing else: barycentrics, depth and
attributes are recomputed in torch (`fields_core.render.interpolation`), so gradients are the same code whatever draws.

The rules, the same for every rasterizer:

- Image frame (`fields_core.camera`): x in [-1, 1] spans the width, y in [-1, 1] the height, also when they differ. A
  pixel belongs to a face if its centre lies in it; of several the one with the least z wins.
- Faces are seen from both sides. There is no near or far plane: z may have any sign.
- A face without area, or with a vertex that is not finite, is not drawn.
- Exactly on an edge, or where two faces have the same depth to rounding, rasterizers may differ.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Rasterizer(Protocol):
    """Anything that tells which face is seen at each pixel."""

    def __call__(self, vertices: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
        """Rasterize a batch of meshes that share their faces.

        Args:
            vertices: (B, V, 3) image frame. Not differentiated.
            faces: (F, 3) integer indices into the vertices.
            height, width: pixels.

        Returns:
            pix_to_face (B, H, W) int64 on the vertices' device: a face number from 0 to F - 1, or -1 for background.

        Raises:
            ValueError: a wrong shape or size.
            IndexError: a face names a vertex that does not exist.
        """
        ...


def choose_rasterizer(device: torch.device | str) -> Rasterizer:
    """The fastest rasterizer for tensors on ``device``: PyTorch3D's on CUDA, the numba z-buffer everywhere else."""
    if torch.device(device).type == "cuda":
        from fields_core.render.torch3d import Torch3dRasterizer

        return Torch3dRasterizer()
    from fields_core.render.cpu import CpuRasterizer

    return CpuRasterizer()


def check_input(vertices: Tensor, faces: Tensor, height: int, width: int) -> None:
    """Raises ValueError unless the shapes are those of `Rasterizer.__call__`."""
    if vertices.ndim != 3 or vertices.shape[2] != 3:
        raise ValueError(f"Expected vertices (B, V, 3), found {tuple(vertices.shape)}")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.is_floating_point():
        raise ValueError(f"Expected integer faces (F, 3), found {tuple(faces.shape)} of {faces.dtype}")
    if height < 1 or width < 1:
        raise ValueError(f"Expected a picture of at least one pixel, found {height} x {width}")


def check_indices(faces: Tensor, vertex_count: int) -> None:
    """Raises IndexError if a face names a vertex that does not exist."""
    if faces.numel() and (int(faces.min()) < 0 or int(faces.max()) >= vertex_count):
        raise missing_vertex(vertex_count)


def missing_vertex(vertex_count: int) -> IndexError:
    return IndexError(f"A face names a vertex outside 0..{vertex_count - 1}")
