"""The table of how well heads fit a folder of photos."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from fields_core.errors import PhotoError, SettingsError
from fields_core.evaluation.fit_report import FitReport, PhotoFit, evaluate_fit, fit_tables, write_csv
from fields_core.evaluation.results import Result, plain_text

NAMES = ("mouthSmileLeft", "mouthSmileRight", "jawForward")


def fit(name: str, smile: float = 0.0, error: float = 0.01, forward: float = 0.0) -> PhotoFit:
    return PhotoFit(name, "", error, 30.0, 15.0, np.array([smile, smile, forward]), 0.6)


def missed(name: str) -> PhotoFit:
    return PhotoFit(name, "no face found", float("nan"), 0.0, 0.0, np.full(3, np.nan), float("nan"))


def text_of(report: FitReport) -> str:
    return plain_text(Result("", fit_tables(report)))


def met(report: FitReport) -> dict[str, bool]:
    return {requirement.name: requirement.met for requirement in report.requirements()}


def test_a_good_folder_meets_every_requirement():
    report = FitReport(NAMES, (fit("a_neutral", 0.02), fit("a_smiling", 0.7), fit("b_neutral"), fit("b_smiling", 0.4)))
    assert len(report.pairs) == 2
    assert all(met(report).values())
    assert "NOT MET" not in text_of(report)


def test_each_failure_is_seen_and_named():
    photos = (fit("a_neutral", 0.5, forward=0.4), fit("a_smiling", 0.4, error=0.05), fit("b_neutral", error=0.04))
    report = FitReport(NAMES, (*photos, missed("c_neutral"), missed("c_smiling")))
    assert not any(met(report).values())
    assert report.unsmiling == ("a_smiling",)
    assert report.flagged == NAMES
    assert report.worst is not None
    assert report.worst.name == "a_smiling"
    text = text_of(report)
    assert text.count("NOT MET") == 4
    assert re.search("c_neutral +no face found", text)
    assert "a_smiling" in text


def test_missing_faces_do_not_spoil_the_figures_of_the_others():
    report = FitReport(NAMES, (fit("a_neutral", error=0.01), missed("b_neutral")))
    assert report.median_error == pytest.approx(0.01)
    assert np.isfinite(report.neutral_means).all()


def test_a_folder_without_pairs_asks_for_less():
    report = FitReport(NAMES, (fit("holiday"),))
    assert set(met(report)) == {"faces found", "median landmark error"}
    assert "holiday" in text_of(report)


def test_the_csv_has_a_row_for_every_photo(tmp_path):
    report = FitReport(NAMES, (fit("a_neutral", 0.25), missed("a_smiling")))
    write_csv(report, tmp_path / "fit.csv")
    with (tmp_path / "fit.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == ["a_neutral", "a_smiling"]
    assert float(rows[0]["mouthSmileLeft"]) == 0.25
    assert rows[1]["found"] == "0"


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_a_folder_without_photos_is_refused(tmp_path, content):
    folder = tmp_path / "photos"
    if content is not None:
        folder.mkdir()
        (folder / content).write_text("no photo")
    with pytest.raises(SettingsError if content is None else PhotoError):
        evaluate_fit(folder)
