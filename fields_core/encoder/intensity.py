"""How strong an expression is, measured on the geometry: what the intensity-aware emotion loss compares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fields_core.datatypes import FaceCode
from fields_core.head.model import HeadModel

STRONG = 0.95  # the quantile of displacements that counts as intensity 1
BATCH = 256  # codes posed at once while the scale is measured


class ExpressionIntensity(nn.Module):
    """d = sqrt(mean over face vertices |V(shape = 0, expression, jaw, eyelids) - V(0)|^2), head pose zero; I = d / d95.

    Attributes:
        scale: d95 in metres, the 95th percentile of d over the 3D training set; stored in every checkpoint.
    """

    face: Tensor

    def __init__(self, head: HeadModel, scale: float) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"the intensity scale must be a positive length in metres, not {scale}")
        self.head = head
        self.scale = scale
        self.register_buffer("face", head.region("face").nonzero()[:, 0], persistent=False)

    def forward(self, code: FaceCode, *, jaw: bool = True) -> Tensor:
        """Intensity of each face.

        Args:
            code: B faces; identity, head pose and gaze play no part.
            jaw: False leaves the jaw shut: speech opens it without any emotion.

        Returns:
            (B,) at least 0; 1 is a strong expression. Its gradient at exactly neutral is 0.
        """
        return self.displacement(code, jaw=jaw) / self.scale

    def displacement(self, code: FaceCode, *, jaw: bool = True) -> Tensor:
        """d in metres, (B,)."""
        still = self.neutral_like(code)
        moved = still.replace(expression=code.expression, eyelids=code.eyelids)
        if jaw:
            moved = moved.replace(jaw_pose=code.jaw_pose)
        offsets = self.head(moved)[:, self.face] - self.head(still[:1])[:, self.face]
        squared = offsets.square().sum(dim=2).mean(dim=1)
        neutral = squared == 0
        return squared.where(~neutral, torch.ones_like(squared)).sqrt().masked_fill(neutral, 0.0)

    def neutral_like(self, code: FaceCode) -> FaceCode:
        """A neutral code of as many faces, in the code's precision and on its device."""
        return self.head.neutral_code(len(code)).to(code.expression.dtype).to(code.expression.device)


@torch.no_grad()
def intensity_scale(head: HeadModel, codes: FaceCode) -> float:
    """d95 of a set of 3D codes, metres."""
    measure = ExpressionIntensity(head, 1.0)
    parts = [measure.displacement(codes[start : start + BATCH]) for start in range(0, len(codes), BATCH)]
    return float(torch.quantile(torch.cat(parts).double(), STRONG))
