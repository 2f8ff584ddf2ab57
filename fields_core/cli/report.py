"""What the batch says of each photo: as JSON, as a line, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from fields_core.cli.terminal import plain_table
from fields_core.errors import FieldsError


@dataclass(frozen=True)
class FaceReport:
    """One reconstructed face."""

    box: tuple[float, ...]
    """left, top, right, bottom, photo pixels."""
    landmark_error: float
    """Mean landmark distance in units of the distance of the irises."""
    head_pose_degrees: tuple[float, ...]
    """pitch (+ looks down), yaw (+ looks to the person's left), roll (+ tilts to the person's right), in the photo."""
    expression: dict[str, float]
    """Named units, then jawOpen, eyelidLeft and eyelidRight."""
    files: tuple[str, ...]
    warning: str = ""
    emotion: EmotionScores | None = None
    """What the expression classifier says; None without encoder weights."""


@dataclass(frozen=True)
class EmotionScores:
    """Scores of an expression classifier: not what somebody feels."""

    scores: dict[str, float]
    """Of the eight classes, summing to 1."""
    valence: float
    arousal: float
    """Both in [-1, 1]."""
    intensity: float
    """0 neutral, 1 a strong expression."""


@dataclass(frozen=True)
class PhotoReport:
    """One photo, or an argument that named none."""

    path: str
    seconds: float
    faces: tuple[FaceReport, ...] = ()
    error: str | None = None

    @staticmethod
    def failure(path: str, error: FieldsError, seconds: float = 0.0) -> PhotoReport:
        return PhotoReport(path, seconds, error=str(error))

    @property
    def line(self) -> str:
        """One line for the progress log."""
        if self.error is not None:
            return f"{self.path}: failed"
        errors = ", ".join(f"{face.landmark_error:.1%}" for face in self.faces)
        return f"{self.path}: {_count(len(self.faces), 'face')}, landmark error {errors}, {self.seconds:.1f} s"


def photos_json(reports: Sequence[PhotoReport]) -> str:
    """The machine-readable result: strict JSON, every number finite.

    Raises:
        ValueError: a number is not finite.
    """
    photos = [
        {
            "path": report.path,
            "error": report.error,
            "seconds": round(report.seconds, 4),
            "faces": [
                {
                    "box": [round(value, 2) for value in face.box],
                    "landmark_error": round(face.landmark_error, 6),
                    "head_pose_degrees": [round(value, 3) for value in face.head_pose_degrees],
                    "expression": {name: round(value, 5) for name, value in face.expression.items()},
                    "emotion": None if face.emotion is None else _rounded(face.emotion),
                    "files": list(face.files),
                }
                for face in report.faces
            ],
        }
        for report in reports
    ]
    return json.dumps({"photos": photos}, allow_nan=False, indent=1)


def _rounded(emotion: EmotionScores) -> dict[str, object]:
    return {
        "scores": {name: round(score, 5) for name, score in emotion.scores.items()},
        "valence": round(emotion.valence, 4),
        "arousal": round(emotion.arousal, 4),
        "intensity": round(emotion.intensity, 4),
    }


def summary_table(reports: Sequence[PhotoReport]) -> Table:
    """One row a face or a failure."""
    table = plain_table("Photo", "Face", "Error", "Strongest units", "Note", numbers=("Face", "Error"))
    for report in reports:
        name = Text(Path(report.path).name or report.path)
        if report.error is not None:
            table.add_row(name, "-", "-", "-", Text(report.error.splitlines()[0], style="red"))
        for number, face in enumerate(report.faces, start=1):
            error, units = f"{face.landmark_error:.2%}", _strongest(face.expression)
            table.add_row(name if number == 1 else "", str(number), error, units, Text(face.warning, style="yellow"))
    return table


def summary_line(reports: Sequence[PhotoReport]) -> str:
    done = [report for report in reports if report.error is None]
    failed = len(reports) - len(done)
    faces = sum(len(report.faces) for report in done)
    text = f"{_count(faces, 'face')} in {_count(len(done), 'photo')}"
    return text + (f"; {_count(failed, 'input')} failed" if failed else "")


def _strongest(expression: dict[str, float], count: int = 2) -> str:
    strongest = sorted(expression.items(), key=lambda item: -abs(item[1]))[:count]
    return ", ".join(f"{name} {value:.2f}" for name, value in strongest if abs(value) >= 0.05) or "neutral"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
