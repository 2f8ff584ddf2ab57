"""Frames from videos and folders: exact, in order, and as a player shows them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fields_core.errors import PhotoError, SourceError
from fields_core.live.camera import CameraSource
from fields_core.live.folder import FolderSource
from fields_core.live.simulated import Player
from fields_core.live.source import find_source
from fields_core.live.stream import StreamSource
from fields_core.live.video import VideoSource
from fields_core.progress import CancelToken
from tests.core.live.films import FRAMES, picture, read_all, shown


def test_a_video_is_read_frame_by_frame_to_its_end(clip: Path) -> None:
    source = VideoSource(clip)
    frames = read_all(source)
    assert [shown(frame) for frame in frames] == [frame.number for frame in frames] == list(range(FRAMES))
    assert [frame.timestamp for frame in frames] == pytest.approx(np.arange(FRAMES) / 25.0)
    assert (source.length, source.frames_per_second, source.size) == (FRAMES, 25.0, (64, 48))
    assert source.read() is None


@pytest.mark.parametrize("number", [0, 1, 7, 12, 13, 23])
def test_seeking_shows_exactly_that_frame(clip: Path, number: int) -> None:
    source = VideoSource(clip)
    source.open()
    source.seek(20)
    source.read()
    source.seek(number)
    frame = source.read()
    assert frame is not None
    assert (frame.number, shown(frame)) == (number, number)


def test_seeking_beyond_the_ends_stays_inside(clip: Path) -> None:
    source = VideoSource(clip)
    source.open()
    source.seek(1000)
    assert shown(source.read()) == FRAMES - 1
    source.seek(-3)
    assert shown(source.read()) == 0


def test_a_looped_video_starts_over_and_its_time_goes_on(clip: Path) -> None:
    source = VideoSource(clip, loop=True)
    source.open()
    frames = [source.read() for _ in range(2 * FRAMES + 3)]
    assert [frame.number for frame in frames if frame][-4:] == [FRAMES - 1, 0, 1, 2]
    assert np.all(np.diff([frame.timestamp for frame in frames if frame]) > 0)


def test_a_closed_video_can_be_opened_again_but_not_read(clip: Path) -> None:
    source = VideoSource(clip)
    source.open()
    source.close()
    source.close()
    with pytest.raises(RuntimeError, match="open"):
        source.read()
    assert len(read_all(source)) == FRAMES


def test_a_file_that_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(b"not a video" * 100)
    with pytest.raises(SourceError, match=r"notes\.mp4 cannot be played"):
        VideoSource(path).open()
    with pytest.raises(SourceError, match="There is no video file"):
        VideoSource(tmp_path / "missing.mp4").open()


def test_pictures_of_a_folder_come_in_counting_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        Image.fromarray(picture(number, (40 + number, 30))).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    frames = read_all(FolderSource(tmp_path, frames_per_second=10))
    assert [shown(frame) for frame in frames] == [1, 2, 10]
    assert [frame.size[0] for frame in frames] == [41, 42, 50]
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.1, 0.2])


def test_a_folder_without_pictures_and_a_damaged_picture_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no picture"):
        FolderSource(tmp_path).open()
    Image.fromarray(picture(1)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG damaged")
    source = FolderSource(tmp_path)
    source.open()
    source.read()
    with pytest.raises(PhotoError, match=r"b\.png"):
        source.read()


def test_a_player_keeps_the_clips_pace_and_its_time(clip: Path) -> None:
    player = Player(VideoSource(clip), speed=4.0)  # 100 frames/s
    start = time.monotonic()
    frames = read_all(player)
    took = time.monotonic() - start
    assert [frame.number for frame in frames] == list(range(FRAMES))
    assert frames[-1].timestamp == pytest.approx((FRAMES - 1) / 25.0)
    assert (FRAMES - 1) / 100.0 <= took < 1.0
    with pytest.raises(ValueError, match="speed"):
        player.speed = 0.0


def test_a_paused_player_shows_what_is_sought_and_stops_when_told(clip: Path) -> None:
    player, token = Player(VideoSource(clip)), CancelToken()
    player.open(token)
    player.paused = True
    player.seek(17)
    assert shown(player.read()) == 17
    threading.Timer(0.1, token.cancel).start()
    assert player.read() is None


def test_a_player_steps_from_the_frame_on_show_and_stays_paused(clip: Path) -> None:
    player = Player(VideoSource(clip), speed=100.0)
    player.open()
    for _ in range(6):
        player.read()
    for step, expected in ((1, 6), (-2, 4), (-50, 0), (1000, FRAMES - 1)):
        player.step(step)
        frame = player.read()
        assert frame is not None
        assert frame.number == expected == shown(frame)
        assert player.paused
    player.step(-1)
    player.step(-1)  # two clicks before a frame has come
    assert shown(player.read()) == FRAMES - 3


def test_a_player_that_stays_waits_at_its_end_and_begins_again(clip: Path) -> None:
    player, token = Player(VideoSource(clip), speed=100.0, stay=True), CancelToken()
    player.open(token)
    numbers = [shown(player.read()) for _ in range(FRAMES)]
    assert numbers == list(range(FRAMES))
    threading.Timer(0.2, lambda: setattr(player, "paused", False)).start()
    assert shown(player.read()) == 0
    player.loop = True
    player.seek(FRAMES - 1)
    assert [shown(player.read()) for _ in range(2)] == [FRAMES - 1, 0]


def test_one_line_of_text_finds_the_source(clip: Path, tmp_path: Path) -> None:
    assert isinstance(find_source(str(clip)), VideoSource)
    assert isinstance(find_source(str(tmp_path)), FolderSource)
    assert isinstance(find_source("rtsp://example.org/1"), StreamSource)
    camera = find_source("camera:2")
    assert isinstance(camera, CameraSource)
    assert camera.number == 2
    with pytest.raises(SourceError, match="There is no"):
        find_source(str(tmp_path / "nothing.mp4"))
