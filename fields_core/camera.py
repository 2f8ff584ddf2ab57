"""The weak-perspective camera, and the one page of axis conventions. Everything else refers here.

Model frame
    Metres. Right-handed. +X to the person's left (the viewer's right when the person looks at the viewer), +Y up,
    +Z out of the face towards the viewer. Origin near the head's centre; the open head has its eye midpoint at
    (0, .024, .040), about where FLAME has it.

Image frame
    What a crop shows, in units of half its width: x from -1 (left edge) to +1 (right edge), y from -1 (top edge) to +1
    (bottom edge), z grows away from the viewer, so the nearest surface has the least z. Pixel i of n has its centre
    at (2 i + 1) / n - 1.

Photo frame
    Pixels of the photo: x right, y down, the centre of the top left pixel at (0, 0). `FaceCrop.crop_to_photo` maps
    crop pixels (same convention) to photo pixels. Crop pixel p and image coordinate x are related by
    p = ((x + 1) n - 1) / 2.

Camera
    ``(s, tx, ty)``: image x = s (X + tx), y = -s (Y + ty), z = -s Z (DECA, Feng et al. 2021, section 3: orthographic
    projection with scale and translation, then y and z negated). s is in image units per metre: a head 0.25 m high
    that fills 70 % of a crop has s = 5.6.
"""

from __future__ import annotations

import torch
from torch import Tensor


def project(points: Tensor, camera: Tensor) -> Tensor:
    """Project model points with a weak-perspective camera.

    Args:
        points: (B, N, 3) metres, model frame.
        camera: (B, 3) scale, tx, ty.

    Returns:
        (B, N, 3) image frame.
    """
    scale = camera[:, None, :1]
    shift = torch.nn.functional.pad(camera[:, None, 1:], (0, 1))
    flip = points.new_tensor([1.0, -1.0, -1.0])
    return scale * (points + shift) * flip


def image_to_pixels(points: Tensor, size: int) -> Tensor:
    """Image-frame x, y (..., 2) in [-1, 1] to pixels of a square crop of ``size`` pixels (..., 2)."""
    return ((points + 1.0) * size - 1.0) / 2.0


def pixels_to_image(points: Tensor, size: int) -> Tensor:
    """Pixels of a square crop (..., 2) to image-frame x, y (..., 2); the inverse of `image_to_pixels`."""
    return (2.0 * points + 1.0) / size - 1.0
