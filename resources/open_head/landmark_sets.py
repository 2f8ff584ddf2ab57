"""Which of MediaPipe's 478 landmarks are what: published correspondences, nothing measured."""

from __future__ import annotations

LEFT_BROW = (276, 282, 283, 285, 293, 295, 296, 300, 334, 336)
RIGHT_BROW = (46, 52, 53, 55, 63, 65, 66, 70, 105, 107)
LEFT_EYE = (249, 263, 362, 373, 374, 380, 381, 382, 384, 385, 386, 387, 388, 390, 398, 466)
RIGHT_EYE = (7, 33, 133, 144, 145, 153, 154, 155, 157, 158, 159, 160, 161, 163, 173, 246)
NOSE = (168, 6, 197, 195, 5, 4, 129, 98, 97, 2, 326, 327, 358)
"""Bridge from above to the tip, then wing, base and wing from the person's right to the left."""
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LIPS = tuple(sorted(OUTER_LIPS + INNER_LIPS))

FLAME_105 = LEFT_BROW + RIGHT_BROW + LEFT_EYE + RIGHT_EYE + NOSE + LIPS
"""The landmarks of FLAME's MediaPipe embedding, in its order (`landmark_indices`): brows, eyes, nose, lips."""

IBUG_68 = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)
"""MediaPipe landmarks nearest to the 68 of iBUG 300-W (Sagonas et al., ICCV Workshops 2013), in its order."""
