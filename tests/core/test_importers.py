"""Released weights of the ancestors, made up here with exactly their keys and shapes."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from fields_core.cli import main
from fields_core.encoder import importers
from fields_core.encoder.checkpoint import load_checkpoint, save_checkpoint
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.encoder.importers import import_checkpoint
from fields_core.encoder.resnet_encoder import ResNetEncoder
from fields_core.encoder.runtime import load_runtime
from fields_core.errors import ModelFileError

State = dict[str, Any]


def smirk_branch(backbone: str, layer: str, outputs: int, width: int) -> nn.Module:
    branch = nn.Module()
    branch.encoder = timm.create_model(backbone, pretrained=False, features_only=True)
    setattr(branch, layer, nn.Sequential(nn.Linear(width, outputs)))
    return branch


@pytest.fixture(scope="module")
def smirk() -> State:
    """SMIRK's encoder, built from timm alone."""
    torch.manual_seed(0)
    small, large = "tf_mobilenetv3_small_minimal_100", "tf_mobilenetv3_large_minimal_100"
    branches = {
        "pose": smirk_branch(small, "pose_cam_layers", 6, 576),
        "shape": smirk_branch(large, "shape_layers", 300, 960),
        "expression": smirk_branch(large, "expression_layers", 50 + 2 + 3, 960),
    }
    state = {
        f"smirk_encoder.{name}_encoder.{key}": value
        for name, branch in branches.items()
        for key, value in branch.state_dict().items()
    }
    assert len(state) == 762  # as counted in the released file
    return state | {"smirk_generator.down1.weight": torch.zeros(2), "smirk_generator.up1.weight": torch.zeros(2)}


def resnet(outputs: int) -> State:
    """DECA's encoder: torchvision's names without the classifier, then the two linear layers."""
    backbone = torchvision.models.resnet50(weights=None).state_dict()
    state = {f"encoder.{key}": value for key, value in backbone.items() if not key.startswith("fc.")}
    layers = {"layers.0": (1024, 2048), "layers.2": (outputs, 1024)}
    for name, (rows, columns) in layers.items():
        state |= {f"{name}.weight": torch.randn(rows, columns) * 0.01, f"{name}.bias": torch.zeros(rows)}
    return state


@pytest.fixture(scope="module")
def deca() -> State:
    torch.manual_seed(0)
    # shape 100, texture 50, expression 50, head pose 3, jaw 3, camera 3, light 27: each says its own number
    state = resnet(236)
    state["layers.2.weight"].zero_()
    state["layers.2.bias"] = torch.cat(
        [torch.full((n,), float(value)) for value, n in enumerate((100, 50, 50, 3, 3, 3, 27), start=1)]
    )
    return {"E_flame": state, "E_detail": {"a": torch.zeros(1)}, "D_detail": {"a": torch.zeros(1), "b": torch.zeros(1)}}


def stored(state: object, folder: Path) -> Path:
    path = folder / "weights.pt"
    torch.save(state, path)
    return path


