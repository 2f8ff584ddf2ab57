"""Where predicted heads are, as far as losses ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fields_core.camera import project
from fields_core.datatypes import FaceCode
from fields_core.errors import SettingsError
from fields_core.face_mesh import EYELID_PAIRS, FACE_OVAL, LIP_PAIRS
from fields_core.head.model import HeadModel
from fields_core.head.restriction import restricted
from fields_core.losses.landmarks import contour_visibility

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class SeenLandmarks:
    """Landmarks of heads as their cameras see them."""

    points: Tensor
    """(B, L, 2) image frame."""
    visible: Tensor
    """(B, L) 0 where the outline of the face is turned away, else 1."""


class FaceGeometry(nn.Module):
    """A head model restricted to face and landmarks: all that the losses look at.

    Attributes:
        head: the restricted model.
        landmark_ids: (L,) MediaPipe's numbers of its landmarks.
        landmark_weights: (L,) trust.
        eyelid_pairs, lip_pairs: rows of landmarks that meet when the eye, or the mouth, shuts.
    """

    def __init__(self, head: HeadModel) -> None:
        """Raises:
        SettingsError: the head model has no landmarks to compare with photos.
        """
        super().__init__()
        if not head.has_landmarks:
            raise SettingsError(f"The head model {head.name} has no landmarks", remedy="Train with the open head.")
        cornered = torch.zeros_like(head.region("face"))
        cornered[head.landmark_corners] = True
        self.head = restricted(head, head.region("face") | cornered)
        self._cornered = restricted(head, cornered)  # a third of the vertices, and landmarks are asked for most
        self.eyelid_pairs = self._rows(EYELID_PAIRS)
        self.lip_pairs = self._rows(LIP_PAIRS)

    @property
    def landmark_ids(self) -> Tensor:
        return self.head.landmark_ids

    @property
    def landmark_weights(self) -> Tensor:
        return self.head.landmark_weights

    def landmarks(self, code: FaceCode) -> SeenLandmarks:
        """Landmarks of posed heads, (B) faces."""
        vertices = self._cornered(code)
        points = project(self._cornered.landmarks(vertices), code.camera)
        with torch.no_grad():
            normals = self._normals(vertices) * vertices.new_tensor([1.0, -1.0, -1.0])
            visible = contour_visibility(normals, self.landmark_ids)
        return SeenLandmarks(points[..., :2], visible)

    def expressions(self, code: FaceCode) -> Tensor:
        """(B, V', 3) metres: what expression, jaw and eyelids do to the mean head, upright."""
        still = self.head.neutral_code(len(code))
        return self.head(still.replace(expression=code.expression, jaw_pose=code.jaw_pose, eyelids=code.eyelids))

    def shapes(self, code: FaceCode) -> Tensor:
        """(B, V', 3) metres: the people at rest, upright."""
        return self.head(self.head.neutral_code(len(code)).replace(shape=code.shape))

    def _normals(self, vertices: Tensor) -> Tensor:
        """(B, L, 3) normals, model frame, of the triangles that the outline's landmarks lie in; 0 for the others."""
        oval = torch.isin(self.landmark_ids, self.landmark_ids.new_tensor(FACE_OVAL)).nonzero()[:, 0]
        a, b, c = vertices[:, self._cornered.landmark_corners[oval]].unbind(dim=2)
        normals = vertices.new_zeros(len(vertices), len(self.landmark_ids), 3)
        normals[:, oval] = torch.linalg.cross(b - a, c - a)
        return normals

    def _rows(self, pairs: Sequence[tuple[int, int]]) -> Pairs:
        """Pairs of MediaPipe numbers as rows of this head model's landmarks; those it lacks drop out."""
        rows = {int(number): row for row, number in enumerate(self.head.landmark_ids)}
        return tuple((rows[a], rows[b]) for a, b in pairs if a in rows and b in rows)
