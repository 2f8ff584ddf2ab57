"""From photos to shards: detect, crop, store. Resumable: what is done stays done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fields_core.data.sample import STORED_SCALE, STORED_SIZE, Sample
from fields_core.data.shards import shard_path, write_shard
from fields_core.data.sources import Entry, Source
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.errors import FieldsError
from fields_core.files import replacing
from fields_core.progress import CancelToken, Progress, ProgressCallback

SHARD_ENTRIES = 1000


@dataclass(frozen=True)
class Dropped:
    """A photo that made no sample, and why."""

    key: str
    reason: str


@dataclass(frozen=True)
class PrepareReport:
    """What became of a source."""

    name: str
    kept: int
    dropped: tuple[Dropped, ...]

    def summary(self) -> str:
        """Counts, and the reasons with the most cases first."""
        reasons = Counter(item.reason for item in self.dropped).most_common()
        lines = [f"{self.name}: {self.kept} kept, {len(self.dropped)} dropped"]
        return "\n".join(lines + [f"  {count:6d}  {reason}" for reason, count in reasons])


def prepare(
    source: Source, folder: Path, detector: FaceDetector, progress: ProgressCallback, token: CancelToken
) -> PrepareReport:
    """Write the shards of a source; those already there are kept.

    Shard k holds the samples of entries 1000 k to 1000 k + 999, and ``NAME-k.json`` beside it says what was dropped.
    The largest face of each photo is taken.

    Raises:
        Cancelled: the finished shards stay, and the next call goes on behind them.
        ExportError: a shard cannot be written.
    """
    dropped: list[Dropped] = []
    kept = 0
    for start in range(0, len(source.entries), SHARD_ENTRIES):
        entries = source.entries[start : start + SHARD_ENTRIES]
        path = shard_path(folder, source.name, start // SHARD_ENTRIES)
        notes = path.with_suffix(".json")
        if path.exists() and notes.exists():
            missing = [Dropped(**item) for item in json.loads(notes.read_text("utf-8"))["dropped"]]
        else:
            missing = _prepare_shard(source, start, entries, path, detector, progress, token)
        dropped += missing
        kept += len(entries) - len(missing)
        progress(Progress(start + len(entries), len(source.entries), source.name))
    return PrepareReport(source.name, kept, tuple(dropped))


def _prepare_shard(
    source: Source,
    start: int,
    entries: tuple[Entry, ...],
    path: Path,
    detector: FaceDetector,
    progress: ProgressCallback,
    token: CancelToken,
) -> list[Dropped]:
    missing: list[Dropped] = []

    def samples() -> Iterator[Sample]:
        for number, entry in enumerate(entries):
            token.raise_if_cancelled()
            progress(Progress(start + number, len(source.entries), entry.key))
            try:
                yield make_sample(entry, source.name, detector)
            except FieldsError as error:
                missing.append(Dropped(entry.key, error.found or type(error).__name__))

    write_shard(path, samples())
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"dropped": [vars(item) for item in missing]}, indent=1), "utf-8")
    return missing


class NothingToLearnError(FieldsError):
    """A photo without a face."""


def make_sample(entry: Entry, source: str, detector: FaceDetector) -> Sample:
    """The stored crop of an entry's largest face.

    Raises:
        PhotoError: the photo cannot be read.
        NothingToLearnError: no face was found.
    """
    photo = entry.load()
    faces = detector.detect(photo)
    if not faces:
        raise NothingToLearnError(f"No face found in {entry.key}", found="no face")
    crop = crop_face(photo, faces[0], STORED_SCALE, STORED_SIZE)
    return Sample(
        key=entry.key,
        source=source,
        image=crop.image,
        landmarks=crop.landmarks,
        label=entry.label,
        valence_arousal=entry.valence_arousal,
        intensity=entry.intensity,
        confidence=entry.confidence,
    )
