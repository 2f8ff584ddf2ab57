"""Frames from cameras, simulated and real: patient with what is slow or unplugged, clear about what cannot be used."""

from __future__ import annotations

import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from fields_core.errors import SourceError
from fields_core.live.camera import CameraDevice, CameraSource, list_cameras, require_device
from fields_core.live.camera_sizes import Question, camera_sizes
from fields_core.live.clip import MemoryClip
from fields_core.live.simulated import Resize, SimulatedCamera, Stall, Unplug
from fields_core.progress import Cancelled, CancelToken
from tests.core.live.films import FRAMES, STEP, picture, shown


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
