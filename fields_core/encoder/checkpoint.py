"""Trained weights on disk: safetensors (plain numbers, nothing that can run) with the story of their making."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.face_encoder import EncoderConfig, FaceEncoder
from fields_core.encoder.rectified_encoder import RectifiedEncoder
from fields_core.encoder.resnet_encoder import ResNetEncoder
from fields_core.errors import ModelFileError
from fields_core.files import replacing

Encoder = FaceEncoder | RectifiedEncoder | ResNetEncoder
FORMAT = "fields-encoder-1"
SIZE_LIMIT = 1 << 30  # bytes; the largest encoder imported so far (EMOCA) has a tenth of that


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself."""

    head_model: str
    """`HeadModel.name` whose codes it predicts."""
    encoder: EncoderConfig
    intensity_scale: float | None
    """d95 in metres: the displacement that counts as intensity 1; None in imported weights, which never knew it."""
    data: tuple[str, ...] = ()
    """Every source it was trained on, with its licence."""
    metrics: dict[str, float] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    """The training configuration, steps and seed."""
    emotion_branch: bool = True
    """Whether an emotion branch was trained with the encoder; imported weights have none."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded checkpoint, networks in evaluation mode."""

    info: CheckpointInfo
    encoder: Encoder
    emotion: EmotionHead | None
    """None where ``info.emotion_branch`` says so."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``path`` (.safetensors).

    Raises:
        ExportError: it cannot be written.
    """
    if checkpoint.info.emotion_branch != (checkpoint.emotion is not None):
        raise ValueError("the checkpoint's info is wrong about its emotion branch")
    networks = _networks(checkpoint.encoder, checkpoint.emotion)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in networks.state_dict().items()}
    metadata = {"format": FORMAT, "info": json.dumps(asdict(checkpoint.info), allow_nan=False)}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file can run, and every key must fit.

    Raises:
        ModelFileError: no such file, damaged, too large, of another format, or with keys that are missing, extra or of
            another shape (all are named).
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise ModelFileError(f"{path} is too large for a checkpoint", expected="at most 1 GiB")
        with safetensors.safe_open(path, framework="pt") as archive:
            metadata = archive.metadata() or {}
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 - not a dict
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint",
            expected="a .safetensors file written by FIELDS",
            found=str(error),
            remedy="Train or download it again.",
        ) from error
    if metadata.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} is not a FIELDS checkpoint",
            expected=f"format {FORMAT}",
            found=f"format {metadata.get('format', 'unnamed')}",
            remedy="Import weights of SMIRK, DECA or EMOCA first; update FIELDS if the file is newer.",
        )
    info = _parse_info(path, metadata.get("info", ""))
    encoder = build_encoder(info.encoder)
    emotion = EmotionHead(info.encoder.n_expression) if info.emotion_branch else None
    networks = _networks(encoder, emotion)
    load_exactly(networks, tensors, source=str(path))
    if isinstance(encoder, RectifiedEncoder):
        try:
            encoder.chart.check()
        except ValueError as error:
            raise ModelFileError(f"{path} holds an encoder that cannot work", found=str(error)) from error
    networks.eval()
    return Checkpoint(info, encoder, emotion)


def read_info(path: Path) -> CheckpointInfo:
    """What a checkpoint says of itself; its weights are not read.

    Raises:
        ModelFileError: no such file, damaged or of another format.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as archive:
            metadata = archive.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{path} cannot be read as a checkpoint", found=str(error)) from error
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"{path} is not a FIELDS checkpoint", expected=f"format {FORMAT}")
    return _parse_info(path, metadata.get("info", ""))


def build_encoder(config: EncoderConfig) -> Encoder:
    """The network of a configuration, with initial weights."""
    if config.layout == "rectified":
        return RectifiedEncoder(config)
    return ResNetEncoder(config) if config.layout in ("deca", "emoca") else FaceEncoder(config)


def load_exactly(module: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load ``tensors`` into ``module``, every key and shape fitting.

    Raises:
        ModelFileError: naming every key that is missing, extra or of another shape.
    """
    wanted = module.state_dict()
    problems = [f"missing {name}" for name in wanted if name not in tensors]
    problems += [f"extra {name}" for name in tensors if name not in wanted]
    problems += [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    problems += [
        f"{name} is not finite"
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    ]
    if problems:
        raise ModelFileError(f"The weights in {source} do not fit the network", found="; ".join(problems))
    module.load_state_dict(tensors)


def _networks(encoder: nn.Module, emotion: nn.Module | None) -> nn.ModuleDict:
    """All that a file holds, under the names it has there."""
    return nn.ModuleDict({"encoder": encoder} | ({} if emotion is None else {"emotion": emotion}))


def _parse_info(path: Path, text: str) -> CheckpointInfo:
    try:
        raw = json.loads(text)
        encoder: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in raw["encoder"].items()
        }
        raw |= {"encoder": EncoderConfig(**encoder), "data": tuple(raw["data"])}
        return CheckpointInfo(**raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path} does not say what it holds", found=f"unreadable metadata: {error}") from error
