"""A clip of numbered pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from tests.core.live.films import FRAMES, picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "steps.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for number in range(FRAMES):
        writer.write(picture(number))
    writer.release()
    return path
