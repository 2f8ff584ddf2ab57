"""A clip as curves: CSV and JSON for people, npz for programs, and the CSV of Live Link Face for Unreal's importers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.files import replacing
from fields_core.head.array_archive import write_arrays
from fields_core.head.code_file import UNITS
from fields_core.head.model import HeadModel
from fields_core.streams.arkit import LIVE_LINK_NAMES, ArkitMapper
from fields_core.takes.clip import Clip

FORMAT = "fields-clip-1"
EMOTION_NAMES = (*(f"emotion_{emotion.name.lower()}" for emotion in Emotion), "valence", "arousal")
LIVE_LINK_RATE = 60  # frames a second of the time code

_AXES = ("x", "y", "z")
_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
_CSV_NAMES = tuple(_SWAPPED.get(name, name) for name in LIVE_LINK_NAMES)
"""The app writes right before left here, unlike its stream; readers go by the names."""


def write_csv(clip: Clip, head: HeadModel, path: Path) -> list[Path]:
    """One row a frame, one column a curve; see `curve_names`. Numbers with a point, columns with commas, UTF-8.

    Raises:
        ExportError: the file cannot be written.
    """
    table = _table(clip)
    marks = _marker_column(clip)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["time", "frame", "confidence", *curve_names(clip, head), "marker"])
    for row in range(len(clip)):
        numbers = ["" if np.isnan(value) else f"{value:.7g}" for value in table[row].tolist()]
        first = [f"{clip.times[row]:.6f}", int(clip.frames[row]), f"{clip.confidence[row]:.4f}"]
        writer.writerow([*first, *numbers, marks[row]])
    return _write_text(out.getvalue(), path)


def write_json(clip: Clip, head: HeadModel, path: Path) -> list[Path]:
    """The curves by name, with units.

    Raises:
        ExportError: the file cannot be written.
    """
    table = _table(clip)
    curves = {name: _numbers(table[:, column]) for column, name in enumerate(curve_names(clip, head))}
    content = {
        "format": FORMAT,
        "head_model": head.name,
        "source": clip.take.header.source,
        "recorded": clip.take.header.created,
        "frames_per_second": round(clip.frames_per_second, 6),
        "units": {"time": "seconds", **UNITS, "emotion": "probability", "valence": "[-1, 1]", "arousal": "[-1, 1]"},
        "shape": _numbers(clip.code.shape[0].numpy()),
        "albedo": _numbers(clip.code.albedo[0].numpy()),
        "markers": [{"time": marker.time, "text": marker.text} for marker in clip.markers],
        "time": _numbers(clip.times),
        "frame": clip.frames.tolist(),
        "confidence": _numbers(clip.confidence),
        "curves": curves,
    }
    return _write_text(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_npz(clip: Clip, head: HeadModel, path: Path) -> list[Path]:
    """All parts of the code, K rows each, with times, confidence, emotion and names.

    Raises:
        ExportError: the file cannot be written.
    """
    arrays: dict[str, NDArray[np.generic]] = {
        "format": np.array(FORMAT),
        "head_model": np.array(head.name),
        "expression_names": np.array(head.expression_names),
        "times": clip.times,
        "frames": clip.frames,
        "frames_per_second": np.array(clip.frames_per_second),
        "confidence": clip.confidence,
        "emotion": clip.emotion,
        "emotion_names": np.array(EMOTION_NAMES),
        "frame_to_photo": clip.frame_to_photo,
        "marker_times": np.array([marker.time for marker in clip.markers], np.float64),
        "marker_texts": np.array([marker.text for marker in clip.markers], np.str_),
    }
    arrays |= {f.name: getattr(clip.code, f.name).numpy() for f in fields(FaceCode)}
    write_arrays(arrays, path)
    return [path]


def write_live_link_csv(clip: Clip, head: HeadModel, path: Path) -> list[Path]:
    """The CSV that Epic's Live Link Face app records: the 52 shapes of ARKit and nine angles, radians.

    Raises:
        ExportError: the file cannot be written.
        SettingsError: the head model cannot be mapped to ARKit's units.
    """
    values = ArkitMapper(head)(clip.code).live_link
    columns = [LIVE_LINK_NAMES.index(name) for name in _CSV_NAMES]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in _CSV_NAMES)])
    for time, row in zip(clip.times.tolist(), values[:, columns].tolist(), strict=True):
        writer.writerow([timecode(time), len(LIVE_LINK_NAMES), *(f"{value:.8f}" for value in row)])
    return _write_text(out.getvalue(), path)


def timecode(seconds: float, rate: int = LIVE_LINK_RATE) -> str:
    """Hours, minutes, seconds and frames with thousandths: 00:00:01:30.250."""
    thousandths = round(seconds * rate * 1000)
    frames, rest = divmod(thousandths, 1000)
    whole, frame = divmod(frames, rate)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}.{rest:03d}"


def curve_names(clip: Clip, head: HeadModel) -> tuple[str, ...]:
    """The columns of CSV and JSON: expression units, then rotations (axis-angle, radians), eyelids, camera, emotion."""
    turns = [f"{joint}_{axis}" for joint in ("jaw", "head", "neck", "left_eye", "right_eye") for axis in _AXES]
    rest = ["eyelid_left", "eyelid_right", "camera_scale", "camera_tx", "camera_ty"]
    return (*head.expression_names, *turns, *rest, *(EMOTION_NAMES if clip.has_emotion else ()))


def _table(clip: Clip) -> NDArray[np.float64]:
    code = clip.code
    parts = [code.expression, code.jaw_pose, code.head_pose, code.neck_pose, code.eye_pose, code.eyelids, code.camera]
    columns = [part.double().numpy() for part in parts]
    if clip.has_emotion:
        columns.append(clip.emotion.astype(np.float64))
    return np.concatenate(columns, axis=1)


def _marker_column(clip: Clip) -> list[str]:
    marks: list[list[str]] = [[] for _ in range(len(clip))]
    for marker in clip.markers:
        marks[clip.row_at(marker.time)].append(marker.text)
    return [" | ".join(texts) for texts in marks]


def _numbers(values: NDArray[np.floating]) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.7g}") for value in values.tolist()]


def _write_text(text: str, path: Path) -> list[Path]:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
    return [path]
