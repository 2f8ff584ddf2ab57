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
from dataclasses import fields
from itertools import accumulate
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from fields_core.data.sample import NO_LABEL, Sample
from fields_core.data.shard_files import StoredFile, stored_file
from fields_core.data.shard_index import PARTS, SampleFacts, ShardError, load_index, person_of, read_facts
from fields_core.datatypes import LANDMARK_COUNT, FaceCode
from fields_core.files import replacing

__all__ = ["ShardError", "ShardSet", "shard_path", "shard_paths", "write_shard"]

JPEG_QUALITY = 95


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


class ShardSet:
    """The samples of some shards as one sequence, each read from its place when asked for.

    Only the positions are kept in memory, so it is cheap to hand to worker processes.
    """

    def __init__(self, shards: Sequence[Path | str], cache: Path | None = None) -> None:
        """
        Args:
            shards: the tars, in order: paths, or addresses as in `shard_files`.
            cache: folder that keeps whole shards from elsewhere; without it each sample is fetched when asked for.

        Raises:
            ShardError, RemoteFileError: one of them is no shard, or cannot be read.
        """
        self._files: list[StoredFile] = [stored_file(shard, cache) for shard in shards]
        self._indexes = [load_index(file) for file in self._files]
        self._ends = list(accumulate(len(index.places) for index in self._indexes))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Sample:
        """
        Raises:
            IndexError: no such sample.
            ShardError, RemoteFileError: it cannot be read.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        shard = bisect.bisect_right(self._ends, number)
        place = self._indexes[shard].places[number - (self._ends[shard - 1] if shard else 0)]
        file = self._files[shard]
        try:
            return _decode(place.key, place.cut(file))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ShardError(f"Sample {place.key} of {file.address} cannot be read", found=str(error)) from error

    def facts(self) -> list[SampleFacts]:
        """What is known of every sample without a look at the pictures.

        Raises:
            ShardError: a shard cannot be read.
        """
        return [
            facts for file, index in zip(self._files, self._indexes, strict=True) for facts in read_facts(file, index)
        ]


def shard_paths(folder: Path, name: str) -> list[Path]:
    """The shards of a data set, in order: ``NAME-000000.tar`` and so on."""
    return sorted(folder.glob(f"{name}-[0-9][0-9][0-9][0-9][0-9][0-9].tar"))


def shard_path(folder: Path, name: str, number: int) -> Path:
    """Where shard ``number`` of a data set belongs."""
    return folder / f"{name}-{number:06d}.tar"


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
        person=person_of(facts, key),
    )


def _code(arrays: dict[str, np.ndarray]) -> FaceCode:
    return FaceCode(**{f.name: torch.from_numpy(arrays[f"code.{f.name}"])[None] for f in fields(FaceCode)})
