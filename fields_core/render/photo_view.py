"""The part of a photo around a face, in the image frame of its crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import FaceCrop, Photo

Floats = NDArray[np.float32]

SPAN = 1.5  # how far beyond the crop's half width a view reaches
_LARGEST, _SMALLEST = 1024, 128  # pixels
_SOFT = 0.025  # image units; the face's outline is this soft
# MediaPipe's face oval, clockwise from the hairline.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)


@dataclass(frozen=True, eq=False)
class PhotoView:
    """A square of the photo, upright as the crop: image frame x and y in [-SPAN, SPAN]."""

    pixels: Floats
    """(n, n, 3) sRGB in [0, 1]."""
    inside: Floats
    """(n, n) 1 where the photo has a pixel, else 0."""

    def to_pixels(self, points: Floats) -> Floats:
        """Image frame (..., 2 or more) -> pixels of the view (..., 2)."""
        return ((points[..., :2] / SPAN + 1.0) * len(self.pixels) - 1.0) / 2.0

    def colours_at(self, where: Floats) -> Floats:
        """(H, W, 3) bilinear at pixels (H, W, 2) of the view."""
        return cv2.remap(self.pixels, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def weights_at(self, weights: Floats, where: Floats) -> Floats:
        """(H, W) of a picture (n, n) as large as the view at its pixels (H, W, 2); 0 beyond it."""
        return cv2.remap(weights, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)

    def face_outline(self, landmarks: Floats) -> Floats:
        """Where the photo shows this face, not hair or background: (n, n), falling off softly inside the face oval.

        Args:
            landmarks: (478, 2) image frame.
        """
        size = len(self.pixels)
        pixels = size / (2.0 * SPAN)
        mask = np.zeros((size, size), np.float32)
        cv2.fillPoly(mask, [np.round(self.to_pixels(landmarks[list(FACE_OVAL)])).astype(np.int32)], 1.0)
        soft = cv2.GaussianBlur(mask, (0, 0), max(1.0, _SOFT * pixels))
        return np.clip(2.0 * soft - 1.0, 0.0, 1.0) * self.inside


def view_photo(photo: Photo, crop: FaceCrop) -> PhotoView:
    """Resample the photo around the crop at about its own resolution, averaging where it is finer than the view."""
    crop_size = crop.image.shape[0]
    to_photo = np.asarray(crop.crop_to_photo, np.float64)
    scale = float(np.hypot(to_photo[0, 0], to_photo[1, 0]))  # photo pixels in a crop pixel
    size = int(np.clip(round(SPAN * crop_size * scale), _SMALLEST, _LARGEST))
    # View pixel v -> image coordinate ((2 v + 1) / size - 1) SPAN -> crop pixel ((x + 1) n - 1) / 2.
    step = SPAN * crop_size / size
    shift = ((1.0 / size - 1.0) * SPAN + 1.0) * crop_size / 2.0 - 0.5
    matrix = to_photo @ np.array([[step, 0.0, shift], [0.0, step, shift], [0.0, 0.0, 1.0]])
    pixels = photo.pixels
    if scale * step > 1.5:
        pixels, matrix = _reduced(pixels, matrix, size, scale * step)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(pixels, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    whole = np.ones(pixels.shape[:2], np.float32)
    inside = cv2.warpAffine(whole, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    return PhotoView(picture.astype(np.float32) / 255.0, inside)


def _reduced(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, finer: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out what the view covers and shrink it by averaging; the matrix (2, 3) then leads to the smaller picture."""
    corners = matrix @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    left, top = np.floor(corners.min(axis=1) - 2).astype(int).clip(0)
    right, bottom = np.ceil(corners.max(axis=1) + 2).astype(int).clip(0)
    part = pixels[top:bottom, left:right]
    if part.size == 0:
        return pixels, matrix
    width, height = max(1, round(part.shape[1] / finer)), max(1, round(part.shape[0] / finer))
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    fx, fy = width / part.shape[1], height / part.shape[0]
    to_small = np.array([[fx, 0.0, (0.5 - left) * fx - 0.5], [0.0, fy, (0.5 - top) * fy - 0.5]])
    return small, to_small @ np.vstack([matrix, [0.0, 0.0, 1.0]])
