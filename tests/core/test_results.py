from __future__ import annotations

import csv
import json
import math
import subprocess
from pathlib import Path

import pytest

from fields_core.errors import ExportError, SettingsError
from fields_core.evaluation import results
from fields_core.evaluation.results import (
    Column,
    Fact,
    Result,
    Spread,
    Table,
    check_suffix,
    plain_text,
    program_version,
    write_result,
)

TABLE = Table(
    "Recall",
    (Column("codes"), Column("photos"), Column("recall", ".2f"), Column("error", ".1f")),
    (("a | b", 12, Spread.of([0.5, 0.7]), 1.26), ("c", 3, Spread.of([0.25]), math.nan), ("d", 0, None, 2.0)),
    "A note.",
)
RESULT = Result("Emotion", (TABLE,), (Fact("made by", "commit 1234"), Fact("command", "fields evaluate x")))


def test_people_read_rounded_numbers_with_their_spread() -> None:
    assert TABLE.texts() == [
        ["a | b", "12", "0.60 ± 0.14", "1.3"],
        ["c", "3", "0.25", "–"],
        ["d", "0", "–", "2.0"],
    ]
    lines = plain_text(RESULT).splitlines()
    assert lines[0] == "Recall"
    assert lines[1].split() == ["codes", "photos", "recall", "error"]
    assert lines[-1] == "A note."


def test_markdown_names_the_commit_and_keeps_bars_inside_cells(tmp_path: Path) -> None:
    write_result(tmp_path / "x.md", RESULT)
    text = (tmp_path / "x.md").read_text("utf-8")
    assert "- made by: commit 1234" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[1] == "|---|---:|---:|---:|"
    assert rows[2] == "| a \\| b | 12 | 0.60 ± 0.14 | 1.3 |"


def test_csv_has_full_precision_and_a_column_for_the_spread(tmp_path: Path) -> None:
    write_result(tmp_path / "x.csv", RESULT)
    lines = (tmp_path / "x.csv").read_text("utf-8").splitlines()
    assert "# made by: commit 1234" in lines
    rows = list(csv.DictReader(line for line in lines if line and not line.startswith("#")))
    assert [row["codes"] for row in rows] == ["a | b", "c", "d"]
    assert float(rows[0]["recall"]) == 0.6
    assert float(rows[0]["recall (deviation)"]) == pytest.approx(0.02**0.5)
    assert rows[1]["recall (deviation)"] == ""
    assert (rows[1]["error"], rows[2]["recall"]) == ("", "")


def test_json_is_strict_and_holds_everything(tmp_path: Path) -> None:
    write_result(tmp_path / "x.json", RESULT)
    read = json.loads((tmp_path / "x.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert read["command"] == "fields evaluate x"
    first, second, third = read["tables"][0]["rows"]
    assert first["recall"] == {"mean": 0.6, "deviation": pytest.approx(0.02**0.5), "runs": 2}
    assert second == {"codes": "c", "photos": 3, "recall": {"mean": 0.25, "deviation": None, "runs": 1}, "error": None}
    assert third["recall"] is None


def test_another_ending_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be written as x\.xlsx"):
        check_suffix(tmp_path / "x.xlsx")


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.md").mkdir()
    with pytest.raises(ExportError):
        write_result(tmp_path / "x.md", RESULT)
    assert [path.name for path in tmp_path.iterdir()] == ["x.md"]


def test_a_row_must_fit_its_columns() -> None:
    with pytest.raises(ValueError, match="cells"):
        Table("t", (Column("a"),), (("x", 1),))


def test_the_version_is_the_commit_of_this_checkout_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site-packages" / "fields_core"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    monkeypatch.setattr(results.fields_core, "__file__", str(installed / "__init__.py"))
    assert program_version().startswith("fields-head ")

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "x")
    assert program_version().startswith("fields-head ")  # it lies in the repository of another project
    checkout = tmp_path / "fields_core"
    installed.rename(checkout)
    monkeypatch.setattr(results.fields_core, "__file__", str(checkout / "__init__.py"))
    git("add", ".")
    git("commit", "-q", "-m", "y")
    assert program_version() == f"commit {git('rev-parse', '--short=12', 'HEAD')}"
    (checkout / "__init__.py").write_text("changed")
    assert program_version().endswith("-dirty")
