"""AffectNet (Mollahosseini et al. 2017), in both forms that its authors hand out.

Reduced set::

    train_set/images/12.jpg             a face, 224 x 224
    train_set/annotations/12_exp.npy    0 Neutral, 1 Happy, 2 Sad, 3 Surprise, 4 Fear, 5 Disgust, 6 Anger, 7 Contempt
    train_set/annotations/12_val.npy    valence, and 12_aro.npy arousal, in [-1, 1]
    val_set/...                         the same

Full set::

    training.csv, validation.csv        subDirectory_filePath, face_x, face_y, face_width, face_height,
                                        facial_landmarks, expression, valence, arousal
    Manually_Annotated_Images/1/ab.jpg  a photo; the box says which face is meant

There expression may also be 8 None, 9 Uncertain (no label here) and 10 No-Face (dropped); -2 stands for no valence or
arousal. The lists may lie in a folder ``Manually_Annotated_file_lists``, the photos in one ``Manually_Annotated``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from fields_core.data.pictures import TIGHT_MARGIN, Box, PictureFile
from fields_core.data.sample import NO_LABEL
from fields_core.data.sources import Dropped, Entry, LabelError, Source, affect, key_of
from fields_core.encoder.emotion_head import Emotion

SPLITS = {"train": ("train_set", "training.csv"), "validation": ("val_set", "validation.csv")}
_LISTS = ("", "Manually_Annotated_file_lists")
_PHOTOS = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated", "")
_NO_FACE = 10
_EXPRESSIONS = range(11)
_UNKNOWN_AFFECT = -2.0
_ANNOTATION_LIMIT = 4096  # bytes; one number has about 130
_AROUND_BOX = 0.4  # of its longer side: the boxes end at brows and chin


def affectnet(folder: Path, name: str, split: str) -> Source:
    """One split of AffectNet.

    Args:
        folder: that holds the sets' folders or lists; for the reduced set also the split's own folder.
        name: of the source.
        split: a key of `SPLITS`.

    Raises:
        LabelError: neither form is there, or an annotation makes no sense.
    """
    reduced, listed = SPLITS[split]
    for root in (folder / reduced, folder):
        if (root / "images").is_dir() and (root / "annotations").is_dir():
            return _reduced(root, name)
    for place in _LISTS:
        if (folder / place / listed).is_file():
            return _full(folder, folder / place / listed, name)
    raise LabelError(
        f"{folder} does not hold the {split} split of AffectNet",
        expected=f"{reduced}/images and {reduced}/annotations, or {listed}",
        found=", ".join(sorted(path.name for path in folder.iterdir())[:8]) if folder.is_dir() else "no such folder",
    )


def _reduced(root: Path, name: str) -> Source:
    entries: list[Entry] = []
    dropped: list[Dropped] = []
    for picture in sorted((root / "images").iterdir(), key=lambda path: (len(path.stem), path.stem)):
        notes = [root / "annotations" / f"{picture.stem}_{what}.npy" for what in ("exp", "val", "aro")]
        key = key_of(picture.relative_to(root / "images"))
        if not all(path.exists() for path in notes):
            dropped.append(Dropped(key, "no annotation"))
            continue
        try:
            expression, valence, arousal = (_number(path) for path in notes)
            label, feeling = _label(expression), _affect(valence, arousal)
        except (OSError, ValueError) as error:
            raise LabelError(f"The annotations of {picture} are not understood", found=str(error)) from error
        if expression == _NO_FACE:
            dropped.append(Dropped(key, "no face, says the set"))
        else:
            entries.append(Entry(key, PictureFile(picture, margin=TIGHT_MARGIN), label, feeling))
    return Source(name, tuple(entries), tuple(dropped))


def _number(path: Path) -> float:
    """The one value of an npy file; AffectNet writes it as text or as a number."""
    if path.stat().st_size > _ANNOTATION_LIMIT:
        raise ValueError(f"{path.name} is too large for one number")
    array = np.load(path, allow_pickle=False)
    if array.size != 1:
        raise ValueError(f"{path.name} holds {array.size} values, not one")
    return float(array.reshape(()).item())


def _full(folder: Path, listed: Path, name: str) -> Source:
    photos = next(
        (folder / place for place in _PHOTOS if (folder / place).is_dir() and _holds_first(folder / place, listed)),
        folder / _PHOTOS[0],
    )
    entries: list[Entry] = []
    dropped: list[Dropped] = []
    for line, row in _rows(listed):
        relative = _inside(Path(row["subDirectory_filePath"]), listed, line)
        key = key_of(relative)
        try:
            expression = float(row["expression"])
            label, feeling = _label(expression), _affect(float(row["valence"]), float(row["arousal"]))
            box = _box(row)
        except ValueError as error:
            raise LabelError(f"Line {line} of {listed} is not understood", found=str(error)) from error
        if expression == _NO_FACE:
            dropped.append(Dropped(key, "no face, says the set"))
        else:
            entries.append(Entry(key, PictureFile(photos / relative, box, _AROUND_BOX), label, feeling))
    return Source(name, tuple(entries), tuple(dropped))


def _rows(listed: Path) -> list[tuple[int, dict[str, str]]]:
    wanted = ("subDirectory_filePath", "expression", "valence", "arousal")
    try:
        with listed.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [column for column in wanted if column not in (reader.fieldnames or ())]:
                raise LabelError(
                    f"{listed} is no list of AffectNet",
                    expected="columns " + ", ".join(wanted),
                    found="without " + ", ".join(missing),
                )
            # The landmarks are half of a line, and MediaPipe's are used here.
            return [
                (line, {column: row[column] or "" for column in row if column != "facial_landmarks"})
                for line, row in enumerate(reader, start=2)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{listed} cannot be read", expected="a CSV file in UTF-8", found=str(error)) from error


def _holds_first(photos: Path, listed: Path) -> bool:
    with listed.open(encoding="utf-8-sig") as file:
        file.readline()
        return (photos / file.readline().split(",")[0]).is_file()


def _inside(relative: Path, listed: Path, line: int) -> Path:
    if not relative.parts or relative.is_absolute() or ".." in relative.parts:
        raise LabelError(f"Line {line} of {listed} names no photo of the set", found=str(relative))
    return relative


def _label(expression: float) -> int:
    if expression not in _EXPRESSIONS:
        raise ValueError(f"expression {expression:g}, not 0 to 10")
    return int(expression) if expression < len(Emotion) else NO_LABEL


def _affect(valence: float, arousal: float) -> tuple[float, float] | None:
    return None if _UNKNOWN_AFFECT in (valence, arousal) else affect(valence, arousal)


def _box(row: dict[str, str]) -> Box | None:
    texts = [(row.get(f"face_{what}") or "").strip() for what in ("x", "y", "width", "height")]
    if not all(texts) or "NULL" in texts:
        return None
    left, top, width, height = (float(text) for text in texts)
    return (left, top, left + width, top + height) if width > 0 and height > 0 else None
