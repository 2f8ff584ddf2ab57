"""What was written as a table can be read again."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from fields_core.errors import SettingsError
from fields_core.evaluation.ablation_report import Scores
from fields_core.evaluation.ablation_store import read_ablation
from fields_core.evaluation.result_file import read_result
from fields_core.evaluation.results import Column, Fact, Result, Spread, Table, csv_text, write_result

RESULT = Result(
    "Ablation",
    (
        Table(
            "Ablation",
            (Column("variant"), Column("runs"), Column("recall")),
            (("full, 'all'", 3, Spread(0.61234567, 0.02, 3)), ("one", 1, Spread(0.5, math.nan, 1)), ("none", 0, None)),
        ),
        Table(
            "Every run", (Column("variant"), Column("seed"), Column("recall")), (("full", 0, 0.6), ("full", 1, None))
        ),
    ),
    (Fact("made by", "commit 1"), Fact("configuration", '{"a": 1}')),
)


def scores(recall: float) -> Scores:
    return Scores(**{field.name: recall for field in dataclasses.fields(Scores)})


def write_scores(path: Path, recall: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {name: None if math.isnan(value) else value for name, value in dataclasses.asdict(scores(recall)).items()}
    path.write_text(json.dumps({"conditions": "here", "scores": values}))


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_result(tmp_path / "x.csv", RESULT)
    read = read_result(tmp_path / "x.csv")
    assert read.facts == RESULT.facts
    assert [table.title for table in read.tables] == ["Ablation", "Every run"]
    assert [table.texts() for table in read.tables] == [table.texts() for table in RESULT.tables]
    assert csv_text(read) == csv_text(RESULT), "saved again it is the same file"


TOO_LONG = "x" * 200_000  # for a cell, says the csv module, with an error of its own


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n1,2\n", "# Title\n", "# Title\n# One\na,b\n1\n", "# Title\na,b\n", f"# Title\n# One\n{TOO_LONG}\n1\n"],
    ids=["empty", "no title", "no table", "short row", "no table's title", "long cell"],
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(SettingsError, match="no table of results"):
        read_result(tmp_path / "x.csv")
    with pytest.raises(SettingsError, match=r"missing\.csv"):
        read_ablation(tmp_path / "missing.csv")


class TestFolder:
    def test_the_table_of_the_command_is_taken(self, tmp_path: Path) -> None:
        write_result(tmp_path / "ablation.csv", RESULT)
        assert csv_text(read_ablation(tmp_path)) == csv_text(RESULT)

    def test_without_it_the_scores_of_the_runs_are_collected(self, tmp_path: Path) -> None:
        write_scores(tmp_path / "start-scores.json", 0.2)
        write_scores(tmp_path / "full-seed0" / "scores.json", 0.6)
        write_scores(tmp_path / "full-seed1" / "scores.json", 0.8)
        write_scores(tmp_path / "no-emotion-seed0" / "scores.json", math.nan)
        write_scores(tmp_path / "something-else" / "scores.json", 0.1)
        table, *_, every = read_ablation(tmp_path).tables
        rows = {row[0]: row for row in table.texts()}
        assert rows["full"][:3] == ["full", "2", "0.700 ± 0.141"]
        assert rows["without emotion"][2] == "–"
        assert len(every.rows) == 3

    @pytest.mark.parametrize("text", ["", "[]", '{"scores": "none"}', '{"conditions": "here", "scores": {"a": []}}'])
    def test_scores_that_are_something_else_are_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "start-scores.json").write_text(text)
        with pytest.raises(SettingsError, match="no ablation"):
            read_ablation(tmp_path)

    def test_a_folder_without_any_is_refused_with_the_way_out(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="no ablation") as caught:
            read_ablation(tmp_path)
        assert "fields evaluate ablation" in caught.value.remedy
        write_scores(tmp_path / "start-scores.json", 0.2)
        with pytest.raises(SettingsError, match="was measured yet"):
            read_ablation(tmp_path)
