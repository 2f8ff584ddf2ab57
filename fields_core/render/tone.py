"""Making one skin agree with another in tone, on the head's surface, where no seam of the texture layout is felt."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

Floats = NDArray[np.float32]

_DATA = 4.0  # how strongly a vertex follows what is known of it, against one edge of the mesh
_RETURN = 0.01  # likewise its expectation: a change fades over about ten edges (6 cm)
_DARKEST = 0.02  # sRGB; darker colours have no hue to speak of
_MOST = 1.5  # of the natural logarithm of a ratio of colours


class SurfaceTone:
    """Spreads differences of tone over a mesh.

    A screened Poisson equation on the mesh's graph: the membrane of gradient-domain cloning (Perez et al., "Poisson
    Image Editing", SIGGRAPH 2003, equation 4), which here returns to an expected value far from what is known.
    """

    def __init__(self, vertex_count: int, faces: NDArray[np.int64]) -> None:
        edges = adjacency(vertex_count, faces).astype(np.float64)
        self._laplacian = sp.diags(np.asarray(edges.sum(axis=1)).ravel()) - edges

    def spread(self, values: Floats, weights: Floats, expected: Floats) -> Floats:
        """Continue values at some vertices over the whole mesh.

        Args:
            values: (V, C), where they are known.
            weights: (V,) in [0, 1], how well.
            expected: (V, C) what the values tend to far from there.

        Returns:
            (V, C).
        """
        known = _DATA * weights
        system = self._laplacian + sp.diags(known.astype(np.float64) + _RETURN)
        change = splu(system.tocsc()).solve(known[:, None].astype(np.float64) * (values - expected))
        return (expected + change).astype(np.float32)


def log_ratio(colours: Floats, base: Floats) -> Floats:
    """By which factor colours differ, as a logarithm: add them there, multiply by its exponential here."""
    ratio = np.log(np.maximum(colours, _DARKEST)) - np.log(np.maximum(base, _DARKEST))
    return ratio.clip(-_MOST, _MOST)


def typical(values: Floats, weights: Floats, least: int, otherwise: Floats) -> Floats:
    """The median (C,) of (..., C) where the weight (...) is over a half.

    Returns:
        ``otherwise`` where that is so in fewer than ``least`` places.
    """
    sure = weights > 0.5
    if np.count_nonzero(sure) < least:
        return otherwise
    return np.median(values[sure], axis=0).astype(np.float32)


def adjacency(vertex_count: int, faces: NDArray[np.int64]) -> sp.csr_matrix:
    """(V, V) 1 where two vertices share an edge."""
    starts, ends = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    pairs = sp.coo_matrix((np.ones(len(starts), np.float32), (starts, ends)), shape=(vertex_count, vertex_count))
    return ((pairs + pairs.T) > 0).astype(np.float32).tocsr()


def smooth_over_mesh(values: Floats, faces: NDArray[np.int64], rounds: int) -> Floats:
    """Average values at the vertices (V,) with their neighbours', again and again."""
    neighbours = adjacency(len(values), faces) + sp.identity(len(values), dtype=np.float32)
    average = sp.diags(1.0 / np.asarray(neighbours.sum(axis=1)).ravel()) @ neighbours
    for _ in range(rounds):
        values = average @ values
    return values
