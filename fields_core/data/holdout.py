"""Which people's samples are chosen: those for validation only, so that nobody is validated on a face that was trained
on, and shares of all people, for learning curves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

_NUMBERS = 1 << 64  # that a person can have
# Data sets whose file names say who it is, by the beginning of the source's name.
_NAMING = {
    "london": re.compile(r"(\d{3})_"),  # Face Research Lab London Set: 001_neutral
    "lfw": re.compile(r"(.+)_\d{4}(?:_[a-z]+)?$"),  # Labeled Faces in the Wild: Aaron_Eckhart_0001
    "wild": re.compile(r"(.+)_\d{4}(?:_[a-z]+)?$"),  # muxspace/facial_expressions: names of the same form
}


def person_named(source: str, key: str) -> str:
    """Who a sample shows as far as its key tells; empty where it does not."""
    for beginning, naming in _NAMING.items():
        if source.startswith(beginning) and (match := naming.match(key.rsplit("/", 1)[-1])):
            return match[1]
    return ""


def held_out(people: Sequence[str], every: int) -> list[bool]:
    """Whether each sample is held out: about one of ``every`` people is, with all samples.

    The choice follows from the name alone (a hash): it stays the same when a data set grows. Of two people or more at
    least one is held out and at least one is not; one person alone is trained on.

    Args:
        people: a name for each sample; those that are alone in having theirs are people of their own.
        every: at least 2.
    """
    numbers = {person: _number(person) for person in people}
    if len(numbers) < 2:
        return [False] * len(people)
    chosen = {person for person, number in numbers.items() if number % every == 0}
    chosen |= {min(numbers, key=lambda person: numbers[person] % every)}
    if len(chosen) == len(numbers):
        chosen.remove(max(chosen, key=lambda person: numbers[person]))
    return [person in chosen for person in people]


def among(people: Sequence[str], share: float) -> list[bool]:
    """Whether each sample's person is among a share of all people, chosen by their names alone: about that many of a
    large set, and everybody in a small share is also in a larger one.

    Args:
        people: a name for each sample.
        share: above 0, at most 1.
    """
    # Another name than for holding out: who is held out and who is in a share have nothing to do with each other.
    return [share >= 1.0 or _number(f"share of {person}") < share * _NUMBERS for person in people]


def _number(person: str) -> int:
    return int.from_bytes(hashlib.blake2b(person.encode(), digest_size=8).digest())
