"""The photos that a project refers to: found again where they are now, and never another in their place."""

from __future__ import annotations

from pathlib import Path

from fields_core.head.model import HeadModel
from fields_core.project import (
    Project,
    ProjectPhoto,
    ProjectWriter,
    locate,
    read_project,
)
from tests.projects import make_photo, make_project


def test_photos_that_moved_with_the_project_are_found(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    home = tmp_path / "home"
    ProjectWriter().write(make_project(head, home / "pictures"), home / "work" / "a.fields", head)
    home.rename(tmp_path / "elsewhere")
    after = read_project(tmp_path / "elsewhere" / "work" / "a.fields", head, unpack)
    assert [photo.path and photo.path.parent for photo in after.photos] == [tmp_path / "elsewhere" / "pictures"] * 2


def test_photos_beside_the_project_are_found(head: HeadModel, saved: Path, tmp_path: Path, unpack: Path) -> None:
    for photo in (tmp_path / "photos").iterdir():
        photo.rename(saved.parent / photo.name)
    after = read_project(saved, head, unpack)
    assert [photo.path and photo.path.parent for photo in after.photos] == [saved.parent] * 2


def test_a_missing_photo_says_where_it_was_sought_and_can_be_located(
    head: HeadModel, saved: Path, tmp_path: Path, unpack: Path
) -> None:
    (tmp_path / "photos").rename(tmp_path / "archive")
    missing = read_project(saved, head, unpack)
    assert all(photo.missing for photo in missing.photos)
    assert tmp_path / "photos" / "photo 0.png" in missing.photos[0].sought
    assert len(missing.faces) == 3

    other = locate(missing, make_photo(tmp_path / "another.png", 9))
    assert all(photo.missing for photo in other.photos)
    one = locate(missing, tmp_path / "archive" / "photo 1.png")
    assert [photo.missing for photo in one.photos] == [True, False]
    (tmp_path / "archive" / "photo 0.png").rename(tmp_path / "archive" / "renamed.png")
    assert not any(photo.missing for photo in locate(missing, tmp_path / "archive").photos)


def test_a_missing_photo_stays_referred_to_when_the_project_is_saved_again(
    head: HeadModel, saved: Path, tmp_path: Path, unpack: Path
) -> None:
    (tmp_path / "photos").rename(tmp_path / "archive")
    ProjectWriter().write(read_project(saved, head, unpack), saved, head)
    (tmp_path / "archive").rename(tmp_path / "photos")
    assert not any(photo.missing for photo in read_project(saved, head, unpack).photos)


def test_another_picture_under_the_same_name_is_not_taken(
    head: HeadModel, saved: Path, tmp_path: Path, unpack: Path
) -> None:
    make_photo(tmp_path / "photos" / "photo 0.png", seed=99)
    assert read_project(saved, head, unpack).photos[0].missing


def test_a_photo_without_fingerprint_is_kept_as_missing(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    photo = ProjectPhoto("gone.png", 100, 80, path=tmp_path / "gone.png", id="gone")
    project = Project(head.name, head.expression_names, photos=(photo,), selected_photo=0)
    ProjectWriter().write(project, tmp_path / "a.fields", head)
    after = read_project(tmp_path / "a.fields", head, unpack)
    assert after.photos[0].missing
    assert locate(after, tmp_path).photos[0].missing
