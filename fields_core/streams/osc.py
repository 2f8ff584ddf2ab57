"""Open Sound Control 1.0 packets: what VMC needs of them (opensoundcontrol.org, "The Open Sound Control 1.0
Specification")."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Argument = int | float | str

_IMMEDIATELY = struct.pack(">Q", 1)


def message(address: str, *arguments: Argument) -> bytes:
    """One message; integers become int32, floats float32, texts OSC strings."""
    tags, data = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags, data = tags + "s", data + _string(argument)
        elif isinstance(argument, int):
            tags, data = tags + "i", data + struct.pack(">i", argument)
        else:
            tags, data = tags + "f", data + struct.pack(">f", argument)
    return _string(address) + _string(tags) + data


def bundles(messages: Sequence[bytes], limit: int) -> list[bytes]:
    """The messages as bundles "now", in order, none larger than ``limit`` bytes unless one message alone is."""
    packets: list[bytes] = []
    current = b""
    for body in messages:
        element = struct.pack(">i", len(body)) + body
        if current and 16 + len(current) + len(element) > limit:
            packets.append(_HEAD + current)
            current = b""
        current += element
    return [*packets, _HEAD + current] if current else packets


def _string(text: str) -> bytes:
    """ASCII, ended by one to four zeros up to a multiple of four bytes."""
    data = text.encode("ascii", "replace")
    return data + b"\0" * (4 - len(data) % 4)


_HEAD = _string("#bundle") + _IMMEDIATELY
