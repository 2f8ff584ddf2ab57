"""What was so when something began is found again, and never written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from fields_core.errors import SettingsError
from fields_core.training.noted_facts import noted_facts


def test_what_was_noted_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "facts.json"
    first = {"data": [["faces-00.tar", 12]], "head": None}
    assert noted_facts(path, first) == first
    assert noted_facts(path, {"data": [], "head": "another"}) == first


@pytest.mark.parametrize("content", [b"{half", b'["no", "names"]', b"\xff\xfe"])
def test_a_damaged_note_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"facts\.json cannot be read"):
        noted_facts(path, {"data": []})
    assert path.read_bytes() == content
