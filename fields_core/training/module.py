"""One stage as a LightningModule: what trains, what is frozen, how fast."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn

from fields_core.data.sample import SampleBatch
from fields_core.datatypes import FaceCode
from fields_core.encoder.checkpoint import Encoder
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.face_encoder import FaceEncoder
from fields_core.encoder.rectified_encoder import RectifiedEncoder
from fields_core.errors import FieldsError
from fields_core.training.config import StageConfig, TrainConfig
from fields_core.training.decoder import NeuralSynthesis, SynthesisDecoder
from fields_core.training.objective import LossTerms, Objective, Prediction

TrainableEncoder = FaceEncoder | RectifiedEncoder


class DivergedError(FieldsError):
    """A loss that is no number any more."""


@dataclass(frozen=True, eq=False)
class Networks:
    """What a stage works with."""

    encoder: TrainableEncoder
    emotion: EmotionHead
    base: Encoder | None = None
    """The encoder as it was before step A; None: no pull towards it."""
    decoder: SynthesisDecoder | None = None
    """Step B's."""


class EncoderTraining(pl.LightningModule):
    """Trains what of its networks requires gradients; the rest stays bit-identical, batch statistics included.

    Attributes:
        terms: the loss terms of the latest batch.
    """

    terms: LossTerms

    def __init__(self, networks: Networks, objective: Objective, stage: StageConfig, config: TrainConfig) -> None:
        super().__init__()
        self.encoder = networks.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.emotion = networks.emotion
        self.base: nn.Module | None = networks.base
        self.objective = objective
        self._stage, self._config = stage, config
        self.synthesis = None if networks.decoder is None else NeuralSynthesis(networks.decoder, objective.geometry)
        super().train()  # all of it: Lightning frowns on parts in evaluation mode before it starts

    def on_train_start(self) -> None:
        self.train()

    def trained_modules(self) -> dict[str, nn.Module]:
        """What the stage leaves behind, by name."""
        modules: dict[str, nn.Module] = {"encoder": self.encoder, "emotion": self.emotion}
        return modules if self.synthesis is None else modules | {"decoder": self.synthesis.decoder}

    @property
    def learns_emotion(self) -> bool:
        """Whether the stage trains the emotion branch; what an untrained one guesses means nothing."""
        return any(parameter.requires_grad for parameter in self.emotion.parameters())

    def predict(self, images: Tensor, landmarks: Tensor) -> Prediction:
        """Codes (float32, whatever the networks compute in) and emotions of a batch of images.

        Args:
            images: (B, 3, 224, 224) RGB in [0, 1].
            landmarks: (B, 478, 2) as detected, image frame.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        code: FaceCode = self.encoder(images, landmarks).to(torch.float32)
        base = None
        if self.base is not None:
            with torch.no_grad():
                base = self.base(images, landmarks).to(torch.float32)
        with torch.autocast(self.device.type, enabled=False):
            return Prediction(code, self.emotion(code), base)

    def losses(self, batch: SampleBatch, step: int | None = None) -> LossTerms:
        """The terms of a batch.

        Args:
            batch: of any size.
            step: of the run; the chance in the synthesis follows from it. None leaves the synthesis out.
        """
        prediction = self.predict(batch.images, batch.observed)
        with torch.autocast(self.device.type, enabled=False):
            terms: LossTerms = self.objective(prediction, batch)
            if self.synthesis is None or step is None:
                return terms
            chance = torch.Generator().manual_seed(
                int(np.random.default_rng((self._config.seed, step)).integers(2**62))
            )
            painted = self.synthesis(prediction.code, batch, self.encoder, chance)
        weights = self._config.losses
        return dataclasses.replace(
            terms, synthesis=weights.synthesis * painted.synthesis, cycle=weights.cycle * painted.cycle
        )

    def training_step(self, batch: SampleBatch, batch_idx: int) -> Tensor:
        del batch_idx
        # Of several processes each takes other batches, and other chances.
        self.terms = self.losses(batch, self.global_step * self.trainer.world_size + self.global_rank)
        return self.finite_total()

    def finite_total(self) -> Tensor:
        """The sum of the latest terms.

        Raises:
            DivergedError: it is no number.
        """
        total = self.terms.total
        if not torch.isfinite(total):
            raise DivergedError(
                f"Training diverged at step {self.global_step}",
                expected="finite losses",
                found=", ".join(f"{name} {value:.3g}" for name, value in self.terms.numbers().items()),
                remedy="Lower the learning rate.",
            )
        return total

    def transfer_batch_to_device(self, batch: SampleBatch, device: torch.device, dataloader_idx: int) -> SampleBatch:
        del dataloader_idx
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        """AdamW; the rate rises linearly, then falls as half a cosine."""
        branch = {id(parameter) for parameter in expression_parameters(self.encoder)}
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        rate, factor = self._stage.learning_rate, self._stage.expression_rate
        groups = [
            {"params": [p for p in trained if id(p) not in branch], "lr": rate},
            {"params": [p for p in trained if id(p) in branch], "lr": rate * factor},
        ]
        optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=rate, weight_decay=self._stage.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_cosine(self._stage))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train(self, mode: bool = True) -> EncoderTraining:
        """Frozen parts stay in evaluation mode, so that their batch statistics do not move."""
        super().train(mode)
        for part in [*self.encoder.children(), self.emotion, self.base]:
            if part is not None and not any(parameter.requires_grad for parameter in part.parameters()):
                part.eval()
        if self.synthesis is not None:
            self.encoder.eval()  # paintings must not count in the statistics of photos
        return self


def expression_parameters(encoder: TrainableEncoder) -> list[nn.Parameter]:
    """Parameters of the expression branch."""
    return [parameter for part in encoder.expression_parts() for parameter in part.parameters()]


def _warm_cosine(stage: StageConfig) -> Callable[[int], float]:
    warmup = min(stage.warmup, stage.steps)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 + 0.5 * math.cos(math.pi * (step - warmup) / max(1, stage.steps - warmup))

    return factor
