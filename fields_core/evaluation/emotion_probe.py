"""How much emotion codes hold: a small network is trained on the codes of one set of people and tested on another's.

EMOCA's protocol (Danecek et al., CVPR 2022, section 5.2): the codes stay as they are; four linear layers of 2048 with
batch normalisation and leaky ReLU, then one more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fields_core.progress import CancelToken, Progress, ProgressCallback


@dataclass(frozen=True)
class ProbeConfig:
    """How the probe is built and trained."""

    width: int = 2048
    depth: int = 4
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-4
    balanced: bool = False
    """Weigh classes by the inverse of their frequency: recall of rare classes against accuracy."""
    seed: int = 0


class EmotionProbe:
    """A trained probe."""

    def __init__(self, network: nn.Module, mean: Tensor, scale: Tensor) -> None:
        self._network, self._mean, self._scale = network, mean, scale

    @torch.no_grad()
    def predict(self, codes: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N, D) codes -> (N,) class numbers."""
        logits = self._network.eval()((torch.from_numpy(codes) - self._mean) / self._scale)
        return logits.argmax(dim=1).numpy()


def train_probe(
    codes: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    config: ProbeConfig,
    progress: ProgressCallback,
    token: CancelToken,
) -> EmotionProbe:
    """Train a probe.

    Args:
        codes: (N, D), standardised here by their own mean and deviation.
        labels: (N,) class numbers.

    Raises:
        ValueError: fewer samples than two batches hold.
        Cancelled: the token was cancelled between two epochs.
    """
    if len(codes) < 2 * config.batch_size:
        raise ValueError(f"{len(codes)} samples are too few: at least {2 * config.batch_size}")
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        inputs, targets = torch.from_numpy(codes), torch.from_numpy(labels)
        mean, scale = inputs.mean(dim=0), inputs.std(dim=0).clamp(min=1e-6)
        inputs = (inputs - mean) / scale
        network = _network(codes.shape[1], classes, config)
        weights = _class_weights(targets, classes) if config.balanced else None
        optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate)
        for epoch in range(config.epochs):
            token.raise_if_cancelled()
            order = torch.randperm(len(inputs))
            for rows in torch.split(order, config.batch_size):
                if len(rows) < 2:  # batch normalisation needs two
                    continue
                optimizer.zero_grad()
                F.cross_entropy(network(inputs[rows]), targets[rows], weights).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            progress(Progress(epoch + 1, config.epochs, "Training the probe"))
    return EmotionProbe(network, mean, scale)


def _network(inputs: int, classes: int, config: ProbeConfig) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(config.depth):
        layers += [nn.Linear(inputs, config.width), nn.BatchNorm1d(config.width), nn.LeakyReLU(0.2)]
        inputs = config.width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def _class_weights(labels: Tensor, classes: int) -> Tensor:
    """Inverse frequencies, 1 on average over the samples; 0 for a class without samples."""
    counts = torch.bincount(labels, minlength=classes).float()
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), torch.zeros(classes))
