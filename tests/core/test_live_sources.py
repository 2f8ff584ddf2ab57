"""Frames from clips, folders, cameras and streams: exact where recorded, patient and clear where not."""

from __future__ import annotations

import functools
import http.server
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fields_core.errors import PhotoError, SourceError
from fields_core.live.camera import CameraDevice, CameraSource, list_cameras, require_device
from fields_core.live.camera_sizes import Question, camera_sizes
from fields_core.live.clip import MemoryClip
from fields_core.live.folder import FolderSource
from fields_core.live.simulated import Player, Resize, SimulatedCamera, Stall, Unplug
from fields_core.live.source import FrameSource, find_source
from fields_core.live.stream import StreamSource
from fields_core.live.tracked import Frame
from fields_core.live.video import VideoSource
from fields_core.progress import Cancelled, CancelToken

FRAMES, STEP = 24, 10


def picture(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 3), number * STEP, np.uint8)


def shown(frame: Frame | None) -> int:
    """Which of `picture` a frame shows."""
    assert frame is not None
    return round(float(frame.pixels.mean()) / STEP)


def read_all(source: FrameSource) -> list[Frame]:
    source.open()
    return list(iter(source.read, None))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "steps.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for number in range(FRAMES):
        writer.write(picture(number))
    writer.release()
    return path


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


class Clock:
    """A time that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def simulated(*faults: Stall | Unplug | Resize) -> tuple[SimulatedCamera, Clock]:
    clock = Clock()
    clip = MemoryClip([picture(number) for number in range(FRAMES)], 30.0)
    return SimulatedCamera(clip, faults, clock, clock.sleep), clock


def test_a_simulated_camera_delivers_at_its_own_rate_for_ever() -> None:
    camera, clock = simulated()
    camera.open()
    frames = [camera.read() for _ in range(2 * FRAMES)]
    assert [shown(frame) for frame in frames] == 2 * list(range(FRAMES))
    assert clock.now - 100.0 == pytest.approx((2 * FRAMES - 1) / 30.0, abs=0.01)
    assert camera.missed == 0


def test_who_reads_a_simulated_camera_late_has_missed_pictures() -> None:
    camera, clock = simulated()
    camera.open()
    camera.read()
    clock.sleep(0.51)
    assert shown(camera.read()) == 15
    assert camera.missed == 14


def test_a_stalled_camera_is_waited_for() -> None:
    camera, _ = simulated(Stall(0.2, 1.0))
    camera.open()
    moments = [frame.timestamp for frame in (camera.read() for _ in range(10)) if frame]
    assert np.diff(moments).max() == pytest.approx(1.0, abs=0.1)


def test_an_unplugged_camera_says_so_and_comes_back() -> None:
    camera, clock = simulated(Unplug(0.2, 1.0))
    camera.open()
    before = [camera.read() for _ in range(6)]
    assert None not in before
    with pytest.raises(SourceError, match="has stopped"):
        camera.read()
    with pytest.raises(SourceError, match="There is no"):
        camera.open()
    clock.sleep(1.0)
    camera.open()
    assert camera.read() is not None


def test_a_camera_may_change_its_resolution() -> None:
    camera, _ = simulated(Resize(0.2, (32, 24)))
    camera.open()
    sizes = [frame.size for frame in (camera.read() for _ in range(10)) if frame]
    assert (sizes[0], sizes[-1], len(set(sizes))) == ((64, 48), (32, 24), 2)


class FakeCapture:
    """A camera's driver."""

    def __init__(self, opened: bool = True, pictures: int = 3) -> None:
        self.opened, self.pictures, self.released = opened, pictures, False

    def isOpened(self) -> bool:
        return self.opened

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.pictures -= 1
        return (
            (True, np.dstack([picture(0)[..., 0], picture(1)[..., 0], picture(2)[..., 0]]))
            if (self.pictures >= 0)
            else (False, None)
        )

    def get(self, property_id: int) -> float:
        return 0.0

    def set(self, property_id: int, value: float) -> bool:
        return True

    def release(self) -> None:
        self.released = True


def test_a_camera_delivers_rgb_unmirrored_until_it_is_unplugged() -> None:
    capture = FakeCapture()
    camera = CameraSource(0, "Desk", opener=lambda number, parameters: capture)
    camera.open()
    frame = camera.read()
    assert frame is not None
    assert frame.pixels[0, 0].tolist() == [2 * STEP, STEP, 0]
    assert camera.size == (64, 48)
    camera.read()
    with pytest.raises(SourceError, match="Desk has stopped"):
        camera.read()
    camera.close()
    assert capture.released


@pytest.mark.parametrize("capture", [FakeCapture(opened=False), FakeCapture(pictures=0)], ids=["absent", "busy"])
def test_a_camera_that_cannot_be_used_is_let_go_with_advice(capture: FakeCapture) -> None:
    with pytest.raises(SourceError) as caught:
        CameraSource(0, opener=lambda number, parameters: capture).open()
    assert "Close other programs" in caught.value.remedy
    assert capture.released


def test_a_camera_that_never_answers_is_given_up_and_released_when_it_does() -> None:
    capture, answer = FakeCapture(), threading.Event()

    def opener(number: int, parameters: list[int]) -> FakeCapture:
        answer.wait(10)
        return capture

    start = time.monotonic()
    with pytest.raises(SourceError, match="does not answer"):
        CameraSource(0, timeout=0.2, opener=opener).open()
    assert time.monotonic() - start < 2.0
    answer.set()
    for _ in range(100):
        if capture.released:
            break
        time.sleep(0.02)
    assert capture.released


