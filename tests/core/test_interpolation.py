"""Barycentrics and attributes recomputed from pix_to_face."""

from __future__ import annotations

import torch
import trimesh
from torch import Tensor

from fields_core.render.cpu import CpuRasterizer
from fields_core.render.interpolation import interpolate, pixel_barycentrics, vertex_normals


def ball(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    sphere = trimesh.creation.icosphere(subdivisions=2)
    return torch.tensor(sphere.vertices, dtype=dtype)[None] * 0.8, torch.tensor(sphere.faces, dtype=torch.int64)


def test_barycentrics_sum_to_one_inside_and_vanish_outside() -> None:
    vertices, faces = ball()
    seen = CpuRasterizer()(vertices, faces, 40, 56)
    found = pixel_barycentrics(vertices, faces, seen)
    assert torch.allclose(found.sum(-1), (seen >= 0).double())
    assert float(found.min()) > -1e-5
    assert float(found.max()) < 1 + 1e-5


def test_interpolated_positions_are_the_pixels_own() -> None:
    vertices, faces = ball()
    seen = CpuRasterizer()(vertices, faces, 30, 50)
    x, y = interpolate(vertices, faces, seen, pixel_barycentrics(vertices, faces, seen))[0, :2]
    inside = seen[0] >= 0
    rows, columns = torch.nonzero(inside, as_tuple=True)
    assert torch.allclose(x[inside], (2.0 * columns.double() + 1.0) / 50 - 1.0)
    assert torch.allclose(y[inside], (2.0 * rows.double() + 1.0) / 30 - 1.0)


def test_the_nearest_half_of_a_ball_is_seen() -> None:
    vertices, faces = ball()
    seen = CpuRasterizer()(vertices, faces, 32, 32)
    depth = interpolate(vertices[..., 2:], faces, seen, pixel_barycentrics(vertices, faces, seen))
    assert float(depth.max()) <= 0.0
    assert float(depth.min()) < -0.78


def test_gradients_reach_the_vertices() -> None:
    vertices, faces = ball()
    seen = CpuRasterizer()(vertices, faces, 9, 9)
    values = torch.rand((1, vertices.shape[1], 2), dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def picture(points: Tensor, attributes: Tensor) -> Tensor:
        return interpolate(attributes, faces, seen, pixel_barycentrics(points, faces, seen))

    inputs = (vertices.requires_grad_(), values.requires_grad_())
    assert torch.autograd.gradcheck(picture, inputs)


def test_every_item_of_a_batch_has_its_own_values() -> None:
    vertices, faces = ball()
    batch = torch.cat([vertices, vertices * 0.5])
    seen = CpuRasterizer()(batch, faces, 20, 20)
    together = interpolate(batch, faces, seen, pixel_barycentrics(batch, faces, seen))
    for item in range(2):
        one, picture = batch[item : item + 1], seen[item : item + 1]
        alone = interpolate(one, faces, picture, pixel_barycentrics(one, faces, picture))
        assert torch.equal(together[item : item + 1], alone)


def test_normals_of_a_ball_point_outwards() -> None:
    vertices, faces = ball()
    normals = vertex_normals(vertices, faces)
    assert torch.allclose(normals.norm(dim=-1), torch.ones(1, vertices.shape[1], dtype=torch.float64))
    assert torch.allclose(normals, vertices / 0.8, atol=0.05)


def test_normals_do_not_depend_on_scale_and_survive_a_face_without_area() -> None:
    vertices, faces = ball(torch.float32)
    assert torch.allclose(vertex_normals(vertices * 1e-3, faces), vertex_normals(vertices, faces), atol=1e-5)
    lonely = torch.zeros(1, 3, 3, requires_grad=True)
    normals = vertex_normals(lonely, torch.tensor([[0, 1, 2]]))
    assert torch.equal(normals, torch.zeros(1, 3, 3))
    (gradient,) = torch.autograd.grad(normals.sum(), lonely)
    assert torch.isfinite(gradient).all()


def test_gradients_of_normals() -> None:
    vertices, faces = ball()
    few = faces[:6]
    used = few.unique()
    renumbered = torch.searchsorted(used, few)
    points = vertices[:, used].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: vertex_normals(p, renumbered), (points,))
