"""Picture files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def photos(folder: Path, count: int) -> list[Path]:
    """So many pictures of one colour each, in a folder."""
    paths = [folder / f"photo_{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full((60, 80, 3), 40 * i % 256, np.uint8)).save(path)
    return paths
