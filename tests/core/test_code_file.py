import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.errors import CodeFileError, ExportError
from fields_core.head import HeadModel, load_code, load_head, save_code
from tests.heads import tiny_flame_pickle, tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture
def code(head: HeadModel) -> FaceCode:
    """Two faces with something in every field."""
    torch.manual_seed(0)
    neutral = head.neutral_code(2)
    noise = {f.name: torch.rand_like(getattr(neutral, f.name)) for f in fields(neutral)}
    return FaceCode(**noise).replace(camera=torch.rand(2, 3) + 1)


@pytest.mark.parametrize("suffix", [".json", ".npz", ".JSON"])
def test_a_code_comes_back_exactly(suffix: str, head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    path = tmp_path / f"code{suffix}"
    save_code(path, code, head)
    found = load_code(path, head)
    for field in fields(code):
        assert torch.equal(getattr(found, field.name), getattr(code, field.name)), field.name
        assert getattr(found, field.name).dtype == torch.float32
    save_code(tmp_path / f"again{suffix}", found, head)
    assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()


def test_a_code_with_gradients_or_in_double_precision_can_be_saved(
    head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    precise = code.to(torch.float64).replace(shape=code.shape.double().requires_grad_())
    for suffix in (".json", ".npz"):
        save_code(tmp_path / f"code{suffix}", precise, head)
        torch.testing.assert_close(load_code(tmp_path / f"code{suffix}", head).shape, code.shape)


def test_json_can_be_read_by_people(head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    smile = head.expression_names.index("mouthSmileLeft")
    code.expression[1, smile] = 0.1
    save_code(tmp_path / "code.json", code, head)
    text = (tmp_path / "code.json").read_text()
    content = json.loads(text)
    assert content["format"] == "fields-code-1"
    assert content["head_model"] == "tiny-head"
    assert set(content["units"]) == {field.name for field in fields(code)}
    assert len(content["faces"]) == 2
    assert content["faces"][1]["expression"]["mouthSmileLeft"] == 0.1
    assert set(content["faces"][0]["camera"]) == {"scale", "tx", "ty"}
    assert '"mouthSmileLeft": 0.1,' in text
    assert "\n  " in text
    assert max(map(len, text.splitlines())) < 200


def test_npz_can_be_read_by_numpy_alone_and_holds_what_else_is_given(
    head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    mesh = head.mesh(code[0])
    save_code(tmp_path / "code.npz", code, head, {"vertices": mesh.vertices, "faces": mesh.faces})
    with np.load(tmp_path / "code.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["vertices"], mesh.vertices)
        np.testing.assert_array_equal(archive["expression"], code.expression)
        assert tuple(archive["expression_names"]) == head.expression_names
        assert str(archive["head_model"]) == head.name
    assert len(load_code(tmp_path / "code.npz", head)) == 2


def test_names_of_the_code_s_own_cannot_be_given_to_other_arrays(
    head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="shape"):
        save_code(tmp_path / "code.npz", code, head, {"shape": np.zeros(3)})
    with pytest.raises(ValueError, match="npz"):
        save_code(tmp_path / "code.json", code, head, {"vertices": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_the_order_of_names_in_json_is_free(head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    path = tmp_path / "code.json"
    save_code(path, code, head)
    content = json.loads(path.read_text())
    for face in content["faces"]:
        face["expression"] = dict(reversed(face["expression"].items()))
        face["camera"] = dict(reversed(face["camera"].items()))
    path.write_text(json.dumps(content))
    found = load_code(path, head)
    assert torch.equal(found.expression, code.expression)
    assert torch.equal(found.camera, code.camera)


def test_a_code_for_another_head_model_is_refused_naming_both(head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    tiny_flame_pickle(tmp_path / "flame2023.pkl")
    flame = load_head(tmp_path / "flame2023.pkl")
    for suffix in (".json", ".npz"):
        save_code(tmp_path / f"code{suffix}", code, head)
        with pytest.raises(CodeFileError, match="another head model") as caught:
            load_code(tmp_path / f"code{suffix}", flame)
        assert caught.value.expected == "flame-flame2023"
        assert caught.value.found == "tiny-head"


def test_flame_s_codes_come_back_too(tmp_path: Path) -> None:
    tiny_flame_pickle(tmp_path / "flame2023.pkl")
    flame = load_head(tmp_path / "flame2023.pkl")
    code = flame.neutral_code().replace(expression=torch.linspace(-2, 2, 100)[None])
    for suffix in (".json", ".npz"):
        save_code(tmp_path / f"code{suffix}", code, flame)
        assert torch.equal(load_code(tmp_path / f"code{suffix}", flame).expression, code.expression)


def set_in(*keys: Any, to: Any) -> Callable[[dict[str, Any]], Any]:
    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


def drop(*keys: Any) -> Callable[[dict[str, Any]], Any]:
    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


NAN = float("nan")
FACE = ("faces", 0)
BROKEN_JSON = {
    "NaN camera": (set_in(*FACE, "camera", "scale", to=NAN), "finite", "NaN"),
    "infinite shape": (set_in(*FACE, "shape", 0, to=float("inf")), "finite", "Infinity"),
    "too large to be finite": (set_in(*FACE, "shape", 0, to=10**400), "numbers in shape", ""),
    "negative camera": (set_in(*FACE, "camera", "scale", to=-5.0), "camera scale above 0", "-5"),
    "no camera scale": (set_in(*FACE, "camera", "scale", to=0.0), "camera scale above 0", "0"),
    "camera a mile away": (set_in(*FACE, "camera", "tx", to=1e9), "camera within", "1e+09"),
    "other format": (set_in("format", to="fields-code-7"), "fields-code-1", "fields-code-7"),
    "no format": (drop("format"), "fields-code-1", "none"),
    "no head model": (drop("head_model"), "tiny-head", "none"),
    "no faces": (drop("faces"), 'list named "faces"', ""),
    "faces that are none": (set_in("faces", to=[]), "at least one face", "none"),
    "faces that are text": (set_in("faces", to="two"), 'list named "faces"', ""),
    "a face that is a number": (set_in(*FACE, to=3), "object for each face", "int"),
    "no jaw": (drop(*FACE, "jaw_pose"), "all parts", "no jaw_pose"),
    "shape too short": (drop(*FACE, "shape", 0), "shape", ""),
    "shapes too short": (lambda c: [face["shape"].pop() for face in c["faces"]], "shape of 2 x 6", "2 x 5"),
    "lighting flat": (lambda c: [face.update(lighting=[0.0] * 27) for face in c["faces"]], "2 x 9 x 3", "2 x 27"),
    "a text for a number": (set_in(*FACE, "shape", 0, to="0.5"), "numbers in shape", ""),
    "null for a number": (set_in(*FACE, "head_pose", 0, to=None), "numbers in head_pose", ""),
    "a nested number": (set_in(*FACE, "head_pose", 0, to=[1.0]), "head_pose", ""),
    "a smile of two": (set_in(*FACE, "expression", "mouthSmileLeft", to=2.0), "Left from 0 to 1", "2 in face 1"),
    "a negative smile": (set_in(*FACE, "expression", "mouthSmileLeft", to=-0.5), "mouthSmileLeft from 0 to 1", "-0.5"),
    "a misspelt smile": (set_in(*FACE, "expression", "mouthSmilleLeft", to=0.5), "mouthSmileLeft", "mouthSmilleLeft"),
    "a missing smile": (drop(*FACE, "expression", "mouthSmileLeft"), "all 42 names", "no mouthSmileLeft"),
    "expression as a list": (set_in(*FACE, "expression", to=[0.0] * 42), "object of names", "list"),
    "an eyelid too far": (set_in("faces", 1, "eyelids", "right", to=1.5), "the right eyelid from 0 to 1", "face 2"),
    "a head turned ten times": (set_in(*FACE, "head_pose", 1, to=63.0), "head_pose within", "63"),
    "a shape beyond man": (set_in(*FACE, "shape", 1, to=1e6), "shape within", "1e+06"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_JSON)
def test_a_wrong_json_is_refused_saying_what_and_where(
    case: str, head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    change, expected, found = BROKEN_JSON[case]
    path = tmp_path / "broken.json"
    save_code(path, code, head)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CodeFileError) as caught:
        load_code(path, head)
    assert "broken.json" in caught.value.title
    assert expected in caught.value.expected
    assert found in caught.value.found
    assert caught.value.remedy


BROKEN_NPZ: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "NaN camera": ("camera", lambda a: a * np.nan, "finite numbers in camera"),
    "one face fewer": ("jaw_pose", lambda a: a[:1], "jaw_pose of 2 x 3"),
    "flat": ("expression", lambda a: a.ravel(), "expression of 2 x 42"),
    "one number": ("shape", lambda a: np.float32(1), "at least one face"),
    "texts": ("albedo", lambda a: a.astype(str), "albedo of 2 x 4 numbers"),
    "complex": ("albedo", lambda a: a * 1j, "plain arrays"),
    "names in another order": ("expression_names", lambda a: a[::-1], "order"),
    "a name twice": ("expression_names", lambda a: a[[0, *range(41)]], "names of expression"),
    "names of FLAME": ("expression_names", lambda a: np.array([f"expression {i}" for i in range(42)]), "names like"),
    "out of bounds": ("expression", lambda a: a + 1.5, "browDownLeft from 0 to 1"),
}


@pytest.mark.parametrize("case", BROKEN_NPZ)
def test_a_wrong_npz_is_refused_saying_what(case: str, head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    name, change, expected = BROKEN_NPZ[case]
    save_code(tmp_path / "code.npz", code, head)
    with np.load(tmp_path / "code.npz") as archive:
        members = dict(archive)
    members[name] = change(members[name])
    np.savez(tmp_path / "broken.npz", **members)
    with pytest.raises(CodeFileError) as caught:
        load_code(tmp_path / "broken.npz", head)
    assert expected in caught.value.expected
    assert caught.value.found


@pytest.mark.parametrize("missing", ["format", "head_model", "expression_names", "camera"])
def test_an_npz_without_one_of_its_parts_is_refused(
    missing: str, head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    save_code(tmp_path / "code.npz", code, head)
    with np.load(tmp_path / "code.npz") as archive:
        members = dict(archive)
    del members[missing]
    np.savez(tmp_path / "broken.npz", **members)
    with pytest.raises(CodeFileError):
        load_code(tmp_path / "broken.npz", head)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'{"faces": [', b"\xff\xfe\x00", b"PK\x03\x04", b"[" * 100_000, b'"' + b"a" * 1000,
     b'{"format": "fields-code-1", "head_model": "tiny-head", "faces": [[]]}', b"1" * 10_000],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_files_that_are_no_codes_are_refused(data: bytes, suffix: str, head: HeadModel, tmp_path: Path) -> None:
    path = tmp_path / f"code{suffix}"
    path.write_bytes(data)
    with pytest.raises(CodeFileError) as caught:
        load_code(path, head)
    assert path.name in caught.value.title


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_truncated_files_are_refused(suffix: str, head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    path = tmp_path / f"code{suffix}"
    save_code(path, code, head)
    data = path.read_bytes()
    for keep in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(CodeFileError):
            load_code(path, head)


def test_a_missing_file_a_folder_and_an_unknown_suffix_are_refused(
    head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    for name in ("none.json", "none.npz"):
        with pytest.raises(CodeFileError, match="does not exist"):
            load_code(tmp_path / name, head)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(CodeFileError):
        load_code(tmp_path / "folder.json", head)
    with pytest.raises(CodeFileError) as caught:
        load_code(tmp_path / "code.pkl", head)
    assert ".pkl" in caught.value.found
    with pytest.raises(CodeFileError):
        save_code(tmp_path / "code.txt", code, head)
    with pytest.raises(ExportError):
        save_code(tmp_path / "folder.json", code, head)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_code_that_could_not_be_read_is_not_written(
    suffix: str, head: HeadModel, code: FaceCode, tmp_path: Path
) -> None:
    for wrong in (
        code.replace(camera=code.camera * torch.nan),
        code.replace(expression=code.expression + 2),
        code.replace(shape=code.shape[:, :3]),
        replace(code, shape=code.shape[:0]),
    ):
        with pytest.raises(CodeFileError):
            save_code(tmp_path / f"code{suffix}", wrong, head)
    assert not list(tmp_path.iterdir())


def test_a_coefficient_rounded_past_its_bound_is_no_error(head: HeadModel, code: FaceCode, tmp_path: Path) -> None:
    slightly = code.replace(expression=torch.full_like(code.expression, 1.000001))
    save_code(tmp_path / "code.json", slightly, head)
    assert torch.equal(load_code(tmp_path / "code.json", head).expression, slightly.expression)
