"""Takes are written as they come."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.errors import ExportError
from fields_core.head import HeadModel
from fields_core.takes.recorder import TakeRecorder
from fields_core.takes.take import Take, load_take
from tests.heads import tiny_head_file
from tests.takes import HEIGHT, WIDTH, performance, record


class TestRecording:
    def test_gives_back_what_was_tracked(self, take: Take, head: HeadModel) -> None:
        frames = [tracked for tracked, _ in performance(head, people=2)]
        assert len(take) == len(frames) == 60
        np.testing.assert_array_equal(take.timestamps, [frame.timestamp for frame in frames])
        assert take.note == ""
        for track in take.tracks:
            for row, frame in enumerate(frames):
                face = frame.face(track.face_id)
                assert face is not None
                for name in ("shape", "expression", "head_pose", "camera", "lighting"):
                    assert torch.equal(getattr(track.code, name)[row], getattr(face.code, name)[0])
                np.testing.assert_array_equal(track.crop_to_photo[row], face.crop_to_photo)
                assert track.emotion[row, 1] == pytest.approx(0.65)

    def test_keeps_the_pictures(self, take: Take, head: HeadModel) -> None:
        pictures = [frame.pixels for _, frame in performance(head)]
        for index in (0, 30, 59):
            picture = take.picture(index)
            assert picture is not None
            assert picture.shape == (HEIGHT, WIDTH, 3)
            assert np.abs(picture.astype(int) - pictures[index]).mean() < 2

    def test_without_video_there_are_no_pictures(self, head: HeadModel, tmp_path: Path) -> None:
        take = load_take(record(tmp_path / "a.take", head))
        assert not take.has_pictures
        assert take.picture(0) is None

    def test_never_overwrites_a_take(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head, seconds=0.1)
        before = path.read_bytes()
        with pytest.raises(ExportError, match="Cannot record"):
            TakeRecorder(path, head)
        assert path.read_bytes() == before

    def test_ignores_a_frame_that_goes_back_in_time(self, head: HeadModel, tmp_path: Path) -> None:
        frames = list(performance(head, seconds=0.1))
        with TakeRecorder(tmp_path / "a.take", head) as recorder:
            for tracked, frame in (frames[0], frames[1], frames[0]):
                recorder.write(tracked, frame)
        assert len(load_take(tmp_path / "a.take")) == 2

    def test_a_slow_disk_costs_pictures_but_no_codes(
        self, head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fields_core.takes.recorder._jpeg", lambda pixels: time.sleep(0.01) or b"slow")
        with TakeRecorder(tmp_path / "a.take", head, pictures=True) as recorder:
            for tracked, frame in performance(head):
                recorder.write(tracked, frame)
        assert recorder.dropped_pictures > 0
        assert len(load_take(tmp_path / "a.take")) == 60

    def test_a_full_disk_is_told_when_closing(
        self, head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = TakeRecorder(tmp_path / "a.take", head)
        monkeypatch.setattr(
            "fields_core.takes.record_file.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        for tracked, frame in performance(head, seconds=0.2):
            recorder.write(tracked, frame)
        with pytest.raises(ExportError, match="Cannot record"):
            recorder.close()
        recorder.close()

    def test_a_killed_process_loses_at_most_a_second(self, tmp_path: Path) -> None:
        script = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from dataclasses import replace\n"
            "from fields_core.head import load_head\n"
            "from fields_core.takes.recorder import TakeRecorder\n"
            "from tests.takes import performance\n"
            "head = load_head(Path(sys.argv[2]))\n"
            "recorder = TakeRecorder(Path(sys.argv[1]), head, pictures=True)\n"
            "for tracked, frame in performance(head, seconds=600):\n"
            "    recorder.write(tracked, frame)\n"
            "    print(tracked.timestamp, flush=True)\n"
            "    time.sleep(1 / 30)\n"
        )
        path, model = tmp_path / "killed.take", tiny_head_file(tmp_path / "head.npz")
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(model)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert process.stdout is not None
        last = 0.0
        for line in process.stdout:
            last = float(line)
            if last > 6.0:
                process.send_signal(signal.SIGKILL)
                break
        last = max([last, *(float(line) for line in process.stdout.read().split())])
        process.stdout.close()
        process.wait()
        take = load_take(path)
        assert last - take.timestamps[-1] < 1.0
        assert take.picture(len(take) - 1) is not None
