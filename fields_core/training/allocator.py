"""Memory that training frees and takes again at every step."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of glibc's malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep large freed blocks for the process instead of handing them back to the system.

    A step allocates the same hundreds of megabytes as the one before; clearing the system's fresh pages takes as long
    as computing on them. For the rest of the process.

    Returns:
        Whether it did: elsewhere than on Linux with glibc nothing changes.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_TRIM_THRESHOLD, _NEVER)) and bool(library.mallopt(_MMAP_THRESHOLD, _NEVER))
