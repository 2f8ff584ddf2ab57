"""Arrays of any usual layout and number type to 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import PhotoError

NEUTRAL_GROUND = (128, 128, 128)
"""8-bit RGB behind transparent parts and outside the photo."""


def rgb8(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Contiguous 8-bit RGB; transparent parts lie on `NEUTRAL_GROUND`. May be ``array`` itself.

    Args:
        array: (H, W) or (H, W, 1 to 4): grey, grey + alpha, RGB, RGBA; bool, uint8, uint16, or floats in [0, 1].
        name: of the picture, for messages.

    Returns:
        (H, W, 3) uint8, C-contiguous.

    Raises:
        PhotoError: another shape or number type, no pixels, values that are not finite or out of range.
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise PhotoError(
            f"{name} is not a picture",
            expected="an array of height x width (grey), or height x width x 1 to 4 channels",
            found=f"an array of shape {array.shape if array.shape[-1:] != (1,) else array.shape[:-1]}",
            remedy="Put the channels last, and pass one picture at a time.",
        )
    if array.size == 0:
        raise PhotoError(f"{name} is empty", found=f"{array.shape[1]} x {array.shape[0]} pixels")
    values = _eight_bit(array, name)
    colours, alpha = (values[..., :-1], values[..., -1:]) if values.shape[2] in (2, 4) else (values, None)
    if colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    if alpha is not None:
        cover = alpha.astype(np.float32) / 255.0
        colours = np.rint(cover * colours + (1.0 - cover) * np.array(NEUTRAL_GROUND, np.float32)).astype(np.uint8)
    return np.ascontiguousarray(colours)


def _eight_bit(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 -> 255, rounded
    if array.dtype.kind != "f":
        raise PhotoError(
            f"{name} holds numbers of the wrong type",
            expected="8-bit or 16-bit unsigned integers, or floating point in [0, 1]",
            found=str(array.dtype),
        )
    if not np.isfinite(array).all():
        raise PhotoError(
            f"{name} holds values that are not finite", expected="values in [0, 1]", found="NaN or infinity"
        )
    low, high = float(array.min()), float(array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise PhotoError(
            f"{name} is out of range",
            expected="floating-point values in [0, 1]",
            found=f"values from {low:.4g} to {high:.4g}",
            remedy="Scale it to [0, 1], or convert it to 8 bit.",
        )
    return np.rint(np.clip(array, 0.0, 1.0) * 255.0).astype(np.uint8)
