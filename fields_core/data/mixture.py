"""Which samples make up which batch: stated fractions of kinds, and nothing but seed and step to remember."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fields_core.data.sample import Sample
from fields_core.errors import SettingsError


class SampleSet(Protocol):
    """Samples by number; `ShardSet` is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Sample: ...


@dataclass(frozen=True, eq=False)
class Ingredient:
    """A kind of samples and its share of every batch."""

    samples: SampleSet
    fraction: float
    """Of the batch, above 0; the fractions of a mixture are scaled to sum to 1."""


@dataclass(frozen=True)
class Share:
    """Which part of every batch a process takes: of each kind every ``world``-th sample from number ``rank`` on."""

    rank: int = 0
    world: int = 1


WHOLE = Share()


class Mixture:
    """An endless series of batches, each with the same number of samples of each kind.

    Batch n follows from the seed and n alone: a run resumes at step n by asking for batch n, and several processes
    share the work by taking their parts of it, so that a run sees the same batches with any number of processes.
    Every kind is gone through in random order, anew in each pass.
    """

    def __init__(self, ingredients: Sequence[Ingredient], batch_size: int, seed: int) -> None:
        """
        Raises:
            SettingsError: no ingredients, an empty one, a fraction that is not positive, or a batch too small to hold
                one sample of each kind.
        """
        if not ingredients or any(len(item.samples) == 0 for item in ingredients):
            raise SettingsError(
                "There is nothing to train on",
                expected="at least one sample of every kind",
                found=", ".join(f"{len(item.samples)} samples" for item in ingredients) or "no data at all",
                remedy="Prepare the data first.",
            )
        if not all(item.fraction > 0 for item in ingredients):
            raise SettingsError("A fraction of the batch is not positive", expected="numbers above 0")
        self._ingredients = tuple(ingredients)
        self._seed = seed
        self.counts = _counts([item.fraction for item in ingredients], batch_size)

    def batch(self, step: int, share: Share = WHOLE) -> list[Sample]:
        """The samples of batch ``step`` (0, 1, 2, ...), kind after kind, or a process's share of them.

        Raises:
            SettingsError: more processes than samples of some kind.
        """
        if share.world > min(self.counts):
            raise SettingsError(
                f"A batch is too small for {share.world} processes",
                expected="a sample of every kind for each",
                found=f"{min(self.counts)} of the rarest kind",
                remedy=f"Set batch_size to at least {math.ceil(sum(self.counts) * share.world / min(self.counts))}.",
            )
        return [
            item.samples[number]
            for kind, (item, count) in enumerate(zip(self._ingredients, self.counts, strict=True))
            for number in self._numbers(kind, len(item.samples), step * count, count)[share.rank :: share.world]
        ]

    def chances(self, step: int, share: Share = WHOLE) -> list[np.random.Generator]:
        """The source of chance for the view of each sample of `batch`."""
        starts = accumulate(self.counts, initial=0)
        return [
            np.random.default_rng((self._seed, step, place))
            for start, count in zip(starts, self.counts, strict=False)
            for place in range(start, start + count)[share.rank :: share.world]
        ]

    def _numbers(self, kind: int, size: int, start: int, count: int) -> list[int]:
        """Places start to start + count - 1 of an endless series of shuffles of ``size`` samples."""
        numbers: list[int] = []
        while len(numbers) < count:
            turn, offset = divmod(start + len(numbers), size)
            order = _order(self._seed, kind, turn, size)
            numbers += order[offset : offset + count - len(numbers)].tolist()
        return numbers


@functools.lru_cache(maxsize=8)  # every batch of a pass asks for the same ones
def _order(seed: int, kind: int, turn: int, size: int) -> NDArray[np.int64]:
    order = np.random.default_rng((seed, kind, turn)).permutation(size)
    order.flags.writeable = False
    return order


def _counts(fractions: Sequence[float], batch_size: int) -> tuple[int, ...]:
    """Whole numbers in the ratio of the fractions that sum to the batch size (largest remainders), each at least 1."""
    if batch_size < len(fractions):
        raise SettingsError(
            "The batch is too small", expected=f"at least {len(fractions)} samples", found=f"{batch_size}"
        )
    exact = np.array(fractions) / sum(fractions) * batch_size
    counts = np.maximum(np.floor(exact), 1).astype(int)
    while counts.sum() != batch_size:
        missing = exact - counts
        if counts.sum() < batch_size:
            counts[missing.argmax()] += 1
        else:
            counts[np.where(counts > 1, missing, np.inf).argmin()] -= 1
    return tuple(counts.tolist())
