"""What the settings store gives back, made safe: anybody may have edited it, and folders go away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths


def stored_folder(store: QSettings, key: str, fallback: QStandardPaths.StandardLocation) -> Path:
    """A folder that is still there, or else a standard one."""
    remembered = str(store.value(key, ""))
    if remembered and Path(remembered).is_dir():
        return Path(remembered)
    return Path(QStandardPaths.writableLocation(fallback) or Path.home())


def stored_flag(store: QSettings, key: str, default: bool = False) -> bool:
    """A switch; the store may hold it as a word."""
    return str(store.value(key, default)).lower() in ("true", "1")


def stored_name(store: QSettings, key: str, allowed: Sequence[str], default: str) -> str:
    """One of the names allowed."""
    value = str(store.value(key, default))
    return value if value in allowed else default
