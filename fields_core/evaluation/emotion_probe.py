"""How much emotion codes hold: a small network is trained on the codes of one set of people and tested on another's.

The network is EMOCA's (Danecek et al., CVPR 2022, section 5.2): the codes stay as they are; four linear layers of 2048
with batch normalisation and leaky ReLU, then one more for classes, valence and arousal. Beside it a linear probe
(logistic regression): with few photos of a class it often does better, and nothing in it is left to chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fields_core.losses.emotion import valence_arousal_loss
from fields_core.progress import CancelToken, Progress, ProgressCallback

LINEAR_PENALTY = 1.0  # on half the squared weights, against the sum of the losses: the usual default
_LINEAR_ITERATIONS = 500


@dataclass(frozen=True)
class ProbeConfig:
    """How the network is built and trained."""

    width: int = 2048
    depth: int = 4
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-4
    balanced: bool = False
    """Weigh classes by the inverse of their frequency: recall of rare classes against accuracy."""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class ProbeAnswer:
    """What a probe says of N codes."""

    classes: NDArray[np.int64]
    """(N,)"""
    valence_arousal: NDArray[np.float64] | None = None
    """(N, 2); None from a probe that has learned none."""


class EmotionProbe:
    """A trained probe."""

    def __init__(self, network: nn.Module, mean: Tensor, scale: Tensor, classes: int, with_affect: bool) -> None:
        self._network, self._mean, self._scale = network, mean, scale
        self._classes, self._with_affect = classes, with_affect

    @torch.no_grad()
    def predict(self, codes: NDArray[np.float32]) -> ProbeAnswer:
        """(N, D) codes -> what the probe says of them."""
        outputs = self._network.eval()((torch.from_numpy(codes).to(self._mean) - self._mean) / self._scale)
        affect = outputs[:, self._classes :].double().numpy() if self._with_affect else None
        return ProbeAnswer(outputs[:, : self._classes].argmax(dim=1).numpy(), affect)


def train_probe(
    codes: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    config: ProbeConfig,
    progress: ProgressCallback,
    token: CancelToken,
    valence_arousal: NDArray[np.float64] | None = None,
) -> EmotionProbe:
    """Train the network.

    Args:
        codes: (N, D), standardised here by their own mean and deviation.
        labels: (N,) class numbers.
        valence_arousal: (N, 2), NaN where there is none; None learns none.

    Raises:
        ValueError: fewer samples than two batches hold.
        Cancelled: the token was cancelled between two epochs.
    """
    if len(codes) < 2 * config.batch_size:
        raise ValueError(f"{len(codes)} samples are too few: at least {2 * config.batch_size}")
    affect = torch.full((len(codes), 2), torch.nan)
    if valence_arousal is not None:
        affect = torch.from_numpy(valence_arousal).float()
    with_affect = bool(torch.isfinite(affect).all(dim=1).any())
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        inputs, targets = torch.from_numpy(codes), torch.from_numpy(labels)
        mean, scale = _statistics(inputs)
        inputs = (inputs - mean) / scale
        network = _network(codes.shape[1], classes + 2 * with_affect, config)
        weights = _class_weights(targets, classes) if config.balanced else None
        optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate)
        for epoch in range(config.epochs):
            token.raise_if_cancelled()
            order = torch.randperm(len(inputs))
            for rows in torch.split(order, config.batch_size):
                if len(rows) < 2:  # batch normalisation needs two
                    continue
                optimizer.zero_grad()
                outputs = network(inputs[rows])
                loss = F.cross_entropy(outputs[:, :classes], targets[rows], weights)
                if with_affect:
                    loss = loss + valence_arousal_loss(outputs[:, classes:], affect[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            progress(Progress(epoch + 1, config.epochs, "Training the probe"))
    return EmotionProbe(network, mean, scale, classes, with_affect)


def train_linear_probe(
    codes: NDArray[np.float32], labels: NDArray[np.int64], classes: int, *, balanced: bool
) -> EmotionProbe:
    """Logistic regression with a quadratic penalty on the weights, solved to its one minimum.

    Args:
        codes: (N, D), standardised here by their own mean and deviation.
        labels: (N,) class numbers.
        balanced: weigh classes by the inverse of their frequency.
    """
    inputs, targets = torch.from_numpy(codes).double(), torch.from_numpy(labels)
    mean, scale = _statistics(inputs)
    inputs = (inputs - mean) / scale
    weights = _class_weights(targets, classes).double() if balanced else torch.ones(classes, dtype=torch.float64)
    layer = nn.Linear(codes.shape[1], classes, dtype=torch.float64)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=_LINEAR_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        losses = F.cross_entropy(layer(inputs), targets, reduction="none") * weights[targets]
        total = (losses.sum() + 0.5 * LINEAR_PENALTY * layer.weight.square().sum()) / len(inputs)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return EmotionProbe(layer, mean, scale, classes, with_affect=False)


def _statistics(inputs: Tensor) -> tuple[Tensor, Tensor]:
    return inputs.mean(dim=0), inputs.std(dim=0).clamp(min=1e-6)


def _network(inputs: int, outputs: int, config: ProbeConfig) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(config.depth):
        layers += [nn.Linear(inputs, config.width), nn.BatchNorm1d(config.width), nn.LeakyReLU(0.2)]
        inputs = config.width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _class_weights(labels: Tensor, classes: int) -> Tensor:
    """Inverse frequencies, 1 on average over the samples; 0 for a class without samples."""
    counts = torch.bincount(labels, minlength=classes).float()
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), torch.zeros(classes))
