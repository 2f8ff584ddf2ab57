"""``fields takes`` as its user meets it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from fields_core.head import HeadModel, save_code
from fields_core.streams.udp import UdpSender
from fields_core.takes.edits import TakeEdits, save_edits
from tests.core.cli.running import Run
from tests.heads import tiny_head
from tests.takes import record


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def take(head: HeadModel, tmp_path: Path) -> Path:
    return record(tmp_path / "clip.take", head, pictures=True)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_exports_every_format_and_names_the_files(run: Run, take: Path, head_file: Path, tmp_path: Path) -> None:
    formats = "csv,npz,json,livelink,glb,usd,video"
    options = ("--format", formats, "--trim", "0.5:0.8", "--smooth", 0.1, "--head", head_file)
    status, out, _ = run("takes", "export", take, "--out", tmp_path / "out", *options)
    assert status == 0
    written = [Path(line) for line in out.splitlines()]
    assert len(written) >= 7
    assert all(path.stat().st_size for path in written)
    assert len(_rows(tmp_path / "out" / "clip.csv")) == 10


def test_uses_the_edits_beside_the_take(run: Run, take: Path, head_file: Path, tmp_path: Path) -> None:
    save_edits(TakeEdits((1.0, 1.5)), take)
    run("takes", "export", take, "--out", tmp_path, "--format", "csv", "--head", head_file)
    assert len(_rows(tmp_path / "clip.csv")) == 16
    run("takes", "export", take, "--out", tmp_path, "--format", "csv", "--trim", ":0.1", "--head", head_file)
    assert len(_rows(tmp_path / "clip.csv")) == 4


def test_retargets_to_a_face_code(run: Run, take: Path, head: HeadModel, head_file: Path, tmp_path: Path) -> None:
    code = head.neutral_code()
    save_code(tmp_path / "other.json", code.replace(shape=code.shape + 1.5), head)
    options = ("--format", "npz", "--identity", tmp_path / "other.json", "--head", head_file)
    assert run("takes", "export", take, "--out", tmp_path, *options)[0] == 0
    with np.load(tmp_path / "clip.npz") as arrays:
        assert (arrays["shape"] == 1.5).all()


def test_one_bad_take_does_not_stop_the_others(run: Run, take: Path, head_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.take"
    bad.write_bytes(b"nothing")
    options = ("--out", tmp_path / "out", "--format", "csv", "--head", head_file)
    status, out, err = run("takes", "export", bad, take, *options)
    assert status == 1
    assert out.strip().endswith("clip.csv")
    assert "is not a take" in err
    assert run("takes", "export", bad, *options)[0] == 2


def test_a_torn_take_is_exported_with_a_warning(run: Run, take: Path, head_file: Path, tmp_path: Path) -> None:
    take.write_bytes(take.read_bytes()[:-20])
    status, _, err = run("takes", "export", take, "--out", tmp_path, "--format", "csv", "--head", head_file)
    assert status == 0
    assert "breaks off" in err


def test_a_take_of_another_head_model_is_refused(run: Run, take: Path, tmp_path: Path) -> None:
    status, _, err = run("takes", "export", take, "--out", tmp_path)
    assert status == 2
    assert "another head model" in err


@pytest.mark.parametrize("options", [("--trim", "abc"), ("--trim", "3"), ("--format", "fbx"), ("--smooth", "-1")])
def test_wrong_options_are_told(
    run: Run, take: Path, head_file: Path, tmp_path: Path, options: tuple[str, str]
) -> None:
    status, out, err = run("takes", "export", take, "--out", tmp_path, "--head", head_file, *options)
    assert status == 2
    assert out == ""
    assert "error" in err


def test_shows_what_takes_hold(run: Run, take: Path, tmp_path: Path) -> None:
    status, out, _ = run("takes", "show", take)
    assert status == 0
    line = next(line for line in out.splitlines() if "clip.take" in line)
    assert line.split()[1:] == ["2.0", "60", "30.0", "1", "yes", "tests"]
    assert run("takes", "show", tmp_path / "none.take")[:2] == (2, "")


def test_track_sends_what_it_sees(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []

    class Listening:
        def __init__(self, *_: object) -> None:
            self.sender = UdpSender("127.0.0.1", 9)

        def send(self, tracked: object) -> None:
            sent.append(tracked)

        def close(self) -> None:
            self.sender.close()

    monkeypatch.setattr("fields_core.streams.stream.open_stream", Listening)
    photo = tmp_path / "photos"
    photo.mkdir()
    for number in range(3):
        Image.fromarray(data.astronaut()).save(photo / f"{number}.png")
    options = ("--out", tmp_path / "a.take", "--stream", "vmc", "--coder", "fit")
    status, _, err = run("track", photo, *options)
    assert status == 0
    assert len(sent) == 3
    assert "vmc: 0 frames sent" in err


def test_a_stream_that_is_none_is_told_before_anything_is_recorded(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    status, _, err = run("track", folder, "--out", tmp_path / "a.take", "--stream", "nowhere")
    assert status == 2
    assert "is no stream" in err
    assert not (tmp_path / "a.take").exists()
