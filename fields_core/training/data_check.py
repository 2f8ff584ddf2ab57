"""A look at training data before anything runs: counts, labels, what was dropped, and what it looks like."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.data.holdout import held_out
from fields_core.data.shard_folder import open_folder
from fields_core.data.shards import ShardSet, shard_paths
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import SettingsError
from fields_core.progress import CancelToken, Progress, ProgressCallback

THUMBNAILS = 8


@dataclass(frozen=True)
class SourceCheck:
    """One data set."""

    name: str
    training: int
    validation: int
    with_3d: bool
    class_counts: tuple[int, ...]
    """Samples of each `Emotion`, training and validation."""
    people: int
    """Known to be different; 0 where nothing says who it is."""
    dropped: dict[str, int]
    """Photos that did not become samples, by reason."""
    size: int
    """Bytes; 0 where it is elsewhere."""
    thumbnails: tuple[NDArray[np.uint8], ...] = field(repr=False)
    """(P, P, 3) RGB, from all over the set."""
    folder: str = ""
    """Where it lies."""

    @property
    def samples(self) -> int:
        return self.training + self.validation


@dataclass(frozen=True)
class DataCheck:
    """A folder, or several."""

    folder: str
    sources: tuple[SourceCheck, ...]

    @property
    def class_counts(self) -> tuple[int, ...]:
        return tuple(sum(source.class_counts[emotion] for source in self.sources) for emotion in Emotion)


def joined(checks: Sequence[DataCheck]) -> DataCheck:
    """Several folders as the one that a run takes them for."""
    return DataCheck(
        ", ".join(check.folder for check in checks), tuple(source for check in checks for source in check.sources)
    )


def check_data(folder: str, holdout_every: int, report: ProgressCallback, token: CancelToken) -> DataCheck:
    """Look at a folder of shards, or an address elsewhere.

    Raises:
        SettingsError: no shards.
        ShardError, RemoteFileError: a shard cannot be read.
        Cancelled: by the token.
    """
    where = open_folder(folder)
    if not where.names:
        raise SettingsError(
            f"{folder} holds no training data",
            expected="shards named NAME-000000.tar",
            remedy="Make them of photos with fields prepare.",
        )
    found = []
    for number, name in enumerate(where.names):
        token.raise_if_cancelled()
        report(Progress(number, len(where.names), name))
        source = _check(name, where.shards(name), shard_paths(Path(folder), name), holdout_every)
        found.append(replace(source, folder=folder))
    return DataCheck(folder, tuple(found))


def _check(name: str, shards: ShardSet, paths: Sequence[Path], holdout_every: int) -> SourceCheck:
    facts = shards.facts()
    aside = sum(held_out([item.person or f"{item.source}/{item.key}" for item in facts], holdout_every))
    labels = Counter(item.label for item in facts)
    numbers = sorted(set(np.linspace(0, len(shards) - 1, min(len(shards), THUMBNAILS)).astype(int).tolist()))
    return SourceCheck(
        name,
        training=len(facts) - aside,
        validation=aside,
        with_3d=len(shards) > 0 and shards[0].code is not None,
        class_counts=tuple(labels[emotion] for emotion in Emotion),
        people=len({item.person for item in facts if item.person}),
        dropped=_dropped(paths),
        size=sum(path.stat().st_size for path in paths),
        thumbnails=tuple(shards[number].image for number in numbers),
    )


def _dropped(paths: Sequence[Path]) -> dict[str, int]:
    """As the notes beside the shards say."""
    reasons: Counter[str] = Counter()
    for notes in (path.with_suffix(".json") for path in paths):
        try:
            reasons.update(str(item["reason"]) for item in json.loads(notes.read_text("utf-8"))["dropped"])
        except (OSError, ValueError, KeyError, TypeError):  # notes are for people; training does without
            continue
    return dict(reasons.most_common())
