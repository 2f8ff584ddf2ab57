"""Projects: what goes in comes out, old files migrate, and no file from a stranger does harm."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.errors import ExportError, ProjectError
from fields_core.head.model import HeadModel
from fields_core.progress import Cancelled, CancelToken
from fields_core.project import (
    Project,
    ProjectPhoto,
    ProjectWriter,
    locate,
    read_project,
    read_summary,
    schema,
    thumbnail,
)
from tests.core.projects import make_photo, make_project, with_pasted_picture
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def unpack(tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


@pytest.fixture
def saved(head: HeadModel, tmp_path: Path) -> Path:
    path = tmp_path / "work" / "heads.fields"
    ProjectWriter().write(make_project(head, tmp_path / "photos"), path, head)
    return path


def same_code(one: FaceCode, other: FaceCode) -> bool:
    return all(torch.equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(FaceCode))


def change(path: Path, edit: Callable[[dict[str, bytes]], object]) -> Path:
    """Rewrite a project with other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def change_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    def rewrite(members: dict[str, bytes]) -> None:
        content = json.loads(members["project.json"])
        edit(content)
        members["project.json"] = json.dumps(content).encode()

    return change(path, rewrite)


def change_arrays(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    def rewrite(members: dict[str, bytes]) -> None:
        with np.load(io.BytesIO(members["arrays.npz"])) as archive:
            arrays = dict(archive)
        edit(arrays)
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        members["arrays.npz"] = stream.getvalue()

    return change(path, rewrite)


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


def test_a_newer_version_is_refused_clearly_and_left_alone(head: HeadModel, saved: Path, unpack: Path) -> None:
    change_json(saved, lambda content: content.update(schema=schema.SCHEMA + 1, written_by="9.9"))
    before = saved.read_bytes()
    with pytest.raises(ProjectError, match="newer version of FIELDS") as caught:
        read_project(saved, head, unpack)
    assert "9.9" in caught.value.found
    assert saved.read_bytes() == before


def test_another_head_model_is_refused(head: HeadModel, saved: Path, unpack: Path) -> None:
    change_json(saved, lambda content: content.update(head_model="flame-2023"))
    with pytest.raises(ProjectError, match="another head model"):
        read_project(saved, head, unpack)


def _nan(arrays: dict[str, Any]) -> None:
    arrays["code/expression"][0, 0] = np.nan


def _pickle(arrays: dict[str, Any]) -> None:
    arrays["code/expression"] = np.array([{"a": 1}], dtype=object)


@pytest.mark.parametrize(
    "edit",
    [
        _nan,
        _pickle,
        lambda arrays: arrays["code/camera"].__setitem__((0, 0), -1.0),
        lambda arrays: arrays["face_landmarks"].__setitem__((0, 0, 0), np.inf),
        lambda arrays: arrays["crop_to_photo"].__setitem__((0, 0, 0), 1e30),
        lambda arrays: arrays.update({"code/shape": arrays["code/shape"][:, :-1]}),
        lambda arrays: arrays.update({"code/shape": arrays["code/shape"][:-1]}),
        lambda arrays: arrays.update({"original/jaw_pose": np.zeros((3, 3), "U3")}),
        lambda arrays: arrays.update({"original/shape": np.float32(1.0)}),
        lambda arrays: arrays.pop("original/eyelids"),
        lambda arrays: arrays.pop("crop_landmarks"),
        lambda arrays: arrays.pop("identity_shapes"),
    ],
    ids=["nan", "pickle", "camera", "infinity", "huge", "shape", "rows", "texts", "scalar", "part", "array", "fused"],
)
def test_faulty_arrays_are_refused(
    edit: Callable[[dict[str, Any]], object], head: HeadModel, saved: Path, unpack: Path
) -> None:
    change_arrays(saved, edit)
    with pytest.raises(ProjectError):
        read_project(saved, head, unpack)


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c.update(format="zip"),
        lambda c: c.update(schema="1"),
        lambda c: c.update(schema=0),
        lambda c: c.update(schema=True),
        lambda c: c.update(faces={}),
        lambda c: c.update(faces=[1, 2, 3]),
        lambda c: c.update(selected_face=3),
        lambda c: c.update(selected_photo=-2),
        lambda c: c.update(expression_names=["smile"]),
        lambda c: c.update(view={"a": [1]}),
        lambda c: c.pop("photos"),
        lambda c: c["faces"][0].update(photo=2),
        lambda c: c["faces"][0].update(identity=9),
        lambda c: c["faces"][0].update(box=[1, 2, 3]),
        lambda c: c["faces"][0].update(box=[1, 2, 3, 1e300]),
        lambda c: c["faces"][0].update(rotation_degrees=45.5),
        lambda c: c["faces"][0].update(scores={"jawOpen": "wide"}),
        lambda c: c["faces"].append(c["faces"][0]),
        lambda c: c["photos"][0].update(width=-1),
        lambda c: c["identities"][0].update(rest=True),
        lambda c: c["photos"][0].update(id=c["photos"][1]["id"]),
        lambda c: c["faces"][0].update(id=""),
        lambda c: c.update(schema=1, photos=7),
        lambda c: c.update(schema=1, faces=["a"]),
        lambda c: c["photos"][0].update(name=None),
        lambda c: c["photos"][0].update(sha256="../x"),
        lambda c: c["photos"][0].update(member="../../evil.png"),
        lambda c: c["photos"][0].update(member="photos/7.png"),
        lambda c: c["photos"][0].update(member="project.json"),
    ],
)
def test_faulty_json_is_refused(
    edit: Callable[[dict[str, Any]], object], head: HeadModel, saved: Path, unpack: Path
) -> None:
    change_json(saved, edit)
    with pytest.raises(ProjectError):
        read_project(saved, head, unpack)


