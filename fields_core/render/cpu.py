"""A z-buffer in numba: what draws heads wherever there is no CUDA.

Each face is filled row by row between its edges; the nearest surface so far is kept for each pixel (Catmull, "A
Subdivision Algorithm for Computer Display of Curved Surfaces", 1974). Faces are drawn in order and a later one must be
strictly nearer, so the answer does not depend on how many threads share the rows.
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

_LEAST_RISE = np.float32(1e-20)  # pixels; an edge that rises less is level, and its slope would overflow
_LEAST_ROWS = 256  # a thread with fewer rows costs more than it saves


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call; keep the machine code on disk where the machine lets us."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither beside this file nor in the user's cache folder may be written
        return numba.njit(nogil=True, error_model="numpy")(function)


@compiled
def draw_rows(points, faces, first_row, last_row, depth, pix_to_face):  # type: ignore[no-untyped-def]
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
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        # Sort the corners downwards. Choices instead of branches: the processor cannot guess them.
        swap = by < ay
        ax, bx = (bx if swap else ax), (ax if swap else bx)
        ay, by = (by if swap else ay), (ay if swap else by)
        az, bz = (bz if swap else az), (az if swap else bz)
        swap = cy < by
        bx, cx = (cx if swap else bx), (bx if swap else cx)
        by, cy = (cy if swap else by), (by if swap else cy)
        bz, cz = (cz if swap else bz), (bz if swap else cz)
        swap = by < ay
        ax, bx = (bx if swap else ax), (ax if swap else bx)
        ay, by = (by if swap else ay), (ay if swap else by)
        az, bz = (bz if swap else az), (az if swap else bz)
        top = np.ceil(max(ay, top_edge))
        bottom = np.floor(min(cy, bottom_edge))
        if not top <= bottom:
            continue
        # Twice the signed area; the sign is divided out, so both sides are drawn. Zero or not finite: not drawn.
        inverse = np.float32(1.0) / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
        if not (np.isfinite(inverse) and inverse != zero and np.isfinite(az + bz + cz)):
            continue
        z_by_x = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) * inverse
        z_by_y = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) * inverse
        # Each edge runs from its upper end, so both faces that share it compute the same x: no cracks.
        long_slope = (cx - ax) / (cy - ay)
        upper_slope = (bx - ax) / (by - ay) if by - ay > _LEAST_RISE else zero
        lower_slope = (cx - bx) / (cy - by) if cy - by > _LEAST_RISE else zero
        for row in range(int(top), int(bottom) + 1):
            y = np.float32(row)
            on_long = ax + (y - ay) * long_slope
            upper = y < by
            on_short = (ax if upper else bx) + (y - (ay if upper else by)) * (upper_slope if upper else lower_slope)
            left = np.ceil(max(min(on_long, on_short), zero))
            right = np.floor(min(max(on_long, on_short), right_edge))
            if not (left <= right and left >= zero and right <= right_edge):
                continue  # beside the picture, or beyond what float32 can hold
            z_row = az + z_by_y * (y - ay)
            for column in range(int(left), int(right) + 1):
                z = z_row + z_by_x * (np.float32(column) - ax)
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
            valid = [draw_rows(*job) for job in jobs]
        else:
            with ThreadPoolExecutor(threads) as pool:
                valid = list(pool.map(lambda job: draw_rows(*job), jobs))
        return all(valid)
