from __future__ import annotations

import dataclasses
import json
import math
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.data.sample import Sample
from fields_core.data.shards import ShardError, ShardSet, shard_path, shard_paths, write_shard
from fields_core.datatypes import FaceCode


def code() -> FaceCode:
    sizes = {"shape": 2, "expression": 3, "head_pose": 3, "neck_pose": 3, "jaw_pose": 3, "eye_pose": 6, "eyelids": 2}
    parts = {name: torch.rand(1, size) for name, size in sizes.items()}
    return FaceCode(**parts, camera=torch.ones(1, 3), lighting=torch.rand(1, 9, 3), albedo=torch.rand(1, 2))


def sample(key: str, level: int = 100, with_code: bool = False) -> Sample:
    landmarks = np.linspace(-1, 1, 956, dtype=np.float32).reshape(478, 2)
    image = np.full((32, 32, 3), level, np.uint8)
    return Sample(
        key,
        "wild",
        image,
        landmarks,
        label=1,
        valence_arousal=(0.5, -0.25),
        intensity=0.75,
        confidence=0.3,
        code=code() if with_code else None,
        has_eyelids=False,
    )


def test_samples_come_back_whole_and_in_order(tmp_path: Path) -> None:
    first, second = shard_path(tmp_path, "wild", 0), shard_path(tmp_path, "wild", 1)
    assert write_shard(second, [sample("c", 30)]) == 1
    originals = [sample("a", 10), sample("b", 20, with_code=True)]
    assert write_shard(first, originals) == 2
    assert shard_paths(tmp_path, "wild") == [first, second]
    read = ShardSet([first, second])
    assert [read[number].key for number in range(len(read))] == ["a", "b", "c"]
    assert [int(read[number].image.mean()) for number in range(3)] == [10, 20, 30]
    again = read[1]
    assert again.landmarks is not None
    assert np.array_equal(again.landmarks, originals[1].landmarks)  # type: ignore[arg-type]
    assert (again.label, again.valence_arousal, again.intensity, again.confidence) == (1, (0.5, -0.25), 0.75, 0.3)
    assert again.has_eyelids is False
    assert again.code is not None
    assert originals[1].code is not None
    assert torch.equal(again.code.lighting, originals[1].code.lighting)
    with pytest.raises(IndexError):
        read[3]


def test_what_is_unknown_stays_unknown(tmp_path: Path) -> None:
    write_shard(tmp_path / "x-000000.tar", [Sample("a", "plain", np.zeros((8, 8, 3), np.uint8))])
    again = ShardSet([tmp_path / "x-000000.tar"])[0]
    assert again.landmarks is None
    assert again.code is None
    assert again.valence_arousal is None
    assert math.isnan(again.intensity)
    assert again.label == -1


def test_a_failed_shard_is_absent(tmp_path: Path) -> None:
    def failing() -> object:
        yield sample("a")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "x-000000.tar", failing())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_no_samples_make_an_empty_set() -> None:
    assert len(ShardSet([])) == 0


def test_files_that_are_no_shards_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.tar"
    text.write_text("not a tar")
    foreign = tmp_path / "foreign.tar"
    with tarfile.open(foreign, "w") as archive:
        archive.add(text, "readme.txt")
    for path in (text, foreign, tmp_path / "missing.tar"):
        with pytest.raises(ShardError):
            ShardSet([path])


def test_a_damaged_sample_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "x-000000.tar"
    write_shard(path, [sample("broken")])
    content = bytearray(path.read_bytes())
    content[512:700] = b"\0" * 188  # the picture's header
    path.write_bytes(content)
    with pytest.raises(ShardError, match="broken"):
        ShardSet([path])[0]


def test_facts_are_read_without_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "wild-000000.tar"
    named = dataclasses.replace(sample("b"), person="Ada", label=-1)
    write_shard(path, [sample("a"), named, sample("Grace_Hopper_0002_jpg")])
    facts = ShardSet([path]).facts()
    assert [(item.key, item.source, item.label, item.person) for item in facts] == [
        ("a", "wild", 1, ""),
        ("b", "wild", -1, "Ada"),
        ("Grace_Hopper_0002_jpg", "wild", 1, "Grace_Hopper"),
    ]
    assert [ShardSet([path])[number].person for number in range(3)] == [item.person for item in facts]


def test_shards_that_name_nobody_are_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = json.dumps
    monkeypatch.setattr(
        "fields_core.data.shards.json.dumps",
        lambda facts, **options: encode({k: v for k, v in facts.items() if k != "person"}, **options),
    )
    write_shard(tmp_path / "old-000000.tar", [sample("a")])
    monkeypatch.undo()
    assert b"person" not in (tmp_path / "old-000000.tar").read_bytes()
    assert ShardSet([tmp_path / "old-000000.tar"])[0].person == ""
