"""FER2013 (Goodfellow et al. 2013) and FER+ (Barsoum et al. 2016): grey faces of 48 x 48 pixels.

``fer2013.csv`` has the columns emotion, pixels, Usage: 0 Angry, 1 Disgust, 2 Fear, 3 Happy, 4 Sad, 5 Surprise,
6 Neutral; 2304 numbers, row by row; Training, PublicTest or PrivateTest.

``fer2013new.csv`` of FER+ has a line for each of its lines, with the votes of ten people: Usage, Image name, neutral,
happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF (no face).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fields_core.data.pictures import PictureText
from fields_core.data.sample import NO_LABEL
from fields_core.data.sources import Dropped, Entry, LabelError, Source, emotion_label
from fields_core.encoder.emotion_head import Emotion

SPLITS = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
LABELS = {
    "0": Emotion.ANGER,
    "1": Emotion.DISGUST,
    "2": Emotion.FEAR,
    "3": Emotion.HAPPY,
    "4": Emotion.SAD,
    "5": Emotion.SURPRISE,
    "6": Emotion.NEUTRAL,
}
_SIZE = 48
_LINE_LIMIT = 16 << 10  # bytes; 2304 numbers of three digits have 9 kB
_PIXELS, _VOTES = "fer2013.csv", "fer2013new.csv"
_EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_UNKNOWN, _NO_FACE = "unknown", "NF"


def fer2013(path: Path, name: str, split: str) -> Source:
    """One split of FER2013.

    Args:
        path: fer2013.csv, or its folder.

    Raises:
        LabelError: it is not there, or a line makes no sense.
    """
    entries = []
    for line in _lines(path / _PIXELS if path.is_dir() else path):
        if line.emotion not in LABELS:
            raise line.misunderstood(f"emotion {line.emotion}")
        if line.usage == SPLITS[split]:
            entries.append(Entry(line.key, line.picture, int(LABELS[line.emotion])))
    return Source(name, tuple(entries))


def ferplus(path: Path, name: str, split: str) -> Source:
    """One split of FER2013 with the labels of FER+.

    As its authors' majority rule: single votes are outliers; an emotion with more than half of the rest is the label.
    Faces without one stay, unlabelled; what most took for no face is dropped.

    Args:
        path: folder with fer2013.csv and fer2013new.csv, or the latter.

    Raises:
        LabelError: they are not there or do not belong together, or a line makes no sense.
    """
    votes_path = path / _VOTES if path.is_dir() else path
    pixels_path = votes_path.with_name(_PIXELS)
    try:
        with votes_path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = (*_EMOTIONS, _UNKNOWN, _NO_FACE)
            if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
                raise LabelError(f"{votes_path} is not FER+'s", expected="a column " + missing[0])
            votes = [{column: row[column] for column in ("Usage", *columns)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise LabelError(f"{votes_path} cannot be read", expected=f"FER+'s {_VOTES}", found=str(error)) from error
    lines = list(_lines(pixels_path))
    if len(lines) != len(votes) or any(line.usage != row["Usage"] for line, row in zip(lines, votes, strict=True)):
        raise LabelError(
            f"{votes_path} does not belong to {pixels_path}",
            expected=f"a line for each of its {len(lines)}, of the same Usage",
            found=f"{len(votes)} lines",
        )
    entries: list[Entry] = []
    dropped: list[Dropped] = []
    for number, (line, row) in enumerate(zip(lines, votes, strict=True), start=2):
        if line.usage != SPLITS[split]:
            continue
        try:
            winner = _winner({column: int(row[column]) for column in columns})
        except (TypeError, ValueError) as error:
            raise LabelError(f"Line {number} of {votes_path} is not understood", found=str(error)) from error
        if winner == _NO_FACE:
            dropped.append(Dropped(line.key, "no face, says the set"))
        else:
            entries.append(Entry(line.key, line.picture, NO_LABEL if winner == _UNKNOWN else emotion_label(winner)))
    return Source(name, tuple(entries), tuple(dropped))


def _winner(votes: dict[str, int]) -> str:
    """What more than half of the votes are for, single ones not counted; else unknown."""
    counted = {column: number for column, number in votes.items() if number > 1}
    best = max(counted, key=lambda column: counted[column], default=_UNKNOWN)
    return best if 2 * counted.get(best, 0) > sum(counted.values()) else _UNKNOWN


@dataclass(frozen=True)
class _Line:
    path: Path
    number: int
    offset: int
    length: int
    emotion: str
    usage: str

    @property
    def key(self) -> str:
        return f"fer{self.number - 2:07d}"  # FER+'s image names

    @property
    def picture(self) -> PictureText:
        return PictureText(self.path, self.offset, self.length, 1, _SIZE)

    def misunderstood(self, found: str) -> LabelError:
        return LabelError(f"Line {self.number} of {self.path} is not understood", found=found)


def _lines(path: Path) -> Iterator[_Line]:
    """The lines of fer2013.csv: 300 MB, so that only their places are kept."""
    try:
        with path.open("rb") as file:
            header = file.readline(_LINE_LIMIT)
            if [word.strip(b'" \r\n\xef\xbb\xbf') for word in header.split(b",")] != [b"emotion", b"pixels", b"Usage"]:
                raise LabelError(
                    f"{path} is not FER2013's", expected="columns emotion, pixels, Usage", found=repr(header[:40])
                )
            number, offset = 2, len(header)
            while text := file.readline(_LINE_LIMIT):
                words = [word.strip(b'" \r\n').decode("ascii", "replace") for word in text.split(b",")]
                if len(words) != 3 or words[2] not in SPLITS.values():
                    raise LabelError(f"Line {number} of {path} is not understood", found=repr(text[-40:]))
                yield _Line(path, number, offset, len(text), words[0], words[2])
                number, offset = number + 1, offset + len(text)
    except OSError as error:
        raise LabelError(f"{path} cannot be read", expected=f"FER2013's {_PIXELS}", found=str(error)) from error
