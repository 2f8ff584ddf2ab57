"""The networks at the start of each stage: pretraining, step A, step B (FIELDS' two steps after a base model)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from fields_core.encoder.checkpoint import Checkpoint
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.face_encoder import NATURAL_UNITS, EncoderConfig, FaceEncoder
from fields_core.encoder.rectified_encoder import RectifiedEncoder
from fields_core.errors import SettingsError
from fields_core.head.model import HeadModel
from fields_core.training.config import EncoderChoice, Stage, TrainConfig
from fields_core.training.decoder import SynthesisDecoder
from fields_core.training.module import Networks, TrainableEncoder, expression_parameters

REFINEMENTS = 2  # of new rectified encoders: each costs a tenth of a millisecond
_Module = TypeVar("_Module", bound=nn.Module)


def starting_networks(
    config: TrainConfig, stage: Stage, head: HeadModel, start: Checkpoint | None, base: Checkpoint | None = None
) -> Networks:
    """The networks of a stage, with what it does not train frozen.

    Args:
        config: of the run; its seed decides the first weights.
        stage: which.
        head: whose codes are predicted.
        start: what the stage before left; None only for pretraining from nothing.
        base: what came before step A, for the pull towards it; None takes the start.

    Raises:
        SettingsError: nothing to start step A or B from, or a start for another head model.
    """
    if start is None:
        if stage != "pretrain":
            raise SettingsError(
                f"Step {stage.upper()} needs a pretrained encoder", remedy="Give pretrain some steps, or a start."
            )
        return Networks(
            _seeded(config, lambda: new_encoder(encoder_config(config.encoder, head), head)), _emotion(config, head)
        )
    if start.info.head_model != head.name:
        raise SettingsError(
            "The starting checkpoint is for another head model", expected=head.name, found=start.info.head_model
        )
    encoder = copy.deepcopy(start.encoder)
    if not isinstance(encoder, TrainableEncoder):
        raise SettingsError("The starting encoder cannot be trained", found=type(encoder).__name__)
    emotion = _emotion(config, head) if start.emotion is None else copy.deepcopy(start.emotion)
    if stage == "pretrain":
        return Networks(encoder.requires_grad_(True), emotion.requires_grad_(False))
    stable = None
    if config.losses.base:
        stable = copy.deepcopy(encoder if base is None else base.encoder).requires_grad_(False)
    decoder = _seeded(config, lambda: SynthesisDecoder(config.decoder_width)) if stage == "b" else None
    if isinstance(encoder, FaceEncoder) and encoder.config.layout == "shared":
        encoder = split(encoder)
    encoder.requires_grad_(False)
    for parameter in expression_parameters(encoder):
        parameter.requires_grad_(True)
    # A head that nothing trains would only drift with the weight decay.
    return Networks(encoder, emotion.requires_grad_(config.losses.emotion > 0), stable, decoder)


def encoder_config(choice: EncoderChoice, head: HeadModel) -> EncoderConfig:
    """The encoder of a head model.

    Raises:
        SettingsError: timm has no such backbone.
    """
    low, high = (tuple(side.tolist()) for side in head.expression_bounds.unbind(dim=1))
    bounded = bool(torch.isfinite(head.expression_bounds).all())
    try:
        return EncoderConfig(
            head.n_shape,
            head.n_expression,
            low if bounded else None,
            high if bounded else None,
            pose_units=NATURAL_UNITS,
            landmarks=len(head.landmark_ids) if choice.layout == "rectified" else 0,
            refinements=REFINEMENTS if choice.layout == "rectified" else 0,
            landmark_components=min(EncoderConfig.landmark_components, 2 * len(head.landmark_ids)),
            **dataclasses.asdict(choice),
        )
    except ValueError as error:
        raise SettingsError("This encoder cannot be built", found=str(error)) from error


def new_encoder(config: EncoderConfig, head: HeadModel) -> TrainableEncoder:
    """An untrained encoder of codes of a head model."""
    if config.layout != "rectified":
        return FaceEncoder(config)
    encoder = RectifiedEncoder(config)
    encoder.of_head(head)
    return encoder


def split(encoder: FaceEncoder) -> FaceEncoder:
    """A shared encoder as one whose expression branch has a backbone of its own; it predicts the same.

    Pose and shape can then stay as they are while the expression goes on learning.
    """
    config = dataclasses.replace(encoder.config, layout="split", pose_backbone=encoder.config.expression_backbone)
    parts = FaceEncoder(config)
    parts.load_state_dict(
        encoder.state_dict()
        | {f"pose_backbone.{name}": value for name, value in encoder.expression_backbone.state_dict().items()}
    )
    return parts


def _emotion(config: TrainConfig, head: HeadModel) -> EmotionHead:
    return _seeded(config, lambda: EmotionHead(head.n_expression)).requires_grad_(False)


def _seeded(config: TrainConfig, build: Callable[[], _Module]) -> _Module:
    """A network whose first weights follow from the run's seed; the process's own chance is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return build()
