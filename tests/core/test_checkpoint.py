from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fields_core.encoder.checkpoint import FORMAT, Checkpoint, CheckpointInfo, load_checkpoint, save_checkpoint
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.face_encoder import EncoderConfig, FaceEncoder
from fields_core.errors import ModelFileError


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    config = EncoderConfig(4, 3, (0.0,) * 3, (1.0,) * 3, layout="shared", expression_backbone="mobilenetv3_small_050")
    info = CheckpointInfo("tiny-head", config, 0.004, ("synthetic (CC0)",), {"accuracy": 0.5}, {"seed": 1})
    return Checkpoint(info, FaceEncoder(config).eval(), EmotionHead(3).eval())


def info_with(**changes: object) -> str:
    config = asdict(EncoderConfig(4, 3)) | changes
    return json.dumps({"head_model": "x", "encoder": config, "intensity_scale": 0.004, "data": []})


def test_a_checkpoint_comes_back_with_the_same_answers_and_story(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "weights.safetensors", checkpoint)
    loaded = load_checkpoint(tmp_path / "weights.safetensors")
    assert loaded.info == checkpoint.info
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        code, again = checkpoint.encoder(images), loaded.encoder(images)
        assert torch.equal(code.expression, again.expression)
        assert torch.equal(checkpoint.emotion(code).logits, loaded.emotion(again).logits)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_every_key_that_does_not_fit_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, checkpoint)
    tensors = load_file(path)
    del tensors["encoder.pose_layer.bias"]
    tensors["encoder.surprise"] = torch.zeros(1)
    tensors["emotion.layers.0.weight"] = torch.zeros(2, 2)
    tensors["encoder.shape_layer.bias"] = torch.full((4,), float("nan"))
    with safe_open(path, framework="pt") as archive:
        metadata = archive.metadata()
    save_file(tensors, path, metadata)
    with pytest.raises(ModelFileError) as caught:
        load_checkpoint(path)
    for fragment in (
        "missing encoder.pose_layer.bias",
        "extra encoder.surprise",
        "emotion.layers.0.weight is (2, 2)",
        "shape_layer.bias is not finite",
    ):
        assert fragment in caught.value.found


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "cannot be read"),
        (b"not a checkpoint at all, but long enough", "cannot be read"),
        ({"format": "pt"}, "not a FIELDS checkpoint"),
        ({"format": FORMAT}, "does not say what it holds"),
        ({"format": FORMAT, "info": json.dumps({"head_model": "x"})}, "does not say what it holds"),
        ({"format": FORMAT, "info": "[1, 2]"}, "does not say what it holds"),
        ({"format": FORMAT, "info": info_with(n_shape=10**9)}, "does not say what it holds"),
        ({"format": FORMAT, "info": info_with(expression_backbone="os.system")}, "does not say what it holds"),
    ],
)
def test_files_that_are_no_checkpoint_are_refused(
    content: bytes | dict[str, str], fragment: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file({"x": torch.zeros(1)}, path, content)
    with pytest.raises(ModelFileError, match=fragment):
        load_checkpoint(path)


def test_a_missing_checkpoint_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_checkpoint(tmp_path / "nothing.safetensors")
