"""RAF-DB, basic emotions (Li, Deng and Du 2017), as its authors hand it out.

::

    EmoLabel/list_patition_label.txt          "train_00001.jpg 5" a line (the file's name is misspelt at the source)
    Image/original/train_00001.jpg            a photo, with
    Annotation/boundingbox/train_00001_boundingbox.txt    left top right bottom of the face, pixels; or
    Image/aligned/train_00001_aligned.jpg     the face, 100 x 100

Labels: 1 Surprise, 2 Fear, 3 Disgust, 4 Happiness, 5 Sadness, 6 Anger, 7 Neutral. The originals are taken where they
are there: they are sharper. All may lie in a folder ``basic``.
"""

from __future__ import annotations

import math
from pathlib import Path

from fields_core.data.pictures import TIGHT_MARGIN, Box, PictureFile
from fields_core.data.sources import Dropped, Entry, LabelError, Source, key_of
from fields_core.encoder.emotion_head import Emotion

SPLITS = {"train": "train_", "test": "test_"}
LABELS = {
    "1": Emotion.SURPRISE,
    "2": Emotion.FEAR,
    "3": Emotion.DISGUST,
    "4": Emotion.HAPPY,
    "5": Emotion.SAD,
    "6": Emotion.ANGER,
    "7": Emotion.NEUTRAL,
}
_LIST = Path("EmoLabel/list_patition_label.txt")


def raf_db(folder: Path, name: str, split: str) -> Source:
    """One split of RAF-DB.

    Raises:
        LabelError: it is not there, or a line makes no sense.
    """
    root = folder if (folder / _LIST).is_file() else folder / "basic"
    try:
        lines = (root / _LIST).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{folder} does not hold RAF-DB", expected=str(_LIST), found=str(error)) from error
    entries: list[Entry] = []
    dropped: list[Dropped] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or not words[0].startswith(SPLITS[split]):
            continue
        picture = Path(words[0])
        if len(words) != 2 or words[1] not in LABELS or len(picture.parts) != 1:
            raise LabelError(
                f"Line {number} of {root / _LIST} is not understood", expected="train_00001.jpg 1 to 7", found=line
            )
        found = _picture(root, picture)
        if found is None:
            dropped.append(Dropped(key_of(picture), "not there"))
        else:
            entries.append(Entry(key_of(picture), found, int(LABELS[words[1]])))
    if not entries:
        raise LabelError(f"{folder} holds no photo of the {split} split of RAF-DB", found=f"{len(lines)} lines")
    return Source(name, tuple(entries), tuple(dropped))


def _picture(root: Path, name: Path) -> PictureFile | None:
    original = root / "Image" / "original" / name
    if original.is_file():
        box = _box(root / "Annotation" / "boundingbox" / f"{name.stem}_boundingbox.txt")
        return PictureFile(original, box, 0.0 if box is None else TIGHT_MARGIN)
    aligned = root / "Image" / "aligned" / f"{name.stem}_aligned.jpg"
    return PictureFile(aligned, margin=TIGHT_MARGIN) if aligned.is_file() else None


def _box(path: Path) -> Box | None:
    if not path.is_file():
        return None
    try:
        left, top, right, bottom = (float(word) for word in path.read_text("utf-8").split())
    except (OSError, ValueError) as error:
        raise LabelError(f"{path} is no box", expected="left top right bottom", found=str(error)) from error
    if not (math.isfinite(left + top + right + bottom) and left < right and top < bottom):
        raise LabelError(f"{path} is no box", expected="left top right bottom", found=f"{left} {top} {right} {bottom}")
    return left, top, right, bottom
