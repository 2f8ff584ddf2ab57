"""Packets to another program, now or not at all: nothing here waits, and nothing raises while the camera runs."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from fields_core.errors import SettingsError

MOST_A_SECOND = 60.0
_EARLY = 0.25  # of the distance of two frames


class UdpSender:
    """Sends the packets of one frame at a time to one address, at most so many frames a second.

    Attributes:
        sent: frames that went out.
        skipped: frames that came too soon after the one before.
        failed: frames the network did not take (nobody's error: the receiver may start later).
        last_error: what it said, "" if all went well.
    """

    def __init__(
        self, host: str, port: int, rate: float = MOST_A_SECOND, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Args:
            host: name or address; looked up once, here.
            port: 1 to 65535.
            rate: the most frames a second.
            clock: seconds; for tests.

        Raises:
            SettingsError: an unknown host, a port that is none, or a rate that is not above 0.
        """
        if not 0 < port < 65536:
            raise SettingsError("There is no such port", expected="1 to 65535", found=str(port))
        if not rate > 0:
            raise SettingsError("A stream needs a rate above 0", expected="frames a second", found=str(rate))
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, protocol)
            self.address: Any = address
        except (OSError, UnicodeError) as cause:
            raise SettingsError(
                f"Cannot send to {host}", expected="a name or address on the network", found=str(cause),
                remedy="Check the host. 127.0.0.1 is this computer.",
            ) from cause  # fmt: skip
        self._socket.setblocking(False)
        self._interval, self._clock = 1.0 / rate, clock
        self._next = -float("inf")
        self.sent = self.skipped = self.failed = 0
        self.last_error = ""

    def ready(self) -> bool:
        """Whether a frame may go now; if not it is counted as skipped. Ask before the work of packing one."""
        now = self._clock()
        # Frames go on a grid of due times, and a quarter early is on time: a camera of exactly this rate that jitters
        # must not lose every other frame. After a pause the grid starts anew.
        if now < self._next - _EARLY * self._interval:
            self.skipped += 1
            return False
        self._next = max(self._next, now - _EARLY * self._interval) + self._interval
        return True

    def send(self, packets: Sequence[bytes]) -> None:
        """Hand the packets of one frame to the network."""
        try:
            for packet in packets:
                self._socket.sendto(packet, self.address)
            self.sent += 1
        except OSError as error:
            self.failed += 1
            self.last_error = error.strerror or str(error)

    def close(self) -> None:
        """Safe to repeat."""
        self._socket.close()
