"""What the user made of a take. It lies beside the recording, which is never changed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fields_core.errors import TakeError
from fields_core.files import replacing

FORMAT = "fields-take-edits-1"
LONGEST_SMOOTHING = 1.0
_LIMIT_BYTES = 4 << 20
_MOST_MARKERS = 10_000
_LONGEST_TEXT = 500


@dataclass(frozen=True, order=True)
class Marker:
    """A moment with a name."""

    time: float
    """Seconds after the take's first frame."""
    text: str = ""


@dataclass(frozen=True)
class Identity:
    """Whose head plays the take."""

    name: str
    shape: tuple[float, ...]
    """(S,) standard deviations."""
    albedo: tuple[float, ...]
    """(A,) standard deviations."""


@dataclass(frozen=True)
class TakeEdits:
    """All edits of one take; the default is none."""

    trim: tuple[float, float] | None = None
    """First and last moment, seconds after the take's first frame; None is everything."""
    smoothing: float = 0.0
    """Half width of the smoothing window in seconds; 0 is as tracked."""
    markers: tuple[Marker, ...] = ()
    """In order of time."""
    identity: Identity | None = None
    """None is the recorded person."""
    face_id: int | None = None
    """Which person of the take; None is the one seen longest."""

    def __post_init__(self) -> None:
        """Raises:
        TakeError: a trim that is empty, or a number that makes no sense.
        """
        trim = self.trim
        if trim is not None and not (_finite(*trim) and 0.0 <= trim[0] < trim[1]):
            raise TakeError("A take cannot be trimmed to nothing", expected="a start before the end", found=str(trim))
        if not _finite(self.smoothing) or not 0.0 <= self.smoothing <= LONGEST_SMOOTHING:
            raise TakeError(
                "The smoothing is out of range",
                expected=f"0 to {LONGEST_SMOOTHING:g} seconds",
                found=str(self.smoothing),
            )
        if not _finite(*(marker.time for marker in self.markers)):
            raise TakeError("A marker needs a time", expected="seconds after the first frame")
        object.__setattr__(self, "markers", tuple(sorted(self.markers)))


def edits_path(take: Path) -> Path:
    """Where the edits of a recording lie: ``name.take`` -> ``name.edits.json``."""
    return take.with_suffix(".edits.json")


def save_edits(edits: TakeEdits, take: Path) -> Path:
    """Write the edits beside the recording.

    Raises:
        ExportError: the file cannot be written.
    """
    identity = edits.identity
    content = {
        "format": FORMAT,
        "trim": edits.trim,
        "smoothing_seconds": edits.smoothing,
        "markers": [{"time": marker.time, "text": marker.text} for marker in edits.markers],
        "identity": None
        if identity is None
        else {"name": identity.name, "shape": identity.shape, "albedo": identity.albedo},
        "face": edits.face_id,
    }
    path = edits_path(take)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def load_edits(take: Path) -> TakeEdits:
    """The edits beside a recording; none if there is no such file.

    Raises:
        TakeError: damaged, too large, or of another format.
    """
    path = edits_path(take)
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ValueError(f"more than {_LIMIT_BYTES >> 20} MiB")
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return TakeEdits()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as cause:
        raise TakeError(
            f"{path} cannot be read", expected=f"edits of format {FORMAT}", found=str(cause)[:200],
            remedy="Delete it to start again from the recording, which is untouched.",
        ) from cause  # fmt: skip


def _parse(content: Any) -> TakeEdits:
    if content["format"] != FORMAT:
        raise ValueError("another format")
    markers, identity, trim, face = content["markers"], content["identity"], content["trim"], content["face"]
    if len(markers) > _MOST_MARKERS:
        raise ValueError("too many markers")
    if face is not None and type(face) is not int:
        raise ValueError("a face that is no number")
    return TakeEdits(
        trim=None if trim is None else (float(trim[0]), float(trim[1])),
        smoothing=float(content["smoothing_seconds"]),
        markers=tuple(Marker(float(m["time"]), str(m["text"])[:_LONGEST_TEXT]) for m in markers),
        identity=None if identity is None else _parse_identity(identity),
        face_id=face,
    )


def _parse_identity(content: Any) -> Identity:
    shape, albedo = (tuple(float(x) for x in content[name]) for name in ("shape", "albedo"))
    if not _finite(*shape, *albedo) or len(shape) + len(albedo) > 4000:
        raise ValueError("an identity that is not finite")
    return Identity(str(content["name"])[:_LONGEST_TEXT], shape, albedo)


def _finite(*numbers: float) -> bool:
    return all(math.isfinite(number) for number in numbers)
