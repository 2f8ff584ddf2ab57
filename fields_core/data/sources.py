"""Where photos and their labels come from. A source lists entries; `prepare` turns them into samples.

Photo folders and plain CSV files are read here; the public data sets in modules of their own (`labelled_sets`).
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fields_core.data.pictures import PictureFile
from fields_core.data.sample import NO_LABEL
from fields_core.datatypes import Photo
from fields_core.detection.photo_file import SUFFIXES
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import FieldsError, PhotoError

IMAGE_CONFIDENCE = 0.3  # of an intensity that follows from an image's label (see `losses.emotion`)

_SYNONYMS = {
    "neutrality": Emotion.NEUTRAL,
    "happiness": Emotion.HAPPY,
    "joy": Emotion.HAPPY,
    "sadness": Emotion.SAD,
    "surprised": Emotion.SURPRISE,
    "fearful": Emotion.FEAR,
    "disgusted": Emotion.DISGUST,
    "angry": Emotion.ANGER,
} | {emotion.name.lower(): emotion for emotion in Emotion}


class LabelError(FieldsError):
    """A label file that cannot be understood."""


@dataclass(frozen=True)
class Entry:
    """One photo of a source and what the source says of it."""

    key: str
    """Unique within the source; without dots, so that it can name files."""
    load: Callable[[], Photo]
    """Raises PhotoError."""
    label: int = NO_LABEL
    valence_arousal: tuple[float, float] | None = None
    person: str = ""
    """Who it is; empty where the source does not say."""

    @property
    def intensity(self) -> float:
        """I* as far as the labels tell: 0 if neutral, else min(1, |(valence, arousal)|), NaN if unknown."""
        if self.label == Emotion.NEUTRAL:
            return 0.0
        return math.nan if self.valence_arousal is None else min(1.0, math.hypot(*self.valence_arousal))

    @property
    def confidence(self) -> float:
        return 0.0 if math.isnan(self.intensity) else IMAGE_CONFIDENCE


@dataclass(frozen=True)
class Dropped:
    """A photo that makes no sample, and why."""

    key: str
    reason: str


@dataclass(frozen=True)
class Source:
    """A named list of entries."""

    name: str
    entries: tuple[Entry, ...]
    dropped: tuple[Dropped, ...] = ()
    """What the source lists and does not hold, or says itself to be of no use."""


def photo_source(folder: Path, name: str) -> Source:
    """All photos below a folder, without labels.

    Raises:
        PhotoError: there are none.
    """
    paths = sorted(path for path in folder.rglob("*") if _is_photo(path.relative_to(folder)) and path.is_file())
    if not paths:
        raise PhotoError(f"No picture below {folder}", expected="a folder of photos", remedy="Check its name.")
    return Source(name, tuple(Entry(key_of(path.relative_to(folder)), PictureFile(path)) for path in paths))


def labelled_csv(path: Path, name: str) -> Source:
    """Photos and labels of a plain CSV file.

    Columns ``image`` (a path beside the file, or in a folder of the file's own name) and, as far as known, ``label``
    (an emotion's name; empty where none), ``valence`` and ``arousal`` in [-1, 1], ``person`` (or ``subject``; photos
    of one person stay together when some are held out). Others are ignored.

    Raises:
        LabelError: no such file, no ``image`` column, no photo, a line without a cell for each column, a photo twice, a
            label that names no emotion, or a number out of range.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [(column or "").strip().lower() for column in reader.fieldnames or ()]
            if "image" not in columns:
                raise LabelError(
                    f"{path} has no column named image",
                    expected="columns image, label, valence, arousal, separated by commas",
                    found=", ".join(columns) or "an empty file",
                    remedy="Name the columns in the first line, and save the table with commas.",
                )
            reader.fieldnames = columns
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(
            f"{path} cannot be read",
            expected="a CSV file in UTF-8",
            found=str(error),
            remedy='In a spreadsheet program save it as "CSV UTF-8".' if not isinstance(error, OSError) else "",
        ) from error
    if not rows:
        raise LabelError(f"{path} lists no photo", expected="a line for each photo", found="the names of columns alone")
    lines: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        if missing := sum(cell is None for cell in row.values()):
            raise LabelError(
                f"Line {number} of {path} is too short",
                expected=f"{len(columns)} cells: {', '.join(columns)}",
                found=str(len(columns) - missing),
                remedy="Leave a cell empty between its commas where nothing is known.",
            )
        first = lines.setdefault((row["image"] or "").strip(), number)
        if first != number:
            raise LabelError(
                f"Line {number} of {path} lists a photo again",
                expected="one line for each photo",
                found=f"{row['image']} in line {first} too",
                remedy="Remove the wrong one.",
            )
    return Source(name, tuple(_csv_entry(path, number, row) for number, row in enumerate(rows, start=2)))


def source_digest(source: Source) -> str:
    """Tells a source from one with other photos, changed photos or other labels."""
    digest = hashlib.blake2b(digest_size=16)
    for entry in source.entries:
        digest.update(repr((entry.key, entry.label, entry.valence_arousal, entry.person, _stamp(entry))).encode())
    return digest.hexdigest()


def _stamp(entry: Entry) -> tuple[int, int] | None:
    """Size and time of a photo's file."""
    if isinstance(entry.load, PictureFile):
        with contextlib.suppress(OSError):  # a photo that is not there is dropped, with the reason
            facts = entry.load.path.stat()
            return facts.st_size, facts.st_mtime_ns
    return None


def emotion_label(text: str) -> int:
    """The number of an emotion's name, whichever common form it has; NO_LABEL for an empty one.

    Raises:
        LabelError: it names no emotion.
    """
    word = text.strip().lower()
    if not word:
        return NO_LABEL
    if word not in _SYNONYMS:
        raise LabelError(
            f"{text!r} is no emotion known here", expected=", ".join(sorted(_SYNONYMS)), remedy="Correct or empty it."
        )
    return int(_SYNONYMS[word])


def key_of(relative: Path) -> str:
    """An entry's key: the path within the source, its dots replaced (two photos may differ in their ending only)."""
    return "/".join(relative.parts).replace(".", "_")


def _is_photo(relative: Path) -> bool:
    return relative.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in relative.parts)


def _csv_entry(path: Path, line: int, row: dict[str, str]) -> Entry:
    relative = Path((row["image"] or "").strip())
    if not relative.parts or relative.is_absolute() or ".." in relative.parts:
        raise LabelError(f"Line {line} of {path} names no photo beside the file", found=str(relative))
    try:
        label = emotion_label(row.get("label") or "")
        feeling = _affect(row)
    except (LabelError, ValueError) as error:
        raise LabelError(f"Line {line} of {path} is not understood", found=str(error)) from error
    inside = path.with_suffix("") / relative
    picture = PictureFile(inside if inside.exists() else path.parent / relative)
    person = (row.get("person") or row.get("subject") or "").strip()
    return Entry(key_of(relative), picture, label, feeling, person)


def _affect(row: dict[str, str]) -> tuple[float, float] | None:
    texts = [(row.get(column) or "").strip() for column in ("valence", "arousal")]
    if not all(texts):
        return None
    return affect(*(float(text) for text in texts))


def affect(valence: float, arousal: float) -> tuple[float, float]:
    """Raises:
    ValueError: not both in [-1, 1].
    """
    if not (abs(valence) <= 1.0 and abs(arousal) <= 1.0):
        raise ValueError(f"valence {valence} and arousal {arousal}, not both between -1 and 1")
    return valence, arousal
