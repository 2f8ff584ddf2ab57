"""Streams by name: ``vmc://host:port``, ``livelink://host:port``."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from fields_core.errors import SettingsError
from fields_core.head.model import HeadModel
from fields_core.live.tracked import TrackedFrame
from fields_core.streams import live_link, vmc
from fields_core.streams.udp import UdpSender

KINDS = ("vmc", "livelink")


class Stream(Protocol):
    """Sends tracked frames to another program."""

    sender: UdpSender

    def send(self, tracked: TrackedFrame) -> None:
        """Send one frame, or skip it; never waits and never raises for the network's sake."""

    def close(self) -> None:
        """Safe to repeat."""


def open_stream(address: str, head: HeadModel, rate: float = 60.0) -> Stream:
    """Open a stream.

    Args:
        address: ``vmc://host:port`` or ``livelink://host:port/subject``; ``vmc`` alone is this computer and the
            protocol's own port.
        head: whose codes will be sent.
        rate: the most frames a second.

    Raises:
        SettingsError: an unknown kind, or a host or port that makes no sense.
    """
    text = address if "://" in address else f"{address}://"
    try:
        parts = urlsplit(text)
        kind, host, port = parts.scheme, parts.hostname or "127.0.0.1", parts.port
    except ValueError as cause:
        raise _unknown(address, str(cause)) from cause
    if kind == "vmc":
        return vmc.VmcStream(head, host, vmc.PORT if port is None else port, rate=rate)
    if kind == "livelink":
        subject = parts.path.strip("/") or "FIELDS"
        return live_link.LiveLinkStream(
            head, host, live_link.PORT if port is None else port, subject=subject, rate=rate
        )
    raise _unknown(address, kind)


def _unknown(address: str, found: str) -> SettingsError:
    return SettingsError(
        f"{address} is no stream",
        expected="vmc://host:port or livelink://host:port/subject",
        found=found,
        remedy="For this computer: vmc or livelink.",
    )
