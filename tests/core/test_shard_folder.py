"""Shards that lie elsewhere: on a web server, in a bucket, behind a program."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from fields_core.data import shard_files
from fields_core.data.shard_files import RemoteFileError, stored_file
from fields_core.data.shard_folder import open_folder, publish
from fields_core.data.shards import ShardError, ShardSet, shard_path
from fields_core.errors import SettingsError
from fields_core.training.batches import BatchStream
from fields_core.training.training_data import mixture, read_folder
from tests.training_data import TINY, egg, write_data
from tests.web import Web, serving


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_files, "_PAUSE", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_data(folder)
    (folder / "made.json").write_text(json.dumps({"intensity_scale": 0.02}))
    publish(folder)
    return folder


@pytest.fixture
def web(folder: Path) -> Iterator[Web]:
    with serving(folder) as web:
        yield web


def same(one: ShardSet, other: ShardSet) -> None:
    assert len(one) == len(other) > 0
    assert one.facts() == other.facts()
    for number in range(len(one)):
        a, b = one[number], other[number]
        assert a.key == b.key
        assert np.array_equal(a.image, b.image)
        assert (a.code is None) == (b.code is None)
        assert a.code is None or torch.equal(a.code.expression, b.code.expression)


def test_samples_on_a_web_server_are_fetched_one_by_one(folder: Path, web: Web) -> None:
    here, there = ShardSet([folder / "photos-000000.tar"]), ShardSet([f"{web.address}/photos-000000.tar"])
    assert there.facts() == here.facts()
    assert {name for name, _ in web.served} == {"photos-000000.index.json"}
    web.served.clear()
    assert there[3].key == here[3].key
    assert len(web.served) == 1
    assert web.total < (folder / "photos-000000.tar").stat().st_size / 4
    same(pickle.loads(pickle.dumps(there)), here)


def test_a_shard_without_an_index_is_looked_through(folder: Path, web: Web) -> None:
    (folder / "photos-000000.index.json").unlink()
    same(ShardSet([f"{web.address}/photos-000000.tar"]), ShardSet([folder / "photos-000000.tar"]))


def test_a_server_that_knows_no_ranges_is_slow_but_right(folder: Path, web: Web) -> None:
    web.knows_ranges = False
    same(ShardSet([f"{web.address}/made-000000.tar"]), ShardSet([folder / "made-000000.tar"]))


def test_a_cache_fetches_a_shard_once(folder: Path, web: Web, tmp_path: Path) -> None:
    for _ in range(2):
        there = ShardSet([f"{web.address}/photos-000000.tar"], cache=tmp_path / "cache")
        same(there, ShardSet([folder / "photos-000000.tar"]))
    assert [name for name, _ in web.served].count("photos-000000.tar") == 1


def test_what_a_program_writes_is_a_shard(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cat.py").write_text("import sys\nsys.stdout.buffer.write(open(sys.argv[1], 'rb').read())\n")
    address = f"pipe:{sys.executable} {tmp_path / 'cat.py'} {folder / 'made-000000.tar'}"
    same(ShardSet([address], cache=tmp_path / "cache"), ShardSet([folder / "made-000000.tar"]))
    with pytest.raises(RemoteFileError, match="place to be kept"):
        ShardSet([address])
    with pytest.raises(RemoteFileError, match="gave nothing"):
        ShardSet([address + "x"], cache=tmp_path / "cache")
    with pytest.raises(RemoteFileError, match="gave nothing"):
        ShardSet(["pipe:no-such-program"], cache=tmp_path / "cache")


def test_buckets_are_read_by_what_fsspec_knows_of_them(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    try:
        for path in folder.iterdir():
            memory.pipe_file(f"/bucket/{path.name}", path.read_bytes())
        there = open_folder("memory://bucket")
        assert there.names == ["made", "photos"]
        same(there.shards("made"), ShardSet([folder / "made-000000.tar"]))
        with pytest.raises(RemoteFileError, match="cannot be read"):
            stored_file("memory://bucket/nothing.tar").read()
    finally:
        memory.rm("/bucket", recursive=True)


def test_a_run_sees_the_same_batches_from_here_and_from_elsewhere(folder: Path, web: Web) -> None:
    neutral = egg().neutral_code()
    data = [read_folder(where, TINY.data) for where in (folder, web.address)]
    assert data[0].declared_scale == data[1].declared_scale == 0.02
    assert data[0].class_counts == data[1].class_counts
    here, there = (BatchStream(mixture(item, TINY), neutral, lambda: range(3), 0) for item in data)
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.code.expression, other.code.expression)


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(folder: Path, web: Web) -> None:
    web.busy = 3
    assert stored_file(f"{web.address}/made.json").read() == (folder / "made.json").read_bytes()
    web.busy = 9
    with pytest.raises(RemoteFileError, match="cannot be read"):
        stored_file(f"{web.address}/made.json").read()
    web.busy = 0
    with pytest.raises(RemoteFileError, match="cannot be read"):
        stored_file(f"{web.address}/nothing.tar").read(5, 10)
    with pytest.raises(RemoteFileError):
        stored_file("http://127.0.0.1:9/x.tar").read()


def test_a_folder_elsewhere_must_have_been_published(folder: Path, web: Web) -> None:
    manifest = folder / "shards.json"
    good = json.loads(manifest.read_text())
    for bad in ("no json", json.dumps(good | {"format": "x"}), json.dumps({"format": "fields-shards-1"})):
        manifest.write_text(bad)
        with pytest.raises(SettingsError, match="does not say"):
            open_folder(web.address)
    manifest.write_text(json.dumps(good | {"shards": ["../secret-000000.tar"]}))
    with pytest.raises(ShardError, match="no shards"):
        open_folder(web.address)
    manifest.unlink()
    with pytest.raises(SettingsError, match="does not say"):
        open_folder(web.address)


def test_an_index_that_lies_is_found_out(folder: Path, web: Web) -> None:
    path = folder / "made-000000.index.json"
    good = json.loads(path.read_text())
    for parts in ([[0, 10**12]] * 3, [[10**9, 10]] * 3, [[512, 10]] * 3):
        good["samples"][0][1] = parts
        path.write_text(json.dumps(good))
        with pytest.raises(ShardError, match="000"):
            ShardSet([f"{web.address}/made-000000.tar"])[0]
    path.write_text(json.dumps(good | {"samples": [[1, 2]]}))
    with pytest.raises(ShardError, match="no index"):
        ShardSet([f"{web.address}/made-000000.tar"])


def test_publishing_again_follows_what_changed(folder: Path) -> None:
    index = folder / "made-000000.index.json"
    before = index.stat().st_mtime_ns
    publish(folder)
    assert index.stat().st_mtime_ns == before
    tar = folder / "made-000000.tar"
    os.utime(tar, ns=(before + 10**9, before + 10**9))
    publish(folder)
    assert index.stat().st_mtime_ns != before


def test_several_folders_are_read_as_one_in_whatever_order(folder: Path, tmp_path: Path) -> None:
    apart = [tmp_path / "one", tmp_path / "two"]
    for where, name in zip(apart, ("made", "photos"), strict=True):
        where.mkdir()
        shutil.copy(shard_path(folder, name, 0), where)
    data = [read_folder(where, TINY.data) for where in (folder, apart, apart[::-1])]
    assert {each.names for each in data} == {("made", "photos")}
    batches = [mixture(each, TINY).batch(7) for each in data]
    for batch in batches[1:]:
        assert [sample.key for sample in batch] == [sample.key for sample in batches[0]]
    with pytest.raises(SettingsError, match="Two folders hold a data set named photos"):
        read_folder([folder, apart[1]], TINY.data)
    with pytest.raises(SettingsError, match="no data"):
        read_folder([], TINY.data)
