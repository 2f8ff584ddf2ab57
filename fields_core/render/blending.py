"""Laying one picture over another without a seam."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_FAINTEST = 1e-6


def smoothstep(values: Floats, start: float, end: float) -> Floats:
    """0 up to start, 1 from end on, a smooth cubic between."""
    t = np.clip((values - start) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def membrane(values: Floats, weights: Floats, stiffness: float = 0.0) -> Floats:
    """Fill in what is not known, as smoothly as a stretched skin.

    Pull and push over a pyramid (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): coarse averages fill the
    gaps of fine ones. Solves nearly the Laplace equation that gradient-domain cloning (Perez et al., "Poisson Image
    Editing", SIGGRAPH 2003) poses, in time linear in the texels.

    Args:
        values: (H, W, C).
        weights: (H, W) in [0, 1]: how sure each value is.
        stiffness: how strongly the unknown is pulled to 0, as a weight at the coarsest level.

    Returns:
        (H, W, C), close to ``values`` where the weight is 1.
    """
    height, width = weights.shape
    if min(height, width) <= 4:
        total = weights.sum() + stiffness + _FAINTEST
        mean = (values * weights[..., None]).sum(axis=(0, 1)) / total
        return _over(values, weights, np.broadcast_to(mean, values.shape).astype(np.float32))
    size = ((width + 1) // 2, (height + 1) // 2)
    packed = np.concatenate([values * weights[..., None], weights[..., None]], axis=-1)
    coarse = cv2.resize(packed, size, interpolation=cv2.INTER_AREA)
    known = coarse[..., -1]
    coarse_values = coarse[..., :-1] / np.maximum(known, _FAINTEST)[..., None]
    filled = membrane(coarse_values, np.minimum(1.0, 4.0 * known), stiffness)
    return _over(values, weights, cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR))


def matched(picture: Floats, reference: Floats, weights: Floats, size: int, stiffness: float) -> Floats:
    """Change a picture's tone smoothly so that it agrees with another one where that is known.

    Args:
        picture, reference: (H, W, 3) in [0, 1].
        weights: (h, w) how sure the reference is.
        size: side of the square on which tones are compared; detail finer than its texels stays the picture's own.
        stiffness: see `membrane`.

    Returns:
        (H, W, 3).
    """
    known = _shrunk(weights, size)
    own, other = (_shrunk(image, size) for image in (picture, reference))
    ratio = np.log(np.maximum(other, 0.01)) - np.log(np.maximum(own, 0.01))
    change = membrane(ratio.clip(-2.5, 2.5), known, stiffness)
    change = cv2.GaussianBlur(change, (0, 0), 1.0)
    return picture * np.exp(cv2.resize(change, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def grown(picture: Floats, known: NDArray[np.bool_], texels: int) -> Floats:
    """Continue a picture (H, W, 3) a few texels beyond what is known (H, W), so that lookups at a border stay clean."""
    result, known = picture.copy(), known.copy()
    kernel = np.ones((3, 3), np.float32)
    for _ in range(texels):
        weight = cv2.filter2D(known.astype(np.float32), -1, kernel, borderType=cv2.BORDER_CONSTANT)
        fresh = (weight > 0) & ~known
        rows, columns = np.nonzero(fresh)
        total = np.zeros((len(rows), picture.shape[2]), np.float32)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                y = (rows + dy).clip(0, len(known) - 1)
                x = (columns + dx).clip(0, known.shape[1] - 1)
                total += result[y, x] * known[y, x, None]
        result[rows, columns] = total / weight[rows, columns, None]
        known |= fresh
    return result


def _over(values: Floats, weights: Floats, below: Floats) -> Floats:
    share = np.clip(weights, 0.0, 1.0)[..., None]
    return values * share + below * (1.0 - share)


def _shrunk(picture: Floats, size: int) -> Floats:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
