from __future__ import annotations

from pathlib import Path

import pytest

from fields_core.data.facs import JAW, FacsError, load_facs
from fields_core.encoder.emotion_head import Emotion
from fields_core.head import load_head


def test_every_unit_of_the_table_is_one_of_the_open_head() -> None:
    known = {*load_head().expression_names, JAW}
    for number, units in load_facs().action_units.items():
        assert units, number
        assert set(units) <= known, number
        assert all(0.0 < level <= 1.0 for level in units.values()), number


def test_what_every_book_says_of_emotions() -> None:
    table = load_facs()
    assert table.probabilities[Emotion.HAPPY][12] > 0.9
    assert table.probabilities[Emotion.SURPRISE][27] > 0.8
    assert 12 not in table.probabilities[Emotion.SAD]
    assert (6, 12) in table.prototypes[Emotion.HAPPY]
    assert all(0.0 < chance <= 1.0 for row in table.probabilities.values() for chance in row.values())
    assert set(table.probabilities) == set(Emotion) - {Emotion.NEUTRAL}


def test_affect_lies_where_the_circumplex_has_it() -> None:
    table = load_facs()
    assert table.affect(Emotion.NEUTRAL) == (0.0, 0.0)
    assert table.affect(Emotion.HAPPY)[0] > 0 > table.affect(Emotion.SAD)[0]
    assert table.affect(Emotion.ANGER)[1] > 0 > table.affect(Emotion.SAD)[1]


@pytest.mark.parametrize("text", ["", "[]", '{"action_units": {"x": []}}', '{"action_units": {}}'])
def test_a_damaged_table_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "facs.json"
    path.write_text(text, "utf-8")
    with pytest.raises(FacsError, match=r"facs\.json"):
        load_facs(path)
