"""Two threads between camera and head: the latest frame wins, nothing piles up, nothing hangs, everything ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fields_core.errors import AssetMissingError, SourceError
from fields_core.live.clip import MemoryClip
from fields_core.live.pipeline import LivePipeline, LiveResult, LiveState
from fields_core.live.simulated import SimulatedCamera, Stall, Unplug
from fields_core.live.tracked import Frame, TrackedFrame


class FakeTracker:
    """Takes its time and notes what it was given."""

    def __init__(self, seconds: float = 0.0, fails_at: int | None = None) -> None:
        self.seconds, self.fails_at = seconds, fails_at
        self.numbers: list[int] = []
        self.closed = False
        self.calm = 0.5

    def track(self, frame: Frame) -> TrackedFrame:
        time.sleep(self.seconds)
        if frame.number == self.fails_at:
            raise ValueError("broken")
        self.numbers.append(frame.number)
        return TrackedFrame(frame.timestamp, frame.number, frame.size)

    def __enter__(self) -> FakeTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def clip(frames: int, rate: float = 200.0, loop: bool = False) -> MemoryClip:
    return MemoryClip([np.zeros((8, 8, 3), np.uint8)] * frames, rate, loop)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def run(source: object, tracker: FakeTracker, **options: object) -> LivePipeline:
    pipeline = LivePipeline(source, lambda: tracker, **options)  # type: ignore[arg-type]
    pipeline.start()
    return pipeline


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("fields-")])


def test_a_lossless_run_tracks_every_frame_and_then_finishes() -> None:
    tracker, results = FakeTracker(0.001), list[LiveResult]()
    pipeline = run(clip(40), tracker, listener=results.append, lossless=True)
    pipeline.join()
    assert tracker.numbers == list(range(40)) == [result.tracked.number for result in results]
    assert pipeline.state is LiveState.FINISHED
    assert tracker.closed
    assert (pipeline.counters.captured, pipeline.counters.tracked, pipeline.counters.dropped) == (40, 40, 0)


def test_a_slow_tracker_gets_the_latest_frame_and_counts_what_it_missed() -> None:
    tracker = FakeTracker(0.05)
    camera = SimulatedCamera(clip(100_000, rate=200.0))
    pipeline = run(camera, tracker)
    until(lambda: len(tracker.numbers) >= 8)
    counters = pipeline.counters
    assert pipeline.stop()
    assert min(np.diff(tracker.numbers[1:])) >= 4
    assert counters.dropped > 3 * counters.tracked
    assert counters.latency < 0.5  # a queue would have grown to seconds
    assert counters.captured - counters.dropped - counters.tracked <= 2
    assert pipeline.state is LiveState.STOPPED


def test_waiting_gives_each_later_result() -> None:
    pipeline = run(clip(5), FakeTracker(0.01), lossless=True)
    last, numbers = None, []
    while (result := pipeline.wait(last, 5.0)) is not None:
        numbers.append(result.tracked.number)
        last = result
    assert numbers[-1] == 4
    assert np.all(np.diff(numbers) > 0)


def test_a_camera_that_was_unplugged_is_found_again_and_time_goes_on() -> None:
    results: list[LiveResult] = []
    camera = SimulatedCamera(clip(100_000, rate=60.0), (Unplug(0.2, 0.3),))
    pipeline = run(camera, FakeTracker(), listener=results.append, patience=0.05)
    until(lambda: pipeline.state is LiveState.LOST)
    assert isinstance(pipeline.error, SourceError)
    before = len(results)
    until(lambda: len(results) > before + 5)
    assert pipeline.state is LiveState.RUNNING
    assert pipeline.error is None
    assert pipeline.stop()
    moments = [result.tracked.timestamp for result in results]
    assert np.all(np.diff(moments) > 0)
    assert np.diff(moments).max() > 0.2


def test_a_stalled_camera_does_not_stop_the_run() -> None:
    tracker = FakeTracker()
    pipeline = run(SimulatedCamera(clip(100_000, rate=60.0), (Stall(0.1, 0.3),)), tracker)
    until(lambda: bool(tracker.numbers) and tracker.numbers[-1] > 40)
    assert pipeline.stop()
    assert max(np.diff(tracker.numbers)) >= 10


def test_a_source_that_cannot_be_opened_is_an_error_with_its_reason() -> None:
    pipeline = run(SimulatedCamera(clip(5), (Unplug(0.0, 100.0),)), FakeTracker())
    until(lambda: not pipeline.running)
    assert pipeline.state is LiveState.FAILED
    with pytest.raises(SourceError, match="There is no"):
        pipeline.join()


def test_a_tracker_that_cannot_be_made_ends_the_run() -> None:
    def absent() -> FakeTracker:
        raise AssetMissingError("no landmarker")

    pipeline = LivePipeline(SimulatedCamera(clip(1000)), absent)  # type: ignore[arg-type]
    pipeline.start()
    until(lambda: not pipeline.running)
    assert isinstance(pipeline.error, AssetMissingError)


def test_a_tracker_or_recorder_that_fails_ends_the_run_and_is_closed() -> None:
    tracker = FakeTracker(fails_at=3)
    pipeline = run(clip(10), tracker, lossless=True)
    with pytest.raises(ValueError, match="broken"):
        pipeline.join()
    assert tracker.closed

    def full(result: LiveResult) -> None:
        raise OSError("disk full")

    pipeline = run(clip(10), FakeTracker(), listener=full, lossless=True)
    with pytest.raises(OSError, match="disk full"):
        pipeline.join()


def test_stopping_is_quick_at_any_time_and_can_be_repeated() -> None:
    pipeline = LivePipeline(clip(5), FakeTracker)  # type: ignore[arg-type]
    assert pipeline.stop()  # never started
    for faults in ((), (Stall(0.0, 100.0),)):
        pipeline = run(SimulatedCamera(clip(100_000), faults), FakeTracker())
        time.sleep(0.05)
        start = time.monotonic()
        assert pipeline.stop()
        assert pipeline.stop()
        assert time.monotonic() - start < 3.0


def test_requests_run_on_the_tracking_thread_before_the_next_frame() -> None:
    tracker, names = FakeTracker(0.005), list[str]()

    def request(told: object) -> None:
        assert told is tracker
        names.append(threading.current_thread().name)

    pipeline = LivePipeline(clip(10), lambda: tracker, lossless=True)  # type: ignore[arg-type, return-value]
    pipeline.tell(request)
    pipeline.start()
    pipeline.join()
    assert names == ["fields-track"]


def test_counters_tell_rates_and_stages() -> None:
    pipeline = run(SimulatedCamera(clip(100_000, rate=100.0)), FakeTracker(0.001))
    until(lambda: pipeline.counters.tracked > 60)
    counters = pipeline.counters
    assert pipeline.stop()
    assert counters.source_rate <= 101.0
    assert 0.0 < counters.tracked_rate <= 110.0
    assert 0.001 <= counters.latency <= counters.latency_p95
