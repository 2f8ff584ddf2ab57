"""The public data sets that can be read, by kind. Their layouts are in the modules' docstrings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from fields_core.data import affectnet, fer, raf_db
from fields_core.data.sources import Source
from fields_core.errors import SettingsError


@dataclass(frozen=True)
class LabelledSet:
    """How one kind of data set is read."""

    read: Callable[[Path, str, str], Source]
    """(folder or file, name of the source, split) -> source; raises LabelError."""
    splits: Collection[str]


LABELLED_SETS = {
    "affectnet": LabelledSet(affectnet.affectnet, affectnet.SPLITS),
    "raf-db": LabelledSet(raf_db.raf_db, raf_db.SPLITS),
    "fer2013": LabelledSet(fer.fer2013, fer.SPLITS),
    "ferplus": LabelledSet(fer.ferplus, fer.SPLITS),
}


def labelled_set(kind: str, path: Path, split: str, name: str = "") -> Source:
    """Read one split of a public data set.

    Args:
        kind: a key of `LABELLED_SETS`.
        name: of the source; ``KIND-SPLIT`` if empty.

    Raises:
        SettingsError: the kind has no such split.
        LabelError: the set is not there, or its labels make no sense.
    """
    known = LABELLED_SETS[kind]
    if split not in known.splits:
        raise SettingsError(f"{kind} has no split {split}", expected=", ".join(known.splits), found=split)
    return known.read(path, name or f"{kind}-{split}", split)