@pytest.mark.parametrize("text", [b"", b"[", b"[]", b'{"format": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_is_refused(text: bytes, head: HeadModel, saved: Path, unpack: Path) -> None:
    change(saved, lambda members: members.update({"project.json": text}))
    with pytest.raises(ProjectError):
        read_project(saved, head, unpack)


@pytest.mark.parametrize("name", ["project.json", "arrays.npz", "crops/0.png", "textures/1.png", "thumbnails/1.png"])
def test_a_missing_or_damaged_member_is_refused(name: str, head: HeadModel, saved: Path, unpack: Path) -> None:
    whole = saved.read_bytes()
    change(saved, lambda members: members.pop(name))
    with pytest.raises(ProjectError):
        read_project(saved, head, unpack)
    saved.write_bytes(whole)
    change(saved, lambda members: members.update({name: members[name][: len(members[name]) // 2]}))
    with pytest.raises(ProjectError):
        read_project(saved, head, unpack)


@pytest.mark.parametrize("name", ["project.json", "arrays.npz", "crops/0.png", "thumbnails/0.png"])
def test_a_zip_bomb_is_refused_before_it_unfolds(name: str, head: HeadModel, saved: Path, unpack: Path) -> None:
    change(saved, lambda members: members.update({name: bytes(100 << 20)}))
    assert saved.stat().st_size < 4 << 20
    started = time.process_time()
    with pytest.raises(ProjectError, match="too large"):
        read_project(saved, head, unpack)
    assert time.process_time() - started < 1.0


def test_a_picture_that_unfolds_to_a_huge_one_is_refused(head: HeadModel, saved: Path, unpack: Path) -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(stream, "PNG")
    change(saved, lambda members: members.update({"textures/1.png": stream.getvalue()}))
    with pytest.raises(ProjectError, match="not a usable project"):
        read_project(saved, head, unpack)


def test_a_member_that_holds_more_than_it_says_is_refused(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    path = tmp_path / "a.fields"
    ProjectWriter().write(make_project(head, tmp_path), path, head, embed=True)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("photos/0.png")
    place = data.rindex(b"photos/0.png") - 46  # its entry in the directory, which is at the end
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 24 : place + 28] = (info.file_size // 2).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ProjectError):
        read_project(path, head, unpack)


@pytest.mark.parametrize("damage", ["empty", "text", "truncated", "flipped", "folder", "absent", "pipe"])
def test_files_that_are_no_projects_are_refused(damage: str, head: HeadModel, saved: Path, unpack: Path) -> None:
    whole = saved.read_bytes()
    saved.unlink()
    if damage == "folder":
        saved.mkdir()
    elif damage == "pipe":
        os.mkfifo(saved)
    elif damage != "absent":
        middle = whole.index(b"PNG") + 200
        flipped = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
        cases = {"empty": b"", "text": b"hello" * 100, "truncated": whole[: len(whole) // 2], "flipped": flipped}
        saved.write_bytes(cases[damage])
    with pytest.raises(ProjectError):
        read_project(saved, head, unpack)


def test_names_in_the_file_never_leave_its_places(head: HeadModel, saved: Path, tmp_path: Path, unpack: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")

    def point_elsewhere(content: dict[str, Any]) -> None:
        content["photos"][0].update(path=str(secret), relative="../secret.png", name="../secret.png")
        content["photos"][1].update(path="//server/share/x.png", relative="\\\\server\\x.png", name="a\0b")

    change_json(saved, point_elsewhere)
    after = read_project(saved, head, unpack)
    assert all(photo.missing for photo in after.photos)  # the bytes are not those that the project knows
    assert not any("server" in str(place) for place in after.photos[1].sought)
    assert list(unpack.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../x.png",
        "..",
        "",
        "/etc/passwd",
        "C:\\x.png",
        "a/b\\c.png",
        "NUL",
        "con.png",
        "a\0b",
        "x" * 500,
        "ü?*.png",
        ".",
    ],
)
def test_embedded_photos_stay_in_their_folder_whatever_they_are_called(
    name: str, head: HeadModel, tmp_path: Path, unpack: Path
) -> None:
    path = tmp_path / "a.fields"
    ProjectWriter().write(make_project(head, tmp_path / "photos"), path, head, embed=True)
    change_json(path, lambda content: content["photos"][0].update(name=name))
    place = read_project(path, head, unpack).photos[0].path
    assert place is not None
    assert place.resolve().parent == (unpack / "0").resolve()
    assert place.suffix == ".png"
    assert len(place.name) < 80
    assert sum(1 for item in tmp_path.rglob("*") if item.is_file()) == 1 + 2 + 2  # project, photos, copies


def test_a_failed_save_keeps_the_old_file(
    head: HeadModel, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    project = make_project(head, tmp_path / "photos")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="Cannot write"):
        ProjectWriter().write(project, saved, head)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on file sizes")
def test_a_full_disk_keeps_the_old_file(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    import resource
    import signal

    before = saved.read_bytes()
    project = make_project(head, tmp_path / "photos")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(ExportError, match="Cannot write"):
            ProjectWriter().write(project, saved, head)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_cancelled_save_keeps_the_old_file(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ProjectWriter().write(make_project(head, tmp_path / "photos"), saved, head, token=token)
    assert saved.read_bytes() == before


def test_codes_that_could_not_be_read_again_are_not_written(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    project = make_project(head, tmp_path / "photos")
    code = project.faces[0].code
    faulty = replace(project.faces[0], code=code.replace(expression=code.expression * float("nan")))
    with pytest.raises(ProjectError, match="values that mean nothing"):
        ProjectWriter().write(replace(project, faces=(faulty,), selected_face=0), saved, head)
    assert saved.read_bytes() == before


def test_embedding_a_photo_that_is_gone_says_so(head: HeadModel, saved: Path, tmp_path: Path) -> None:
    project = make_project(head, tmp_path / "photos")
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(ProjectError, match="cannot be put into the project"):
        ProjectWriter().write(project, saved, head, embed=True)


def test_writing_again_computes_only_what_changed(
    head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    project = make_project(head, tmp_path / "photos")
    writer = ProjectWriter()
    writer.write(project, tmp_path / "a.fields", head)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(Image.Image, "save", never)
    monkeypatch.setattr("fields_core.project.writing.fingerprint", never)
    writer.write(project, tmp_path / "b.fields", head)
    assert (tmp_path / "a.fields").read_bytes() == (tmp_path / "b.fields").read_bytes()


def test_every_migration_leads_to_the_next_version() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.SCHEMA))


def test_a_project_of_the_first_version_still_opens(head: HeadModel, unpack: Path) -> None:
    after = read_project(Path(__file__).parent / "data" / "schema-1.fields", head, unpack)
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


def test_a_photo_without_fingerprint_is_kept_as_missing(head: HeadModel, tmp_path: Path, unpack: Path) -> None:
    photo = ProjectPhoto("gone.png", 100, 80, path=tmp_path / "gone.png", id="gone")
    project = Project(head.name, head.expression_names, photos=(photo,), selected_photo=0)
    ProjectWriter().write(project, tmp_path / "a.fields", head)
    after = read_project(tmp_path / "a.fields", head, unpack)
    assert after.photos[0].missing
    assert locate(after, tmp_path).photos[0].missing
