"""Samples on disk: WebDataset tars (KEY.jpg, KEY.json, KEY.npz in a row), read by position so that runs can resume.

A shard is complete or absent. Any WebDataset reader can stream the same files.
"""

from __future__ import annotations

import bisect
import io
import json
import math
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from fields_core.data.holdout import person_named
from fields_core.data.sample import NO_LABEL, Sample
from fields_core.datatypes import LANDMARK_COUNT, FaceCode
from fields_core.errors import FieldsError
from fields_core.files import replacing

JPEG_QUALITY = 95
MEMBER_LIMIT = 8 << 20  # bytes; a stored crop has about 20 kB
PARTS = ("jpg", "json", "npz")


class ShardError(FieldsError):
    """A shard that is damaged, or not one of ours."""


def write_shard(path: Path, samples: Iterable[Sample]) -> int:
    """Write a tar of samples; returns how many.

    Raises:
        ExportError: it cannot be written.
    """
    count = 0
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        for sample in samples:
            for part, content in zip(PARTS, _encode(sample), strict=True):
                member = tarfile.TarInfo(f"{sample.key}.{part}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            count += 1
    return count


@dataclass(frozen=True)
class SampleFacts:
    """A sample but for pictures and points."""

    key: str
    source: str
    label: int
    """NO_LABEL where there is none."""
    person: str
    """Empty where nothing says who it is."""


class ShardSet:
    """The samples of some shards as one sequence, each read from its place when asked for.

    Only the positions are kept in memory, so it is cheap to hand to worker processes.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """
        Args:
            paths: the tars, in order.

        Raises:
            ShardError: one of them is no shard.
        """
        self._paths = list(paths)
        self._places = [_index(path) for path in self._paths]
        self._ends = list(accumulate(len(places) for places in self._places))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Sample:
        """
        Raises:
            IndexError: no such sample.
            ShardError: it cannot be read.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        shard = bisect.bisect_right(self._ends, number)
        place = self._places[shard][number - (self._ends[shard - 1] if shard else 0)]
        path = self._paths[shard]
        try:
            with path.open("rb") as file:
                return _decode(place.key, [_read(file, *part) for part in place.parts])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ShardError(f"Sample {place.key} of {path} cannot be read", found=str(error)) from error

    def facts(self) -> list[SampleFacts]:
        """What is known of every sample without a look at the pictures.

        Raises:
            ShardError: a shard cannot be read.
        """
        found: list[SampleFacts] = []
        for path, places in zip(self._paths, self._places, strict=True):
            try:
                with path.open("rb") as file:
                    found += [_facts(place.key, json.loads(_read(file, *place.parts[1]))) for place in places]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ShardError(f"What {path} knows of its samples cannot be read", found=str(error)) from error
        return found


def shard_paths(folder: Path, name: str) -> list[Path]:
    """The shards of a data set, in order: ``NAME-000000.tar`` and so on."""
    return sorted(folder.glob(f"{name}-[0-9][0-9][0-9][0-9][0-9][0-9].tar"))


def shard_path(folder: Path, name: str, number: int) -> Path:
    """Where shard ``number`` of a data set belongs."""
    return folder / f"{name}-{number:06d}.tar"


@dataclass(frozen=True)
class _Place:
    key: str
    parts: tuple[tuple[int, int], ...]
    """(offset, size) of each of PARTS."""


def _index(path: Path) -> list[_Place]:
    try:
        with tarfile.open(path, "r:") as archive:
            members = [(member.name, (member.offset_data, member.size)) for member in archive if member.isfile()]
    except (OSError, tarfile.TarError) as error:
        raise ShardError(f"{path} is not a readable shard", found=str(error), remedy="Prepare it again.") from error
    places = []
    for start in range(0, len(members), len(PARTS)):
        group = members[start : start + len(PARTS)]
        key = group[0][0].removesuffix(".jpg")
        if [name for name, _ in group] != [f"{key}.{part}" for part in PARTS]:
            raise ShardError(
                f"{path} is not a shard written by FIELDS",
                expected="KEY.jpg, KEY.json and KEY.npz in a row",
                found=", ".join(name for name, _ in group),
            )
        places.append(_Place(key, tuple(place for _, place in group)))
    return places


def _read(file: io.BufferedReader, offset: int, size: int) -> bytes:
    if size > MEMBER_LIMIT:
        raise ValueError(f"a member of {size} bytes, at most {MEMBER_LIMIT} expected")
    file.seek(offset)
    return file.read(size)


def _encode(sample: Sample) -> tuple[bytes, bytes, bytes]:
    bgr = cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR)
    picture = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    facts = {
        "source": sample.source,
        "label": sample.label,
        "valence_arousal": sample.valence_arousal,
        "intensity": None if math.isnan(sample.intensity) else sample.intensity,
        "confidence": sample.confidence,
        "has_eyelids": sample.has_eyelids,
        "person": sample.person,
    }
    arrays = {} if sample.landmarks is None else {"landmarks": sample.landmarks}
    if sample.observed is not None:
        arrays["observed"] = sample.observed
    if sample.code is not None:
        arrays |= {f"code.{f.name}": getattr(sample.code, f.name)[0].numpy() for f in fields(FaceCode)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub mixes up the names with its own argument
    return picture, json.dumps(facts, allow_nan=False).encode(), buffer.getvalue()


def _decode(key: str, parts: list[bytes]) -> Sample:
    picture, text, archive = parts
    facts: dict[str, Any] = json.loads(text)
    bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("its picture is damaged")
    with np.load(io.BytesIO(archive), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    landmarks, observed = arrays.pop("landmarks", None), arrays.pop("observed", None)
    for points in (landmarks, observed):
        if points is not None and points.shape != (LANDMARK_COUNT, 2):
            raise ValueError(f"landmarks of shape {points.shape}, not ({LANDMARK_COUNT}, 2)")
    affect, intensity = facts["valence_arousal"], facts["intensity"]
    return Sample(
        key=key,
        source=facts["source"],
        image=cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB),
        landmarks=landmarks,
        observed=observed,
        label=facts.get("label", NO_LABEL),
        valence_arousal=None if affect is None else (affect[0], affect[1]),
        intensity=math.nan if intensity is None else intensity,
        confidence=facts["confidence"],
        code=_code(arrays) if arrays else None,
        has_eyelids=facts["has_eyelids"],
        person=_person(facts, key),
    )


def _facts(key: str, facts: dict[str, Any]) -> SampleFacts:
    return SampleFacts(key, str(facts["source"]), int(facts.get("label", NO_LABEL)), _person(facts, key))


def _person(facts: dict[str, Any], key: str) -> str:
    # Shards of FIELDS 0.1 name nobody; file names of some data sets do.
    return str(facts.get("person") or person_named(facts["source"], key))


def _code(arrays: dict[str, np.ndarray]) -> FaceCode:
    return FaceCode(**{f.name: torch.from_numpy(arrays[f"code.{f.name}"])[None] for f in fields(FaceCode)})
