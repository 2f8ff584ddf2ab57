from __future__ import annotations

import dataclasses

import pytest

from fields_core.training.stopwatch import Phase, Stopwatch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def spend(watch: Stopwatch, clock: Clock, **seconds: float) -> None:
    for name, amount in seconds.items():
        watch.enter(Phase[name.upper()])
        clock.now += amount
    watch.enter(Phase.OTHER)


def test_shares_sum_to_one_and_validation_does_not_slow_training() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    spend(watch, clock, data=1.0, forward=2.0, backward=3.0, optimizer=1.0, validation=2.0, saving=1.0)
    speed = watch.lap(images=70)
    assert speed.images_per_second == pytest.approx(10.0)
    assert (speed.data, speed.forward, speed.backward, speed.validation) == pytest.approx((0.1, 0.2, 0.3, 0.2))
    assert sum(getattr(speed, item.name) for item in dataclasses.fields(speed)[1:]) == pytest.approx(1.0)
    assert str(speed) == "10 images/s (data 10%, forward 20%, backward 30%, optimizer 10%, validation 20%, saving 10%)"


def test_a_lap_begins_where_the_last_one_ended_and_the_whole_counts_all() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    spend(watch, clock, forward=4.0)
    watch.lap(images=4)
    spend(watch, clock, backward=1.0)
    lap = watch.lap(images=8)
    assert (lap.forward, lap.backward, lap.images_per_second) == pytest.approx((0.0, 1.0, 8.0))
    whole = watch.whole(images=12)
    assert (whole.forward, whole.backward, whole.images_per_second) == pytest.approx((0.8, 0.2, 12 / 5))


def test_a_phase_that_still_runs_counts_up_to_now() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    watch.enter(Phase.DATA)
    clock.now += 2.0
    assert watch.whole(images=1).data == pytest.approx(1.0)
    clock.now += 2.0
    assert watch.lap(images=1).images_per_second == pytest.approx(0.25)
