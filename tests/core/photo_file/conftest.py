"""A picture whose orientation shows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.photo_file.pictures import BLUE, GREEN, HEIGHT, RED, WHITE, WIDTH


@pytest.fixture
def quadrants() -> np.ndarray:
    """(40, 60, 3): red, green / blue, white: its orientation shows."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = RED
    picture[: HEIGHT // 2, WIDTH // 2 :] = GREEN
    picture[HEIGHT // 2 :, : WIDTH // 2] = BLUE
    picture[HEIGHT // 2 :, WIDTH // 2 :] = WHITE
    return picture
