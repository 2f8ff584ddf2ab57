"""The live path: how quick, how late, and whether it grows. One face, 640 x 480.

    python -m tests.benchmarks.bench live               the rows below
    python -m tests.benchmarks.bench_live 30            memory only: 30 minutes of looped video, one line a minute

How steady it is: `bench_live_steadiness`. The display is not in here (`bench_live_window`): what counts is the time
from a frame that was read to the vertices of its head. The detector alone is measured in the same run, for machines are
seldom idle.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage import data

from fields_core.detection.face_detector import FaceDetector
from fields_core.head import HeadModel, load_head
from fields_core.live.clip import MemoryClip
from fields_core.live.pipeline import LivePipeline, LiveResult
from fields_core.live.simulated import SimulatedCamera
from fields_core.live.tracker import DEFAULT_FACES, Tracker
from fields_core.live.video import VideoSource
from tests.benchmarks.bench import Row
from tests.benchmarks.bench_memory import _resident

_RATE = 30.0
_NOISE = 4.0  # standard deviation of the sensor's noise, of 255
_CLIPS = Path(__file__).parents[3] / "shared" / "data" / "video"


def measure() -> list[Row]:
    torch.set_num_threads(1)
    head = load_head()
    return [*_flat_out(head), *_as_camera(head), *_clips(head), _memory()]


def _still() -> NDArray[np.uint8]:
    """(480, 640, 3): the astronaut, face about 150 pixels wide."""
    return cv2.resize(data.astronaut()[0:300, 60:460], (640, 480), interpolation=cv2.INTER_CUBIC)


def _moving(frames: int) -> list[NDArray[np.uint8]]:
    """The astronaut swaying, with noise: no two pictures are alike."""
    rng, still = np.random.default_rng(0), _still()
    pictures = []
    for number in range(frames):
        phase = 2 * np.pi * number / frames
        shift = np.array([[1.0, 0.0, 40 * np.sin(phase)], [0.0, 1.0, 15 * np.sin(2 * phase)]])
        pictures.append(_noisy(cv2.warpAffine(still, shift, (640, 480), borderMode=cv2.BORDER_REFLECT), rng))
    return pictures


def _noisy(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.clip(picture + rng.normal(0.0, _NOISE, picture.shape), 0, 255).astype(np.uint8)


def _flat_out(head: HeadModel, frames: int = 240) -> list[Row]:
    clip = MemoryClip(_moving(60), _RATE, loop=True)
    clip.open()
    alone, whole, alone_busy, whole_busy = [], [], [], []
    with FaceDetector(mode="video", max_faces=DEFAULT_FACES) as detector, Tracker(head) as tracker:
        for number in range(frames + 60):
            frame = clip.read()
            assert frame is not None
            start, start_busy = time.perf_counter(), time.process_time()
            detector.detect_frame(frame.pixels, round(1e3 * frame.timestamp))
            between, between_busy = time.perf_counter(), time.process_time()
            tracked = tracker.track(frame)
            _shown(head, tracked.faces)
            if number >= 60:  # the identity is locked
                alone.append(between - start)
                whole.append(time.perf_counter() - between)
                alone_busy.append(between_busy - start_busy)
                whole_busy.append(time.process_time() - between_busy)
    alone_rate, whole_rate = 1.0 / np.mean(alone), 1.0 / np.mean(whole)
    return [
        Row(
            "live: frames/s flat out, frame to vertices (limit 45)",
            float(whole_rate),
            "1/s",
            45.0,
            higher_is_better=True,
            note=f"detector alone, same run: {alone_rate:.0f}/s, so {whole_rate / alone_rate:.2f} of it",
        ),
        Row(
            "live: processor time of a frame, on however busy a machine",
            1e3 * float(np.median(whole_busy)),
            "ms",
            1e3 * float(np.median(alone_busy)),
            note="against the detector alone",
        ),
    ]


def _as_camera(head: HeadModel, seconds: float = 8.0) -> list[Row]:
    """A 30 frames/s camera on the two threads of the pipeline."""
    latencies: list[float] = []

    def show(result: LiveResult) -> None:
        _shown(head, result.tracked.faces)
        latencies.append(time.perf_counter() - result.captured)

    camera = SimulatedCamera(MemoryClip(_moving(60), _RATE))
    pipeline = LivePipeline(camera, lambda: Tracker(head), show)
    pipeline.start()
    while pipeline.latest is None and pipeline.running:
        time.sleep(0.01)
    time.sleep(1.5)  # the identity is locked
    before, late = pipeline.counters, len(latencies)
    missed = camera.missed
    time.sleep(seconds)
    after = pipeline.counters
    pipeline.stop()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("fields-")]
    lost = after.dropped - before.dropped + camera.missed - missed
    p95 = 1e3 * float(np.percentile(latencies[late:], 95))
    note = f"of {after.tracked - before.tracked} tracked; threads left: {len(threads)}"
    counters = f"wait {1e3 * after.wait:.0f}, detect {1e3 * after.detect:.0f}, code {1e3 * after.code:.0f} ms"
    return [
        Row(f"live: frames lost of a {_RATE:.0f}/s camera (limit 0)", float(lost), "frames", note=note),
        Row("live: latency p95, frame read to vertices (limit 50)", p95, "ms", 50.0, note=f"means: {counters}"),
    ]


def _clips(head: HeadModel) -> list[Row]:
    """Two recorded clips, where they are at hand."""
    rows = []
    for name, wanted in (("single_face.mp4", "every one"), ("no_face.mp4", "none")):
        if not (_CLIPS / name).is_file():
            continue
        source = VideoSource(_CLIPS / name)
        source.open()
        with Tracker(head) as tracker:
            seen = [any(face.seen for face in tracker.track(frame).faces) for frame in iter(source.read, None)]
        source.close()
        rows.append(Row(f"live: {name}, frames with a head", sum(seen), "frames", note=f"of {len(seen)}; {wanted} has"))
    return rows


def _shown(head: HeadModel, faces: tuple) -> NDArray[np.float32]:  # type: ignore[type-arg]
    """What a display needs: the vertices of the first face."""
    with torch.no_grad():
        return head(faces[0].code)[0].numpy()


def _memory() -> Row:
    """In a process of its own, so that what other topics left behind does not count."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_live", "0.5"]
    first, last, frames = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    )
    note = f"from {first:.0f} MB, over {frames} frames; long run: python -m tests.benchmarks.bench_live 30"
    return Row("live: memory grown in half a minute of looped video (limit 50)", last - first, "MB", note=note)


def _watch(minutes: float) -> None:
    """Loop a clip flat out through the pipeline; a line a minute, then [MB at first, MB at last, frames]."""
    torch.set_num_threads(1)
    head = load_head()
    clip = MemoryClip(_moving(60), _RATE, loop=True)
    pipeline = LivePipeline(clip, lambda: Tracker(head), lambda result: None, lossless=True)
    pipeline.start()
    settled = 0.2 * min(60.0 * minutes, 60.0)
    while pipeline.counters.tracked < 90:
        time.sleep(0.1)
    time.sleep(settled)
    gc.collect()
    first, start = _resident(), time.monotonic()
    while (left := start + 60.0 * minutes - time.monotonic()) > 0.0:
        time.sleep(min(left, 60.0))
        sys.stdout.write(f"{(time.monotonic() - start) / 60.0:.1f} min {_resident():.1f} MB\n")
        sys.stdout.flush()
    gc.collect()
    last, frames = _resident(), pipeline.counters.tracked
    if not pipeline.stop():
        raise SystemExit("a thread is left")
    sys.stdout.write(json.dumps([first, last, frames]) + "\n")


if __name__ == "__main__":
    _watch(float(sys.argv[1]))
