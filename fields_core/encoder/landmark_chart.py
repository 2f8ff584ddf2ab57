"""A head model's landmarks as an encoder knows them: their mean, how they vary, and the flat chart they span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fields_core.datatypes import LANDMARK_COUNT, FaceCode
from fields_core.head.model import HeadModel

_SAMPLES = 3000  # random heads whose landmarks are analysed
_NOISE = 2e-4  # metres; what landmarks differ by for no reason
_MARGIN = 1.06  # side of the chart over the extent of the landmarks
_YAW, _PITCH, _ROLL, _JAW = 0.35, 0.2, 0.05, 0.12  # radians, standard deviations of the random heads
_GAZE = 0.15
_UNIT_CHANCE = 0.15


@dataclass(frozen=True, eq=False)
class PlacedLandmarks:
    """Landmarks in a frame of their own, and where that lies in the crop."""

    points: Tensor
    """(B, L, 2) metres, y down."""
    components: Tensor
    """(B, K) whitened principal components."""
    turn: Tensor
    """(B, 2) cosine and sine of the frame's turn, clockwise on the screen."""
    frame: Tensor
    """(B, 4) real and imaginary part of a, then c: a crop's point is c + a z for z in metres, y down."""


class LandmarkChart(nn.Module):
    """What `of_head` found out, as buffers.

    Attributes:
        ids: (L,) MediaPipe's numbers of the head model's landmarks.
        mean: (L, 2) metres, y down: the neutral head's landmarks from the front, centred.
        components: (2 L, K) from deviations of the mean to whitened components.
        corners, weights: (S S, 3) rows of landmarks and their shares in every texel of the chart.
        root: (2,) metres: the mean head's root joint.
        shift: (2,) metres: what the camera must add to bring the mean of the neutral landmarks to 0.
    """

    ids: Tensor
    mean: Tensor
    components: Tensor
    corners: Tensor
    weights: Tensor
    root: Tensor
    shift: Tensor

    def __init__(self, landmarks: int, components: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("ids", torch.arange(landmarks))
        self.register_buffer("mean", torch.randn(landmarks, 2, generator=torch.Generator().manual_seed(0)))
        self.register_buffer("components", torch.zeros(2 * landmarks, components))
        self.register_buffer("corners", torch.zeros(size * size, 3, dtype=torch.int64))
        self.register_buffer("weights", torch.full((size * size, 3), 1.0 / 3.0))
        self.register_buffer("root", torch.zeros(2))
        self.register_buffer("shift", torch.zeros(2))

    @torch.no_grad()
    def of_head(self, head: HeadModel, seed: int = 0) -> None:
        """Fill the buffers from a head model with as many landmarks.

        Args:
            head: on the CPU.
            seed: of the random heads whose landmarks are analysed.
        """
        neutral = head.neutral_code()
        points = _seen(head, neutral)[0]
        centre = points.mean(dim=0)
        self.ids.copy_(head.landmark_ids)
        self.mean.copy_(points - centre)
        self.shift.copy_(centre * centre.new_tensor([-1.0, 1.0]))
        self.root.copy_(head.joint_template[0, :2])
        variety = torch.cat([self._aligned(_seen(head, code))[0] for code in _random_heads(head, seed)])
        deviations = (variety - self.mean).flatten(1).double()
        values, vectors = torch.linalg.eigh(deviations.T @ deviations / len(deviations))
        count = self.components.shape[1]
        values, vectors = values.flip(0)[:count].clamp(min=0.0), vectors.flip(1)[:, :count]
        # The sign of an eigenvector is chance; the largest entry shall be positive.
        vectors = vectors * vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True)).sign()
        self.components.copy_(vectors / (values + _NOISE**2).sqrt())
        corners, weights = _texels(self.mean.double().numpy(), self.size)
        self.corners.copy_(torch.from_numpy(corners))
        self.weights.copy_(torch.from_numpy(weights))

    def check(self) -> None:
        """
        Raises:
            ValueError: numbers of landmarks that there are none of (the buffers may come from a file).
        """
        for numbers, count in ((self.ids, LANDMARK_COUNT), (self.corners, len(self.ids))):
            if bool(((numbers < 0) | (numbers >= count)).any()):
                raise ValueError(f"landmarks beyond number {count - 1}")

    def place(self, landmarks: Tensor) -> PlacedLandmarks:
        """Turn, scale and shift landmarks as close to the mean as a similarity can (Procrustes, in closed form).

        Args:
            landmarks: (B, 478, 2) image frame.
        """
        aligned, frame = self._aligned(landmarks[:, self.ids])
        deviations = (aligned - self.mean).flatten(1)
        turn = frame[:, :2] / frame[:, :2].square().sum(dim=1, keepdim=True).add(1e-12).sqrt()
        return PlacedLandmarks(aligned, deviations @ self.components, turn, frame)

    def compared(self, differences: Tensor) -> Tensor:
        """(B, K) components of (B, L, 2) differences between landmarks, in metres, as those of `place`."""
        return differences.flatten(1) @ self.components

    def grid(self, landmarks: Tensor) -> Tensor:
        """(B, S, S, 2) image frame: where each texel of the chart is seen, for `torch.nn.functional.grid_sample`."""
        # Texel by texel over the whole batch: long rows are what memory is fast at.
        seen = landmarks[:, self.ids].transpose(0, 1).flatten(1)  # (L, B 2)
        corners = seen.index_select(0, self.corners.T.flatten()).view(3, -1, seen.shape[1])
        texels = (corners * self.weights.T[:, :, None]).sum(dim=0)  # (S S, B 2)
        return texels.view(self.size, self.size, -1, 2).permute(2, 0, 1, 3)

    def _aligned(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, 2) in the frame of the mean, and that frame (B, 4)."""
        centre = points.mean(dim=1)
        x, y = (points - centre[:, None]).unbind(dim=2)
        mean_x, mean_y = self.mean.unbind(dim=1)
        length = self.mean.square().sum()
        real = (x * mean_x + y * mean_y).sum(dim=1) / length
        imaginary = (y * mean_x - x * mean_y).sum(dim=1) / length
        squared = (real.square() + imaginary.square()).add(1e-12)[:, None]
        real_, imaginary_ = real[:, None], imaginary[:, None]
        aligned = torch.stack([(real_ * x + imaginary_ * y) / squared, (real_ * y - imaginary_ * x) / squared], dim=2)
        return aligned, torch.cat([real_, imaginary_, centre], dim=1)


def _seen(head: HeadModel, code: FaceCode) -> Tensor:
    """(B, L, 2) metres, y down: landmarks from the front."""
    return head.landmarks(head(code))[..., :2] * code.camera.new_tensor([1.0, -1.0])


def _random_heads(head: HeadModel, seed: int) -> list[FaceCode]:
    """Codes in batches, far more varied than life: what varies together is for the networks to learn."""
    generator = torch.Generator().manual_seed(seed)
    low, high = head.expression_bounds.unbind(dim=1)
    bounded = torch.isfinite(low) & torch.isfinite(high)
    batches = []
    for _ in range(_SAMPLES // 500):
        code = head.neutral_code(500)
        free = torch.randn(code.expression.shape, generator=generator)
        share = torch.rand(code.expression.shape, generator=generator)
        within = (low.nan_to_num(0, 0, 0) + share * (high - low).nan_to_num(0, 0, 0)) * (
            torch.rand(code.expression.shape, generator=generator) < _UNIT_CHANCE
        )
        spread = torch.tensor([_PITCH, _YAW, _ROLL])
        eyes = _GAZE * torch.randn(500, 2, generator=generator)
        still = torch.zeros(500, 1)
        batches.append(
            code.replace(
                shape=torch.randn(code.shape.shape, generator=generator),
                expression=torch.where(bounded, within, free),
                head_pose=spread * torch.randn(500, 3, generator=generator),
                jaw_pose=torch.cat([_JAW * torch.randn(500, 1, generator=generator).abs(), still, still], dim=1),
                eye_pose=torch.cat([eyes, still, eyes, still], dim=1),
            )
        )
    return batches


def _texels(points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(S S, 3) landmarks and weights of every texel of the square around (L, 2) points; outside their hull a texel
    shows the nearest one."""
    from scipy.spatial import Delaunay, cKDTree

    low, high = points.min(axis=0), points.max(axis=0)
    steps = ((np.arange(size) + 0.5) / size - 0.5) * _MARGIN * float((high - low).max())
    x, y = np.meshgrid(steps, steps)
    texels = np.stack([x.ravel(), y.ravel()], axis=1) + (low + high) / 2
    mesh = Delaunay(points)
    triangles = mesh.find_simplex(texels)
    corners = np.repeat(cKDTree(points).query(texels)[1][:, None], 3, axis=1)
    weights = np.full((len(texels), 3), 1.0 / 3.0)
    inside = triangles >= 0
    affine = mesh.transform[triangles[inside]]
    two = np.einsum("nij,nj->ni", affine[:, :2], texels[inside] - affine[:, 2])
    corners[inside] = mesh.simplices[triangles[inside]]
    weights[inside] = np.column_stack([two, 1.0 - two.sum(axis=1)])
    return corners.astype(np.int64), weights.astype(np.float32)
