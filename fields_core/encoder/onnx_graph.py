"""An encoder as an ONNX graph without weights: they come from the checkpoint, so the two can never disagree.

Exporting takes many seconds, loading such a graph milliseconds: the trainer and the importer write ``NAME.onnx`` beside
``NAME.safetensors`` and the app only reads it.
"""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import MISSING, asdict, fields
from pathlib import Path

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from fields_core.datatypes import CROP_SIZE, LANDMARK_COUNT
from fields_core.encoder.checkpoint import Checkpoint, Encoder
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.files import replacing

IMAGES, LANDMARKS = "images", "landmarks"  # the second only where the encoder looks at them
CONFIG_KEY = "fields.encoder"
_WEIGHTS = "weights"  # ONNX wants external weights to name a file; no such file is ever read


class Regressor(nn.Module):
    """The part of an encoder that is worth exporting: `regress`; `decode` is a few cheap lines that stay in PyTorch.

    Every batch normalisation is folded into the convolution before it, which makes it faster in PyTorch too.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).eval().requires_grad_(False)
        fold_batch_norms(self.encoder, example_inputs(1, encoder.config))

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> tuple[Tensor, ...]:
        return self.encoder.regress(images, landmarks)


def input_names(config: EncoderConfig) -> list[str]:
    """What an encoder looks at."""
    return [IMAGES, LANDMARKS] if config.layout == "rectified" else [IMAGES]


def example_inputs(batch: int, config: EncoderConfig) -> tuple[Tensor, ...]:
    """Noise for every input, always the same: (B, 3, 224, 224) images, (B, 478, 2) landmarks."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, 3, CROP_SIZE, CROP_SIZE, generator=generator)
    landmarks = torch.rand(batch, LANDMARK_COUNT, 2, generator=generator) * 1.4 - 0.7
    return (images, landmarks)[: len(input_names(config))]


def fold_batch_norms(network: nn.Module, examples: tuple[Tensor, ...]) -> None:
    """Fold, in place, every batch normalisation of a network in evaluation mode that follows a convolution.

    Args:
        network: its forward takes ``examples``; which layer follows which is seen by running it.
    """
    made_by: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # the tensors are kept, so that no two have the same id
    pairs: dict[str, nn.Conv2d] = {}
    names = {module: name for name, module in network.named_modules()}

    def convolved(conv: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        made_by[id(output)] = (conv, output)

    def normalising(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if id(inputs[0]) in made_by:
            pairs[names[norm]] = made_by[id(inputs[0])][0]

    hooks = [m.register_forward_hook(convolved) for m in network.modules() if isinstance(m, nn.Conv2d)]
    hooks += [m.register_forward_pre_hook(normalising) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        network(*examples)
    for hook in hooks:
        hook.remove()
    for name, conv in pairs.items():
        norm = network.get_submodule(name)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        conv.weight, conv.bias = nn.utils.fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        # timm's also hold the activation after them.
        rest = nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, rest)


def config_text(config: EncoderConfig) -> str:
    """What ties a graph to the encoders it is for: any weights of this configuration fit it."""
    return json.dumps(asdict(config), sort_keys=True)


def is_for(text: str, config: EncoderConfig) -> bool:
    """Whether a graph with this `config_text` is for ``config``; options younger than the graph count as unused.

    Raises:
        ValueError: ``text`` is no JSON.
    """
    stored = json.loads(text)
    unused = {field.name: field.default for field in fields(EncoderConfig) if field.default is not MISSING}
    return isinstance(stored, dict) and unused | stored == json.loads(config_text(config))


def export_onnx(checkpoint: Checkpoint, path: Path) -> None:
    """Write the graph of a checkpoint's encoder; `fields_core.encoder.runtime` looks for it beside the checkpoint.

    Raises:
        ExportError: it cannot be written.
    """
    import onnx  # with the exporter, seconds: readers of graphs do not need them

    regressor = Regressor(checkpoint.encoder)
    examples = example_inputs(2, checkpoint.info.encoder)
    shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in examples)
    with warnings.catch_warnings():
        # PyTorch 2.12's own deprecation of a check that its exporter makes when it copies a tree.
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        program = torch.onnx.export(
            regressor.eval(),
            examples,
            input_names=input_names(checkpoint.info.encoder),
            dynamic_shapes=shapes,
            dynamo=True,
            optimize=False,  # it would rename and merge weights; ONNX Runtime optimises while it loads
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    weights = regressor.state_dict()
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            tensor.external_data.add(key="location", value=_WEIGHTS)
    for node in model.graph.node:  # stack traces of the machine that exported it
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("value_info")
    model.ClearField("metadata_props")
    model.metadata_props.add(key=CONFIG_KEY, value=config_text(checkpoint.info.encoder))
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