def images(batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def test_smirk_predicts_what_its_own_branches_predict(smirk: State, tmp_path: Path) -> None:
    imported = import_checkpoint(stored(smirk, tmp_path))
    assert imported.source == "SMIRK"
    assert imported.left_out == ("smirk_generator (2)",)
    branch = smirk_branch("tf_mobilenetv3_large_minimal_100", "shape_layers", 300, 960).eval()
    prefix = "smirk_encoder.shape_encoder."
    branch.load_state_dict({k.removeprefix(prefix): v for k, v in smirk.items() if k.startswith(prefix)})
    with torch.no_grad():
        features = branch.encoder(images())[-1].mean((2, 3))
        expected = branch.shape_layers(features)
        code = imported.checkpoint.encoder(images())
    assert code.shape.abs().max() > 1e-3
    torch.testing.assert_close(code.shape, expected)
    assert code.expression.shape == (1, 50)


def test_an_imported_checkpoint_is_stored_and_read_back(smirk: State, tmp_path: Path) -> None:
    imported = import_checkpoint(stored(smirk, tmp_path))
    save_checkpoint(tmp_path / "smirk.safetensors", imported.checkpoint)
    again = load_checkpoint(tmp_path / "smirk.safetensors")
    assert again.info == imported.checkpoint.info
    assert again.emotion is None
    assert again.info.head_model == "flame-generic_model"
    with torch.no_grad():
        assert torch.equal(again.encoder(images()).expression, imported.checkpoint.encoder(images()).expression)


def test_deca_outputs_land_where_they_belong(deca: State, tmp_path: Path) -> None:
    imported = import_checkpoint(stored(deca, tmp_path))
    with torch.no_grad():
        code = imported.checkpoint.encoder(images(2))
    assert imported.source == "DECA"
    assert imported.left_out[:2] == ("E_detail (1)", "D_detail (2)")
    assert "light (27)" in imported.left_out[2]
    assert imported.checkpoint.info.data == ("DECA, imported from weights.pt; its authors' licence applies",)
    assert imported.checkpoint.info.intensity_scale is None
    assert code.shape.tolist() == [[1.0] * 100] * 2
    assert code.expression.tolist() == [[3.0] * 50] * 2
    assert (code.head_pose[0].tolist(), code.jaw_pose[0].tolist()) == ([4.0] * 3, [5.0] * 3)
    assert code.camera.tolist() == [[6.0] * 3] * 2
    assert not code.lighting.any()
    assert not code.eyelids.any()


@pytest.fixture(scope="module")
def emoca_file(deca: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    expression = resnet(53)
    expression["layers.2.weight"].zero_()
    expression["layers.2.bias"] = torch.arange(100.0, 153.0)
    weights = {f"deca.E_flame.{key}": value for key, value in deca["E_flame"].items()}
    weights |= {f"deca.E_expression.{key}": value for key, value in expression.items()}
    weights |= {"deca.render.faces": torch.zeros(1, 4, 3), "emonet_loss.net.weight": torch.zeros(3)}
    # The path stands for the classes of omegaconf that EMOCA's training leaves in its files.
    content = {"state_dict": weights, "epoch": 3, "hyper_parameters": {"folder": Path("some/where")}}
    return stored(content, tmp_path_factory.mktemp("emoca"))


def test_emoca_takes_identity_from_its_first_network_and_expression_and_jaw_from_its_second(emoca_file: Path) -> None:
    imported = import_checkpoint(emoca_file)
    with torch.no_grad():
        code = imported.checkpoint.encoder(images())
    assert imported.source == "EMOCA"
    assert set(imported.left_out) > {"deca.render (1)", "emonet_loss.net (1)", "epoch (1)", "hyper_parameters (1)"}
    assert code.shape[0].tolist() == [1.0] * 100
    assert code.expression[0].tolist() == list(range(100, 150))
    assert (code.head_pose[0].tolist(), code.jaw_pose[0].tolist()) == ([4.0] * 3, [150.0, 151, 152])


@pytest.mark.parametrize(
    ("outputs", "head_pose", "jaw"),
    [(50, [4.0] * 3, [5.0] * 3), (53, [4.0] * 3, [150.0, 151, 152]), (56, [150.0, 151, 152], [153.0, 154, 155])],
)
def test_emocas_second_network_may_predict_jaw_and_head_pose_too(
    outputs: int, head_pose: list[float], jaw: list[float], deca: State
) -> None:
    encoder = ResNetEncoder(EncoderConfig(100, 50, layout="emoca", expression_outputs=outputs))
    code = encoder.decode((deca["E_flame"]["layers.2.bias"][None], torch.arange(100.0, 100.0 + outputs)[None]))
    assert code.expression[0].tolist() == list(range(100, 150))
    assert (code.head_pose[0].tolist(), code.jaw_pose[0].tolist()) == (head_pose, jaw)


def refusal(state: object, folder: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        import_checkpoint(stored(state, folder))
    return str(caught.value)


def test_every_key_of_smirk_that_does_not_fit_is_named(smirk: State, tmp_path: Path) -> None:
    broken = dict(smirk)
    del broken["smirk_encoder.pose_encoder.pose_cam_layers.0.bias"]
    broken["smirk_encoder.pose_encoder.encoder.surprise"] = torch.zeros(1)
    broken["something_else.weight"] = torch.zeros(1)
    broken["smirk_encoder.shape_encoder.encoder.conv_stem.weight"] = torch.zeros(3, 3)
    text = refusal(broken, tmp_path)
    for fragment in (
        "missing pose_layer.bias",
        "extra pose_backbone.encoder.surprise",
        "extra something_else.weight",
        "shape_backbone.encoder.conv_stem.weight is (3, 3)",
    ):
        assert fragment in text


def test_every_key_of_deca_and_emoca_that_does_not_fit_is_named(deca: State, tmp_path: Path) -> None:
    flame = dict(deca["E_flame"])
    del flame["encoder.layer4.2.bn3.bias"]
    flame["encoder.fc.weight"] = torch.zeros(1000, 2048)
    flame["head.weight"] = torch.zeros(1)
    text = refusal({"E_flame": flame}, tmp_path)
    for fragment in ("missing coarse.encoder.layer4.2.bn3.bias", "extra coarse.encoder.fc.weight", "E_flame.head"):
        assert fragment in text
    assert "extra E_surprise" in refusal({"E_flame": {}, "E_surprise": {}}, tmp_path)
    assert "61 outputs" in refusal(
        {"state_dict": {"deca.E_expression.layers.2.weight": torch.zeros(61, 1024)}}, tmp_path
    )


@pytest.mark.parametrize(
    ("state", "fragment"),
    [
        ({}, "none of the weights"),
        ({"model": {"a": torch.zeros(1)}}, "entries model"),
        ([1, 2], "a list"),
        ({"smirk_encoder.pose_encoder.encoder.x": 3}, "is no tensor"),
        ({"smirk_encoder.pose_encoder.encoder.x": torch.zeros(3)}, "no matrix for shape_layer.weight"),
        ({"E_flame": {}}, "missing coarse.encoder.conv1.weight"),
    ],
)
def test_other_contents_are_refused(state: object, fragment: str, tmp_path: Path) -> None:
    assert fragment in refusal(state, tmp_path)


class Shell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_a_file_that_wants_to_run_code_is_refused(smirk: State, tmp_path: Path) -> None:
    assert "wants to run code" in refusal(smirk | {"x": Shell()}, tmp_path)
    path = tmp_path / "old.pt"
    torch.save({"x": Shell()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelFileError, match="cannot be read"):
        import_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 half a zip"])
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="cannot be read"):
        import_checkpoint(path)


def test_a_half_file_and_a_missing_one_are_refused(smirk: State, tmp_path: Path) -> None:
    path = stored(smirk, tmp_path)
    path.write_bytes(path.read_bytes()[:100_000])
    for damaged in (path, tmp_path / "nothing.pt"):
        with pytest.raises(ModelFileError, match="cannot be read"):
            import_checkpoint(damaged)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importers, "FILE_LIMIT", 10_000)
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", bytes(100_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ModelFileError, match="too large"):
        import_checkpoint(path)


def test_the_command_line_writes_the_checkpoint_and_its_graph(
    smirk: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = stored(smirk, tmp_path), tmp_path / "smirk.safetensors"
    assert main(["models", "import", str(source), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "encoder: SMIRK" in shown
    assert "smirk_generator (2)" in shown
    assert load_runtime(out).backend == "onnxruntime"
    assert main(["models", "import", str(source), "--out", str(tmp_path / "smirk.pt")]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err
    assert main(["models", "import", str(out), "--out", str(tmp_path / "again.safetensors")]) == 2
    assert "cannot be read as weights" in capsys.readouterr().err
