"""An exponential moving average of weights: steadier than the weights themselves, and what is exported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """a <- d a + (1 - d) w, with d = min(decay, (1 + t) / (10 + t)) at update t, so that the start is soon forgotten.

    Integer buffers are copied. What never changes stays bit-identical.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        """
        Args:
            modules: what to average, by name; their present weights are the first average.
            decay: in [0, 1).
        """
        self._modules, self._decay = dict(modules), decay
        self._updates = 0
        self._averages = {name: tensor.detach().clone() for name, tensor in self._weights().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        weight = 1.0 - min(self._decay, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        for name, tensor in self._weights().items():
            average = self._averages[name]
            if average.is_floating_point():
                average.lerp_(tensor, weight)
            else:
                average.copy_(tensor)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The modules carry the average inside the context, their own weights again behind it."""
        own = {name: tensor.detach().clone() for name, tensor in self._weights().items()}
        self._write(self._averages)
        try:
            yield
        finally:
            self._write(own)

    def state(self) -> dict[str, Tensor]:
        """To be stored, and given to `restore`."""
        return {"updates": torch.tensor(self._updates)} | {
            f"average.{name}": tensor.clone() for name, tensor in self._averages.items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a stored `state`."""
        self._updates = int(state["updates"])
        for name, average in self._averages.items():
            average.copy_(state[f"average.{name}"])

    def _weights(self) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": tensor
            for part, module in self._modules.items()
            for name, tensor in module.state_dict().items()
        }

    @torch.no_grad()
    def _write(self, values: Mapping[str, Tensor]) -> None:
        for name, tensor in self._weights().items():
            tensor.copy_(values[name])
