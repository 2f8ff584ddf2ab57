from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fields_core.evaluation.emotion_metrics import affect_metrics, classification_metrics, naturalness
from fields_core.evaluation.emotion_probe import ProbeConfig, train_linear_probe, train_probe
from fields_core.progress import Cancelled, CancelToken, Progress

SMALL = ProbeConfig(width=32, depth=2, epochs=15, learning_rate=3e-3)


def ignore(report: Progress) -> None:
    pass


def test_recall_and_f1_are_averaged_over_classes_with_enough_samples_only() -> None:
    true = np.array([0] * 20 + [1] * 20 + [2] * 3)
    predicted = np.array([0] * 20 + [1] * 10 + [0] * 10 + [0] * 3)
    metrics = classification_metrics(predicted, true, 4)
    assert metrics.accuracy == pytest.approx(30 / 43)
    assert metrics.macro_recall == pytest.approx((1.0 + 0.5) / 2)
    assert metrics.macro_f1 == pytest.approx((2 * 20 / (20 + 33) + 2 * 10 / (20 + 10)) / 2)
    assert metrics.recall[:3].tolist() == [1.0, 0.5, 0.0]
    assert math.isnan(metrics.recall[3])
    assert metrics.confusion[1].tolist() == [10, 10, 0, 0]


def test_a_set_of_rare_classes_has_no_macro_recall() -> None:
    assert math.isnan(classification_metrics(np.array([0]), np.array([0]), 2).macro_recall)


def test_concordance_punishes_what_correlation_does_not() -> None:
    true = np.array([0.0, 0.1, 0.2, 0.3])
    same, shifted = affect_metrics(true, true), affect_metrics(true + 0.1, true)
    assert (same.ccc, same.pcc, same.rmse) == pytest.approx((1.0, 1.0, 0.0))
    assert shifted.pcc == pytest.approx(1.0)
    assert shifted.ccc == pytest.approx(2 * true.var() / (2 * true.var() + 0.01))
    assert shifted.rmse == pytest.approx(0.1)
    assert math.isnan(affect_metrics(np.zeros(3), np.zeros(3)).pcc)


def test_exaggeration_shows_as_a_ratio_and_slope_above_one_and_leaves_the_order() -> None:
    true = np.linspace(0.0, 1.0, 21)
    result = naturalness(1.5 * true, true)
    assert (result.ratio, result.slope, result.spearman) == pytest.approx((1.5, 1.5, 1.0))
    assert result.samples == 18  # 0, .05 and .1 are too weak
    with pytest.raises(ValueError, match="different intensity"):
        naturalness(np.zeros(3), np.zeros(3))


def test_metrics_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        classification_metrics(np.array([], int), np.array([], int), 3)
    with pytest.raises(ValueError, match="at least two"):
        affect_metrics(np.array([0.1]), np.array([0.1]))


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, the last one rare, told apart by two of five numbers."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, 400, p=[0.6, 0.35, 0.05])
    centres = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    codes = np.concatenate([centres[labels] + rng.normal(0, 0.7, (400, 2)), rng.normal(0, 1, (400, 3))], axis=1)
    return codes.astype(np.float32), labels


def test_a_probe_finds_what_the_codes_hold_and_balance_helps_the_rare_class() -> None:
    (codes, labels), (new_codes, new_labels) = blobs(0), blobs(1)
    recalls = {}
    for balanced in (False, True):
        config = ProbeConfig(width=32, depth=2, epochs=15, learning_rate=3e-3, balanced=balanced)
        probe = train_probe(codes, labels, 3, config, ignore, CancelToken())
        metrics = classification_metrics(probe.predict(new_codes).classes, new_labels, 3)
        assert metrics.accuracy > 0.75
        recalls[balanced] = metrics.recall[2]
    assert recalls[True] > recalls[False]


