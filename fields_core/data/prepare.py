"""From photos to shards: detect, crop, store. Resumable: what is done stays done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fields_core.data.pictures import TIGHT_MARGIN, surrounded
from fields_core.data.sample import STORED_SCALE, STORED_SIZE, Sample
from fields_core.data.shards import shard_path, write_shard
from fields_core.data.sources import Dropped, Entry, Source, source_digest
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.errors import ExportError, FieldsError, SettingsError
from fields_core.files import replacing
from fields_core.progress import CancelToken, Progress, ProgressCallback

SHARD_ENTRIES = 1000
_NAMED = 3  # photos that a summary names for each reason


@dataclass(frozen=True)
class PrepareReport:
    """What became of a source."""

    name: str
    kept: int
    dropped: tuple[Dropped, ...]

    def summary(self) -> str:
        """Counts, and the reasons with the most cases first, each with some of the photos concerned."""
        lines = [f"{self.name}: {self.kept} kept, {len(self.dropped)} dropped"]
        for reason, count in Counter(item.reason for item in self.dropped).most_common():
            keys = [item.key for item in self.dropped if item.reason == reason][:_NAMED]
            lines.append(f"  {count:6d}  {reason}: {', '.join(keys)}{', ...' if count > _NAMED else ''}")
        return "\n".join(lines)


def prepare(
    source: Source, folder: Path, detector: FaceDetector, progress: ProgressCallback, token: CancelToken
) -> PrepareReport:
    """Write the shards of a source; those already there are kept. The largest face of each photo is taken.

    Raises:
        Cancelled: the finished shards stay, and the next call goes on behind them.
        ExportError: a shard cannot be written.
        SettingsError: the folder holds shards of this name made of other photos or labels.
    """
    report = write_samples(
        source.name,
        [entry.key for entry in source.entries],
        lambda number: make_sample(source.entries[number], source.name, detector),
        folder,
        progress,
        token,
        source_digest(source),
    )
    return replace(report, dropped=source.dropped + report.dropped)


def discard_empty(name: str, folder: Path, count: int) -> None:
    """Remove the shards of ``count`` photos of which none was kept. What was dropped stays on record.

    Raises:
        ExportError: one cannot be removed.
    """
    for number in range(-(-count // SHARD_ENTRIES)):
        path = shard_path(folder, name, number)
        for made in (path, path.with_suffix(".index.json")):
            try:
                made.unlink(missing_ok=True)
            except OSError as error:
                raise ExportError(f"Cannot remove {made}", found=error.strerror or str(error)) from error


def write_samples(
    name: str,
    keys: Sequence[str],
    make: Callable[[int], Sample],
    folder: Path,
    progress: ProgressCallback,
    token: CancelToken,
    origin: str = "",
) -> PrepareReport:
    """Write samples as shards; those already there are kept.

    Shard k holds numbers 1000 k to 1000 k + 999, and ``NAME-k.json`` beside it says what was dropped.

    Args:
        name: of the data set.
        keys: of all samples there may be.
        make: sample of a number; a FieldsError drops it, with what it ``found`` as the reason.
        origin: tells what the samples are made of from anything else of that name; "": nothing does.

    Raises:
        Cancelled: the finished shards stay, and the next call goes on behind them.
        ExportError: a shard cannot be written.
        SettingsError: a shard there has another origin.
    """
    dropped: list[Dropped] = []
    for start in range(0, len(keys), SHARD_ENTRIES):
        numbers = range(start, min(start + SHARD_ENTRIES, len(keys)))
        path = shard_path(folder, name, start // SHARD_ENTRIES)
        notes = path.with_suffix(".json")
        if path.exists() and notes.exists():
            dropped += _read_notes(notes, origin)
        else:
            missing = _write_shard(path, numbers, keys, make, progress, token)
            with replacing(notes) as temporary:
                facts = {"origin": origin, "dropped": [vars(item) for item in missing]}
                temporary.write_text(json.dumps(facts, indent=1), "utf-8")
            dropped += missing
        progress(Progress(numbers.stop, len(keys), name))
    return PrepareReport(name, len(keys) - len(dropped), tuple(dropped))


def _write_shard(
    path: Path,
    numbers: range,
    keys: Sequence[str],
    make: Callable[[int], Sample],
    progress: ProgressCallback,
    token: CancelToken,
) -> list[Dropped]:
    missing: list[Dropped] = []

    def samples() -> Iterator[Sample]:
        for number in numbers:
            token.raise_if_cancelled()
            progress(Progress(number, len(keys), keys[number]))
            try:
                yield make(number)
            except FieldsError as error:
                missing.append(Dropped(keys[number], error.found or type(error).__name__))

    write_shard(path, samples())
    return missing


def _read_notes(path: Path, origin: str) -> list[Dropped]:
    """What was dropped from a shard that is there already.

    Raises:
        SettingsError: it was made of something else, or the notes are damaged.
    """
    shard = path.with_suffix(".tar")
    try:
        notes = json.loads(path.read_text("utf-8"))
        made_of, dropped = str(notes.get("origin", "")), [Dropped(**item) for item in notes["dropped"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"{path} is damaged", expected="what was dropped from the shard beside it",
            remedy=f"Delete it and {shard.name}, and prepare again.",
        ) from error  # fmt: skip
    if made_of and origin and made_of != origin:
        raise SettingsError(
            f"{shard} was made of other photos or labels than these",
            expected="the same photos and labels, to go on where it stopped",
            found="some were added, taken away, changed or labelled anew since",
            remedy="Choose another --out or --name, or delete these shards to prepare all anew.",
        )
    return dropped


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
        # The face may fill the photo, or reach over its edge.
        photo = surrounded(photo, None, TIGHT_MARGIN)
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
        person=entry.person,
    )
