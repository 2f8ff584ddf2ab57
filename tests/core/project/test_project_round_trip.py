"""Projects: what goes in comes out, and old files migrate."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.errors import ProjectError
from fields_core.head.model import HeadModel
from fields_core.project import (
    Project,
    ProjectWriter,
    read_project,
    read_summary,
    schema,
    thumbnail,
)
from tests.projects import make_project, same_code, with_pasted_picture


def test_everything_comes_back_as_it_was(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    rest = head.neutral_code().replace(jaw_pose=torch.tensor([[0.2, 0.0, 0.0]]))
    before = replace(make_project(head, tmp_path), rest=rest)
    ProjectWriter().write(before, tmp_path / "a.fields", head)
    after = read_project(tmp_path / "a.fields", head, unpack)

    assert [photo.path for photo in after.photos] == [photo.path for photo in before.photos]
    assert [photo.name for photo in after.photos] == ["photo 0.png", "photo 1.png"]
    for one, other in zip(before.photos, after.photos, strict=True):
        assert np.array_equal(one.thumbnail, other.thumbnail)
        assert (one.width, one.height) == (other.width, other.height)
    for face, back in zip(before.faces, after.faces, strict=True):
        assert same_code(face.original, back.original)
        assert same_code(face.code, back.code)
        for name in ("photo", "id", "name", "identity", "landmark_error", "warning"):
            assert getattr(face, name) == getattr(back, name)
        assert face.face.box == back.face.box
        assert face.face.scores == back.face.scores
        assert face.face.rotation_degrees == back.face.rotation_degrees
        assert np.array_equal(face.face.landmarks, back.face.landmarks)
        assert np.array_equal(face.crop.image, back.crop.image)
        assert np.array_equal(face.crop.crop_to_photo, back.crop.crop_to_photo)
        assert np.array_equal(face.crop.landmarks, back.crop.landmarks)
        assert (face.texture is None) == (back.texture is None)
        if face.texture is not None:
            assert np.array_equal(face.texture, back.texture)
    assert [identity.name for identity in after.identities] == ["Anna", "Bert"]
    assert np.array_equal(after.identities[0].shape, before.identities[0].shape)
    assert after.identities[1].shape is None
    assert [identity.id for identity in after.identities] == ["anna", "bert"]
    assert after.identities[0].rest is None
    assert after.identities[1].rest is not None
    assert before.identities[1].rest is not None
    assert same_code(after.identities[1].rest, before.identities[1].rest)
    assert [photo.id for photo in after.photos] == ["photo-0", "photo-1"]
    assert [photo.reconstructed for photo in after.photos] == [True, False]
    assert (after.selected_photo, after.selected_face) == (0, 1)
    assert after.rest is not None
    assert same_code(after.rest, rest)
    assert after.view == before.view


def test_an_empty_project_comes_back(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    ProjectWriter().write(Project(head.name, head.expression_names), tmp_path / "a.fields", head)
    after = read_project(tmp_path / "a.fields", head, unpack)
    assert (after.photos, after.faces, after.rest) == ((), (), None)


def test_a_face_that_was_not_edited_has_one_code(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    project = make_project(head, tmp_path)
    face = project.faces[0]
    project = replace(project, faces=(replace(face, code=face.original),), selected_face=0)
    ProjectWriter().write(project, tmp_path / "a.fields", head)
    after = read_project(tmp_path / "a.fields", head, unpack).faces[0]
    assert after.code is after.original


def test_exaggerated_codes_are_kept(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    project = make_project(head, tmp_path)
    code = project.faces[0].code
    face = replace(project.faces[0], code=code.replace(expression=code.expression * 0 + 1.7))
    ProjectWriter().write(replace(project, faces=(face,), selected_face=0), tmp_path / "a.fields", head)
    assert read_project(tmp_path / "a.fields", head, unpack).faces[0].code.expression.max() == pytest.approx(1.7)


def test_embedded_photos_need_no_files_outside(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    project = with_pasted_picture(make_project(head, tmp_path / "photos"))
    originals = [photo.path.read_bytes() for photo in project.photos if photo.path is not None]
    ProjectWriter().write(project, tmp_path / "a.fields", head, embed=True)
    shutil.rmtree(tmp_path / "photos")
    after = read_project(tmp_path / "a.fields", head, unpack)
    assert all(photo.embedded and photo.path is not None for photo in after.photos)
    assert [photo.path.read_bytes() for photo in after.photos[:2] if photo.path] == originals
    assert [photo.path and photo.path.relative_to(unpack).as_posix() for photo in after.photos] == [
        "0/photo 0.png",
        "1/photo 1.png",
        "2/picture.png",
    ]


def test_a_pasted_picture_is_kept_without_loss(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    from fields_core.detection.photo_file import load_photo

    project = with_pasted_picture(make_project(head, tmp_path / "photos"))
    ProjectWriter().write(project, tmp_path / "a.fields", head)
    after = read_project(tmp_path / "a.fields", head, unpack)
    assert after.photos[2].path is not None
    assert np.array_equal(load_photo(after.photos[2].path).pixels, project.photos[2].pixels)
    assert not after.photos[0].embedded


def test_a_light_project_refers_to_embedded_photos_and_stays_embedded(
    head: HeadModel, tmp_path: Path, unpack: Path
) -> None:
    ProjectWriter().write(make_project(head, tmp_path / "photos"), tmp_path / "a.fields", head, embed=True)
    opened = read_project(tmp_path / "a.fields", head, unpack)
    shutil.rmtree(tmp_path / "photos")
    ProjectWriter().write(opened, tmp_path / "autosave.fields", head, light=True)
    with zipfile.ZipFile(tmp_path / "autosave.fields") as archive:
        assert not any(name.startswith("photos/") for name in archive.namelist())
    again = read_project(tmp_path / "autosave.fields", head, tmp_path)
    assert [photo.path for photo in again.photos] == [photo.path for photo in opened.photos]
    assert all(photo.embedded for photo in again.photos)


def test_a_summary_tells_what_is_inside(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    summary = read_summary(saved)
    assert (summary.photos, summary.faces) == (2, 3)
    assert summary.thumbnail is not None
    assert summary.thumbnail.max() == 90
    assert summary.view["mode"] == "textured"
    (tmp_path / "text.fields").write_text("no")
    with pytest.raises(ProjectError):
        read_summary(tmp_path / "text.fields")


def test_every_migration_leads_to_the_next_version() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.SCHEMA))


def test_a_project_of_the_first_version_still_opens(head: HeadModel, unpack: Path) -> None:
    after = read_project(Path(__file__).parents[1] / "data" / "schema-1.fields", head, unpack)
    assert [photo.missing for photo in after.photos] == [True, True]
    assert [face.name for face in after.faces] == ["", "Anna", "Anna"]
    assert after.faces[1].identity == 0
    assert after.identities[0].name == "Anna"
    assert all(photo.reconstructed for photo in after.photos)
    for items in (after.photos, after.faces, after.identities):
        names = [item.id for item in items]
        assert all(names)
        assert len(set(names)) == len(names)
    assert (after.selected_photo, after.selected_face) == (0, 1)


def test_a_thumbnail_keeps_the_proportions() -> None:
    assert thumbnail(np.zeros((1000, 2000, 3), np.uint8)).shape == (128, 256, 3)
    assert thumbnail(np.zeros((20, 30, 3), np.uint8)).shape == (20, 30, 3)
