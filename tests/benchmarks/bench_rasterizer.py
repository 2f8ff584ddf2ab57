"""The numba rasterizer beside PyTorch3D's, same mesh, same run."""

from __future__ import annotations

import torch
import trimesh
from torch import Tensor

from fields_core.render.cpu import CpuRasterizer
from fields_core.render.torch3d import Torch3dRasterizer
from tests.benchmarks.bench import Row, seconds

SIZE = 224


def head_like() -> tuple[Tensor, Tensor]:
    """An ellipsoid of 10,000 faces that fills 70 % of the frame: vertices (1, V, 3) image frame, faces (F, 3)."""
    sphere = trimesh.creation.uv_sphere(count=[52, 50])
    vertices = torch.tensor(sphere.vertices, dtype=torch.float32) * torch.tensor([0.9, 1.0, 0.9])
    return vertices[None], torch.tensor(sphere.faces, dtype=torch.int64)


def measure() -> list[Row]:
    vertices, faces = head_like()
    ours, theirs = CpuRasterizer(), Torch3dRasterizer()
    agree = (ours(vertices, faces, SIZE, SIZE) == theirs(vertices, faces, SIZE, SIZE)).float().mean()
    baseline = seconds(lambda: theirs(vertices, faces, SIZE, SIZE), 3) * 1e3
    one = seconds(lambda: ours(vertices, faces, SIZE, SIZE), 100) * 1e3
    batch = vertices.expand(8, -1, -1)
    eight = seconds(lambda: ours(batch, faces, SIZE, SIZE), 30) * 1e3 / 8
    mesh = f"{len(faces)} faces, {SIZE} x {SIZE}"
    note = f"against PyTorch3D's CPU rasterizer; {100 * agree:.2f} % of the pixels agree"
    return [
        Row(f"rasterizer, {mesh}", one, "ms", baseline, note=note),
        Row(f"rasterizer, {mesh}, one head of a batch of 8", eight, "ms", baseline, note=note),
    ]
