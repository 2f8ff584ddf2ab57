"""All people of all photos as one table (CSV), for spreadsheets and statistics: a face a row, a number a column."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from fields_core.datatypes import FaceCode, Reconstruction
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import ExportError
from fields_core.files import replacing
from fields_core.head import HeadModel

_AXES = ("x", "y", "z")
_NAMED: dict[str, tuple[str, ...]] = {
    "head_pose": _AXES,
    "neck_pose": _AXES,
    "jaw_pose": _AXES,
    "eye_pose": tuple(f"{side}_{axis}" for side in ("left", "right") for axis in _AXES),
    "eyelids": ("left", "right"),
    "camera": ("scale", "tx", "ty"),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would take a name for a formula


@dataclass(frozen=True)
class EmotionScores:
    """What the expression classifier says of one face; scores, not feelings."""

    scores: tuple[float, ...]
    """8 probabilities in the order of `Emotion`."""
    valence: float
    """[-1, 1]"""
    arousal: float
    """[-1, 1]"""


@dataclass(frozen=True, eq=False)
class ExportedPerson:
    """One face of one photo."""

    name: str
    """Of the person, "" if nobody gave one."""
    face: int
    """Number of the face in its photo, from 1."""
    reconstruction: Reconstruction
    emotion: EmotionScores | None = None
    """None where no classifier is installed."""


def write_table(people: Sequence[ExportedPerson], head: HeadModel, path: Path) -> list[Path]:
    """Write ``path`` (.csv, UTF-8): who, where, how well fitted, scores, and the whole code of every face.

    Units are those of `FaceCode`; ``landmark_error`` is in distances between the irises. Cells of unknown scores are
    empty.

    Raises:
        ExportError: there is nobody, a face of another head model, or the file cannot be written.
    """
    if not people:
        raise ExportError("There is nobody to export", expected="at least one face", found="none")
    names = _columns(head)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("photo", "file", "face", "person", "head_model", "head_model_licence", "landmark_error", "warning"),
            *(f"score_{emotion.name.lower()}" for emotion in Emotion),
            *("valence", "arousal"),
            *names,
        ]
    )
    for person in people:
        values = _values(person.reconstruction.code)
        if len(values) != len(names):
            raise ExportError(
                f"The face of {person.name or person.reconstruction.photo.name} was not made with {head.name}",
                expected=f"{len(names)} coefficients",
                found=f"{len(values)}",
            )
        writer.writerow([*_about(person, head), *_scores(person.emotion), *(f"{value:.6g}" for value in values)])
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
    return [path]


def _columns(head: HeadModel) -> list[str]:
    """Names of the coefficients, field by field in the order of `FaceCode`."""
    code = head.neutral_code()
    names: list[str] = []
    for field in fields(FaceCode):
        count = getattr(code, field.name)[0].numel()
        if field.name == "expression":
            names += head.expression_names
        elif field.name in _NAMED:
            names += [f"{field.name}_{part}" for part in _NAMED[field.name]]
        elif field.name == "lighting":
            names += [f"lighting_{i}_{colour}" for i in range(count // 3) for colour in ("red", "green", "blue")]
        else:
            names += [f"{field.name}_{i + 1}" for i in range(count)]
    return names


def _values(code: FaceCode) -> list[float]:
    return [
        value
        for field in fields(FaceCode)
        for value in getattr(code, field.name)[0].detach().cpu().flatten().double().tolist()
    ]


def _about(person: ExportedPerson, head: HeadModel) -> list[str]:
    found = person.reconstruction
    file = str(found.photo.path) if found.photo.path is not None else ""
    texts = (found.photo.name, file, str(person.face), person.name, head.name, head.licence)
    return [*(_cell(text) for text in texts), f"{found.landmark_error:.5f}", _cell(found.warning)]


def _scores(emotion: EmotionScores | None) -> list[str]:
    if emotion is None:
        return [""] * (len(Emotion) + 2)
    return [f"{value:.4f}" for value in (*emotion.scores, emotion.valence, emotion.arousal)]


def _cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
