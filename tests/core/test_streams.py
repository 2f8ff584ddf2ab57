"""Streams, received by what knows only the protocols: python-osc's server, and a reader of Epic's layout."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pythonosc import osc_bundle, osc_message
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer
from scipy.spatial.transform import Rotation

from fields_core.datatypes import FaceCode
from fields_core.errors import SettingsError
from fields_core.head import HeadModel
from fields_core.live.tracked import FaceState, TrackedFrame
from fields_core.streams import osc
from fields_core.streams.arkit import ANGLE_NAMES, ARKIT_NAMES, LIVE_LINK_NAMES, LOOK_RADIANS, ArkitMapper
from fields_core.streams.live_link import LiveLinkStream, live_link_packet
from fields_core.streams.stream import open_stream
from fields_core.streams.udp import UdpSender
from fields_core.streams.unit_map import fit_unit_map
from fields_core.streams.vmc import VmcStream
from tests.heads import tiny_head
from tests.takes import performance


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def mapper(head: HeadModel) -> ArkitMapper:
    return ArkitMapper(head)


@pytest.fixture
def tracked(head: HeadModel) -> TrackedFrame:
    frames = [frame for frame, _ in performance(head, people=2)]
    return frames[20]


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind(("127.0.0.1", 0))
        mine.settimeout(5)
        yield mine


def _value(frames: Any, name: str) -> float:
    return float(frames.live_link[0, LIVE_LINK_NAMES.index(name)])


class TestArkit:
    def test_has_the_names_of_arkit_in_the_order_of_live_link(self) -> None:
        assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
        assert len(LIVE_LINK_NAMES) == 61
        assert ARKIT_NAMES[0] == "eyeBlinkLeft"
        assert ARKIT_NAMES[14:18] == ("jawForward", "jawLeft", "jawRight", "jawOpen")
        assert ARKIT_NAMES[-1] == "tongueOut"
        assert LIVE_LINK_NAMES[52] == "headYaw"
        for name in ARKIT_NAMES:
            if name.endswith("Left") and name not in ("jawLeft", "mouthLeft"):
                assert name.removesuffix("Left") + "Right" in ARKIT_NAMES

    def test_units_keep_their_names(self, head: HeadModel, mapper: ArkitMapper) -> None:
        expression = torch.rand(3, head.n_expression)
        frames = mapper(FaceCode.concatenate([head.neutral_code()] * 3).replace(expression=expression))
        for column, name in enumerate(head.expression_names):
            np.testing.assert_allclose(frames.shapes[:, ARKIT_NAMES.index(name)], expression[:, column], atol=1e-6)

    def test_the_widest_jaw_is_jaw_open_one(self, head: HeadModel, mapper: ArkitMapper) -> None:
        code = head.neutral_code().replace(jaw_pose=torch.tensor([[head.jaw_open_radians / 2, 0, 0]]))
        assert _value(mapper(code), "jawOpen") == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("pose", "names"),
        [
            ((0.3, 0.0), ("eyeLookDownLeft", "eyeLookDownRight")),
            ((-0.3, 0.0), ("eyeLookUpLeft", "eyeLookUpRight")),
            ((0.0, 0.3), ("eyeLookOutLeft", "eyeLookInRight")),
            ((0.0, -0.3), ("eyeLookInLeft", "eyeLookOutRight")),
        ],
    )
    def test_eyes_look_where_they_turn(
        self, head: HeadModel, mapper: ArkitMapper, pose: tuple[float, float], names: tuple[str, str]
    ) -> None:
        frames = mapper(head.neutral_code().replace(eye_pose=torch.tensor([[*pose, 0.0, *pose, 0.0]])))
        looking = {name: _value(frames, name) for name in ARKIT_NAMES if name.startswith("eyeLook")}
        assert {name for name, value in looking.items() if value > 0} == set(names)
        assert all(looking[name] == pytest.approx(0.3 / LOOK_RADIANS) for name in names)
        yaw = _value(frames, "leftEyeYaw")
        assert yaw == pytest.approx(pose[1], abs=1e-6)

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_head_angles_are_those_of_the_axes(self, head: HeadModel, mapper: ArkitMapper, axis: int) -> None:
        pose = torch.zeros(1, 3)
        pose[0, axis] = 0.4
        frames = mapper(head.neutral_code().replace(head_pose=pose))
        angles = [_value(frames, name) for name in ("headPitch", "headYaw", "headRoll")]
        assert angles[axis] == pytest.approx(0.4, abs=1e-6)
        assert sum(map(abs, angles)) == pytest.approx(0.4, abs=1e-5)

    def test_angles_put_together_give_the_turn_of_head_and_neck(self, head: HeadModel, mapper: ArkitMapper) -> None:
        a, b = np.array([0.2, -0.5, 0.3]), np.array([0.1, 0.2, -0.1])
        frames = mapper(
            head.neutral_code().replace(
                head_pose=torch.tensor(a[None], dtype=torch.float32),
                neck_pose=torch.tensor(b[None], dtype=torch.float32),
            )
        )
        yaw, pitch, roll = frames.angles[0, :3]
        turn = Rotation.from_euler("YXZ", [yaw, pitch, roll])
        expected = Rotation.from_rotvec(a) * Rotation.from_rotvec(b)
        assert (turn.inv() * expected).magnitude() < 1e-5

    def test_a_crop_that_was_turned_upright_is_turned_back(self, head: HeadModel, mapper: ArkitMapper) -> None:
        angle = 0.3  # the crop's x axis points down to the right in the photo: the head tilts clockwise as seen
        crop = np.array([[[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0]]])
        frames = mapper(head.neutral_code(), crop)
        assert _value(frames, "headRoll") == pytest.approx(-angle, abs=1e-6)

    def test_values_stay_between_0_and_1(self, head: HeadModel, mapper: ArkitMapper) -> None:
        wild = head.neutral_code().replace(
            expression=torch.full((1, head.n_expression), 3.0), jaw_pose=torch.tensor([[-1.0, 0, 0]])
        )
        shapes = mapper(wild).shapes
        assert shapes.min() >= 0
        assert shapes.max() <= 1


class TestUnitMap:
    """On a made-up head: the tiny one, larger and turned, its units mixed into statistical coefficients."""

    @staticmethod
    def _made_up(mix: np.ndarray, landmarks: int = 105) -> HeadModel:
        file = tiny_head()
        turn = Rotation.from_euler("y", 0.4).as_matrix() * 1.3
        directions = np.einsum("vcu,ue->vce", file.expression_dirs, mix)
        rows = np.arange(0, 478, 478 // landmarks)[:landmarks]
        empty = np.zeros(0, np.int32)
        return HeadModel(
            replace(
                file,
                name="made-up",
                v_template=(file.v_template @ turn.T + 0.2).astype(np.float32),
                expression_dirs=np.einsum("ij,vje->vie", turn, directions).astype(np.float32),
                expression_names=tuple(f"expression {i + 1}" for i in range(mix.shape[1])),
                expression_bounds=np.tile(np.float32([-3, 3]), (mix.shape[1], 1)),
                landmark_ids=rows.astype(np.int32),
                landmark_faces=file.landmark_faces[rows],
                landmark_barycentrics=file.landmark_barycentrics[rows],
                landmark_weights=file.landmark_weights[rows],
                landmarks_105=empty,
                landmarks_68=empty,
            )
        )

    def test_finds_the_units_that_move_the_face_alike(self, head: HeadModel) -> None:
        mix = np.zeros((head.n_expression, 4))
        names = head.expression_names
        for column, (name, amount) in enumerate(
            [("mouthSmileLeft", 0.6), ("browDownRight", 0.8), ("cheekPuff", 0.5), ("eyeBlinkLeft", 1.0)]
        ):
            mix[names.index(name), column] = amount
        made_up = self._made_up(mix)
        found = fit_unit_map(made_up, head)
        assert found.names == (*names, "jawOpen")
        assert (found.positive >= 0).all()
        assert (found.negative >= 0).all()
        assert found.positive[: len(names)].argmax(0).tolist() == mix.argmax(0).tolist()
        np.testing.assert_allclose(found.positive[: len(names)].max(0), mix.max(0), atol=0.1)
        frames = ArkitMapper(made_up, head)(made_up.neutral_code().replace(expression=torch.tensor([[1.0, 0, 0, 0]])))
        assert _value(frames, "mouthSmileLeft") == pytest.approx(0.6, abs=0.1)

    def test_opposite_coefficients_use_opposite_units(self, head: HeadModel) -> None:
        mix = np.zeros((head.n_expression, 1))
        mix[head.expression_names.index("mouthLeft")] = 1.0  # its opposite moves right
        found = fit_unit_map(self._made_up(mix), head)
        units = found(np.array([[-1.0]]))[0]
        assert found.names[int(units.argmax())] == "mouthRight"

    def test_the_map_is_linear_in_each_sign(self, head: HeadModel) -> None:
        mix = np.random.default_rng(2).uniform(-0.3, 0.3, (head.n_expression, 3))
        found = fit_unit_map(self._made_up(mix), head)
        c = np.array([[0.5, -1.0, 2.0]])
        np.testing.assert_allclose(found(2 * c), 2 * found(c))
        assert 0 <= found.residual < 0.6

    def test_too_few_landmarks_are_refused(self, head: HeadModel) -> None:
        with pytest.raises(SettingsError, match="cannot be mapped"):
            fit_unit_map(self._made_up(np.eye(head.n_expression)[:, :2], landmarks=10), head)


class TestOsc:
    def test_messages_are_read_by_python_osc(self) -> None:
        read = osc_message.OscMessage(osc.message("/a/b", 7, 0.5, "text", "abcd"))
        assert read.address == "/a/b"
        assert read.params == [7, 0.5, "text", "abcd"]

    def test_bundles_keep_order_and_size(self) -> None:
        messages = [osc.message("/n", number) for number in range(100)]
        packets = osc.bundles(messages, 300)
        assert all(len(packet) <= 300 for packet in packets)
        read = [content.params[0] for packet in packets for content in osc_bundle.OscBundle(packet)]
        assert read == list(range(100))
        assert osc.bundles([], 300) == []


class TestVmc:
    def test_python_osc_receives_blend_shapes_and_bones(
        self, head: HeadModel, mapper: ArkitMapper, tracked: TrackedFrame
    ) -> None:
        received: list[tuple[str, tuple[Any, ...]]] = []
        done = threading.Event()

        def handle(address: str, *arguments: Any) -> None:
            received.append((address, arguments))
            if address == "/VMC/Ext/Blend/Apply":
                done.set()

        dispatcher = Dispatcher()
        dispatcher.set_default_handler(handle)
        with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stream = VmcStream(head, "127.0.0.1", server.server_address[1], mapper=mapper)
            stream.send(tracked)
            assert done.wait(5)
            server.shutdown()
            thread.join()
            stream.close()
        face = tracked.faces[0]
        expected = mapper(face.code, face.crop_to_photo[None])
        values = {a[0]: a[1] for address, a in received if address == "/VMC/Ext/Blend/Val"}
        assert tuple(values) == ARKIT_NAMES
        np.testing.assert_allclose(list(values.values()), expected.shapes[0], atol=1e-6)
        bones = {a[0]: a[1:] for address, a in received if address == "/VMC/Ext/Bone/Pos"}
        assert set(bones) == {"Head", "LeftEye", "RightEye"}
        turn = Rotation.from_quat(bones["Head"][3:]).as_matrix()
        mirror = np.diag([-1.0, 1.0, 1.0])
        np.testing.assert_allclose(
            mirror @ turn @ mirror, Rotation.from_rotvec(expected.head[0]).as_matrix(), atol=1e-5
        )
        assert received[0] == ("/VMC/Ext/OK", (1,))
        assert stream.sender.sent == 1


def _read_live_link(packet: bytes) -> tuple[int, str, str, float, np.ndarray]:
    """Written from the layout in Unreal's AppleARKitLiveLinkSource.cpp."""
    position = 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from(">" + form, packet, position)
        position += struct.calcsize(">" + form)
        return values

    (version,) = take("B")
    texts = []
    for _ in range(2):
        (length,) = take("i")
        texts.append(packet[position : position + length].decode())
        position += length
    frame, sub_frame, numerator, denominator = take("ifii")
    (count,) = take("B")
    values = np.array(take(f"{count}f"))
    assert position == len(packet)
    assert 0 <= sub_frame < 1
    return version, texts[0], texts[1], (frame + sub_frame) * denominator / numerator, values


