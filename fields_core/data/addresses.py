"""Where training data lie, in words: a path, an address elsewhere, or a number of heads to render. Loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

RENDERED = "rendered:"
"""Beginning of an address that means so many heads to render: ``rendered:2000``."""

Addresses = Path | str | Sequence[Path | str]
"""One folder of shards or several: paths, or addresses elsewhere."""


def address_list(addresses: Addresses) -> tuple[Path | str, ...]:
    """One address as a list of one."""
    return (addresses,) if isinstance(addresses, Path | str) else tuple(addresses)


def is_remote(address: str | Path) -> bool:
    """Whether an address lies elsewhere than in this machine's file system."""
    return "://" in str(address) or str(address).startswith("pipe:")


def absolute(address: str | Path) -> str:
    """A path as processes with other working directories find it too; whatever else it may be stays as it is."""
    text = str(address)
    if not text or is_remote(text) or text.startswith(RENDERED):
        return text
    return str(Path(text).expanduser().absolute())
