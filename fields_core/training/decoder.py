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

SIZE = 112  # pixels of the paintings; a quarter of the crop's work
_LEVELS = 2  # below the first, which has half the picture's resolution
_SLOPE = 0.2


class SynthesisDecoder(nn.Module):
    """A U-Net (Ronneberger et al. 2015): grey head and hidden photo -> photo.

    Most of a common U-Net's work is convolutions at full resolution and of concatenated features. Here blocks of 2 x 2
    pixels are channels of the first level, so that no pixel is averaged away and every convolution is at half the
    resolution at most; and skipped features are added (LinkNet, Chaurasia and Culurciello 2017).

    Group normalisation: what it paints for one face does not depend on the batch.
    """

    def __init__(self, width: int) -> None:
        """Args:
        width: channels of the first level; each deeper one has twice as many.
        """
        super().__init__()
        steps = list(pairwise(width * 2**level for level in range(_LEVELS + 1)))
        self.first = _block(4 * (1 + 3), width, width)
        self.down = nn.ModuleList(_block(fine, coarse, coarse) for fine, coarse in steps)
        self.lift = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in reversed(steps))
        self.up = nn.ModuleList(_block(fine, fine) for fine, _ in reversed(steps))
        self.last = nn.Conv2d(width, 4 * 3, 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, heads: Tensor, hidden: Tensor) -> Tensor:
        """
        Args:
            heads: (B, 1, H, W) grey renders, sides divisible by 8.
            hidden: (B, 3, H, W) photos without their faces.

        Returns:
            (B, 3, H, W) RGB in [0, 1].
        """
        seen = functional.pixel_unshuffle(torch.cat([heads, hidden], dim=1), 2)
        features = [self.first(seen.contiguous(memory_format=torch.channels_last))]
        for block in self.down:
            features.append(block(functional.avg_pool2d(features[-1], 2)))
        painted = features.pop()
        for lift, block in zip(self.lift, self.up, strict=True):
            finer = functional.interpolate(lift(painted), scale_factor=2.0, mode="nearest")
            painted = block(finer + features.pop())
        picture: Tensor = functional.pixel_shuffle(self.last(painted), 2).sigmoid()
        return picture


def _block(*channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.GroupNorm(1, outputs),
            nn.LeakyReLU(_SLOPE, inplace=True),
        ]
    return nn.Sequential(*layers)


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

        Only photos without 3D truth are painted. Where the code is known it is told directly, and such pictures are
        mostly renders: of what photos look like they would teach the decoder nothing.

        The synthesis trains encoder and decoder. In the cycle the painting is given: it trains the encoder only, so
        that the decoder cannot agree on a code of its own with it.

        Args:
            code: the encoder's, with gradients.
            generator: of the chance which pixels and expressions, on the CPU.
        """
        known = batch.landmark_weights * (1.0 - batch.code_weights)
        rows = known.nonzero()[:, 0] if bool(known.any()) else known.new_zeros(1, dtype=torch.int64)
        code, known, images, observed = code[rows], known[rows], batch.images[rows], batch.observed[rows]
        photos = functional.interpolate(images, (SIZE, SIZE), mode="area")
        seen = self._renderer.clay(code, SIZE)
        painted = self.decoder(seen.image[:, :1], hidden_face(photos, seen.mask, generator))
        with torch.no_grad():
            other = shuffled_expressions(code, generator)
            moved = self._renderer.clay(other, SIZE)
            either = torch.maximum(seen.mask, moved.mask)
            repainted = self.decoder(moved.image[:, :1], hidden_face(photos, either, generator))
            crop = functional.interpolate(repainted, images.shape[-2:], mode="bilinear", align_corners=False)
            landmarks = observed.clone()
            landmarks[:, self._geometry.landmark_ids] = self._geometry.landmarks(other).points.to(landmarks)
        again = encoder(crop.contiguous(memory_format=torch.channels_last), landmarks).to(torch.float32)
        return SynthesisTerms(synthesis_loss(painted, photos, known), cycle_loss(again, other, known))
