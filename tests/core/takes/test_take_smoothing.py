"""Smoothing of a take: it sees what comes, so nothing is late."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from fields_core.takes.smoothing import Smoother


class TestSmoothing:
    times = np.sort(np.random.default_rng(1).uniform(0, 4, 120))

    def test_a_quadratic_passes_unchanged_at_uneven_times(self) -> None:
        curve = 3 - 2 * self.times + 0.7 * self.times**2
        smooth = Smoother.of(self.times, 0.3, np.random.default_rng(2).uniform(0.2, 1, 120)).values(curve)
        dense = np.abs(np.diff(self.times)).max() < 0.25
        assert dense
        np.testing.assert_allclose(smooth, curve, atol=0.02)
        assert np.median(np.abs(smooth - curve)) < 1e-9

    def test_nothing_is_delayed(self) -> None:
        times = np.arange(0, 6, 1 / 30)
        clean = np.exp(-(((times - 3) / 0.25) ** 2))
        noisy = clean + 0.05 * np.random.default_rng(3).normal(size=len(times))
        smooth = Smoother.of(times, 0.25).values(noisy)
        lags = np.arange(-10, 11)
        match = [np.dot(np.roll(clean, lag), smooth) for lag in lags]
        assert lags[int(np.argmax(match))] == 0
        assert np.abs(smooth - clean).std() < 0.5 * np.abs(noisy - clean).std()

    def test_a_mirrored_series_gives_the_mirrored_answer(self) -> None:
        values = np.random.default_rng(4).normal(size=(120, 3))
        forward = Smoother.of(self.times, 0.2).values(values)
        backward = Smoother.of(-self.times[::-1], 0.2).values(values[::-1])[::-1]
        np.testing.assert_allclose(forward, backward, atol=1e-9)

    def test_a_blink_keeps_its_height(self) -> None:
        times = np.arange(0, 4, 1 / 30)
        blink = np.maximum(0, np.sin(2 * np.pi * 3 * times)) ** 2
        smooth = Smoother.of(times, 0.12).values(blink)
        assert smooth.max() > 0.85 * blink.max()

    def test_a_gap_separates(self) -> None:
        times = np.concatenate([np.arange(0, 1, 1 / 30), np.arange(2, 3, 1 / 30)])
        values = np.where(times < 1.5, 0.0, 1.0)
        np.testing.assert_allclose(Smoother.of(times, 0.9).values(values), values, atol=1e-6)

    def test_no_width_changes_nothing(self) -> None:
        values = np.random.default_rng(4).normal(size=(120, 3))
        np.testing.assert_array_equal(Smoother.of(self.times, 0.0).values(values), values)

    def test_rotations_pass_half_a_turn_without_a_jump(self) -> None:
        times = np.arange(0, 2, 1 / 30)
        turning = Rotation.from_rotvec(np.outer(np.linspace(2.8, 3.5, len(times)), [0.0, 1.0, 0.0]))
        noisy = turning * Rotation.from_rotvec(0.02 * np.random.default_rng(6).normal(size=(len(times), 3)))
        smooth = Rotation.from_rotvec(Smoother.of(times, 0.3).rotations(noisy.as_rotvec()))
        error = (turning.inv() * smooth).magnitude()
        assert error.max() < 0.1  # a jump is 2 pi; at the ends a quadratic follows the noise
        assert error[5:-5].max() < 0.03
        assert error.mean() < 0.6 * (turning.inv() * noisy).magnitude().mean()

    def test_rotations_do_not_depend_on_the_axes(self) -> None:
        series = Rotation.from_rotvec(np.random.default_rng(7).normal(size=(40, 3)) * 0.3)
        times = np.arange(40) / 30
        turn = Rotation.from_rotvec([0.5, -1.0, 2.0])
        here = Rotation.from_rotvec(Smoother.of(times, 0.2).rotations(series.as_rotvec()))
        there = Rotation.from_rotvec(Smoother.of(times, 0.2).rotations((turn * series).as_rotvec()))
        assert ((turn * here).inv() * there).magnitude().max() < 1e-9
