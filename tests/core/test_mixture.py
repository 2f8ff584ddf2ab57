from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fields_core.data.mixture import WHOLE, Ingredient, Mixture, Share
from fields_core.data.sample import Sample
from fields_core.errors import SettingsError

PICTURE = np.zeros((1, 1, 3), np.uint8)


def samples(source: str, count: int) -> list[Sample]:
    return [Sample(str(number), source, PICTURE) for number in range(count)]


def mixture(batch_size: int = 8, seed: int = 0) -> Mixture:
    kinds = [
        Ingredient(samples("3d", 5), 1),
        Ingredient(samples("labelled", 7), 1),
        Ingredient(samples("plain", 30), 2),
    ]
    return Mixture(kinds, batch_size, seed)


def keys(batch: list[Sample]) -> list[tuple[str, str]]:
    return [(sample.source, sample.key) for sample in batch]


def draws(mixed: Mixture, step: int, share: Share = WHOLE) -> list[float]:
    return [chance.random() for chance in mixed.chances(step, share)]


def test_every_batch_holds_the_stated_fractions() -> None:
    mixed = mixture()
    for step in range(10):
        assert Counter(sample.source for sample in mixed.batch(step)) == {"3d": 2, "labelled": 2, "plain": 4}


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    assert keys(mixture().batch(17)) == keys(mixture().batch(17))
    assert keys(mixture().batch(17)) != keys(mixture(seed=1).batch(17))
    assert draws(mixture(), 3) == draws(mixture(), 3)
    assert not set(draws(mixture(), 3)) & set(draws(mixture(), 4))
    assert len(set(draws(mixture(), 3))) == 8


@pytest.mark.parametrize("world", [2, 3])
def test_the_shares_of_a_batch_make_up_the_batch_and_hold_every_kind(world: int) -> None:
    mixed = mixture(16)
    whole = dict(zip(keys(mixed.batch(0)), draws(mixed, 0), strict=True))
    shares = [
        dict(zip(keys(mixed.batch(0, share)), draws(mixed, 0, share), strict=True))
        for share in (Share(rank, world) for rank in range(world))
    ]
    assert sum(len(share) for share in shares) == len(whole) == 16
    assert {key: draw for share in shares for key, draw in share.items()} == whole
    assert all({source for source, _ in share} == {"3d", "labelled", "plain"} for share in shares)


def test_more_processes_than_samples_of_a_kind_are_refused() -> None:
    with pytest.raises(SettingsError, match="batch_size to at least 12"):
        mixture(8).batch(0, Share(0, 3))


def test_each_pass_sees_every_sample_once() -> None:
    mixed = mixture()
    seen = Counter(sample.key for step in range(15) for sample in mixed.batch(step) if sample.source == "plain")
    assert seen == {str(number): 2 for number in range(30)}
    first = [sample.key for step in range(5) for sample in mixed.batch(step) if sample.source == "3d"]
    assert sorted(first[:5]) == sorted(first[5:]) == ["0", "1", "2", "3", "4"]
    assert first[:5] != first[5:]


@pytest.mark.parametrize(("size", "counts"), [(3, (1, 1, 1)), (4, (1, 1, 2)), (7, (2, 2, 3)), (32, (8, 8, 16))])
def test_fractions_round_to_the_batch_size_with_at_least_one_of_each(size: int, counts: tuple[int, ...]) -> None:
    assert sum(mixture(size).counts) == size
    assert mixture(size).counts == counts


def test_a_rare_kind_is_in_every_batch() -> None:
    kinds = [Ingredient(samples("rare", 3), 0.001), Ingredient(samples("common", 3), 1.0)]
    assert Mixture(kinds, 4, 0).counts == (1, 3)


GROUPS = ((0, 1, 2), (3, 4), (5, 6, 7, 8))


def person(sample: Sample) -> int:
    return next(number for number, group in enumerate(GROUPS) if int(sample.key) in group)


def paired(batch_size: int) -> Mixture:
    return Mixture([Ingredient(samples("any", 20), 1), Ingredient(samples("people", 9), 1, GROUPS)], batch_size, 0)


def test_of_people_two_different_photos_of_each_are_drawn_side_by_side() -> None:
    mixed, seen = paired(12), set()
    for step in range(20):
        drawn = [sample for sample in mixed.batch(step) if sample.source == "people"]
        assert len(drawn) == 6
        assert sorted(person(sample) for sample in drawn[::2]) == [0, 1, 2]  # a pass sees everybody once
        for first, second in zip(drawn[::2], drawn[1::2], strict=True):
            assert person(first) == person(second)
            assert first.key != second.key
        seen |= {sample.key for sample in drawn}
    assert len(seen) == 9


def test_processes_never_part_two_photos_of_a_person() -> None:
    mixed = paired(12)
    whole = dict(zip(keys(mixed.batch(5)), draws(mixed, 5), strict=True))
    shares = [mixed.batch(5, Share(rank, 3)) for rank in range(3)]
    for rank, share in enumerate(shares):
        drawn = [sample for sample in share if sample.source == "people"]
        assert len(drawn) == 2
        assert person(drawn[0]) == person(drawn[1])
        assert {key: whole[key] for key in keys(share)} == dict(
            zip(keys(share), draws(mixed, 5, Share(rank, 3)), strict=True)
        )
    assert sorted(key for share in shares for key in keys(share)) == sorted(whole)


@pytest.mark.parametrize(("size", "counts"), [(3, (1, 2)), (4, (2, 2)), (5, (3, 2)), (7, (3, 4)), (32, (16, 16))])
def test_pairs_round_to_even_counts(size: int, counts: tuple[int, int]) -> None:
    assert paired(size).counts == counts


def test_a_batch_that_pairs_cannot_fill_is_refused() -> None:
    for size in (1, 3):
        with pytest.raises(SettingsError, match="too small"):
            Mixture([Ingredient(samples("people", 9), 1, GROUPS)], size, 0)


def test_mixtures_that_cannot_be_are_refused() -> None:
    one = samples("x", 1)
    for kinds, size in (([], 4), ([Ingredient([], 1)], 4), ([Ingredient(one, 0)], 4), ([Ingredient(one, 1)] * 3, 2)):
        with pytest.raises(SettingsError):
            Mixture(kinds, size, 0)
