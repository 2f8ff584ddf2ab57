"""A z-buffer in numba: what draws heads wherever there is no CUDA.

Each face is tested over the pixels of its bounding box with edge functions (Pineda, "A Parallel Algorithm for Polygon
Rasterization", SIGGRAPH 1988). Faces are drawn in order and a later one must be strictly nearer, so the answer does not
depend on how many threads share the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.render.rasterizer import check_input, missing_vertex

_CRACK = np.float32(-4.0 * np.finfo(np.float32).eps)
_LEAST_ROWS = 64  # a thread with fewer rows costs more than it saves


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call; keep the machine code on disk where the machine lets us."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither beside this file nor in the user's cache folder may be written
        return numba.njit(nogil=True, error_model="numpy")(function)


@_compiled
def _draw_rows(points, faces, first_row, last_row, depth, pix_to_face):  # type: ignore[no-untyped-def]
    """Draw the faces' pixels of rows first_row..last_row - 1.

    Args:
        points: (V, 3) float32, x and y in pixels (the first pixel's centre at 0), z as it comes.
        faces: (F, 3) integers.
        depth: (H, W) float32, written.
        pix_to_face: (H, W) int64, written.

    Returns:
        False if a face names a vertex that does not exist (such faces are not drawn).
    """
    width = depth.shape[1]
    count = np.uint64(points.shape[0])
    right_edge = np.float32(width - 1)
    top_edge = np.float32(first_row)
    bottom_edge = np.float32(last_row - 1)
    zero = np.float32(0.0)
    valid = True
    for row in range(first_row, last_row):
        for column in range(width):
            depth[row, column] = np.inf
            pix_to_face[row, column] = -1
    for face in range(faces.shape[0]):
        a = np.uint64(faces[face, 0])  # a negative index becomes a huge one
        b = np.uint64(faces[face, 1])
        c = np.uint64(faces[face, 2])
        if a >= count or b >= count or c >= count:
            valid = False
            continue
        ay = points[a, 1]
        by = points[b, 1]
        cy = points[c, 1]
        top = min(ay, by, cy)
        bottom = max(ay, by, cy)
        if bottom < top_edge or top > bottom_edge:
            continue
        ax = points[a, 0]
        bx = points[b, 0]
        cx = points[c, 0]
        left = min(ax, bx, cx)
        right = max(ax, bx, cx)
        if right < zero or left > right_edge:
            continue
        # Twice the signed area; the sign is divided out, so both sides are drawn. Not finite or zero: not drawn.
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        inverse = np.float32(1.0) / area
        az = points[a, 2]
        bz = points[b, 2]
        cz = points[c, 2]
        if not (np.isfinite(inverse) and inverse != zero and np.isfinite(az + bz + cz)):
            continue
        x0 = int(np.ceil(max(left, zero)))
        x1 = int(np.floor(min(right, right_edge)))
        y0 = int(np.ceil(max(top, top_edge)))
        y1 = int(np.floor(min(bottom, bottom_edge)))
        # Barycentrics as planes over the pixels, measured from the first vertex to stay precise.
        beta_x = (cy - ay) * inverse
        beta_y = (ax - cx) * inverse
        gamma_x = (ay - by) * inverse
        gamma_y = (bx - ax) * inverse
        slope_b = bz - az
        slope_c = cz - az
        # Rounding must not open a crack where two faces meet on a pixel's centre.
        beta_least = _CRACK * (abs(beta_x) * (right - left) + abs(beta_y) * (bottom - top))
        gamma_least = _CRACK * (abs(gamma_x) * (right - left) + abs(gamma_y) * (bottom - top))
        sum_most = np.float32(1.0) - beta_least - gamma_least
        for row in range(y0, y1 + 1):
            dy = np.float32(row) - ay
            beta_row = beta_y * dy
            gamma_row = gamma_y * dy
            for column in range(x0, x1 + 1):
                dx = np.float32(column) - ax
                beta = beta_row + beta_x * dx
                gamma = gamma_row + gamma_x * dx
                if beta >= beta_least and gamma >= gamma_least and beta + gamma <= sum_most:
                    z = az + beta * slope_b + gamma * slope_c
                    if z < depth[row, column]:
                        depth[row, column] = z
                        pix_to_face[row, column] = face
    return valid


class CpuRasterizer:
    """The numba rasterizer. Holds no state between calls; one object may be used from several threads."""

    def __init__(self, threads: int | None = None) -> None:
        """Args:
        threads: how many share a picture's rows; None means as many as torch uses.
        """
        self._threads = threads

    def __call__(self, vertices: Tensor, faces: Tensor, height: int, width: int) -> Tensor:
        """See `fields_core.render.rasterizer.Rasterizer`."""
        check_input(vertices, faces, height, width)
        size = np.array([width, height], dtype=np.float32)
        points = vertices.detach().to("cpu", torch.float32).numpy().copy()
        points[..., :2] = ((points[..., :2] + 1.0) * size - 1.0) * np.float32(0.5)
        corners = faces.detach().cpu().contiguous().numpy()
        depth = np.empty((len(points), height, width), dtype=np.float32)
        pix_to_face = np.empty((len(points), height, width), dtype=np.int64)
        if not self._draw(points, corners, depth, pix_to_face):
            raise missing_vertex(points.shape[1])
        return torch.from_numpy(pix_to_face).to(vertices.device)

    def _draw(
        self,
        points: NDArray[np.float32],
        faces: NDArray[np.integer[Any]],
        depth: NDArray[np.float32],
        pix_to_face: NDArray[np.int64],
    ) -> bool:
        height = depth.shape[1]
        threads = torch.get_num_threads() if self._threads is None else self._threads
        bands = max(1, min(threads, height // _LEAST_ROWS))
        rows = [height * band // bands for band in range(bands + 1)]
        jobs = [
            (points[item], faces, rows[band], rows[band + 1], depth[item], pix_to_face[item])
            for item in range(len(points))
            for band in range(bands)
        ]
        if min(threads, len(jobs)) < 2:
            valid = [_draw_rows(*job) for job in jobs]
        else:
            with ThreadPoolExecutor(threads) as pool:
                valid = list(pool.map(lambda job: _draw_rows(*job), jobs))
        return all(valid)
