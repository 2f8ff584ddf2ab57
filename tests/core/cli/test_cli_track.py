"""``fields track`` as its user meets it: a real face through the real landmarker, and every wrong way to ask."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from fields_core.cli import NOTHING_DONE, main
from fields_core.errors import SourceError
from fields_core.head import load_head
from fields_core.live.camera import CameraSource
from fields_core.live.tracker import Tracker
from fields_core.takes.take import load_take

FRAMES = 12


def write_clip(path: Path, pictures: list[np.ndarray]) -> Path:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (width, height))
    for picture in pictures:
        writer.write(picture[..., ::-1])
    writer.release()
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut moving to the right."""
    astronaut = data.astronaut()[0:320, 60:460]
    pictures = [np.ascontiguousarray(np.roll(astronaut, 4 * number, axis=1)) for number in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("clip") / "astronaut.mp4", pictures)


def test_a_face_is_tracked_in_every_frame_of_a_clip(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "astronaut.take"
    assert main(["track", str(clip), "--out", str(out), "--coder", "fit"]) == 0
    output = capfd.readouterr()
    assert not output.out
    assert f"{FRAMES} frames, a face in {FRAMES} of them, 1 person" in output.err
    take = load_take(out, load_head())
    assert len(take) == FRAMES
    assert len(take.tracks) == 1
    assert take.timestamps == pytest.approx(np.arange(FRAMES) / 30.0)


def test_a_clip_without_a_face_gives_an_empty_head_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "grey.mp4", [np.full((120, 160, 3), 128, np.uint8)] * 3)
    assert main(["track", str(clip), "--out", str(tmp_path / "grey.take")]) == 1
    assert "3 frames, a face in 0 of them" in capfd.readouterr().err


def test_a_photo_is_no_video_and_leaves_no_take(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "me.jpg"
    cv2.imwrite(str(photo), data.astronaut()[..., ::-1])
    assert main(["track", str(photo), "--out", str(tmp_path / "me.take")]) == NOTHING_DONE
    said = capfd.readouterr().err
    assert "Not one frame came from me.jpg" in said
    assert "fields reconstruct" in said
    assert not (tmp_path / "me.take").exists()


def test_recording_stops_after_the_time_asked_for(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(clip), "--out", str(tmp_path / "a.take"), "--seconds", "0.2"]) == 0
    assert "6 frames" in capfd.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--calm", "2"],
        ["--faces", "0"],
        ["--seconds", "-1"],
        ["--coder", "encoder", "--out", "b.take"],
        ["--out", "a.txt"],
    ],
    ids=["calm", "faces", "seconds", "no encoder", "suffix"],
)
def test_what_makes_no_sense_is_refused(
    clip: Path,
    options: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fields_core.fitting.encoded_fit.find_asset", _nothing)
    assert main(["track", str(clip), "--out", "a.take", *options]) == NOTHING_DONE
    assert "error:" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_source_that_is_not_there_leaves_no_take(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    for source in (tmp_path / "missing.mp4", broken):
        assert main(["track", str(source), "--out", str(tmp_path / "a.take")]) == NOTHING_DONE
        assert source.name in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.mp4"]


def test_a_camera_that_is_not_there_is_said_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(number: int, parameters: list[float]) -> None:
        raise SourceError(f"There is no camera {number}")

    class Slow(Tracker):
        """Still loads when the camera has failed, and longer than between two looks at the run."""

        def __init__(self, *arguments: Any, **more: Any) -> None:
            time.sleep(1.0)
            super().__init__(*arguments, **more)

    monkeypatch.setattr("fields_core.live.source.find_source", lambda text: CameraSource(int(text), opener=absent))
    monkeypatch.setattr("fields_core.live.tracker.Tracker", Slow)
    assert main(["track", "7", "--out", str(tmp_path / "a.take"), "--coder", "fit"]) == NOTHING_DONE
    assert capfd.readouterr().err.count("There is no camera 7") == 1
    assert not list(tmp_path.iterdir())


def test_a_take_is_never_overwritten(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "precious.take"
    out.write_bytes(b"precious")
    assert main(["track", str(clip), "--out", str(out)]) == NOTHING_DONE
    assert "exists already" in capfd.readouterr().err
    assert out.read_bytes() == b"precious"


def _nothing(name: str, explicit: Path | None = None) -> Path:
    from fields_core.errors import AssetMissingError

    raise AssetMissingError(f"no {name}")
