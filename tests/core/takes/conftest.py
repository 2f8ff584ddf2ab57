"""A small head, and a take of two people with pictures."""

from __future__ import annotations

import pytest

from fields_core.head import HeadModel
from fields_core.takes.take import Take, load_take
from tests.heads import tiny_head
from tests.takes import record


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def take(head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Take:
    return load_take(record(tmp_path_factory.mktemp("take") / "clip.take", head, people=2, pictures=True), head)
