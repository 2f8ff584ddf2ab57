"""Everybody in one table, and on sheets of pictures."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fields_core.datatypes import Photo
from fields_core.errors import ExportError
from fields_core.export.people import EmotionScores, ExportedPerson, write_table
from fields_core.export.sheet import PAGE, PER_PAGE, write_sheet
from fields_core.head import HeadModel
from fields_core.progress import Cancelled
from tests.reconstructions import fake_reconstruction

SCORES = EmotionScores((0.05, 0.8, 0.02, 0.04, 0.01, 0.02, 0.03, 0.03), 0.7, -0.25)


@pytest.fixture(scope="module")
def person(head: HeadModel) -> ExportedPerson:
    code = head.neutral_code().replace(
        expression=torch.linspace(0, 0.9, head.n_expression)[None], jaw_pose=torch.tensor([[0.2, 0.01, 0.0]])
    )
    return ExportedPerson("Ada", 1, fake_reconstruction(head, code, Path("/photos/ada.jpg")), SCORES)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_a_face_and_every_coefficient(
    person: ExportedPerson, head: HeadModel, tmp_path: Path
) -> None:
    unscored = replace(person, name="Zoë, 2", face=2, emotion=None)
    first, second = rows(write_table([person, unscored], head, tmp_path / "people.csv")[0])
    code = person.reconstruction.code
    assert (first["photo"], first["face"], first["person"]) == ("ada", "1", "Ada")
    assert (first["head_model"], first["head_model_licence"]) == (head.name, head.licence)
    assert float(first["landmark_error"]) == pytest.approx(0.0123, abs=1e-5)
    np.testing.assert_allclose(
        [float(first[name]) for name in head.expression_names], code.expression[0].numpy(), rtol=1e-5
    )
    assert float(first["jaw_pose_x"]) == pytest.approx(0.2)
    assert float(first["camera_scale"]) == pytest.approx(float(code.camera[0, 0]))
    assert (first["score_happy"], first["valence"], first["arousal"]) == ("0.8000", "0.7000", "-0.2500")
    assert (second["person"], second["score_happy"], second["valence"]) == ("Zoë, 2", "", "")
    assert len(set(first)) == len(first)


def test_names_never_become_formulas(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    hostile = replace(person, name='=HYPERLINK("http://x","y")')
    (row,) = rows(write_table([hostile], head, tmp_path / "people.csv")[0])
    assert row["person"].startswith("'=")


def test_a_face_of_another_head_model_is_refused(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    code = person.reconstruction.code
    other = replace(person.reconstruction, code=code.replace(shape=torch.zeros(1, 3)))
    with pytest.raises(ExportError, match="not made with"):
        write_table([replace(person, reconstruction=other)], head, tmp_path / "people.csv")
    assert not list(tmp_path.iterdir())


def test_a_png_sheet_has_a_file_for_each_page(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    people = [replace(person, face=i + 1) for i in range(PER_PAGE + 1)]
    written = write_sheet(people, head, tmp_path / "sheet.png")
    assert [path.name for path in written] == ["sheet.png", "sheet-2.png"]
    first, second = (Image.open(path) for path in written)
    assert first.size == second.size == PAGE
    assert head.licence in first.text["Copyright"]
    ink = [(np.asarray(page).min(axis=2) < 200).mean() for page in (first, second)]
    assert ink[0] > 2 * ink[1] > 0.02


def test_scores_are_on_the_sheet_only_where_they_are_known(
    person: ExportedPerson, head: HeadModel, tmp_path: Path
) -> None:
    known = np.asarray(Image.open(write_sheet([person], head, tmp_path / "a.png")[0]))
    unknown = np.asarray(Image.open(write_sheet([replace(person, emotion=None)], head, tmp_path / "b.png")[0]))
    assert (known[:, : PAGE[0] // 2] == unknown[:, : PAGE[0] // 2]).all()
    assert (known != unknown).any()


def test_a_pdf_sheet_is_one_file_of_all_pages(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    (path,) = write_sheet([person] * (PER_PAGE + 1), head, tmp_path / "sheet.pdf")
    data = path.read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) == 2


def test_a_face_at_the_edge_of_a_photo_still_fits(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    found = person.reconstruction
    for box in ((-40.0, -30.0, 20.0, 40.0), (300.0, 220.0, 500.0, 420.0), (900.0, 900.0, 910.0, 910.0)):
        at_edge = replace(found, face=replace(found.face, box=box), photo=Photo(found.photo.pixels))
        assert write_sheet([replace(person, reconstruction=at_edge)], head, tmp_path / "edge.png")


def test_a_sheet_can_be_stopped_and_leaves_nothing(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    def stop(done: int) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_sheet([person] * 3, head, tmp_path / "sheet.png", stop)
    assert not list(tmp_path.iterdir())


def test_nobody_makes_no_sheet_and_no_table(person: ExportedPerson, head: HeadModel, tmp_path: Path) -> None:
    for people, name in (([], "sheet.png"), ([person], "sheet.bmp")):
        with pytest.raises(ExportError, match="no such picture sheet"):
            write_sheet(people, head, tmp_path / name)
    with pytest.raises(ExportError, match="nobody"):
        write_table([], head, tmp_path / "people.csv")
