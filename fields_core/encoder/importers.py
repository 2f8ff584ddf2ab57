"""Released weights of the ancestors as checkpoints: SMIRK (SMIRK_em1.pt), DECA (deca_model.tar), EMOCA (.ckpt).

Their licences forbid passing them on: users fetch them themselves. What a file holds beside the encoder is named in the
result, never dropped in silence.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, build_encoder, load_exactly
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.encoder.resnet_encoder import CAMERA, LIGHT, POSE, TEXTURE
from fields_core.errors import ModelFileError

FILE_LIMIT = 1 << 32  # bytes; EMOCA's file with its optimiser is the largest, about 1.5 GB
HEAD_MODEL = "flame-generic_model"
"""FLAME 2020 under the name it is published with: all three were trained on it."""
DECA_SHAPE, DECA_EXPRESSION = 100, 50

_SMIRK = {
    "smirk_encoder.pose_encoder.encoder.": "pose_backbone.encoder.",
    "smirk_encoder.pose_encoder.pose_cam_layers.0.": "pose_layer.",
    "smirk_encoder.shape_encoder.encoder.": "shape_backbone.encoder.",
    "smirk_encoder.shape_encoder.shape_layers.0.": "shape_layer.",
    "smirk_encoder.expression_encoder.encoder.": "expression_backbone.encoder.",
    "smirk_encoder.expression_encoder.expression_layers.0.": "expression_layer.",
}
_DECA = {f"E_flame.{part}.": f"coarse.{part}." for part in ("encoder", "layers")}
_EMOCA = {f"deca.{old}": new for old, new in _DECA.items()} | {
    f"deca.E_expression.{part}.": f"expression.{part}." for part in ("encoder", "layers")
}
_DECA_OTHERS = ("E_detail", "D_detail", "opt", "epoch", "iter", "batch_size")
_BOOKKEEPING = (
    *("omegaconf.", "pytorch_lightning.", "lightning.", "typing.Any", "pathlib.", "collections.defaultdict"),
    *("builtins.dict", "builtins.list", "builtins.int", "builtins.str", "builtins.float", "builtins.bool"),
)
"""Python classes that training frameworks leave in a file beside the weights; none of them is ever made."""


@dataclass(frozen=True, eq=False)
class Imported:
    """What came of a file."""

    checkpoint: Checkpoint
    """Without emotion branch and intensity scale."""
    source: str
    """SMIRK, DECA or EMOCA."""
    left_out: tuple[str, ...]
    """The parts of the file that are not the encoder, each with its number of entries."""


class _Inert:
    """Stands for a framework's class: takes anything, keeps nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def import_checkpoint(path: Path) -> Imported:
    """Read a released file; nothing in it can run, and every key of its encoder must fit.

    Raises:
        ModelFileError: no such file, damaged, too large, hostile, none of the three, or with keys that are missing,
            extra or of another shape (all are named).
    """
    content = _read(path)
    state = content.get("state_dict")
    if isinstance(state, Mapping) and any(str(key).startswith("deca.E_expression.") for key in state):
        return _emoca(path, content, state)
    if isinstance(content.get("E_flame"), Mapping):
        return _deca(path, content)
    if any(str(key).startswith("smirk_encoder.") for key in content):
        return _smirk(path, content)
    raise ModelFileError(
        f"{path} holds none of the weights that can be imported",
        expected="SMIRK_em1.pt, deca_model.tar, or a checkpoint of EMOCA",
        found="entries " + ", ".join(sorted(map(str, content)))[:200],
        remedy="Take the file as its authors published it.",
    )


def _smirk(path: Path, content: Mapping[str, Any]) -> Imported:
    tensors = _renamed(path, content, _SMIRK)
    rest = [key for key in content if not str(key).startswith(tuple(_SMIRK))]
    unknown = [key for key in rest if not str(key).startswith("smirk_generator.")]
    shapes, outputs = _rows(path, tensors, "shape_layer.weight"), _rows(path, tensors, "expression_layer.weight")
    config = _config(path, n_shape=shapes, n_expression=outputs - 2 - 3)
    return _imported(path, "SMIRK", config, tensors | dict.fromkeys(map(str, unknown), torch.zeros(0)), _parts(rest, 1))


def _deca(path: Path, content: Mapping[str, Any]) -> Imported:
    unknown = [key for key in content if key not in ("E_flame", *_DECA_OTHERS)]
    if unknown:
        raise _not_fitting(path, "extra " + ", ".join(map(str, unknown)))
    tensors = _renamed(path, {f"E_flame.{key}": value for key, value in content["E_flame"].items()}, _DECA, all_of=True)
    config = _config(path, n_shape=DECA_SHAPE, n_expression=DECA_EXPRESSION, layout="deca")
    others = [(key, len(value) if isinstance(value, Mapping) else 1) for key, value in content.items()]
    left_out = tuple(f"{key} ({count})" for key, count in others if key != "E_flame")
    return _imported(path, "DECA", config, tensors, (*left_out, *_unused_outputs()))


