import collections
import copyreg
import os
import pickle
import pickletools
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from fields_core.errors import ModelFileError
from fields_core.head import load_head
from fields_core.head.flame_pickle import read_flame
from fields_core.head.model_file import read_head_file, write_head_file
from fields_core.head.pickle_reader import read_pickled_arrays
from tests.heads import tiny_flame_pickle


@pytest.fixture
def flame(tmp_path: Path) -> Path:
    tiny_flame_pickle(tmp_path / "generic_model.pkl")
    return tmp_path / "generic_model.pkl"


def plain_flame() -> dict[str, Any]:
    """FLAME's keys as today's Python would pickle them."""
    rng = np.random.default_rng(0)
    return {
        "v_template": rng.normal(size=(24, 3)) * 0.1,
        "f": rng.integers(0, 24, (44, 3)),
        "shapedirs": rng.normal(size=(24, 3, 400)),
        "posedirs": rng.normal(size=(24, 3, 36)),
        "J_regressor": scipy.sparse.csr_matrix(np.full((5, 24), 1 / 24)),
        "weights": np.full((24, 5), 0.2),
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
    }


def test_flame_s_layout_is_read_into_our_form(flame: Path) -> None:
    dense = tiny_flame_pickle(flame)
    file = read_flame(flame)
    np.testing.assert_array_equal(file.v_template, dense["v_template"].astype(np.float32))
    np.testing.assert_array_equal(file.f, dense["f"])
    np.testing.assert_array_equal(file.posedirs, dense["posedirs"].astype(np.float32))
    np.testing.assert_array_equal(file.weights, dense["weights"].astype(np.float32))
    np.testing.assert_allclose(file.J_regressor, dense["J_regressor"], atol=1e-7)
    assert file.shapedirs.shape[2] == 300
    assert file.expression_names[0] == "expression 1"
    assert file.expression_names[-1] == "expression 100"
    assert file.kintree_table.tolist() == [[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]
    assert file.name == "flame-generic_model"


def test_the_test_file_is_really_of_flame_s_day(flame: Path) -> None:
    data = flame.read_bytes()
    assert data.startswith(b"\x80\x02")  # Python 2's highest protocol
    for text in (b"chumpy.ch\nCh", b"numpy.core.multiarray\n_reconstruct", b"scipy.sparse.csc\ncsc_matrix"):
        assert text in data
    assert b"_core" not in data
    assert "chumpy" not in sys.modules


def test_flame_without_other_files_has_no_landmarks_texture_regions_or_eyelids(flame: Path) -> None:
    head = load_head(flame)
    assert not head.has_landmarks
    assert head.region_names == ()
    code = head.neutral_code()
    mesh = head.mesh(code)
    assert mesh.landmarks.shape == (0, 3)
    assert mesh.uv.shape == (0, 2)
    assert mesh.uv_faces.shape == (0, 3)
    assert head.albedo(code.albedo, 4).shape == (1, 3, 4, 4)
    closed = code.replace(eyelids=torch.ones(1, 2))
    assert torch.equal(head(closed), head(code))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_is_read(protocol: int, tmp_path: Path) -> None:
    content, path = plain_flame(), tmp_path / "flame2023.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    read = read_pickled_arrays(path)
    for name, expected in content.items():
        dense = expected.toarray() if scipy.sparse.issparse(expected) else expected
        np.testing.assert_array_equal(read[name], dense)


@pytest.mark.parametrize("kind", [scipy.sparse.csc_matrix, scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_matrices_are_read_whatever_their_order(kind: Any, tmp_path: Path) -> None:
    dense = np.random.default_rng(1).random((5, 9)) * (np.random.default_rng(2).random((5, 9)) < 0.4)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": kind(dense)}))
    np.testing.assert_array_equal(read_pickled_arrays(tmp_path / "a.pkl")["a"], dense)


@pytest.mark.parametrize("array", [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">f4"),
                                   np.zeros((0, 3)), np.array([True, False]), np.uint32([7])])  # fmt: skip
def test_arrays_of_any_order_and_type_are_read(array: np.ndarray, tmp_path: Path) -> None:
    for protocol in (0, 2, 4):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": array}, protocol))
        np.testing.assert_array_equal(read_pickled_arrays(tmp_path / "a.pkl")["a"], array)


def test_flame_s_mediapipe_landmarks_are_taken_from_beside_it(flame: Path) -> None:
    rng = np.random.default_rng(0)
    barycentrics = rng.dirichlet([1, 1, 1], 105)
    ids = np.sort(rng.permutation(478)[:105])
    np.savez(flame.with_name("mediapipe_landmark_embedding.npz"), lmk_face_idx=np.arange(105) % 44,
             lmk_b_coords=barycentrics, landmark_indices=ids)  # fmt: skip
    head = load_head(flame)
    assert head.has_landmarks
    assert head.landmark_ids.tolist() == ids.tolist()
    assert head.landmarks_105.tolist() == list(range(105))
    assert len(head.landmarks_68) == 0
    assert head.landmarks(head(head.neutral_code(2))).shape == (2, 105, 3)


def test_flame_s_static_landmarks_are_read_though_torch_tensors_lie_among_them(flame: Path) -> None:
    embedding = {
        "full_lmk_faces_idx": np.arange(68)[None] % 44,
        "full_lmk_bary_coords": np.random.default_rng(0).dirichlet([1, 1, 1], 68)[None],
        "dynamic_lmk_faces_idx": torch.zeros(79, 17, dtype=torch.long),
        "dynamic_lmk_bary_coords": torch.zeros(79, 17, 3),
    }
    np.save(flame.with_name("landmark_embedding.npy"), np.array(embedding, dtype=object), allow_pickle=True)
    head = load_head(flame)
    assert len(head.landmark_ids) == len(head.landmarks_68) == 68
    assert head.landmark_ids[[36, 45]].tolist() == [33, 263]  # outer corners of the eyes
    assert (head.landmark_weights[:17] < head.landmark_weights[17:].min()).all()


def test_eyelids_texture_and_regions_are_taken_from_beside_it(flame: Path) -> None:
    np.save(flame.with_name("l_eyelid.npy"), np.full((24, 3), 1e-3))
    np.save(flame.with_name("r_eyelid.npy"), np.full((24, 3), -1e-3))
    np.savez(flame.with_name("FLAME_texture.npz"), vt=np.random.default_rng(0).random((30, 2)),
             ft=np.zeros((44, 3), np.int64), tex_dir=np.zeros((2, 2, 3, 200)))  # fmt: skip
    names = ["face", "lips", "left_eye_region", "right_eye_region", "nose", "left_ear", "right_ear", "neck", "scalp"]
    names += ["forehead", "left_eyeball", "right_eyeball", "boundary"]
    masks = {name: np.array([number]) for number, name in enumerate(names)}
    flame.with_name("FLAME_masks.pkl").write_bytes(pickle.dumps(masks, 2))
    head = load_head(flame)
    code = head.neutral_code()
    change = head(code.replace(eyelids=torch.tensor([[1.0, 0.0]]))) - head(code)
    torch.testing.assert_close(change, torch.full_like(change, 1e-3), atol=1e-6, rtol=0)
    assert head.uv.shape == (30, 2)
    assert head.region("eyes").nonzero().ravel().tolist() == [2, 3]
    assert head.region("ears").sum() == 2


def test_flame_can_be_kept_in_our_format(flame: Path, tmp_path: Path) -> None:
    write_head_file(read_flame(flame), tmp_path / "flame.npz")
    kept, head = load_head(tmp_path / "flame.npz"), load_head(flame)
    torch.testing.assert_close(kept(kept.neutral_code()), head(head.neutral_code()), atol=1e-7, rtol=0)
    assert read_head_file(tmp_path / "flame.npz").expression_names == head.expression_names


class Trap:
    """Pickles as a call of whatever it is given."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], tuple(self.call[1:])


def dotted(module: str, name: str, protocol: int = 4) -> bytes:
    """A pickle that calls a name, which may have dots, with the text "x", by STACK_GLOBAL or GLOBAL."""
    if protocol == 4:
        names = b"".join(pickle.SHORT_BINUNICODE + bytes([len(t)]) + t.encode() for t in (module, name))
        load = names + pickle.STACK_GLOBAL
    else:
        load = b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    argument = pickle.SHORT_BINUNICODE + b"\x01x" if protocol == 4 else b"X\x01\x00\x00\x00x"
    return bytes([0x80, protocol]) + load + argument + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP


HOSTILE = {
    "os.system": pickle.dumps({"v_template": Trap(os.system, "echo ran")}),
    "builtins.eval": pickle.dumps({"f": Trap(eval, "1 / 0")}),
    "builtins.exec in Python 2": b"c__builtin__\nexecfile\n(S'x'\ntR.",
    "builtins.getattr": pickle.dumps(Trap(getattr, "x", "upper")),
    "builtins.__import__": pickle.dumps(Trap(__import__, "antigravity")),
    "numpy.load": dotted("numpy", "load"),
    "numpy.fromfile": dotted("numpy", "fromfile", 2),
    "numpy.memmap": dotted("numpy", "memmap"),
    "numpy.testing runstring": dotted("numpy.testing._private.utils", "runstring"),
    "numpy.f2py": dotted("numpy.f2py.capi_maps", "load_f2cmap_file"),
    "dots by STACK_GLOBAL": dotted("numpy", "dtype.__class__"),
    "dots by GLOBAL": dotted("numpy", "ndarray.__new__.__self__", 2),
    "dots in the module": dotted("numpy.core.multiarray._reconstruct", "__globals__"),
    "dots into a module": dotted("numpy", "os.system"),
    "scipy.sparse of another kind": dotted("scipy.sparse", "load_npz"),
    "torch.load": dotted("torch", "load"),
    "torch storage from a file": dotted("torch", "UntypedStorage.from_file"),
    "chumpy expression": dotted("chumpy.ch", "Ch.__init__"),
    "copyreg of a builtin": pickle.dumps(Trap(copyreg._reconstructor, dict, object, None)),
    "codecs of another coding": dotted("_codecs", "decode"),
    "an object outside the file": b"Psomewhere\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "an instance of Python 2": b"(i__main__\nTrap\n.",
    "state for a function": b"cnumpy.core.multiarray\n_reconstruct\n(dS'__defaults__'\n(I1\ntsb.",
    "functools.partial": dotted("functools", "partial"),
    "operator.attrgetter": dotted("operator", "attrgetter"),
    "posix.system": dotted("posix", "system"),
    "subprocess.Popen": dotted("subprocess", "Popen"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_asks_for_code_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "generic_model.pkl").write_bytes(HOSTILE[name])
    with pytest.raises(ModelFileError) as caught:
        load_head(tmp_path / "generic_model.pkl")
    assert "generic_model.pkl" in caught.value.title
    assert "asks for code" in caught.value.title
    assert "Nothing in it was run" in caught.value.remedy


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_its_code_never_runs(protocol: int, tmp_path: Path) -> None:
    trap = {**plain_flame(), "v_template": Trap(os.mkdir, str(tmp_path / "ran"))}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(trap, protocol))
    with pytest.raises(ModelFileError, match="asks for code"):
        load_head(tmp_path / "a.pkl")
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "a.pkl").read_bytes())
    assert (tmp_path / "ran").exists()  # Python's own unpickler would have


def test_the_refused_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(HOSTILE["os.system"])
    with pytest.raises(ModelFileError) as caught:
        load_head(tmp_path / "a.pkl")
    assert caught.value.found in ("posix.system", "nt.system")


def test_hostile_files_beside_flame_are_refused_too(flame: Path) -> None:
    beside = flame.with_name("landmark_embedding.npy")
    np.save(beside, np.array(Trap(os.system, "echo ran"), dtype=object), allow_pickle=True)
    with pytest.raises(ModelFileError, match="asks for code"):
        load_head(flame)
    beside.unlink()
    flame.with_name("FLAME_masks.pkl").write_bytes(HOSTILE["builtins.eval"])
    with pytest.raises(ModelFileError, match="asks for code"):
        load_head(flame)


def test_the_file_cannot_change_what_the_reader_does_to_the_next_file(flame: Path, tmp_path: Path) -> None:
    before = load_head(flame).template
    for attack in (
        b"cnumpy\nndarray\n(dS'__setstate__'\nI1\nsb.",
        b"cnumpy.core.multiarray\n_reconstruct\n(dS'_function'\nI1\nsb.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nN}U\x09_functionK\x01s\x86b.",
    ):
        (tmp_path / "attack.pkl").write_bytes(attack)
        with pytest.raises(ModelFileError):
            read_pickled_arrays(tmp_path / "attack.pkl")
    assert torch.equal(load_head(flame).template, before)


def big_array(shape: tuple[int, ...], data: bytes = b"") -> Any:
    """An array that says it is larger than it is."""
    real = np.zeros(1).__reduce__()
    state = (1, shape, np.dtype("f8"), False, data)

    class Liar:
        def __reduce__(self) -> tuple[Any, ...]:
            return real[0], real[1], state

    return Liar()


def huge_sparse() -> Any:
    matrix = scipy.sparse.csc_matrix(np.eye(3))
    matrix._shape = (10**9, 3)
    return matrix


OVERSIZED = {
    "an array larger than its bytes": pickle.dumps({"f": big_array((10**12,))}),
    "an array of negative extent": pickle.dumps({"f": big_array((-1, -8), bytes(64))}),
    "a new array of that size": pickle.dumps({"f": Trap(np.zeros(1).__reduce__()[0], np.ndarray, (10**13,), b"d")}),
    "a sparse matrix written out": pickle.dumps({"f": huge_sparse()}),
    "a text of 2**60 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"x.",
    "a frame of 2**60 bytes": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"x.",
    "a byte array of 16 GB": b"\x80\x05\x96" + struct.pack("<Q", 2**34) + b"x.",
    "bytes of 2**31": b"\x80\x03B" + struct.pack("<I", 2**31 - 1) + b"x.",
    "a memo of 2**32 entries": b"\x80\x02}r\xff\xff\xff\xff.",
    "a number of a million digits": b"I" + b"9" * 10**6 + b"\n.",
    "nested beyond the stack": b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
}  # fmt: skip


@pytest.mark.parametrize("name", OVERSIZED)
def test_no_memory_or_time_is_spent_on_what_a_file_only_claims(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(OVERSIZED[name])
    start = time.monotonic()
    with pytest.raises(ModelFileError):
        load_head(tmp_path / "a.pkl")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("content", [[], "text", 7, None, {"f": np.zeros(3)}, {}, np.zeros((2, 2))])
def test_a_pickle_of_something_else_is_refused(content: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(ModelFileError):
        load_head(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shapedirs", np.zeros((24, 3, 300))),
        ("shapedirs", np.zeros((23, 3, 400))),
        ("shapedirs", np.full((24, 3, 400), np.nan)),
        ("posedirs", np.zeros((24, 3, 35))),
        ("kintree_table", np.zeros((2, 24))),
        ("kintree_table", np.array([[-1, 0, 1, 2, 3], [0, 1, 2, 3, 4]])),
        ("weights", np.ones((24, 5))),
        ("v_template", np.ones((24, 3)) * 1700),
        ("f", np.full((44, 3), 24)),
        ("f", np.zeros((44, 3))),
        ("f", np.array([["a"] * 3] * 44, dtype="S1")),
        ("J_regressor", np.zeros((24, 24))),
        ("v_template", "text"),
    ],
)
def test_a_pickle_that_is_almost_flame_is_refused_naming_the_part(name: str, value: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({**plain_flame(), name: value}))
    with pytest.raises(ModelFileError) as caught:
        load_head(tmp_path / "a.pkl")
    assert name in str(caught.value)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_truncated_files_are_refused(keep: float, flame: Path) -> None:
    data = flame.read_bytes()
    flame.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ModelFileError):
        load_head(flame)


def test_flipped_bytes_never_escape_as_another_error(tmp_path: Path) -> None:
    dense = tiny_flame_pickle(tmp_path / "a.pkl", vertices=6, expressions=1)
    assert len(dense["weights"]) == 6
    data = (tmp_path / "a.pkl").read_bytes()
    start, rng = data.index(b"J_regressor"), np.random.default_rng(0)
    places = [*range(60), *rng.integers(start, len(data), 140).tolist()]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / "b.pkl").write_bytes(damaged)
        try:
            load_head(tmp_path / "b.pkl")
        except ModelFileError:
            continue


def test_the_dotted_traps_are_pickles_that_python_would_follow() -> None:
    assert isinstance(pickle.loads(dotted("collections", "OrderedDict.fromkeys")), collections.OrderedDict)
    assert all(list(pickletools.genops(data)) for data in HOSTILE.values())
