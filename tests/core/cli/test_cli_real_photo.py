"""A real photo, from the command line to the files, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("real")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)).save(folder / "noise.png")
    arguments = ["reconstruct", str(folder), "--out", str(folder / "out"), "--format", "glb,npz,json", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "fields_core.cli", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    return done, folder


def test_a_real_photo_becomes_a_head(astronaut: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = astronaut
    assert done.returncode == 1, done.stderr
    photo, noise = json.loads(done.stdout)["photos"]
    assert photo["path"] == str(folder / "astronaut.png")
    (face,) = photo["faces"]
    assert face["landmark_error"] < 0.03
    assert face["expression"]["mouthSmileLeft"] > 0.2
    left, top, right, bottom = face["box"]
    assert 150 < left < right < 300
    assert 50 < top < bottom < 220
    assert max(map(abs, face["head_pose_degrees"])) < 40
    assert [Path(file).name for file in face["files"]] == ["face-1.glb", "face-1.npz", "face-1.json"]
    assert "No face" in noise["error"]


def test_nothing_of_the_libraries_reaches_the_terminal(
    astronaut: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    lines = astronaut[0].stderr.splitlines()
    for word in ("TensorFlow", "XNNPACK", "mediapipe", "absl", "W0000", "I0000", "Warning", "EGL"):
        assert not [line for line in lines if word in line]


def test_the_real_head_is_small_enough_to_send(astronaut: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert 200_000 < (astronaut[1] / "out" / "astronaut" / "face-1.glb").stat().st_size < 10_000_000