class TestLiveLink:
    def test_each_face_arrives_under_its_own_name(
        self, head: HeadModel, mapper: ArkitMapper, tracked: TrackedFrame, receiver: socket.socket
    ) -> None:
        stream = LiveLinkStream(head, *receiver.getsockname(), subject="Ada", mapper=mapper)
        stream.send(tracked)
        stream.close()
        packets = [_read_live_link(receiver.recv(4096)) for _ in range(2)]
        assert [packet[2] for packet in packets] == ["Ada", "Ada-2"]
        for (version, device, _, _, values), face in zip(packets, tracked.faces, strict=True):
            assert version == 6
            assert len(device) == 36
            assert len(values) == 61
            expected = mapper(face.code, face.crop_to_photo[None])
            np.testing.assert_allclose(values, expected.live_link[0], atol=1e-6)
        yaw = packets[0][4][LIVE_LINK_NAMES.index("headYaw")]
        assert yaw == pytest.approx(expected.angles[0, ANGLE_NAMES.index("headYaw")], abs=1e-6)

    def test_time_goes_on_and_wraps_at_midnight(self) -> None:
        values = np.zeros(61, np.float32)
        assert _read_live_link(live_link_packet("d", "s", 12.34, values))[3] == pytest.approx(12.34, abs=1e-4)
        assert _read_live_link(live_link_packet("d", "s", 86400.5, values))[3] == pytest.approx(0.5, abs=1e-3)

    def test_a_face_that_is_not_seen_is_not_sent(
        self, head: HeadModel, mapper: ArkitMapper, tracked: TrackedFrame, receiver: socket.socket
    ) -> None:
        hidden = tuple(replace(face, state=FaceState.HIDDEN) for face in tracked.faces)
        stream = LiveLinkStream(head, *receiver.getsockname(), mapper=mapper)
        stream.send(replace(tracked, faces=hidden))
        stream.send(replace(tracked, faces=()))
        stream.close()
        assert stream.sender.sent == stream.sender.skipped == 0


