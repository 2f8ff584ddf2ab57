"""Live Link Face: what Epic's telephone app sends to Unreal, over UDP.

One packet a face and frame, all numbers big endian (the layout of FAppleARKitLiveLinkSource, packet version 6):

    uint8 version = 6 | int32 n, n bytes device id | int32 n, n bytes subject name
    | int32 frame, float32 sub-frame, int32 frames a second, int32 divisor | uint8 61 | 61 float32

The 61 values are `arkit.LIVE_LINK_NAMES`, angles in radians. In Unreal: Message Bus / "Live Link Face" listens on port
11111; the subject is the name given here.
"""

from __future__ import annotations

import struct
import time
import uuid

from fields_core.head.model import HeadModel
from fields_core.live.tracked import TrackedFrame
from fields_core.streams.arkit import LIVE_LINK_NAMES, ArkitMapper, Floats
from fields_core.streams.udp import MOST_A_SECOND, UdpSender

PORT = 11111
VERSION = 6
_DAY = 24 * 3600
_TIMECODE_RATE = 60


def live_link_packet(device: str, subject: str, seconds: float, values: Floats, rate: int = _TIMECODE_RATE) -> bytes:
    """One packet.

    Args:
        device: id of the sender.
        subject: name of the face in Unreal.
        seconds: the moment, since midnight.
        values: (61,) in the order of `LIVE_LINK_NAMES`.
        rate: frames a second of the time code.
    """
    frames = (seconds % _DAY) * rate
    return (
        struct.pack(">B", VERSION)
        + _text(device)
        + _text(subject)
        + struct.pack(">ifii", int(frames), frames % 1.0, rate, 1)
        + struct.pack(f">B{len(LIVE_LINK_NAMES)}f", len(LIVE_LINK_NAMES), *values.tolist())
    )


class LiveLinkStream:
    """Sends every tracked face as a Live Link subject: ``subject``, then ``subject-2``, ... by id.

    Attributes:
        sender: with the counts of what was sent.
    """

    def __init__(
        self,
        head: HeadModel,
        host: str = "127.0.0.1",
        port: int = PORT,
        *,
        subject: str = "FIELDS",
        rate: float = MOST_A_SECOND,
        mapper: ArkitMapper | None = None,
    ) -> None:
        """Raises:
        SettingsError: an address or rate that makes no sense, or a head model that cannot be mapped to ARKit.
        """
        self._mapper = mapper if mapper is not None else ArkitMapper(head)
        self.sender = UdpSender(host, port, rate)
        self._subject = subject
        self._device = str(uuid.uuid4()).upper()
        clock = time.localtime()
        self._start = clock.tm_hour * 3600 + clock.tm_min * 60 + clock.tm_sec

    def send(self, tracked: TrackedFrame) -> None:
        """Send one frame, or skip it; never waits and never raises for the network's sake."""
        faces = [face for face in tracked.faces if face.seen]
        if not faces or not self.sender.ready():
            return
        packets = []
        for face in faces:
            values = self._mapper(face.code, face.crop_to_photo[None]).live_link[0]
            name = self._subject if face.id == 0 else f"{self._subject}-{face.id + 1}"
            packets.append(live_link_packet(self._device, name, self._start + tracked.timestamp, values))
        self.sender.send(packets)

    def close(self) -> None:
        """Safe to repeat."""
        self.sender.close()


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack(">i", len(data)) + data
