"""The overlay, and turntables as video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fields_core.datatypes import Reconstruction
from fields_core.export import export_head
from fields_core.export.video import write_video
from fields_core.head import HeadModel


def test_the_overlay_is_the_photo_with_a_head_on_it(
    reconstruction: Reconstruction, head: HeadModel, tmp_path: Path
) -> None:
    path = export_head(reconstruction, head, tmp_path, ["overlay"])[0]
    assert path.name == "head-overlay.jpg"
    picture = np.asarray(Image.open(path)).astype(int)
    assert picture.shape == reconstruction.photo.pixels.shape
    changed = np.abs(picture - reconstruction.photo.pixels).max(2) > 12
    assert 0.05 < changed.mean() < 0.9
    assert not changed[:, :20].any()


def _frames() -> list[np.ndarray]:
    """A bright bar that moves to the right."""
    frames = [np.full((64, 96, 3), 30, np.uint8) for _ in range(6)]
    for number, frame in enumerate(frames):
        frame[:, 12 * number : 12 * number + 12] = [250, 60, 60]
    return frames


def test_a_video_plays_the_frames_in_order(tmp_path: Path) -> None:
    (path,) = write_video(_frames(), tmp_path / "ünï turn.mp4")
    capture = cv2.VideoCapture(str(path))
    try:
        for number in range(6):
            read, frame = capture.read()
            assert read
            assert abs(int(frame[..., 2].mean(0).argmax()) - (12 * number + 6)) <= 8
            assert frame[:, 12 * number + 6, 2].mean() > frame[:, 12 * number + 6, 0].mean() + 80  # red stays red
        assert not capture.read()[0]
    finally:
        capture.release()


def test_without_an_encoder_the_video_becomes_a_gif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoEncoder:
        def __init__(self, *_: object) -> None: ...

        fourcc = staticmethod(cv2.VideoWriter.fourcc)

        def isOpened(self) -> bool:
            return False

        def release(self) -> None: ...

    monkeypatch.setattr("fields_core.export.video.cv2.VideoWriter", NoEncoder)
    (path,) = write_video(_frames(), tmp_path / "turn.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["turn.gif"]
    with Image.open(path) as gif:
        assert gif.n_frames == 6
        gif.seek(5)
        assert np.asarray(gif.convert("RGB"))[:, 60:, 0].mean() > 100
