"""How much memory a process that reconstructs photos takes, and whether it grows from photo to photo.

Measured in a process of its own, so that what other topics left behind does not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from skimage import data

from tests.benchmarks.bench import Row

_PHOTOS = 40
_MEGABYTE = 1 << 20


def measure() -> list[Row]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_memory"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    imported, first, last = json.loads(output)
    return [
        Row("memory with everything imported", imported, "MB"),
        Row("memory after the first photo, with texture", first, "MB", imported, note="against the imports alone"),
        Row(f"memory after {_PHOTOS} photos more", last, "MB", first, note="against the first photo"),
    ]


def _resident() -> float:
    """Megabytes of this process in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE


def _watch() -> list[float]:
    from fields_core.detection.photo_file import photo_from_array
    from fields_core.pipeline import Reconstructor

    memory = [_resident()]
    photo = photo_from_array(data.astronaut())
    with Reconstructor() as reconstructor:
        for _ in range(2):  # the second has nothing left to compile or to load
            reconstructor.reconstruct(photo)
        memory.append(_resident())
        for _ in range(_PHOTOS):
            reconstructor.reconstruct(photo)
        memory.append(_resident())
    return memory


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_watch()))
