from __future__ import annotations

import pytest

from fields_core.data.holdout import held_out, person_named


def test_a_person_is_held_out_with_all_photos_or_none() -> None:
    people = [f"person {number % 50}" for number in range(200)]
    aside = held_out(people, 5)
    assert {person for person, out in zip(people, aside, strict=True) if out}.isdisjoint(
        person for person, out in zip(people, aside, strict=True) if not out
    )
    assert 4 <= len({person for person, out in zip(people, aside, strict=True) if out}) <= 18


def test_about_one_of_every_so_many_is_held_out() -> None:
    assert sum(held_out([str(number) for number in range(20_000)], 20)) == pytest.approx(1000, rel=0.1)


def test_who_is_held_out_stays_so_when_the_set_grows() -> None:
    few, many = [str(number) for number in range(500)], [str(number) for number in range(1000)]
    assert held_out(few, 10) == held_out(many, 10)[:500]


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("every", [2, 1000])
def test_small_sets_have_both_sides(count: int, every: int) -> None:
    for start in range(20):
        assert set(held_out([str(start + number) for number in range(count)], every)) == {True, False}


def test_one_person_alone_is_trained_on() -> None:
    assert held_out(["x", "x"], 2) == [False, False]
    assert held_out([], 2) == []


@pytest.mark.parametrize(
    ("source", "key", "person"),
    [
        ("london-train", "012_smiling_jpg", "012"),
        ("wild-train", "Ana_Paula_Gerard_0001_jpg", "Ana_Paula_Gerard"),
        ("lfw", "Ana_Paula/Ana_Paula_0001_jpg", "Ana_Paula"),
        ("holiday", "IMG_0001_jpg", ""),
        ("london", "picture", ""),
    ],
)
def test_file_names_say_who_it_is_where_that_is_their_form(source: str, key: str, person: str) -> None:
    assert person_named(source, key) == person
