"""The decoder of step B, and what it asks of the encoder. It is thrown away after training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from fields_core.data.sample import SampleBatch
from fields_core.datatypes import FaceCode
from fields_core.encoder.face_encoder import FaceEncoder
from fields_core.encoder.rectified_encoder import RectifiedEncoder
from fields_core.losses.synthesis import cycle_loss, hidden_face, shuffled_expressions, synthesis_loss
from fields_core.render.renderer import HeadRenderer
from fields_core.training.face_geometry import FaceGeometry

SIZE = 112  # pixels the decoder paints; a quarter of the crop's work
_LEVELS = 3
_SLOPE = 0.2


class SynthesisDecoder(nn.Module):
    """A U-Net (Ronneberger et al. 2015): grey head and hidden photo -> photo.

    Group normalisation: what it paints for one face does not depend on the batch.
    """

    def __init__(self, width: int) -> None:
        """Args:
        width: channels of the first level; each deeper one has twice as many.
        """
        super().__init__()
        widths = [width * 2**level for level in range(_LEVELS + 1)]
        self.first = _block(6, width)
        self.down = nn.ModuleList(_block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_block(a + b, b) for b, a in reversed(list(pairwise(widths))))
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, heads: Tensor, hidden: Tensor) -> Tensor:
        """
        Args:
            heads: (B, 3, H, W) grey renders, sides divisible by 8.
            hidden: (B, 3, H, W) photos without their faces.

        Returns:
            (B, 3, H, W) RGB in [0, 1].
        """
        features = [self.first(torch.cat([heads, hidden], dim=1))]
        for block in self.down:
            features.append(block(functional.avg_pool2d(features[-1], 2)))
        painted = features.pop()
        for block in self.up:
            finer = functional.interpolate(painted, scale_factor=2.0, mode="nearest")
            painted = block(torch.cat([finer, features.pop()], dim=1))
        picture: Tensor = self.last(painted).sigmoid()
        return picture


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(1, outputs),
        nn.LeakyReLU(_SLOPE),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(1, outputs),
        nn.LeakyReLU(_SLOPE),
    )


@dataclass(frozen=True, eq=False)
class SynthesisTerms:
    """Scalars without weights."""

    synthesis: Tensor
    cycle: Tensor


class NeuralSynthesis(nn.Module):
    """Paints photos from codes with a decoder, and codes from paintings with the encoder."""

    def __init__(self, decoder: SynthesisDecoder, geometry: FaceGeometry) -> None:
        super().__init__()
        self.decoder = decoder
        self._geometry = geometry
        self._renderer = HeadRenderer(geometry.head)

    def forward(
        self, code: FaceCode, batch: SampleBatch, encoder: FaceEncoder | RectifiedEncoder, generator: torch.Generator
    ) -> SynthesisTerms:
        """Both terms of a batch.

        The synthesis trains encoder and decoder. In the cycle the painting is given: it trains the encoder only, so
        that the decoder cannot agree on a code of its own with it.

        Args:
            code: the encoder's, with gradients.
            generator: of the chance which pixels and expressions, on the CPU.
        """
        photos = functional.interpolate(batch.images, (SIZE, SIZE), mode="area")
        known = batch.landmark_weights
        seen = self._renderer.clay(code, SIZE)
        painted = self.decoder(seen.image, hidden_face(photos, seen.mask, generator))
        with torch.no_grad():
            other = shuffled_expressions(code, generator)
            moved = self._renderer.clay(other, SIZE)
            either = torch.maximum(seen.mask, moved.mask)
            repainted = self.decoder(moved.image, hidden_face(photos, either, generator))
            crop = functional.interpolate(repainted, batch.images.shape[-2:], mode="bilinear", align_corners=False)
            landmarks = batch.observed.clone()
            landmarks[:, self._geometry.landmark_ids] = self._geometry.landmarks(other).points.to(landmarks)
        again = encoder(crop.contiguous(memory_format=torch.channels_last), landmarks).to(torch.float32)
        return SynthesisTerms(synthesis_loss(painted, photos, known), cycle_loss(again, other, known))