def test_opening_a_camera_can_be_cancelled() -> None:
    answer, token = threading.Event(), CancelToken()

    def opener(number: int, parameters: list[int]) -> FakeCapture:
        answer.wait(10)
        return FakeCapture()

    threading.Timer(0.1, token.cancel).start()
    with pytest.raises(Cancelled):
        CameraSource(0, timeout=10.0, opener=opener).open(token)
    answer.set()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="Linux lists its cameras in /sys")
def test_cameras_are_listed_by_name_without_their_metadata_nodes(tmp_path: Path) -> None:
    for node, name, index in (("video2", "Desk camera", "0"), ("video3", "Desk camera", "1"), ("video0", "Lid", "0")):
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(name + "\n")
        (tmp_path / node / "index").write_text(index + "\n")
    devices = tmp_path / "dev"
    devices.mkdir()
    for node in ("video0", "video2", "video3"):
        (devices / node).touch()
    assert list_cameras(tmp_path, devices) == [CameraDevice(0, "Lid"), CameraDevice(2, "Desk camera")]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(clip: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(clip.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{clip.name}"
        server.shutdown()
        thread.join()


def test_a_stream_is_played_from_its_address(served: str) -> None:
    source = StreamSource(served)
    source.open()
    assert [shown(source.read()) for _ in range(5)] == list(range(5))
    source.close()


def test_a_stream_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as taken:  # bound but not listening: nobody else answers here either
        taken.bind(("127.0.0.1", 0))
        source = StreamSource(f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}/live", timeout=2.0)
        with pytest.raises(SourceError, match="does not answer") as caught:
            source.open()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "concat:a|b", "ftp://example.org/a.mp4"])
def test_addresses_that_are_no_streams_are_refused(address: str) -> None:
    with pytest.raises(SourceError):
        StreamSource(address)


def test_one_line_of_text_finds_the_source(clip: Path, tmp_path: Path) -> None:
    assert isinstance(find_source(str(clip)), VideoSource)
    assert isinstance(find_source(str(tmp_path)), FolderSource)
    assert isinstance(find_source("rtsp://example.org/1"), StreamSource)
    camera = find_source("camera:2")
    assert isinstance(camera, CameraSource)
    assert camera.number == 2
    with pytest.raises(SourceError, match="There is no"):
        find_source(str(tmp_path / "nothing.mp4"))


class TestRequireDevice:
    def test_an_absent_camera_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="There is no camera 7") as caught:
            require_device(7, "Webcam", tmp_path)
        assert "Plug in" in caught.value.details

    def test_a_forbidden_camera_is_told_with_the_group(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "video7").write_bytes(b"")
        require_device(7, "Webcam", tmp_path)
        monkeypatch.setattr("os.access", lambda path, mode: False)  # the tests may run as root
        with pytest.raises(SourceError, match="The Webcam is forbidden") as caught:
            require_device(7, "Webcam", tmp_path)
        assert "group 'video'" in caught.value.details

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system does not tell")
    def test_a_busy_camera_is_told_as_such(self) -> None:
        source = CameraSource(0, "Webcam", opener=lambda number, parameters: FakeCapture(opened=False))
        with pytest.raises(SourceError, match="cannot be used") as caught:
            source.open()
        assert "busy" in caught.value.details
        assert "Close other programs" in caught.value.details


class TestCameraSizes:
    """The kernel's answers, played by a table; no device is needed."""

    def ask(self, formats: dict[int, list[tuple[int, ...]]]) -> Question:
        def answer(device: int, question: int, structure: bytearray) -> None:
            if question == 0xC0405602:  # VIDIOC_ENUM_FMT; 64 bytes
                assert len(structure) == 64
                index, kind = struct.unpack_from("=II", structure)
                if kind != 1 or index >= len(formats):
                    raise OSError(22, "Invalid argument")
                struct.pack_into("=I", structure, 44, list(formats)[index])
                return
            assert question == 0xC02C564A  # VIDIOC_ENUM_FRAMESIZES; 44 bytes
            assert len(structure) == 44
            index, pixels = struct.unpack_from("=II", structure)
            if index >= len(formats[pixels]):
                raise OSError(22, "Invalid argument")
            numbers = formats[pixels][index]
            struct.pack_into("=I", structure, 8, 1 if len(numbers) == 2 else 3)
            struct.pack_into(f"={len(numbers)}I", structure, 12, *numbers)

        return answer

    @pytest.fixture
    def devices(self, tmp_path: Path) -> Path:
        (tmp_path / "video2").write_bytes(b"")
        return tmp_path

    def test_sizes_of_all_formats_are_listed_once(self, devices: Path) -> None:
        ask = self.ask({1: [(640, 480), (320, 240)], 2: [(640, 480), (1920, 1080)]})
        assert camera_sizes(2, devices, ask) == ((320, 240), (640, 480), (1920, 1080))

    def test_of_a_range_the_common_ones_and_the_largest_are_listed(self, devices: Path) -> None:
        ask = self.ask({1: [(160, 1600, 8, 120, 1200, 8)]})
        assert camera_sizes(2, devices, ask) == ((640, 480), (1280, 720), (1600, 1200))

    def test_a_driver_that_never_ends_does_not_hang(self, devices: Path) -> None:
        assert camera_sizes(2, devices, lambda device, question, structure: None) == ()

    def test_what_is_no_camera_or_not_there_has_none(self, devices: Path) -> None:
        def refuse(device: int, question: int, structure: bytearray) -> None:
            raise OSError(25, "Inappropriate ioctl for device")

        assert camera_sizes(2, devices, refuse) == ()
        assert camera_sizes(5, devices, refuse) == ()
        assert camera_sizes(2, devices) == ()
