"""The numbering of MediaPipe's face mesh: which of its 478 landmarks are what."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import LANDMARK_COUNT

FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The outline of the face, from the hairline clockwise as seen (MediaPipe's FACE_OVAL)."""

JAW_LINE = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
"""The lower part of the outline, from the person's right ear to the left."""

EYES = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
BROWS = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 294, 278, 344, 440, 275, 45, 220, 115, 48, 64)
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Rims of both eyes and brows, ridge and wings of the nose, outer and inner lips (MediaPipe's contours)."""

# (upper, lower) points that meet when the eye, or the mouth, shuts.
EYELID_PAIRS = (
    *((161, 163), (160, 144), (159, 145), (158, 153), (157, 154)),
    *((388, 390), (387, 373), (386, 374), (385, 380), (384, 381)),
)
LIP_PAIRS = ((80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318))

RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
"""The person's; the centre first, then the rim."""

# The skin's points are numbered right half first, each half in the same order, with the midline mixed into the first.
_FIRST_OF_LEFT_HALF, _FIRST_OF_IRISES = 248, 468
_MIDLINE = (0, 1, 2, 4, 5, 6, *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)


def mirrored_landmarks() -> NDArray[np.int64]:
    """For each landmark the number of its partner on the other side of the face; itself on the midline.

    Returns:
        (478,) its own inverse.
    """
    right = [*np.setdiff1d(np.arange(_FIRST_OF_LEFT_HALF), _MIDLINE), *RIGHT_IRIS]
    # The rim goes around: its sides change places too.
    left = [*range(_FIRST_OF_LEFT_HALF, _FIRST_OF_IRISES), *(LEFT_IRIS[number] for number in (0, 3, 2, 1, 4))]
    partners = np.arange(LANDMARK_COUNT)
    partners[right], partners[left] = left, right
    return partners
