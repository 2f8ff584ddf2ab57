"""The square around one face, turned upright, and the way back to the photo.

Frames are those of `fields_core.camera`; a similarity is a (2, 3) matrix [s R | t] that takes crop pixels to photo
pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import CROP_SIZE, DetectedFace, FaceCrop, Photo
from fields_core.detection.pixel_array import NEUTRAL_GROUND

Similarity = NDArray[np.float64]


def crop_face(photo: Photo, face: DetectedFace, scale: float = 1.4, size: int = CROP_SIZE) -> FaceCrop:
    """Cut out one face.

    Args:
        photo: the photo that ``face`` was found in.
        face: what to cut out.
        scale: side of the crop over the longer side of the landmarks' bounding box.
        size: pixels of the crop's side.

    Returns:
        A crop centred on that box and turned by ``face.rotation_degrees``; outside the photo it is grey.

    Raises:
        ValueError: the scale is not positive, or the landmarks are not finite or all in one point.
    """
    framing = frame_face(face, scale, size)
    return FaceCrop(sample(photo.pixels, framing.crop_to_photo, size), framing.crop_to_photo, framing.landmarks)


@dataclass(frozen=True, eq=False)
class Framing:
    """A `FaceCrop` without its picture."""

    crop_to_photo: Similarity
    landmarks: NDArray[np.float32]
    """(478, 2) image frame."""


def frame_face(face: DetectedFace, scale: float = 1.4, size: int = CROP_SIZE) -> Framing:
    """Where `crop_face` cuts, for those who need no pixels.

    Raises:
        ValueError: as `crop_face`.
    """
    points = face.landmarks[:, :2].astype(np.float64)
    if not math.isfinite(scale) or scale <= 0.0:
        raise ValueError(f"scale must be positive, found {scale}")
    low, high = points.min(axis=0), points.max(axis=0)
    if not np.isfinite(points).all() or not (high - low).any():
        raise ValueError("the landmarks of the face must be finite and distinct")
    side = scale * float((high - low).max())
    crop_to_photo = square_similarity((low + high) / 2.0, side, size, face.rotation_degrees)
    landmarks = pixels_to_image(transform(invert(crop_to_photo), points), size)
    return Framing(crop_to_photo, landmarks.astype(np.float32))


def to_photo(points: NDArray[np.floating], crop: FaceCrop) -> NDArray[np.float64]:
    """Image-frame points (..., 2) of ``crop`` to photo pixels (..., 2)."""
    size = crop.image.shape[0]
    return transform(crop.crop_to_photo, ((np.asarray(points, np.float64) + 1.0) * size - 1.0) / 2.0)


def to_image(points: NDArray[np.floating], crop: FaceCrop) -> NDArray[np.float64]:
    """Photo pixels (..., 2) to image-frame points (..., 2) of ``crop``; the inverse of `to_photo`."""
    return pixels_to_image(transform(invert(crop.crop_to_photo), points), crop.image.shape[0])


def pixels_to_image(points: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Crop pixels (..., 2) to the image frame (..., 2)."""
    return (2.0 * points + 1.0) / size - 1.0


def square_similarity(centre: NDArray[np.floating], side: float, size: int, degrees: float) -> Similarity:
    """Crop pixels to photo pixels for a square of ``side`` photo pixels about ``centre``, shown with ``size`` pixels.

    ``degrees`` is how far the photo must be turned counter-clockwise to stand upright.
    """
    # Turning the picture by +a (y down) is looking up the source at R(+a) of the crop's offset from the centre.
    scale, angle = side / size, math.radians(degrees)
    # Right angles are exact, so that an unturned crop shows unmixed pixels.
    cosine, sine = (round(v) if degrees % 90 == 0 else v for v in (math.cos(angle), math.sin(angle)))
    linear = scale * np.array([[cosine, -sine], [sine, cosine]])
    middle = np.full(2, (size - 1) / 2.0)
    return np.column_stack([linear, np.asarray(centre, np.float64) - linear @ middle])


def transform(similarity: Similarity, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points (..., 2) through a (2, 3) similarity."""
    return np.asarray(points, np.float64) @ similarity[:, :2].T + similarity[:, 2]


def invert(similarity: Similarity) -> Similarity:
    """The (2, 3) similarity that undoes ``similarity``."""
    linear = np.linalg.inv(similarity[:, :2])
    return np.column_stack([linear, -linear @ similarity[:, 2]])


def sample(pixels: NDArray[np.uint8], crop_to_photo: Similarity, size: int) -> NDArray[np.uint8]:
    """Look up ``size`` x ``size`` crop pixels in a photo.

    Shrinking averages over areas first (no aliasing), enlarging is bicubic. Outside the photo it is grey: repeated
    edges smear cut-off faces, and the detector then misses some of them (measured: 3 of 400; on grey none).

    Args:
        pixels: (H, W, 3) RGB.
        crop_to_photo: (2, 3) similarity.
        size: of the crop.

    Returns:
        (size, size, 3) RGB.
    """
    region, shift = _region(pixels, crop_to_photo, size)
    lookup = crop_to_photo.copy()
    lookup[:, 2] -= shift
    scale = math.hypot(lookup[0, 0], lookup[1, 0])
    if scale > 1.0:
        height, width = region.shape[:2]
        small = (max(1, round(width / scale)), max(1, round(height / scale)))
        region = cv2.resize(region, small, interpolation=cv2.INTER_AREA)
        ratio = np.array([small[0] / width, small[1] / height])
        lookup = ratio[:, None] * lookup
        lookup[:, 2] += ratio / 2.0 - 0.5  # pixel centres are at whole numbers
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if scale > 1.0 else cv2.INTER_CUBIC)
    border = cv2.BORDER_CONSTANT
    return cv2.warpAffine(region, lookup, (size, size), flags=flags, borderMode=border, borderValue=NEUTRAL_GROUND)


def _region(
    pixels: NDArray[np.uint8], crop_to_photo: Similarity, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int_]]:
    """The part of the photo that a crop looks at, with a margin for interpolation, and its top left (x, y).

    A small face in a 40-megapixel photo must not cost a pass over the photo, and OpenCV's warp stops at 32,767 pixels.
    """
    corners = transform(crop_to_photo, np.array([[0, 0], [0, size], [size, 0], [size, size]]) - 0.5)
    margin = 4.0 * max(1.0, math.hypot(crop_to_photo[0, 0], crop_to_photo[1, 0]))
    limit = np.array([pixels.shape[1], pixels.shape[0]])
    # At least one pixel stays, even where the crop lies outside the photo and shows none of it.
    low = np.clip(np.floor(corners.min(axis=0) - margin), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + margin), low + 1, limit).astype(int)
    return pixels[low[1] : high[1], low[0] : high[0]], low