def _emoca(path: Path, content: Mapping[str, Any], state: Mapping[str, Any]) -> Imported:
    encoders = ("deca.E_flame.", "deca.E_expression.")
    own = {key: value for key, value in state.items() if str(key).startswith(encoders)}
    tensors = _renamed(path, own, _EMOCA, all_of=True)
    outputs = _rows(path, tensors, "expression.layers.2.weight")
    config = _config(path, n_shape=DECA_SHAPE, n_expression=DECA_EXPRESSION, layout="emoca", expression_outputs=outputs)
    left_out = (*_parts((key for key in content if key != "state_dict"), 1), *_parts(state.keys() - own.keys(), 2))
    return _imported(path, "EMOCA", config, tensors, (*left_out, *_unused_outputs()))


def _imported(
    path: Path, source: str, config: EncoderConfig, tensors: dict[str, Tensor], left_out: tuple[str, ...]
) -> Imported:
    encoder = build_encoder(config)
    load_exactly(encoder, tensors, source=str(path))
    info = CheckpointInfo(
        head_model=HEAD_MODEL,
        encoder=config,
        intensity_scale=None,
        data=(f"{source}, imported from {path.name}; its authors' licence applies",),
        emotion_branch=False,
    )
    return Imported(Checkpoint(info, encoder.eval(), None), source, left_out)


def _renamed(
    path: Path, entries: Mapping[str, Any], prefixes: dict[str, str], *, all_of: bool = False
) -> dict[str, Tensor]:
    """The entries under our names; with ``all_of`` those under none of the prefixes keep theirs, to be found extra."""
    tensors = {}
    for key, value in entries.items():
        prefix = next((prefix for prefix in prefixes if str(key).startswith(prefix)), None)
        if prefix is None and not all_of:
            continue
        if not isinstance(value, Tensor):
            raise _not_fitting(path, f"{key} is no tensor")
        tensors[str(key) if prefix is None else prefixes[prefix] + str(key).removeprefix(prefix)] = value
    return tensors


def _rows(path: Path, tensors: Mapping[str, Tensor], name: str) -> int:
    if name not in tensors or tensors[name].ndim != 2:
        raise _not_fitting(path, f"no matrix for {name}")
    return len(tensors[name])


def _config(path: Path, **values: Any) -> EncoderConfig:
    try:
        return EncoderConfig(**values)
    except ValueError as error:
        raise _not_fitting(path, str(error)) from error


def _parts(keys: Iterable[object], depth: int) -> tuple[str, ...]:
    counts = Counter(".".join(str(key).split(".")[:depth]) for key in keys)
    return tuple(f"{part} ({count})" for part, count in sorted(counts.items()))


def _unused_outputs() -> tuple[str, ...]:
    return (f"texture ({TEXTURE}) and light ({LIGHT}) among the {_deca_outputs()} outputs of E_flame",)


def _deca_outputs() -> int:
    return DECA_SHAPE + TEXTURE + DECA_EXPRESSION + POSE + CAMERA + LIGHT


def _read(path: Path) -> dict[str, Any]:
    """A file's outermost dictionary, read by PyTorch's unpickler that builds tensors and containers only."""
    try:
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = max(size, sum(member.file_size for member in archive.infolist()))
            foreign = torch.serialization.get_unsafe_globals_in_checkpoint(str(path)) if size <= FILE_LIMIT else []
        else:
            foreign = []  # PyTorch's old format; whatever it does not know it refuses below
        if size > FILE_LIMIT:
            raise ModelFileError(f"{path} is too large for weights", expected=f"at most {FILE_LIMIT >> 30} GiB")
        refused = [name for name in foreign if not name.startswith(_BOOKKEEPING)]
        if refused:
            raise ModelFileError(
                f"{path} wants to run code that no weights need",
                found=", ".join(sorted(refused))[:200],
                remedy="Do not trust this file; take it as its authors published it.",
            )
        with torch.serialization.safe_globals([(_Inert, name) for name in foreign]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except ModelFileError:
        raise
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise ModelFileError(
            f"{path} cannot be read as weights",
            expected="SMIRK_em1.pt, deca_model.tar, or a checkpoint of EMOCA",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200],
            remedy="Take the file as its authors published it.",
        ) from error
    if not isinstance(content, dict):
        raise _not_fitting(path, f"a {type(content).__name__}, not a dictionary")
    return content


def _not_fitting(path: Path, found: str) -> ModelFileError:
    return ModelFileError(f"The weights in {path} do not fit the network", found=found)
