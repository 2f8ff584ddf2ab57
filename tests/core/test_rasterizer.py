"""The rasterizers: one protocol, one picture."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fields_core.render.cpu import CpuRasterizer
from fields_core.render.rasterizer import Rasterizer, choose_rasterizer
from fields_core.render.reference import ReferenceRasterizer
from fields_core.render.torch3d import Torch3dRasterizer

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
FAST: list[Rasterizer] = [CpuRasterizer(), Torch3dRasterizer()]
ALL: list[Rasterizer] = [ReferenceRasterizer(), *FAST]


def name(rasterizer: Rasterizer) -> str:
    return type(rasterizer).__name__


def random_soup(seed: int, count: int = 60, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Triangles anywhere, partly outside the picture, in any winding."""
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.rand((batch, 3 * count, 3), generator=generator) * 3.0 - 1.5
    return vertices, torch.randperm(3 * count, generator=generator).reshape(-1, 3)


def square(z: float, half: float = 0.5) -> Tensor:
    return torch.tensor([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])


SQUARE_FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def near_edge(vertices: Tensor, height: int, width: int, faces: Tensor, within: float = 1e-3) -> Tensor:
    """(B, H, W) whether any face's edge passes within so many pixels of the pixel's centre."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    point = torch.stack([x, y], dim=-1)[None]  # (1, H, W, 2)
    size = torch.tensor([width, height]).double()
    corners = (((vertices[..., :2].double() + 1.0) * size - 1.0) / 2.0)[:, faces]  # (B, F, 3, 2)
    close = torch.zeros((len(vertices), height, width), dtype=torch.bool)
    for face in range(len(faces)):
        for start in range(3):
            a = corners[:, face, start, None, None]
            b = corners[:, face, (start + 1) % 3, None, None]
            along = ((point - a) * (b - a)).sum(-1) / (b - a).square().sum(-1).clamp(min=1e-30)
            nearest = a + along.clamp(0, 1)[..., None] * (b - a)
            close |= (point - nearest).norm(dim=-1) < within
    return close


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rasterizer", FAST, ids=name)
@pytest.mark.parametrize("size", [(48, 48), (37, 64), (64, 29)])
def test_it_draws_what_the_reference_draws(rasterizer: Rasterizer, size: tuple[int, int], device: str) -> None:
    for seed in range(3):
        vertices, faces = random_soup(seed)
        expected = ReferenceRasterizer()(vertices, faces, *size)
        found = rasterizer(vertices.to(device), faces.to(device), *size).cpu()
        clear = ~near_edge(vertices, *size, faces)
        assert clear.float().mean() > 0.9
        assert (expected >= 0).float().mean() > 0.5
        assert torch.equal(found[clear], expected[clear])


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_the_least_z_wins_whatever_the_order_and_the_sign(rasterizer: Rasterizer) -> None:
    near, far = square(-3.0, half=0.25), square(2.0, half=0.75)
    for first, second in ((near, far), (far, near)):
        vertices, faces = torch.cat([first, second])[None], torch.cat([SQUARE_FACES, SQUARE_FACES + 4])
        pix_to_face = rasterizer(vertices, faces, 32, 32)[0]
        nearest = (0, 1) if first is near else (2, 3)
        assert int(pix_to_face[16, 18]) in nearest
        assert int(pix_to_face[16, 26]) not in (*nearest, -1)
        assert int(pix_to_face[0, 0]) == -1


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_x_grows_right_and_y_grows_down(rasterizer: Rasterizer) -> None:
    corner = torch.tensor([[[0.9, -0.9, 0.0], [0.3, -0.9, 0.0], [0.9, -0.3, 0.0]]])  # top right
    seen = rasterizer(corner, torch.tensor([[0, 1, 2]]), 20, 40)[0] == 0
    rows, columns = torch.nonzero(seen, as_tuple=True)
    assert int(rows.max()) < 10
    assert int(columns.min()) >= 20


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_both_sides_of_a_face_are_seen(rasterizer: Rasterizer) -> None:
    front = rasterizer(square(0.0)[None], SQUARE_FACES, 33, 33)
    back = rasterizer(square(0.0)[None], SQUARE_FACES.flip(1), 33, 33)
    assert torch.equal(front >= 0, back >= 0)
    assert int((front >= 0).sum()) > 200


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_batch_items_number_their_own_faces(rasterizer: Rasterizer) -> None:
    vertices = torch.stack([square(0.0), square(1.0), square(2.0) + 5.0])
    pix_to_face = rasterizer(vertices, SQUARE_FACES, 16, 16)
    assert pix_to_face.dtype == torch.int64
    assert torch.equal(pix_to_face[0], pix_to_face[1])
    assert set(pix_to_face[0].unique().tolist()) == {-1, 0, 1}
    assert (pix_to_face[2] == -1).all()  # off the picture


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_only_faces_with_a_vertex_that_is_not_finite_are_left_out(
    rasterizer: Rasterizer, bad: float, axis: int
) -> None:
    vertices = torch.cat([square(0.0), square(-1.0)])[None]
    vertices[0, 5, axis] = bad  # belongs to face 2 only
    pix_to_face = rasterizer(vertices, torch.cat([SQUARE_FACES, SQUARE_FACES + 4]), 24, 24)
    assert set(pix_to_face.unique().tolist()) == {-1, 0, 3}


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_faces_without_area_are_not_drawn(rasterizer: Rasterizer) -> None:
    point, line = [[0.1, 0.1, 0.0]] * 3, [[-0.5, -0.5, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    pix_to_face = rasterizer(torch.tensor([point + line]), torch.tensor([[0, 1, 2], [3, 4, 5], [3, 5, 3]]), 21, 21)
    assert (pix_to_face == -1).all()


@pytest.mark.parametrize("rasterizer", [ReferenceRasterizer(), CpuRasterizer()], ids=name)
def test_a_face_far_larger_than_the_picture_covers_it(rasterizer: Rasterizer) -> None:
    huge = torch.tensor(
        [[[-3e4, -2e4, 1.0], [4e4, -2e4, 1.0], [0.0, 5e4, 1.0]], [[1e30, 0, 0], [0, 1e30, 0], [9, 9, 0]]]
    )
    pix_to_face = rasterizer(huge, torch.tensor([[0, 1, 2]]), 16, 16)
    assert (pix_to_face[0] == 0).all()
    assert (pix_to_face[1] == -1).all()


# Not PyTorch3D: it leaves out a pixel whose centre lies exactly on an edge.
@pytest.mark.parametrize("rasterizer", [ReferenceRasterizer(), CpuRasterizer()], ids=name)
def test_a_closed_surface_has_no_holes(rasterizer: Rasterizer) -> None:
    steps = 9
    line = torch.linspace(-0.83, 0.91, steps)
    y, x = torch.meshgrid(line, line, indexing="ij")
    vertices = torch.stack([x, y, x * y], dim=-1).reshape(1, -1, 3)
    corner = (torch.arange(steps - 1)[:, None] * steps + torch.arange(steps - 1)).reshape(-1)
    upper = torch.stack([corner, corner + 1, corner + steps], dim=1)
    lower = torch.stack([corner + 1, corner + 1 + steps, corner + steps], dim=1)
    faces = torch.cat([upper, lower])
    seen = rasterizer(vertices, faces, 50, 50)[0] >= 0
    rows, columns = torch.nonzero(seen, as_tuple=True)
    assert seen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_an_empty_mesh_or_batch_is_all_background(rasterizer: Rasterizer) -> None:
    assert (rasterizer(square(0.0)[None], SQUARE_FACES[:0], 5, 7) == -1).all()
    assert rasterizer(torch.zeros(0, 4, 3), SQUARE_FACES, 5, 7).shape == (0, 5, 7)


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_wrong_input_is_refused(rasterizer: Rasterizer) -> None:
    for index in (-1, 4):
        with pytest.raises(IndexError, match=r"outside 0\.\.3"):
            rasterizer(square(0.0)[None], torch.tensor([[0, 1, index]]), 8, 8)
    with pytest.raises(ValueError, match="vertices"):
        rasterizer(square(0.0), SQUARE_FACES, 8, 8)
    with pytest.raises(ValueError, match="faces"):
        rasterizer(square(0.0)[None], SQUARE_FACES.float(), 8, 8)
    with pytest.raises(ValueError, match="pixel"):
        rasterizer(square(0.0)[None], SQUARE_FACES, 0, 8)


@pytest.mark.parametrize("rasterizer", ALL, ids=name)
def test_the_input_stays_as_it_was(rasterizer: Rasterizer) -> None:
    vertices, faces = random_soup(4, count=5)
    before = vertices.clone()
    rasterizer(vertices.requires_grad_(), faces, 16, 16)
    assert torch.equal(vertices, before)


def test_threads_do_not_change_the_picture() -> None:
    vertices, faces = random_soup(7, count=400)
    pictures = [CpuRasterizer(threads)(vertices, faces, 300, 200) for threads in (1, 2, 3, 2)]
    assert all(torch.equal(pictures[0], picture) for picture in pictures[1:])


def test_the_choice_follows_the_device() -> None:
    assert isinstance(choose_rasterizer("cpu"), CpuRasterizer)
    assert isinstance(choose_rasterizer(torch.device("cuda", 0)), Torch3dRasterizer)


def test_it_compiles_where_nothing_may_be_written() -> None:
    """An install folder and a home folder without write access leave the disk cache out, not the rasterizer."""
    program = textwrap.dedent("""
        import sys
        import torch
        from fields_core.render.cpu import CpuRasterizer
        triangle = torch.tensor([[[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]]])
        sys.exit(0 if (CpuRasterizer()(triangle, torch.tensor([[0, 1, 2]]), 9, 9) == 0).any() else 1)
    """)
    no_place = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}  # one that never finds a place
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2], env=no_place)
