"""Where the samples of a shard are, and what is known of them without a look at pictures and points."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fields_core.data.addresses import is_remote
from fields_core.data.holdout import person_named
from fields_core.data.sample import NO_LABEL
from fields_core.data.shard_files import LocalFile, RemoteFileError, StoredFile, stored_file
from fields_core.errors import FieldsError
from fields_core.files import replacing

MEMBER_LIMIT = 8 << 20  # bytes; a stored crop has about 20 kB
PARTS = ("jpg", "json", "npz")
_FORMAT = "fields-index-1"


class ShardError(FieldsError):
    """A shard that is damaged, or not one of ours."""


@dataclass(frozen=True)
class SampleFacts:
    """A sample but for pictures and points."""

    key: str
    source: str
    label: int
    """NO_LABEL where there is none."""
    person: str
    """Empty where nothing says who it is."""

    @property
    def owner(self) -> str:
        """Whose sample it is; one whose person nobody knows is its own."""
        return self.person or f"{self.source}/{self.key}"


@dataclass(frozen=True)
class Place:
    """Where a sample lies in its tar."""

    key: str
    parts: tuple[tuple[int, int], ...]
    """(offset, size) of each of PARTS, one after the other."""

    def cut(self, file: StoredFile) -> list[bytes]:
        """The parts, read at one go.

        Raises:
            OSError, RemoteFileError, ValueError: they cannot be read.
        """
        start, end = self.parts[0][0], sum(self.parts[-1])
        if not 0 <= start <= end <= start + 3 * MEMBER_LIMIT:
            raise ValueError(f"a sample of {end - start} bytes, at most {3 * MEMBER_LIMIT} expected")
        content = file.read(start, end - start)
        if len(content) != end - start:
            raise ValueError(f"the shard ends after {len(content)} of {end - start} bytes")
        return [content[offset - start : offset - start + size] for offset, size in self.parts]


@dataclass(frozen=True)
class ShardIndex:
    """The samples of one shard, in order."""

    places: tuple[Place, ...]
    facts: tuple[SampleFacts, ...] | None
    """None where nobody has looked yet."""


def load_index(file: StoredFile) -> ShardIndex:
    """The index of a shard: the one beside it if it lies elsewhere, or else a look through the tar.

    Raises:
        ShardError: it is no shard of ours, or cannot be read.
    """
    if not is_remote(file.address):
        assert isinstance(file, LocalFile)
        try:
            with file.path.open("rb") as stream:
                return ShardIndex(_scan(stream, file.address), None)
        except OSError as error:
            raise _unreadable(file.address, error) from error
    try:
        return _parsed(stored_file(_index_address(file.address)).read())
    except (OSError, RemoteFileError):
        pass  # an index saves looking through the whole shard, no more
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{_index_address(file.address)} is no index", found=str(error)) from error
    try:
        content = file.read()
    except OSError as error:
        raise _unreadable(file.address, error) from error
    places = _scan(io.BytesIO(content), file.address)
    texts = [content[offset : offset + size] for offset, size in (place.parts[1] for place in places)]
    return ShardIndex(places, tuple(facts_of(place.key, text) for place, text in zip(places, texts, strict=True)))


def write_index(path: Path) -> None:
    """Write the index of a shard beside it, unless the one there is newer than the shard.

    Raises:
        ShardError: it is no shard.
        ExportError: the index cannot be written.
    """
    target = path.with_name(_index_address(path.name))
    if target.exists() and target.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return
    file = LocalFile(path)
    index = load_index(file)
    samples = [
        [place.key, [list(part) for part in place.parts], facts.source, facts.label, facts.person]
        for place, facts in zip(index.places, read_facts(file, index), strict=True)
    ]
    with replacing(target) as temporary:
        temporary.write_text(json.dumps({"format": _FORMAT, "samples": samples}) + "\n", "utf-8")


def read_facts(file: StoredFile, index: ShardIndex) -> Sequence[SampleFacts]:
    """What is known of each sample of a shard.

    Raises:
        ShardError: it cannot be read.
    """
    if index.facts is not None:
        return index.facts
    try:
        return [facts_of(place.key, file.read(*_small(place.parts[1]))) for place in index.places]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShardError(f"What {file.address} knows of its samples cannot be read", found=str(error)) from error


def facts_of(key: str, text: bytes) -> SampleFacts:
    """The facts in a sample's JSON.

    Raises:
        ValueError, KeyError, TypeError: there are none in it.
    """
    facts: dict[str, Any] = json.loads(text)
    return SampleFacts(key, str(facts["source"]), int(facts.get("label", NO_LABEL)), person_of(facts, key))


def person_of(facts: dict[str, Any], key: str) -> str:
    """Who a sample shows; shards of FIELDS 0.1 name nobody, but the file names of some data sets do."""
    return str(facts.get("person") or person_named(facts["source"], key))


def _scan(stream: BinaryIO, name: str) -> tuple[Place, ...]:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            members = [(member.name, (member.offset_data, member.size)) for member in archive if member.isfile()]
    except (OSError, tarfile.TarError) as error:
        raise _unreadable(name, error) from error
    places = []
    for start in range(0, len(members), len(PARTS)):
        group = members[start : start + len(PARTS)]
        key = group[0][0].removesuffix(".jpg")
        if [name for name, _ in group] != [f"{key}.{part}" for part in PARTS]:
            raise ShardError(
                f"{name} is not a shard written by FIELDS",
                expected="KEY.jpg, KEY.json and KEY.npz in a row",
                found=", ".join(name for name, _ in group),
            )
        places.append(Place(key, tuple(place for _, place in group)))
    return tuple(places)


def _parsed(content: bytes) -> ShardIndex:
    index = json.loads(content)
    if index["format"] != _FORMAT:
        raise ValueError(f"format {index['format']}")
    places, facts = [], []
    for key, parts, source, label, person in index["samples"]:
        if len(parts) != len(PARTS):
            raise ValueError(f"{len(parts)} parts of {key}")
        places.append(Place(str(key), tuple((int(offset), int(size)) for offset, size in parts)))
        facts.append(SampleFacts(str(key), str(source), int(label), str(person)))
    return ShardIndex(tuple(places), tuple(facts))


def _index_address(address: str) -> str:
    return address.removesuffix(".tar") + ".index.json"


def _small(part: tuple[int, int]) -> tuple[int, int]:
    if part[1] > MEMBER_LIMIT:
        raise ValueError(f"a member of {part[1]} bytes, at most {MEMBER_LIMIT} expected")
    return part


def _unreadable(name: str, error: Exception) -> ShardError:
    return ShardError(f"{name} is not a readable shard", found=str(error), remedy="Prepare it again.")
