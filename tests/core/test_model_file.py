import io
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fields_core.errors import ExportError, ModelFileError
from fields_core.head.array_archive import parse_array, read_arrays, write_arrays
from fields_core.head.model_file import HeadModelFile, read_head_file, write_head_file
from tests.heads import tiny_head, tiny_head_file


def members_of(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def npz(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written, read = tiny_head(), read_head_file(tiny_head_file(tmp_path / "head.npz"))
    for field in fields(HeadModelFile):
        before, after = getattr(written, field.name), getattr(read, field.name)
        if isinstance(before, np.ndarray):
            assert after.dtype == before.dtype, field.name
            np.testing.assert_allclose(after, before, atol=1e-5, err_msg=field.name)  # float16 millimetres
        else:
            assert after == pytest.approx(before) if isinstance(before, float) else after == before


def test_the_same_head_gives_the_same_bytes_however_often_it_is_read_and_written(tmp_path: Path) -> None:
    first = tiny_head_file(tmp_path / "a.npz").read_bytes()
    write_head_file(read_head_file(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "b.npz").read_bytes() == first


def test_the_file_holds_the_format_s_members_in_millimetres(tmp_path: Path) -> None:
    members = members_of(tiny_head_file(tmp_path / "head.npz"))
    assert str(members["format"]) == "fields-head-1"
    assert members["shapedirs"].dtype == np.float16
    np.testing.assert_allclose(members["expression_dirs"] / 1e3, tiny_head().expression_dirs, atol=1e-5)
    assert members["f"].dtype == np.int32
    assert members["kintree_table"][0, 0] == 2**32 - 1


def test_a_file_without_landmark_numbers_has_all_of_mediapipe_s_in_order(tmp_path: Path) -> None:
    members = members_of(tiny_head_file(tmp_path / "head.npz"))
    del members["landmark_ids"]
    np.savez(tmp_path / "old.npz", **members)
    assert read_head_file(tmp_path / "old.npz").landmark_ids.tolist() == list(range(478))


def nan_at_first(array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed.flat[0] = np.nan
    return changed


BROKEN = {
    "other format": ("format", lambda a: np.array("fields-head-9"), "fields-head-1"),
    "NaN": ("v_template", nan_at_first, "v_template to be finite"),
    "infinite blendshape": ("shapedirs", lambda a: np.full_like(a, np.inf), "shapedirs to be finite"),
    "millimetres": ("v_template", lambda a: a * 1000, "in metres"),
    "a smile of a mile": ("expression_dirs", lambda a: a + np.float16(6e4), "expression_dirs in metres"),
    "no vertices": ("v_template", lambda a: a[:0], "of shape"),
    "one vertex less": ("weights", lambda a: a[1:], "weights of shape"),
    "four joints": ("weights", lambda a: a[:, :4], "weights of shape"),
    "flat": ("v_template", lambda a: a.ravel(), "v_template of shape"),
    "face beyond the vertices": ("f", lambda a: a + 1, "f from 0 to"),
    "negative face": ("f", lambda a: a - 1, "f from 0 to"),
    "fractional faces": ("f", lambda a: a.astype(np.float32), "f to be int32"),
    "huge face number": ("f", lambda a: a.astype(np.int64) + 2**40, "f within int32"),
    "texture face beyond": ("ft", lambda a: a + 9999, "ft from 0 to"),
    "landmark beyond the faces": ("landmark_faces", lambda a: a + 9999, "landmark_faces from 0"),
    "unknown landmark": ("landmark_ids", lambda a: a + 1, "landmark_ids from 0 to 477"),
    "barycentrics": ("landmark_barycentrics", lambda a: a * 2, "landmark_barycentrics that sum to 1"),
    "subset beyond": ("landmarks_68", lambda a: a + 478, "landmarks_68 from 0"),
    "weights of 2": ("weights", lambda a: a * 2, "sum to 1"),
    "negative weights": ("weights", lambda a: a + np.float32([1, -1, 0, 0, 0]), "positive"),
    "other skeleton": ("kintree_table", lambda a: a[:, ::-1], "kintree_table"),
    "pose column 36": ("posedirs_columns", lambda a: a + 30, "posedirs_columns from 0 to 35"),
    "one name less": ("expression_names", lambda a: a[1:], "of shape"),
    "a name twice": ("expression_names", lambda a: a[[0, *range(41)]], "all different"),
    "names that are numbers": ("expression_names", lambda a: np.arange(42), "to be text"),
    "bounds upside down": ("expression_bounds", lambda a: a[:, ::-1], "least value first"),
    "jaw that cannot open": ("jaw_open_radians", lambda a: np.float32(0), "between 0 and pi"),
    "two jaws": ("jaw_open_radians", lambda a: np.float32([0.4, 0.4]), "one number"),
    "region numbers": ("region_masks", lambda a: a.astype(np.int32), "region_masks to be bool"),
    "oblong albedo": ("albedo_mean", lambda a: a[:4], "square"),
    "albedo in colour only": ("albedo_dirs", lambda a: a[..., :2], "albedo_dirs of shape"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_inconsistent_head_is_refused_naming_what_is_wrong(case: str, tmp_path: Path) -> None:
    name, change, message = BROKEN[case]
    members = members_of(tiny_head_file(tmp_path / "head.npz"))
    members[name] = change(members[name])
    np.savez(tmp_path / "broken.npz", **members)
    with pytest.raises(ModelFileError) as caught:
        read_head_file(tmp_path / "broken.npz")
    assert "broken.npz" in caught.value.title
    assert message in caught.value.expected
    assert caught.value.found
    assert caught.value.remedy


@pytest.mark.parametrize("name", [field.name for field in fields(HeadModelFile) if field.name != "landmark_ids"])
def test_a_missing_member_is_named(name: str, tmp_path: Path) -> None:
    members = members_of(tiny_head_file(tmp_path / "head.npz"))
    del members[name]
    np.savez(tmp_path / "broken.npz", **members)
    with pytest.raises(ModelFileError) as caught:
        read_head_file(tmp_path / "broken.npz")
    assert name in caught.value.found


def test_an_inconsistent_head_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        write_head_file(replace(tiny_head(), f=tiny_head().f + 1), tmp_path / "head.npz")
    assert not list(tmp_path.iterdir())


def test_a_head_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "head.npz").mkdir()
    with pytest.raises(ExportError):
        tiny_head_file(tmp_path / "head.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["head.npz"]


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"not a zip at all", b"\x93NUMPY\x01\x00v\x00{}", b"PK\x05\x06" + bytes(18)]
)
def test_files_of_another_kind_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"head\.npz"):
        read_head_file(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        read_head_file(tmp_path / "head.npz")
    with pytest.raises(ModelFileError):
        read_head_file(tmp_path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(keep: float, tmp_path: Path) -> None:
    data = tiny_head_file(tmp_path / "head.npz").read_bytes()
    (tmp_path / "head.npz").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ModelFileError):
        read_head_file(tmp_path / "head.npz")


def test_flipped_bytes_never_escape_as_another_error(tmp_path: Path) -> None:
    data = bytearray(tiny_head_file(tmp_path / "head.npz").read_bytes())
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            read_head_file(tmp_path / "damaged.npz")
        except ModelFileError:
            refused += 1
    assert refused > 40  # some bytes are dates and attributes, which mean nothing


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    bomb = npz(tmp_path / "bomb.npz", {"v_template": bytes(130 * 2**20)})
    assert bomb.stat().st_size < 2**20
    with pytest.raises(ModelFileError, match="too large"):
        read_head_file(bomb)


def test_a_thousand_members_are_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "many.npz", {f"member{i}": npy(np.zeros(1)) for i in range(1000)})
    with pytest.raises(ModelFileError, match="too large"):
        read_head_file(path)


def test_a_member_that_hides_its_size_is_refused(tmp_path: Path) -> None:
    honest = npz(tmp_path / "lie.npz", {"format": npy(np.zeros(2**20))}).read_bytes()
    size, said = (2**23 + 128).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert honest.count(size) == 2
    (tmp_path / "lie.npz").write_bytes(honest.replace(size, said))
    with pytest.raises(ModelFileError):
        read_head_file(tmp_path / "lie.npz")


class Bait:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("the pickle was opened",))


def test_pickled_objects_in_an_npz_are_refused_and_not_opened(tmp_path: Path) -> None:
    trap = np.array([Bait()], dtype=object)
    path = npz(tmp_path / "trap.npz", {"format": npy(trap, allow_pickle=True)})
    with pytest.raises(ModelFileError):
        read_head_file(path)


def header(text: str, payload: bytes = b"") -> bytes:
    encoded = text.encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(encoded).to_bytes(2, "little") + encoded + payload


@pytest.mark.parametrize(
    "data",
    [
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", bytes(16)),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", bytes(16)),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}", bytes(4)),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 10**9)}"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': 4}", bytes(16)),
        header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", bytes(4)),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        header("{'descr': '|V4', 'fortran_order': False, 'shape': (1,)}", bytes(4)),
        header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}", bytes(4)),
        header("__import__('os').abort()"),
        header("[" * 5000),
        header("{}"),
        header("{'descr': '<f4'"),
        b"\x93NUMPY\x09\x00" + bytes(100),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100),
        b"",
    ],
)
def test_a_hostile_array_header_is_refused_without_allocating(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_array(data)


@pytest.mark.parametrize(
    "array",
    [np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array("text"), np.zeros((0, 3)),
     np.array([True]), np.float16(2.5), np.arange(3, dtype=">i4")],
)  # fmt: skip
def test_arrays_of_plain_kinds_come_back_as_they_were(array: np.ndarray, tmp_path: Path) -> None:
    write_arrays({"a": np.asarray(array)}, tmp_path / "a.npz")
    found = read_arrays(tmp_path / "a.npz", limit_bytes=10**6)["a"]
    assert found.dtype == np.asarray(array).dtype
    np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(members_of(tmp_path / "a.npz")["a"], array)  # numpy reads it too