def test_a_linear_probe_is_the_one_minimum_and_balance_helps_the_rare_class() -> None:
    (codes, labels), (new_codes, new_labels) = blobs(0), blobs(1)
    recalls = {}
    for balanced in (False, True):
        probe = train_linear_probe(codes, labels, 3, balanced=balanced)
        metrics = classification_metrics(probe.predict(new_codes).classes, new_labels, 3)
        assert metrics.accuracy > 0.75
        recalls[balanced] = metrics.recall[2]
    assert recalls[True] > recalls[False]
    # Neither the order of the samples nor the scale of the codes matters.
    plain = train_linear_probe(codes, labels, 3, balanced=False)
    other = train_linear_probe(codes[::-1] * np.float32(7.0), labels[::-1].copy(), 3, balanced=False)
    assert np.array_equal(plain.predict(new_codes).classes, other.predict(new_codes * np.float32(7.0)).classes)


def test_a_linear_probe_agrees_with_the_equations_of_its_minimum() -> None:
    """Two classes, one code of two values: by symmetry the weights are -w and w with w (1 + 2/N) fixed by the data."""
    codes = np.array([[-1.0], [1.0]] * 50, np.float32)
    probe = train_linear_probe(codes, np.array([0, 1] * 50), 2, balanced=False)
    weight, scale = probe._network.weight.detach().numpy()[:, 0], codes.std(ddof=1)
    assert weight[0] == pytest.approx(-weight[1])
    z = 1.0 / scale
    residual = 100 * z / (1.0 + np.exp(2.0 * weight[1] * z))
    assert residual == pytest.approx(weight[1], rel=1e-4)


def test_a_probe_learns_valence_and_arousal_where_they_are_known() -> None:
    (codes, labels), (new_codes, _) = blobs(0), blobs(1)
    affect = np.stack([np.tanh(codes[:, 0] - 1.0), np.tanh(-codes[:, 1])], axis=1).astype(np.float64)
    truth = np.tanh(new_codes[:, 0] - 1.0).astype(np.float64)
    affect[::3] = np.nan
    config = ProbeConfig(width=64, depth=2, epochs=30, learning_rate=3e-3)
    probe = train_probe(codes, labels, 3, config, ignore, CancelToken(), valence_arousal=affect)
    answer = probe.predict(new_codes).valence_arousal
    assert answer is not None
    assert affect_metrics(answer[:, 0], truth).ccc > 0.8
    assert train_probe(codes, labels, 3, SMALL, ignore, CancelToken()).predict(codes).valence_arousal is None


def test_the_standard_error_of_a_macro_recall_is_that_of_drawing_photos_again() -> None:
    rng = np.random.default_rng(0)
    true = np.array([0] * 200 + [1] * 20)
    draws = [
        classification_metrics(np.where(rng.random(220) < np.where(true == 0, 0.9, 0.6), true, 1 - true), true, 2)
        for _ in range(300)
    ]
    spread = np.std([metrics.macro_recall for metrics in draws])
    assert np.mean([metrics.macro_recall_error for metrics in draws]) == pytest.approx(spread, rel=0.1)


def test_a_probe_of_noise_finds_nothing() -> None:
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(400, 5)).astype(np.float32), rng.integers(0, 2, 400)
    probe = train_probe(codes, labels, 2, SMALL, ignore, CancelToken())
    fresh = rng.normal(size=(2000, 5)).astype(np.float32)
    assert classification_metrics(probe.predict(fresh).classes, rng.integers(0, 2, 2000), 2).accuracy < 0.56


def test_probes_follow_from_their_seed_and_leave_the_world_s_chance_alone() -> None:
    codes, labels = blobs(0)
    state = torch.random.get_rng_state()
    first, second = (
        train_probe(codes, labels, 3, SMALL, ignore, CancelToken()).predict(codes).classes for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_probe_can_be_cancelled_and_needs_samples() -> None:
    codes, labels = blobs(0)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        train_probe(codes, labels, 3, SMALL, ignore, token)
    with pytest.raises(ValueError, match="too few"):
        train_probe(codes[:10], labels[:10], 3, SMALL, ignore, CancelToken())
