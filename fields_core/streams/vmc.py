"""VMC, the Virtual Motion Capture protocol (protocol.vmc.info): blend shapes and bones for avatars, as OSC over UDP.

We are a "Performer": each frame sends ``/VMC/Ext/OK`` 1, ``/VMC/Ext/T`` seconds, ``/VMC/Ext/Bone/Pos`` for head and
eyes, ``/VMC/Ext/Blend/Val`` for the 52 ARKit names ("perfect sync") and at last ``/VMC/Ext/Blend/Apply``, in bundles
that fit an Ethernet frame.

Bones are in Unity's frame: left-handed, Y up, Z forward, X to the person's right. Our X points to the left, so vectors
change the sign of x, and rotations those of y and z. Bone positions are 0: an avatar keeps its own.
"""

from __future__ import annotations

from scipy.spatial.transform import Rotation

from fields_core.head.model import HeadModel
from fields_core.live.tracked import TrackedFace, TrackedFrame
from fields_core.streams import osc
from fields_core.streams.arkit import ARKIT_NAMES, ArkitFrames, ArkitMapper, Floats
from fields_core.streams.udp import MOST_A_SECOND, UdpSender

PORT = 39539  # of the "Marionette", the program that draws
LARGEST_PACKET = 1400  # bytes; an Ethernet frame holds 1500 with its headers


def vmc_messages(frame: ArkitFrames, seconds: float) -> list[bytes]:
    """The OSC messages of one face."""
    messages = [osc.message("/VMC/Ext/OK", 1), osc.message("/VMC/Ext/T", float(seconds))]
    for bone, turn in (("Head", frame.head[0]), ("LeftEye", frame.eyes[0, 0]), ("RightEye", frame.eyes[0, 1])):
        messages.append(osc.message("/VMC/Ext/Bone/Pos", bone, 0.0, 0.0, 0.0, *_unity_quaternion(turn)))
    for name, value in zip(ARKIT_NAMES, frame.shapes[0].tolist(), strict=True):
        messages.append(osc.message("/VMC/Ext/Blend/Val", name, value))
    return [*messages, osc.message("/VMC/Ext/Blend/Apply")]


class VmcStream:
    """Sends one tracked face, the one with the least id that is seen, to a VMC receiver.

    Attributes:
        sender: with the counts of what was sent.
    """

    def __init__(
        self,
        head: HeadModel,
        host: str = "127.0.0.1",
        port: int = PORT,
        *,
        rate: float = MOST_A_SECOND,
        mapper: ArkitMapper | None = None,
    ) -> None:
        """Raises:
        SettingsError: an address or rate that makes no sense, or a head model that cannot be mapped to ARKit.
        """
        self._mapper = mapper if mapper is not None else ArkitMapper(head)
        self.sender = UdpSender(host, port, rate)

    def send(self, tracked: TrackedFrame) -> None:
        """Send one frame, or skip it; never waits and never raises for the network's sake."""
        face: TrackedFace | None = next((face for face in tracked.faces if face.seen), None)
        if face is None or not self.sender.ready():
            return
        frame = self._mapper(face.code, face.crop_to_photo[None])
        self.sender.send(osc.bundles(vmc_messages(frame, tracked.timestamp), LARGEST_PACKET))

    def close(self) -> None:
        """Safe to repeat."""
        self.sender.close()


def _unity_quaternion(turn: Floats) -> list[float]:
    """Axis-angle in the model frame -> x, y, z, w in Unity's."""
    x, y, z, w = Rotation.from_rotvec(turn).as_quat()
    return [float(x), float(-y), float(-z), float(w)]
