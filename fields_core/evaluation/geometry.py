"""How far codes are from the truth: landmarks where the detector saw them, vertices where the head was rendered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.camera import project
from fields_core.datatypes import FaceCode
from fields_core.face_mesh import BROWS, EYELID_PAIRS, EYES, JAW_LINE, LEFT_IRIS, LIP_PAIRS, LIPS, NOSE, RIGHT_IRIS
from fields_core.fitting.landmark_fit import landmark_errors
from fields_core.head.model import HeadModel
from fields_core.head.skinning import rodrigues
from fields_core.training.face_geometry import FaceGeometry

Errors = NDArray[np.float64]

LANDMARKS_ALL, LANDMARKS_105 = "all landmarks", "the 105"
_REGIONS: dict[str, tuple[int, ...]] = {
    "eyes": EYES,
    "irises": (*RIGHT_IRIS, *LEFT_IRIS),
    "brows": BROWS,
    "nose": NOSE,
    "lips": LIPS,
    "jaw line": JAW_LINE,
}
_CLOSURES: dict[str, tuple[tuple[int, int], ...]] = {"eye closure": EYELID_PAIRS, "lip closure": LIP_PAIRS}
PHOTO_MEASURES = (LANDMARKS_ALL, LANDMARKS_105, *_REGIONS, *_CLOSURES)
HEAD_MEASURES = (
    "expression, mm",
    "identity, mm",
    "identity after alignment, mm",
    "expression coefficients, RMS",
    "shape coefficients, RMS",
    "jaw, degrees",
    "eyelids",
    "head pose, degrees",
)
_BATCH = 64  # heads posed at once


@dataclass(frozen=True, eq=False)
class Changes:
    """From one photo of a person to another, N people."""

    expression: Errors
    """(N,) mean distance of face vertices, millimetres, shape and head pose zero."""
    shape: Errors
    """(N,) the same with nothing but the shape."""
    aligned_shape: Errors
    """(N,) the same after the similarity that aligns both shapes best: size and distance cannot be told apart."""

    @property
    def ratio(self) -> float:
        """Mean change of expression over mean change of shape; infinite if the shape never changes."""
        return _ratio(self.expression, self.shape)

    @property
    def aligned_ratio(self) -> float:
        """The same with aligned shapes."""
        return _ratio(self.expression, self.aligned_shape)


class ErrorMeter:
    """Measures codes of one head model.

    Args:
        head: with landmarks.

    Raises:
        SettingsError: it has none.
    """

    def __init__(self, head: HeadModel) -> None:
        self._geometry = FaceGeometry(head)
        self._ids = self._geometry.landmark_ids.numpy()
        rows = {int(number): row for row, number in enumerate(self._ids)}
        self._parts = {LANDMARKS_ALL: np.arange(len(rows)), LANDMARKS_105: head.landmarks_105.numpy()}
        self._parts |= {
            name: np.array([rows[number] for number in numbers if number in rows], int)
            for name, numbers in _REGIONS.items()
        }
        self._pairs = {
            name: np.array([(rows[a], rows[b]) for a, b in pairs if a in rows and b in rows], int).reshape(-1, 2)
            for name, pairs in _CLOSURES.items()
        }

    @torch.no_grad()
    def photo_errors(self, codes: FaceCode, landmarks: NDArray[np.float32]) -> Errors:
        """Of projected landmarks against the detector's.

        Args:
            codes: N faces.
            landmarks: (N, 478, 2) detected, image frame of the crop of each code.

        Returns:
            (N, len(PHOTO_MEASURES)) over the distance of the irises, as `landmark_errors`: mean distance of the
            landmarks of each region; for closures the mean difference of how far apart paired points are. NaN where
            the head model lacks the landmarks.
        """
        return np.concatenate(
            [
                self._photo_errors(codes[start : start + _BATCH], landmarks[start : start + _BATCH])
                for start in range(0, len(codes), _BATCH)
            ]
        )

    def _photo_errors(self, codes: FaceCode, landmarks: NDArray[np.float32]) -> Errors:
        head = self._geometry.head
        points = project(head.landmarks(head(codes)), codes.camera)[..., :2].double().numpy()
        seen = landmarks.astype(np.float64)
        nothing = np.full(len(codes), np.nan)
        unit = landmark_errors(seen[:, self._ids] + np.array([1.0, 0.0]), seen, self._ids)  # 1 / eye distance
        columns = [
            landmark_errors(points[:, part], seen, self._ids[part]) if len(part) else nothing
            for part in self._parts.values()
        ]
        for pairs in self._pairs.values():
            if not len(pairs):
                columns.append(nothing)
                continue
            gaps, wanted = (
                np.linalg.norm(where[:, pairs[:, 0]] - where[:, pairs[:, 1]], axis=2)
                for where in (points, seen[:, self._ids])
            )
            columns.append(np.abs(gaps - wanted).mean(axis=1) * unit)
        return np.stack(columns, axis=1)

    @torch.no_grad()
    def head_errors(self, codes: FaceCode, truth: FaceCode) -> Errors:
        """Of codes against 3D truth.

        Returns:
            (N, len(HEAD_MEASURES)): mean distances of face vertices in millimetres, of expressions on the mean head
            without head pose, and of identities at rest as they are and after the similarity that aligns them best
            (one picture tells no size); then the codes themselves.
        """
        return np.concatenate(
            [
                self._head_errors(codes[start : start + _BATCH], truth[start : start + _BATCH])
                for start in range(0, len(codes), _BATCH)
            ]
        )

    def _head_errors(self, codes: FaceCode, truth: FaceCode) -> Errors:
        shapes, true_shapes = self._geometry.shapes(codes), self._geometry.shapes(truth)
        columns = [
            _millimetres(self._geometry.expressions(codes), self._geometry.expressions(truth)),
            _millimetres(shapes, true_shapes),
            _millimetres(aligned(shapes, true_shapes), true_shapes),
            _rms(codes.expression - truth.expression),
            _rms(codes.shape - truth.shape),
            _degrees(codes.jaw_pose, truth.jaw_pose),
            (codes.eyelids - truth.eyelids).abs().mean(dim=1),
            _degrees(codes.head_pose, truth.head_pose),
        ]
        return torch.stack([column.double() for column in columns], dim=1).numpy()

    @torch.no_grad()
    def changes(self, before: FaceCode, after: FaceCode) -> Changes:
        """What changes between two codes of the same person, N people."""
        expressions = [self._geometry.expressions(codes) for codes in (before, after)]
        shapes = [self._geometry.shapes(codes) for codes in (before, after)]
        changes = (
            _millimetres(*expressions),
            _millimetres(*shapes),
            _millimetres(aligned(shapes[0], shapes[1]), shapes[1]),
        )
        return Changes(*(change.double().numpy() for change in changes))


def aligned(points: Tensor, targets: Tensor) -> Tensor:
    """(N, V, 3) points turned, scaled and moved to be nearest to their targets (Umeyama 1991)."""
    centre, target_centre = points.mean(dim=1, keepdim=True), targets.mean(dim=1, keepdim=True)
    here, there = (points - centre).double(), (targets - target_centre).double()
    left, values, right = torch.linalg.svd(there.transpose(1, 2) @ here)
    signs = torch.ones_like(values)
    signs[:, 2] = torch.linalg.det(left @ right).sign()
    rotation = left @ (signs[:, :, None] * right)
    scale = (values * signs).sum(dim=1) / here.square().sum(dim=(1, 2))
    return (scale[:, None, None] * here @ rotation.transpose(1, 2)).to(points) + target_centre


def _ratio(change: Errors, other: Errors) -> float:
    mean = float(other.mean())
    return float(change.mean()) / mean if mean > 0 else float("inf")


def _millimetres(points: Tensor, others: Tensor) -> Tensor:
    return (points - others).norm(dim=2).mean(dim=1) * 1000.0


def _rms(differences: Tensor) -> Tensor:
    return differences.square().mean(dim=1).sqrt()


def _degrees(turns: Tensor, others: Tensor) -> Tensor:
    """(N, 3) axis-angles -> (N,) how far one must be turned on to be the other."""
    between = rodrigues(turns.double()).transpose(1, 2) @ rodrigues(others.double())
    cosine = (between.diagonal(dim1=1, dim2=2).sum(dim=1) - 1.0) / 2.0
    return torch.rad2deg(cosine.clamp(-1.0, 1.0).acos())
