"""One face of one photo as a row of a table, or why the photo has none; and the way into plain values and back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from fields_core.datatypes import FaceCode
from fields_core.live.tracked import EmotionReading

CODE_FIELDS = tuple(field.name for field in fields(FaceCode))
_AS_THEY_ARE = ("place", "photo", "face", "error", "error_kind", "width", "height", "landmark_error", "warning")
_LISTS = ("box", "crop_to_photo")


@dataclass(frozen=True, eq=False)
class FaceRow:
    """A face, or a photo that failed."""

    place: int
    """Of the photo in the list, from 0."""
    photo: str
    """Path or address."""
    face: int = 0
    """Number of the face in its photo, from 1; 0 where the photo failed."""
    error: str = ""
    """Why the photo failed, "" if it did not."""
    error_kind: str = ""
    """The class of the error: PhotoError, NoFaceError, FitError, ..."""
    width: int = 0
    height: int = 0
    """Of the photo as it was read, pixels."""
    box: tuple[float, ...] = ()
    """left, top, right, bottom, photo pixels."""
    crop_to_photo: tuple[float, ...] = ()
    """6 numbers, the (2, 3) similarity row by row: pixels of the crop, to which the camera belongs, to photo pixels."""
    landmark_error: float = 0.0
    """Mean landmark distance in units of the distance of the irises."""
    warning: str = ""
    code: FaceCode | None = None
    """One row; None where the photo failed."""
    emotion: EmotionReading | None = None
    """None without an emotion branch."""
    seconds: float = 0.0
    """Spent on the photo, over its faces."""


def plain_row(row: FaceRow) -> dict[str, Any]:
    """Strings, numbers, lists of numbers and None: what every table format can hold."""
    values: dict[str, Any] = {name: getattr(row, name) for name in _AS_THEY_ARE}
    values |= {name: [_short(value) for value in getattr(row, name)] or None for name in _LISTS}
    values["landmark_error"] = None if row.code is None else _short(row.landmark_error)
    for name in CODE_FIELDS:
        values[name] = None if row.code is None else list(map(_short, getattr(row.code, name)[0].flatten().tolist()))
    emotion = row.emotion
    values["emotion"] = None if emotion is None else list(map(_short, emotion.probabilities))
    values["valence"] = None if emotion is None else _short(emotion.valence)
    values["arousal"] = None if emotion is None else _short(emotion.arousal)
    values["seconds"] = _short(row.seconds)
    return values


def row_of(values: dict[str, Any]) -> FaceRow:
    """What `plain_row` made plain."""
    code = None
    if values["shape"] is not None:
        tensors = {name: torch.tensor([values[name]], dtype=torch.float32) for name in CODE_FIELDS}
        code = FaceCode(**{**tensors, "lighting": tensors["lighting"].reshape(1, -1, 3)})
    emotion = None
    if values["emotion"] is not None:
        emotion = EmotionReading(tuple(values["emotion"]), values["valence"], values["arousal"])
    known: dict[str, Any] = {name: values[name] for name in (*_AS_THEY_ARE, "seconds")}
    known |= {name: tuple(values[name] or ()) for name in _LISTS}
    known["landmark_error"] = values["landmark_error"] or 0.0
    return FaceRow(**known, code=code, emotion=emotion)


def _short(value: float) -> float:
    """The shortest decimal that is the same float32."""
    return float(str(np.float32(value)))
