"""How well emotions are told from codes, and beside it how natural the codes are: the two belong in one table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.floating]
Labels = NDArray[np.integer]

ENOUGH = 15  # photos of a class, for its recall to count
INTENSE = 0.1  # true intensity below which a ratio says nothing


@dataclass(frozen=True, eq=False)
class ClassificationMetrics:
    """Of all labelled samples of a set together, never means over batches."""

    accuracy: float
    macro_recall: float
    """Mean recall of the classes with `ENOUGH` samples; NaN if there are none."""
    macro_f1: float
    """Mean F1 of the same classes."""
    macro_recall_error: float
    """Standard error of the macro recall: how far another draw of as many photos would have it; NaN as above."""
    recall: NDArray[np.float64]
    """(C,) NaN for a class without samples."""
    confusion: NDArray[np.int64]
    """(C, C) rows true, columns predicted."""


def classification_metrics(predicted: Labels, true: Labels, classes: int) -> ClassificationMetrics:
    """
    Args:
        predicted, true: (N,) class numbers; samples without a label are not among them.
        classes: C.

    Raises:
        ValueError: no samples, or arrays of different lengths.
    """
    if len(true) == 0 or len(predicted) != len(true):
        raise ValueError(f"expected as many predictions as labels, at least one: {len(predicted)} and {len(true)}")
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (true, predicted), 1)
    hits = np.diag(confusion).astype(np.float64)
    count, claimed = confusion.sum(axis=1), confusion.sum(axis=0)
    recall = np.divide(hits, count, out=np.full(classes, np.nan), where=count > 0)
    f1 = np.divide(2.0 * hits, count + claimed, out=np.zeros(classes), where=count + claimed > 0)
    enough = count >= ENOUGH
    return ClassificationMetrics(
        accuracy=float(hits.sum() / count.sum()),
        macro_recall=float(recall[enough].mean()) if enough.any() else float("nan"),
        macro_f1=float(f1[enough].mean()) if enough.any() else float("nan"),
        macro_recall_error=_standard_error(recall[enough], count[enough]) if enough.any() else float("nan"),
        recall=recall,
        confusion=confusion,
    )


def _standard_error(recall: Floats, count: Labels) -> float:
    """Of the mean of binomial shares."""
    return float(np.sqrt(np.sum(recall * (1.0 - recall) / count)) / len(recall))


@dataclass(frozen=True)
class AffectMetrics:
    """Agreement of one dimension, valence or arousal."""

    ccc: float
    """Concordance correlation coefficient (Lin 1989)."""
    pcc: float
    """Pearson's correlation coefficient."""
    rmse: float


def affect_metrics(predicted: Floats, true: Floats) -> AffectMetrics:
    """
    Args:
        predicted, true: (N,) in [-1, 1], at least two.
    """
    if len(true) < 2 or len(predicted) != len(true):
        raise ValueError(f"expected as many predictions as truths, at least two: {len(predicted)} and {len(true)}")
    covariance = float(np.mean((predicted - predicted.mean()) * (true - true.mean())))
    spread = float(predicted.var() + true.var())
    apart = float(predicted.mean() - true.mean()) ** 2
    product = float(predicted.std() * true.std())
    return AffectMetrics(
        ccc=2.0 * covariance / (spread + apart) if spread + apart > 0 else float("nan"),
        pcc=covariance / product if product > 0 else float("nan"),
        rmse=float(np.sqrt(np.mean((predicted - true) ** 2))),
    )


@dataclass(frozen=True)
class Naturalness:
    """Predicted against true intensity on samples with 3D truth. An exaggerating encoder has a ratio above 1."""

    ratio: float
    """Mean of predicted over true where the truth is above `INTENSE`; 1 is unbiased."""
    slope: float
    """Of the least-squares line of predicted on true."""
    spearman: float
    samples: int
    """With a true intensity above `INTENSE`."""


def naturalness(predicted: Floats, true: Floats) -> Naturalness:
    """
    Args:
        predicted, true: (N,) intensities (`ExpressionIntensity`).

    Raises:
        ValueError: fewer than two samples with a true intensity above `INTENSE`, or all with the same one.
    """
    intense = true > INTENSE
    if intense.sum() < 2 or np.ptp(true) == 0:
        raise ValueError("naturalness needs 3D samples of different intensity")
    slope = float(np.polyfit(true, predicted, 1)[0])
    rank = float(stats.spearmanr(predicted, true).statistic)
    ratio = float(np.mean(predicted[intense] / true[intense]))
    return Naturalness(ratio, slope, rank, int(intense.sum()))
