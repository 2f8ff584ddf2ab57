"""Which samples make up which batch: stated fractions of kinds, and nothing but seed and step to remember."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fields_core.data.sample import Sample
from fields_core.errors import SettingsError

_Item = TypeVar("_Item")


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
    groups: tuple[tuple[int, ...], ...] = ()
    """Numbers of samples that belong together (photos of one person), two or more in each: then groups are gone
    through in random order, and two samples of each are drawn. Empty: sample after sample."""

    @property
    def together(self) -> int:
        """How many samples stand side by side and must not be parted."""
        return 2 if self.groups else 1


@dataclass(frozen=True)
class Share:
    """Which part of every batch a process takes: of each kind every ``world``-th sample (or pair of samples that
    belong together) from number ``rank`` on."""

    rank: int = 0
    world: int = 1

    def of(self, items: Sequence[_Item], together: int) -> list[_Item]:
        """The process's part of one kind."""
        starts = range(0, len(items), together)[self.rank :: self.world]
        return [item for start in starts for item in items[start : start + together]]


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
        self.counts = _counts([item.fraction for item in ingredients], batch_size, [i.together for i in ingredients])

    def batch(self, step: int, share: Share = WHOLE) -> list[Sample]:
        """The samples of batch ``step`` (0, 1, 2, ...), kind after kind, or a process's share of them.

        Raises:
            SettingsError: more processes than samples of some kind.
        """
        parts = [count // item.together for item, count in zip(self._ingredients, self.counts, strict=True)]
        if share.world > min(parts):
            raise SettingsError(
                f"A batch is too small for {share.world} processes",
                expected="a sample of every kind for each, two where they go in pairs",
                found=f"enough of the rarest kind for {min(parts)}",
                remedy=f"Set batch_size to at least {math.ceil(sum(self.counts) * share.world / min(parts))}.",
            )
        return [
            item.samples[number]
            for kind, (item, count) in enumerate(zip(self._ingredients, self.counts, strict=True))
            for number in share.of(self._chosen(kind, item, step * count, count), item.together)
        ]

    def chances(self, step: int, share: Share = WHOLE) -> list[np.random.Generator]:
        """The source of chance for the view of each sample of `batch`."""
        starts = accumulate(self.counts, initial=0)
        return [
            np.random.default_rng((self._seed, step, place))
            for start, count, item in zip(starts, self.counts, self._ingredients, strict=False)
            for place in share.of(range(start, start + count), item.together)
        ]

    def _chosen(self, kind: int, item: Ingredient, start: int, count: int) -> list[int]:
        """Numbers of the samples at places start to start + count - 1 of an ingredient's endless series."""
        if not item.groups:
            return self._numbers(kind, len(item.samples), start, count)
        first = start // item.together
        groups = self._numbers(kind, len(item.groups), first, count // item.together)
        return [
            int(number)
            for place, group in enumerate(groups, start=first)
            for number in np.random.default_rng((self._seed, kind, place, 1)).choice(
                item.groups[group], item.together, replace=False
            )
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


def _counts(fractions: Sequence[float], batch_size: int, together: Sequence[int]) -> tuple[int, ...]:
    """Whole numbers in the ratio of the fractions that sum to the batch size (largest remainders), each a multiple of
    what stays together and not 0.

    Raises:
        SettingsError: the batch cannot be filled so.
    """
    if batch_size < sum(together) or (1 not in together and batch_size % 2):
        raise SettingsError(
            "The batch is too small",
            expected=f"at least {sum(together)} samples" + ("" if 1 in together else ", an even number"),
            found=f"{batch_size}",
        )
    steps = np.array(together)
    exact = np.array(fractions) / sum(fractions) * batch_size
    counts = np.maximum(np.floor(exact / steps), 1).astype(int) * steps
    while (left := batch_size - counts.sum()) != 0:
        missing = exact - counts
        if left > 0:
            which = np.where(steps <= left, missing, -np.inf).argmax()
            counts[which] += steps[which]
        else:
            which = np.where(counts > steps, missing, np.inf).argmin()
            counts[which] -= steps[which]
    return tuple(counts.tolist())
