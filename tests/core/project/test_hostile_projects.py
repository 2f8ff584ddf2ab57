"""No project file from a stranger does harm, and none is misread."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fields_core.errors import ProjectError
from fields_core.head.model import HeadModel
from fields_core.project import (
    ProjectWriter,
    read_project,
    schema,
)
from tests.core.project.damage import change, change_arrays, change_json
from tests.projects import make_project


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