class TestUdp:
    def test_no_more_frames_go_out_than_allowed(self, receiver: socket.socket) -> None:
        now = [0.0]
        sender = UdpSender(*receiver.getsockname(), rate=30, clock=lambda: now[0])
        rng = np.random.default_rng(1)
        for frame in range(300):  # a 60 Hz camera
            now[0] = frame / 60 + rng.uniform(-0.003, 0.003)
            if sender.ready():
                sender.send([b"x"])
        sender.close()
        assert 140 <= sender.sent <= 152
        assert sender.sent + sender.skipped == 300

    def test_a_camera_of_just_that_rate_loses_nothing(self, receiver: socket.socket) -> None:
        now = [0.0]
        sender = UdpSender(*receiver.getsockname(), rate=30, clock=lambda: now[0])
        rng = np.random.default_rng(1)
        passed = 0
        for frame in range(300):
            now[0] = frame / 30 + rng.uniform(-0.001, 0.001)
            passed += sender.ready()
        sender.close()
        assert passed >= 295

    def test_nobody_listening_neither_waits_nor_raises(self, head: HeadModel, mapper: ArkitMapper) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
            mine.bind(("127.0.0.1", 0))
            port = mine.getsockname()[1]
        stream = VmcStream(head, "127.0.0.1", port, rate=1e6, mapper=mapper)
        frames = [frame for frame, _ in performance(head)]
        started = time.perf_counter()
        for frame in frames:
            stream.send(frame)
        stream.close()
        assert time.perf_counter() - started < 2.0

    def test_a_full_network_buffer_is_counted_not_raised(self, receiver: socket.socket) -> None:
        sender = UdpSender(*receiver.getsockname())
        sender.send([b"x" * 70_000])  # longer than any datagram
        assert sender.failed == 1
        assert sender.last_error
        sender.close()
        sender.close()

    @pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 0), ("127.0.0.1", 70000), ("x" * 70, 9)])
    def test_an_address_that_is_none_is_refused(self, host: str, port: int) -> None:
        with pytest.raises(SettingsError):
            UdpSender(host, port)


class TestOpening:
    def test_by_name(self, head: HeadModel) -> None:
        for text, kind, port in (
            ("vmc", VmcStream, 39539),
            ("livelink://127.0.0.1:11112/Ada", LiveLinkStream, 11112),
            ("vmc://localhost", VmcStream, 39539),
        ):
            stream = open_stream(text, head)
            assert isinstance(stream, kind)
            assert stream.sender.address[1] == port
            stream.close()

    @pytest.mark.parametrize("text", ["", "udp://x", "vmc://x:port", "vmc://127.0.0.1:99999", "livelink://127.0.0.1:0"])
    def test_what_is_no_stream_is_refused(self, head: HeadModel, text: str) -> None:
        with pytest.raises(SettingsError):
            open_stream(text, head)
