"""A checkpoint in use: the same codes from ONNX Runtime as from PyTorch, and a fallback that says why."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from fields_core.datatypes import CROP_SIZE, FaceCode, FaceCrop
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, build_encoder, save_checkpoint
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.encoder.onnx_graph import CONFIG_KEY, Regressor, export_onnx
from fields_core.encoder.runtime import EncoderRuntime, load_runtime

SMALL = "tf_mobilenetv3_small_minimal_100"
CONFIG = EncoderConfig(4, 3, (0.0,) * 3, (1.0,) * 3, gaze=True, layout="shared", expression_backbone=SMALL)


def checkpoint_of(config: EncoderConfig, seed: int) -> Checkpoint:
    torch.manual_seed(seed)
    encoder = build_encoder(config).eval()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        for layer in (module for module in encoder.modules() if isinstance(module, nn.Linear)):
            layer.weight.normal_(0.0, 0.05)
    return Checkpoint(CheckpointInfo("tiny-head", config, None, emotion_branch=False), encoder, None)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return checkpoint_of(CONFIG, 0)


@pytest.fixture(scope="module")
def graph(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "encoder.onnx"
    export_onnx(checkpoint, path)
    return path


def largest_difference(code: FaceCode, other: FaceCode) -> float:
    pairs = [(getattr(code, f.name), getattr(other, f.name)) for f in dataclasses.fields(FaceCode)]
    return max(float((a - b).abs().max()) for a, b in pairs if a.numel())


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_runtime_says_what_pytorch_says(checkpoint: Checkpoint, graph: Path, batch: int) -> None:
    runtime = EncoderRuntime(checkpoint, graph)
    assert (runtime.backend, runtime.fallback_reason) == ("onnxruntime", "")
    images = torch.rand(batch, 3, CROP_SIZE, CROP_SIZE)
    with torch.no_grad():
        expected = checkpoint.encoder(images)
    assert expected.shape.abs().max() > 0.01
    assert largest_difference(runtime.encode(images), expected) < 2.3e-4


def test_the_graph_holds_no_weights_so_that_it_serves_every_checkpoint_of_its_configuration(
    checkpoint: Checkpoint, graph: Path
) -> None:
    assert graph.stat().st_size < 1e5
    other = checkpoint_of(CONFIG, 1)
    images = torch.rand(1, 3, CROP_SIZE, CROP_SIZE)
    with torch.no_grad():
        first, second = checkpoint.encoder(images), other.encoder(images)
    assert largest_difference(first, second) > 0.01
    runtime = EncoderRuntime(other, graph)
    assert runtime.backend == "onnxruntime"
    assert largest_difference(runtime.encode(images), second) < 2.3e-4


def test_folding_leaves_no_batch_norm_and_the_encoder_as_it_was(checkpoint: Checkpoint) -> None:
    regressor = Regressor(checkpoint.encoder).eval()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in regressor.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in checkpoint.encoder.modules())


def test_crops_are_encoded_in_order_as_rgb_between_0_and_1(checkpoint: Checkpoint) -> None:
    rng = np.random.default_rng(0)
    crops = [
        FaceCrop(
            rng.integers(0, 255, (CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8), np.eye(2, 3), np.zeros((478, 2), "f4")
        )
        for _ in range(2)
    ]
    runtime = EncoderRuntime(checkpoint)
    codes = runtime(crops)
    images = torch.stack([torch.from_numpy(crop.image.astype(np.float32) / 255.0) for crop in crops])
    assert largest_difference(codes, runtime.encode(images.permute(0, 3, 1, 2))) < 1e-5
    assert largest_difference(codes[1], runtime(crops[1:])) < 1e-5


def test_a_checkpoint_file_takes_the_graph_beside_it(checkpoint: Checkpoint, graph: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "weights.safetensors", checkpoint)
    alone = load_runtime(tmp_path / "weights.safetensors")
    assert alone.backend == "torch"
    assert "no graph" in alone.fallback_reason
    shutil.copy(graph, tmp_path / "weights.onnx")
    assert load_runtime(tmp_path / "weights.safetensors").backend == "onnxruntime"


def bent(content: bytes) -> bytes:
    """A graph with its first ReLU turned into a sign change: valid, for the same configuration, and wrong."""
    model = onnx.load_from_string(content)
    next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Neg"
    return model.SerializeToString()


def one_answer_less(content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    del model.graph.output[-1]
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: b"", "cannot be used"),
        (lambda content: b"no graph at all", "cannot be used"),
        (lambda content: content[: len(content) // 2], "cannot be used"),
        (lambda content: content + bytes(9 << 20), "larger than"),
        (bent, "does not answer as its checkpoint does"),
        (one_answer_less, "does not answer as its checkpoint does"),
    ],
)
def test_a_damaged_graph_is_not_used_and_the_reason_said(
    change: object, reason: str, checkpoint: Checkpoint, graph: Path, tmp_path: Path
) -> None:
    assert callable(change)
    path = tmp_path / "encoder.onnx"
    path.write_bytes(change(graph.read_bytes()))
    runtime = EncoderRuntime(checkpoint, path)
    assert runtime.backend == "torch"
    assert reason in runtime.fallback_reason
    assert str(path) in runtime.fallback_reason
    images = torch.rand(1, 3, CROP_SIZE, CROP_SIZE)
    with torch.no_grad():
        assert largest_difference(runtime.encode(images), checkpoint.encoder(images)) < 2.3e-4


def test_a_graph_of_another_configuration_is_not_used(graph: Path) -> None:
    other = checkpoint_of(dataclasses.replace(CONFIG, expression_low=None), 0)
    runtime = EncoderRuntime(other, graph)
    assert (runtime.backend, "another encoder" in runtime.fallback_reason) == ("torch", True)


def test_without_onnx_runtime_pytorch_takes_over_and_says_so(
    checkpoint: Checkpoint, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    runtime = EncoderRuntime(checkpoint, graph)
    assert runtime.backend == "torch"
    assert "not installed" in runtime.fallback_reason


def test_a_graph_older_than_an_unused_option_still_serves(checkpoint: Checkpoint, graph: Path, tmp_path: Path) -> None:
    model = onnx.load(graph, load_external_data=False)
    (entry,) = (entry for entry in model.metadata_props if entry.key == CONFIG_KEY)
    stored = json.loads(entry.value)
    assert stored.pop("expression_outputs") == 0
    entry.value = json.dumps(stored)
    (tmp_path / "old.onnx").write_bytes(model.SerializeToString())
    assert EncoderRuntime(checkpoint, tmp_path / "old.onnx").backend == "onnxruntime"
