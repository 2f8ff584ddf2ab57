"""The library of model files: what is there, and what comes in from files that anybody may have made."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fields_core import assets, model_library
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, build_encoder, save_checkpoint
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.errors import AssetMissingError, ModelFileError
from fields_core.expression.tools import load_tools
from fields_core.fitting.encoded_fit import encoder_for, find_encoder
from fields_core.head import load_head
from fields_core.head.model_file import read_head_file, write_head_file
from fields_core.model_import import import_model
from fields_core.model_library import Origin, Role, model_files, remove_model
from fields_core.model_licences import LicenceClass, licence_class
from tests.heads import tiny_flame_pickle, tiny_head_file


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user data folder, empty."""
    monkeypatch.delenv("FIELDS_ASSETS", raising=False)
    folder = tmp_path / "user"
    for module in (assets, model_library):
        monkeypatch.setattr(module, "user_data_folder", lambda: folder)
    return folder


def checkpoint_file(path: Path, head_model: str = "tiny-head") -> Path:
    torch.manual_seed(0)
    config = EncoderConfig(
        3, 42, (0.0,) * 42, (1.0,) * 42, layout="shared", expression_backbone="mobilenetv3_small_050"
    )
    info = CheckpointInfo(head_model, config, None, ("renders of the open head, CC0-1.0",), emotion_branch=False)
    save_checkpoint(path, Checkpoint(info, build_encoder(config).eval(), None))
    return path


def test_what_comes_with_the_program_is_listed_with_its_hash_and_licence() -> None:
    (head,), (landmarker,) = model_files(Role.HEAD), model_files(Role.LANDMARKER)
    assert (head.name, head.licence_class, head.origin) == ("open-head-1", LicenceClass.FREE, Origin.PROGRAM)
    assert head.sha256 == hashlib.sha256(head.path.read_bytes()).hexdigest()
    assert head.standard
    assert not head.removable
    assert (landmarker.licence_class, landmarker.origin) == (LicenceClass.FREE, Origin.PACKAGE)
    with pytest.raises(ModelFileError, match="part of the program"):
        remove_model(head)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CC0-1.0", LicenceClass.FREE),
        ("Apache-2.0 (Google MediaPipe)", LicenceClass.FREE),
        ("renders, CC0-1.0\nphotos, CC BY-NC 4.0 is what cc-by-nc means", LicenceClass.NON_COMMERCIAL),
        ("FLAME licence, https://flame.is.tue.mpg.de/modellicense.html", LicenceClass.NON_COMMERCIAL),
        ("SMIRK, imported from SMIRK_em1.pt; its authors' licence applies", LicenceClass.NON_COMMERCIAL),
        ("renders, CC0-1.0\nsomebody's photos", LicenceClass.UNKNOWN),
        ("photos (Apache-2.0; pixels from elsewhere, rights with the photographers)", LicenceClass.UNKNOWN),
        ("limited to decades", LicenceClass.UNKNOWN),
        ("", LicenceClass.UNKNOWN),
    ],
)
def test_a_licence_is_as_strict_as_its_strictest_line(text: str, kind: LicenceClass) -> None:
    assert licence_class(text) is kind


def test_flame_becomes_a_head_of_our_own_format_under_its_licence(tmp_path: Path, own_folder: Path) -> None:
    tiny_flame_pickle(tmp_path / "generic_model.pkl")
    imported = import_model(tmp_path / "generic_model.pkl")
    facts = imported.facts
    assert "mediapipe_landmark_embedding.npz" in imported.note  # which was not beside it
    assert facts.path == own_folder / "heads" / "flame-generic_model.npz"
    assert (facts.licence_class, facts.origin) == (LicenceClass.NON_COMMERCIAL, Origin.USER)
    assert facts.licence_page == "https://flame.is.tue.mpg.de/"
    assert load_head(facts.path).name == facts.name == "flame-generic_model"
    assert [found.name for found in model_files(Role.HEAD)] == ["open-head-1", "flame-generic_model"]
    remove_model(facts)
    assert [found.name for found in model_files(Role.HEAD)] == ["open-head-1"]


def test_a_name_in_a_file_leads_to_no_other_folder(tmp_path: Path, own_folder: Path) -> None:
    file = replace(read_head_file(tiny_head_file(tmp_path / "tiny.npz")), name="../../../evil/..\\head")
    write_head_file(file, tmp_path / "evil.npz")
    assert import_model(tmp_path / "evil.npz").facts.path.parent == own_folder / "heads"


def test_an_encoder_of_ours_is_kept_with_its_graph_and_serves_its_head_only(tmp_path: Path, own_folder: Path) -> None:
    head = load_head(tiny_head_file(tmp_path / "tiny.npz"))
    assert import_model(tmp_path / "tiny.npz").note == ""
    facts = import_model(checkpoint_file(tmp_path / "mine.safetensors")).facts
    assert facts.path == own_folder / "encoders" / "mine.safetensors"
    assert (facts.head_model, facts.licence_class) == ("tiny-head", LicenceClass.FREE)
    assert facts.path.with_suffix(".onnx").is_file()
    assert encoder_for(head, facts.path) is not None
    assert encoder_for(load_head(), facts.path) is None
    assert not load_tools(head, facts.path).can_steer
    remove_model(facts)
    assert list((own_folder / "encoders").iterdir()) == []
    with pytest.raises(AssetMissingError):
        find_encoder(facts.path)
    with pytest.raises(AssetMissingError):
        load_tools(head, facts.path)


def test_the_landmarker_of_the_user_takes_the_place_of_the_packaged_one(tmp_path: Path, own_folder: Path) -> None:
    source = model_files(Role.LANDMARKER)[0].path
    copy = tmp_path / "face_landmarker.task"
    copy.write_bytes(source.read_bytes())
    facts = import_model(copy).facts
    assert facts.path == own_folder / "face_landmarker.task"
    assert [found.path for found in model_files(Role.LANDMARKER)] == [facts.path]


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('code of a model file was run')",))


def test_hostile_and_wrong_files_are_refused_and_leave_nothing(tmp_path: Path, own_folder: Path) -> None:
    files = {
        "evil.pkl": pickle.dumps(_Evil()),
        "evil.pt": pickle.dumps({"smirk_encoder.x": _Evil()}),
        "deca_model.tar": b"not a tar",
        "broken.npz": b"PK\x03\x04 broken",
        "text.safetensors": b"{}",
        "empty.ckpt": b"",
        "photo.jpg": b"\xff\xd8",
        "FLAME2020.zip": b"PK",
        "fake.task": b"not a bundle",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "other.task", "w") as archive:
        archive.writestr("readme.txt", "no networks")
    for name in (*files, "other.task", "missing.npz"):
        with pytest.raises(ModelFileError) as caught:
            import_model(tmp_path / name)
        assert name in caught.value.title
        assert caught.value.details
    assert [path for path in own_folder.rglob("*") if path.is_file()] == []


def test_a_damaged_file_among_the_users_does_not_hide_the_others(own_folder: Path) -> None:
    (own_folder / "heads").mkdir(parents=True)
    (own_folder / "heads" / "broken.npz").write_bytes(b"broken")
    assert [found.name for found in model_files(Role.HEAD)] == ["open-head-1"]
